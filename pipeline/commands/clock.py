"""``wangge clock``: the time for devices that say nothing."""

from __future__ import annotations

import logging
import time

import click

from pipeline.commands.options import JSON, as_document
from pipeline.commands.standing import LOG_LEVEL, health_option, place_of, until_stopped
from pipeline.settings import kafka_settings_from, refuse_faulty


@click.command("clock")
@click.option("--every", type=click.IntRange(1, 3_600), default=60, show_default=True, help="Seconds between ticks.")
@click.option("--once", is_flag=True, help="Tick once and end.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and to where; send nothing.")
@health_option("clock", "; not with --once")
@LOG_LEVEL
@JSON
def clock_command(every: int, once: bool, dry_run: bool, health: str, log_level: str, as_json: bool) -> None:
    """Tell every partition of readings.sensor the time, so that silent devices are noticed; stop it with SIGTERM.

    One clock is enough; a second one does no harm, for what is due by a time is due once.

    \b
    Examples:
      wangge clock
      wangge clock --once --json
    """
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.faults import unheard
    from connectors.librdkafka.sending import Sender
    from pipeline.runtime.health import served_at
    from pipeline.runtime.instruments import Instruments
    from pipeline.runtime.kafka.clock import TOPIC, Clock

    refuse_faulty(lambda: place_of("--health", health), kafka_settings_from)
    kafka = kafka_settings_from()
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if dry_run:
        plan = {"topic": kafka.prefix + TOPIC, "partitions": "all", "every_s": every}
        click.echo(as_document(plan) if as_json else f"every {every} s a tick to all partitions of {plan['topic']}")
        return
    config = for_librdkafka(kafka) | (unheard() if once else {})
    instruments = Instruments("clock", needs=("kafka",))
    clock = Clock(lambda: Sender(config), kafka.prefix, every * 1000, instruments)
    if not once:
        with served_at(place_of("--health", health), instruments):
            clock.run(until_stopped())
        return
    at = clock.once(int(time.time() * 1000))
    click.echo(as_document({"at": at}) if as_json else f"told {at}")
