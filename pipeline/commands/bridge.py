"""``wangge bridge mqtt``: what sensors say over MQTT goes into Kafka."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.standing import health_option, place_of, until_stopped
from pipeline.errors import NeighbourAway, StopRun
from pipeline.runtime.logs import log_to_stderr
from pipeline.settings import kafka_settings_from, refuse_faulty

if TYPE_CHECKING:
    from connectors.kafka.publisher import Publisher
    from pipeline.runtime.instruments import Instruments

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
LAST_PAUSE_S = 10.0
"""With the time of one attempt less than a loop may stand."""


@click.group("bridge")
def bridge_command() -> None:
    """Carry what other systems say into Kafka."""


@bridge_command.command("mqtt")
@click.option("--broker", required=True, help="HOST:PORT of the MQTT broker.")
@click.option(
    "--topic", "topics", multiple=True, required=True, help="What to subscribe to, e.g. 'sensors/#'; repeat it."
)
@click.option("--mapping", help="Mapping file or name for the shape of the payloads, e.g. mqtt-sensors.")
@click.option("--schema", default="SensorReadings", show_default=True, help="Schema of payloads without a mapping.")
@click.option("--client-id", default="wangge-bridge", show_default=True, help="Name of the session; one bridge a name.")
@click.option(
    "--mqtt-version", type=click.Choice(["5", "3"]), default="5", show_default=True, help="5, or 3 for 3.1.1."
)
@click.option("--username", default="", help="User at the MQTT broker.")
@click.option("--password-file", type=FILE, help="File whose first line is the user's password.")
@click.option("--ca", type=FILE, help="Authorities to trust; the line is then encrypted.")
@click.option(
    "--in-flight", type=click.IntRange(1, 4_000), default=1_000, show_default=True, help="Most unacknowledged."
)
@health_option("bridge")
@click.option("--json", "as_json", is_flag=True, help="Write the log as one JSON document a line.")
@click.option("--dry-run", is_flag=True, help="Check options, mapping and Kafka; carry nothing.")
def mqtt_command(
    broker: str, topics: tuple[str, ...], mapping: str | None, schema: str, client_id: str, mqtt_version: str,
    username: str, password_file: Path | None, ca: Path | None, in_flight: int, health: str, as_json: bool,
    dry_run: bool,
) -> None:  # fmt: skip
    """Carry MQTT messages to Kafka (QoS 1); stop it with SIGTERM or Ctrl-C.

    Nothing is acknowledged to the MQTT broker before Kafka has it, so nothing is lost when the bridge dies, loses its
    line or loses Kafka. Payloads that break their contract go to quarantine with their bytes. Kafka is named by
    WANGGE_KAFKA. Let the broker keep enough in flight (mosquitto: max_inflight_messages) and queued for outages.

    \b
    Examples:
      wangge bridge mqtt --broker 127.0.0.1:1883 --topic 'sensors/#' --mapping mqtt-sensors
      wangge bridge mqtt --broker iot.city:8883 --topic 'noise/+/laeq' --mapping noise.yaml --ca ca.pem
    """
    log_to_stderr("warning", as_json=as_json)
    from connectors.kafka.faults import quiet
    from connectors.mqtt.bridge import Bridge, MqttPlace
    from connectors.mqtt.payloads import Payloads

    quiet()
    refuse_faulty(
        lambda: place_of("--broker", broker), lambda: place_of("--health", health),
        lambda: Payloads(mapping, schema), kafka_settings_from,
    )  # fmt: skip
    host, port = place_of("--broker", broker)
    password = password_file.read_text("utf-8").partition("\n")[0].rstrip("\r") if password_file else ""
    place = MqttPlace(host, port, topics, client_id, int(mqtt_version), username, password, str(ca or ""))
    payloads, at = Payloads(mapping, schema), place_of("--health", health)
    if dry_run:
        _tried()
        _say("the options, the mapping and Kafka are in order; nothing was carried")
        return
    from pipeline.runtime.health import served_at
    from pipeline.runtime.instruments import Instruments

    stop, watch = until_stopped(), Instruments("bridge", needs=("mqtt", "kafka"))
    with served_at(at, watch):
        publisher = _publisher(stop, watch)
        if publisher is None:
            return
        try:
            Bridge(publisher, payloads, place, bound=in_flight, watch=watch, say=_say).run(stop.is_set)
        finally:
            publisher.abandon()


def _tried() -> None:
    """Look whether Kafka takes us. Raises :class:`StopRun` when it is away."""
    try:
        _connected().close()
    except NeighbourAway as away:
        raise StopRun(str(away)) from away


def _publisher(stop: threading.Event, watch: Instruments) -> Publisher | None:
    """A publisher as soon as Kafka is there; ``None`` when asked to stop before."""
    from connectors.kafka.answering import Answering

    kafka, pause = Answering.to(watch), 0.5
    while not stop.is_set():
        watch.touched()
        try:
            found = _connected()
        except NeighbourAway as away:
            kafka.missed()
            _say(str(away))
        else:
            kafka.heard()
            return found
        stop.wait(pause)
        pause = min(pause * 2, LAST_PAUSE_S)
    return None


def _connected() -> Publisher:
    from connectors.kafka.publisher import Publisher
    from pipeline.settings import kafka_settings_from

    return Publisher(kafka_settings_from(), block_ms=5_000)


def _say(text: Any) -> None:
    click.echo(text, err=True)
    sys.stderr.flush()
