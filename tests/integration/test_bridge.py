"""MQTT to Kafka with a real mosquitto and a real broker: nothing is acknowledged before Kafka has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from connectors.kafka.config import for_kafka_python
from connectors.kafka.contract import Outgoing
from connectors.mqtt.bridge import Bridge, MqttPlace
from connectors.mqtt.payloads import Payloads
from connectors.mqtt.ports import Unwatched
from connectors.mqtt.turning import turn
from deploy.stack.servers import MosquittoServer
from pipeline.errors import ConfigFaults, NeighbourAway
from pipeline.events.facts import RecordQuarantined
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode, decode_struct
from tests.support.servers import Servers, kafka_settings_of, mark

ROOT = Path(__file__).parents[2]
AT = 1_773_620_100_000
PARTITIONS = 2
PATIENCE_S = 90.0
VERSIONS = [5, 3]


def eventually(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.05)


@pytest.fixture
def mosquitto(servers: Servers) -> MosquittoServer:
    return servers.mosquitto()


def make(settings: KafkaSettings) -> KafkaSettings:
    names = ("readings.sensor", "quarantine")
    with closing(KafkaAdminClient(**for_kafka_python(settings))) as admin:
        admin.create_topics([NewTopic(settings.prefix + name, PARTITIONS, 1) for name in names])
    return settings


def read(settings: KafkaSettings, topic: str) -> list[bytes]:
    """The values of a topic that are there now."""
    places = [TopicPartition(settings.prefix + topic, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **for_kafka_python(settings))
    with closing(consumer):
        consumer.assign(places)
        ends, found = consumer.end_offsets(places), list[bytes]()
        while any(consumer.position(place) < ends[place] for place in places):
            found += [record.value for batch in consumer.poll(500).values() for record in batch]
        return found


def values_of(settings: KafkaSettings) -> list[float]:
    return [decode(value)[1]["values"][0] for value in read(settings, "readings.sensor")]


def wait_for(settings: KafkaSettings, count: int) -> None:
    eventually(lambda: len(values_of(settings)) >= count, "forwarded")


@contextmanager
def bridge(settings: KafkaSettings, broker: MosquittoServer, version: int = 5) -> Iterator[subprocess.Popen[str]]:
    """``wangge bridge mqtt`` as a process that is connected; killed at the end unless it ended."""
    words = [
        sys.executable, "-m", "pipeline", "bridge", "mqtt", "--broker", broker.address, "--topic", "sensors/#",
        "--mapping", "mqtt-sensors", "--mqtt-version", str(version), "--health", "127.0.0.1:0",
    ]  # fmt: skip
    environment = {**os.environ, "WANGGE_KAFKA": settings.bootstrap, "WANGGE_KAFKA_PREFIX": settings.prefix}
    running = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        while "connected" not in running.stderr.readline():
            assert running.poll() is None
        drain = threading.Thread(target=running.stderr.read, daemon=True)
        drain.start()
        yield running
    finally:
        running.kill()
        running.wait()


class Device:
    """Publishes with QoS 1 and waits until the MQTT broker has it. Turns as the bridge does: ClickHouse within this
    process keeps three files open for each of its threads."""

    def __init__(self, broker: MosquittoServer) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"device-{mark()}")
        self._client.connect("127.0.0.1", broker.port)
        self._loop = threading.Thread(target=self._turns, daemon=True)
        self._loop.start()

    def _turns(self) -> None:
        while self._client.socket() is not None:
            turn(self._client, 0.02)

    def say(self, *payloads: Any, topic: str = "sensors/n-1/noise_laeq", patience_s: float = PATIENCE_S) -> None:
        """Publish payloads; returns when the broker has all, or after so long for each."""
        sent = [self._client.publish(topic, one if isinstance(one, bytes) else json.dumps(one), 1) for one in payloads]
        for one in sent:
            one.wait_for_publish(patience_s)

    def close(self) -> None:
        self._client.disconnect()
        self._loop.join(PATIENCE_S)


@pytest.fixture
def device(mosquitto: MosquittoServer) -> Iterator[Device]:
    with closing(Device(mosquitto)) as one:
        yield one


def samples(numbers: range) -> list[dict[str, Any]]:
    return [{"value": float(number), "time": AT + number} for number in numbers]


@pytest.mark.parametrize("version", VERSIONS)
def test_killed_again_and_again_it_loses_nothing(
    kafka_settings: KafkaSettings, mosquitto: MosquittoServer, device: Device, version: int
) -> None:
    settings = make(kafka_settings)
    with bridge(settings, mosquitto, version) as first:
        device.say(*samples(range(400)))
        first.send_signal(signal.SIGKILL)
    device.say(*samples(range(400, 500)))  # while nobody is there
    with bridge(settings, mosquitto, version) as second:
        device.say(*samples(range(500, 900)))
        second.send_signal(signal.SIGKILL)
    with bridge(settings, mosquitto, version) as third:
        device.say(b"oops", *samples(range(900, 1_000)))
        eventually(lambda: set(values_of(settings)) == set(map(float, range(1_000))), "complete")
        third.send_signal(signal.SIGTERM)
        assert third.wait(30) == 0
    facts = [decode_struct(value) for value in read(settings, "quarantine")]
    assert {fact.raw for fact in facts if isinstance(fact, RecordQuarantined)} == {b"oops"}


def test_stopped_gently_it_leaves_nothing_to_be_sent_again(
    kafka_settings: KafkaSettings, mosquitto: MosquittoServer, device: Device
) -> None:
    settings = make(kafka_settings)
    for part in range(2):
        with bridge(settings, mosquitto) as running:
            device.say(*samples(range(part * 200, part * 200 + 200)))
            wait_for(settings, part * 200 + 200)
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) == 0
    assert sorted(values_of(settings)) == list(map(float, range(400)))


def test_while_kafka_is_away_nothing_is_acknowledged_and_then_all_arrives(
    servers: Servers, mosquitto: MosquittoServer, device: Device
) -> None:
    kafka = servers.kafka()
    settings = make(kafka_settings_of(kafka, prefix=f"{mark()}-"))
    with bridge(settings, mosquitto):
        device.say(*samples(range(50)))
        eventually(lambda: len(values_of(settings)) >= 50, "forwarded")
        kafka.kill9()
        device.say(*samples(range(50, 250)))
    # the bridge was killed while Kafka was away: had it acknowledged anything, that would be gone
    kafka.restart()
    with bridge(settings, mosquitto):
        eventually(lambda: set(values_of(settings)) == set(map(float, range(250))), "complete")


def test_it_goes_on_by_itself_when_kafka_or_the_mqtt_broker_comes_back(
    servers: Servers, mosquitto: MosquittoServer, device: Device
) -> None:
    kafka = servers.kafka()
    settings = make(kafka_settings_of(kafka, prefix=f"{mark()}-"))
    with bridge(settings, mosquitto) as running:
        device.say(*samples(range(20)))
        kafka.kill9()
        device.say(*samples(range(20, 120)))
        kafka.restart()
        eventually(lambda: set(values_of(settings)) == set(map(float, range(120))), "complete after Kafka came back")
        mosquitto.restart()
        with closing(Device(mosquitto)) as another:
            another.say(*samples(range(120, 150)))
        eventually(lambda: set(values_of(settings)) == set(map(float, range(150))), "complete after MQTT came back")
        assert running.poll() is None


class Holding:
    """A way to Kafka that confirms only when it is told to."""

    def __init__(self) -> None:
        self.posted: list[Held] = []
        self.away = False

    def post(self, record: Outgoing) -> Held:
        if self.away:
            message = "away"
            raise NeighbourAway(message)
        self.posted.append(Held())
        return self.posted[-1]

    def answers(self) -> bool:
        return not self.away

    def refusal(self, record: Outgoing, error: BaseException | None) -> None:
        """Nothing is refused."""


class Held:
    """A record whose fate the test decides."""

    def __init__(self) -> None:
        self.done = False
        self.error: BaseException | None = None


class Counting(Unwatched):
    """Counts what was acknowledged."""

    acknowledged = 0

    def bridged(self, outcome: str, n: int) -> None:
        self.acknowledged += n


@contextmanager
def carrying(broker: MosquittoServer, way: Holding, watch: Counting, bound: int, version: int) -> Iterator[None]:
    """A bridge on a thread of this process."""
    place = MqttPlace("127.0.0.1", broker.port, ("sensors/#",), f"held-{version}", version)
    one, stop = Bridge(way, Payloads("mqtt-sensors"), place, bound=bound, watch=watch), threading.Event()
    thread = threading.Thread(target=one.run, args=(stop.is_set,))
    thread.start()
    try:
        yield
    finally:
        for held in way.posted:
            held.done = True
        stop.set()
        thread.join()


@pytest.mark.parametrize("version", VERSIONS)
def test_no_more_than_the_bound_waits_and_what_kafka_gave_up_is_sent_again(
    mosquitto: MosquittoServer, device: Device, version: int
) -> None:
    way, watch, bound = Holding(), Counting(), 10
    with carrying(mosquitto, way, watch, bound, version):
        time.sleep(1.0)  # until it has subscribed
        device.say(*samples(range(60)))
        eventually(lambda: len(way.posted) == bound, "full")
        time.sleep(0.5)
        assert (len(way.posted), watch.acknowledged) == (bound, 0)
        way.posted[0].error = NeighbourAway("gave up")
        for held in way.posted[:bound]:
            held.done = True
        eventually(lambda: len(way.posted) == bound + 1, "sent again")
        assert watch.acknowledged == 0  # the first is not there, so no later one is acknowledged before it

        def confirm() -> bool:
            for held in list(way.posted):
                held.done = True
            return watch.acknowledged == 60

        eventually(confirm, "all acknowledged")


def test_options_that_cannot_be_right_are_told(kafka_settings: KafkaSettings, mosquitto: MosquittoServer) -> None:
    with pytest.raises(ConfigFaults, match="mapping"):
        Payloads("no-such-mapping")
    settings = make(kafka_settings)
    environment = {**os.environ, "WANGGE_KAFKA": settings.bootstrap, "WANGGE_KAFKA_PREFIX": settings.prefix}
    words = [sys.executable, "-m", "pipeline", "bridge", "mqtt", "--topic", "sensors/#", "--dry-run", "--broker"]
    for broker, code in ((mosquitto.address, 0), ("nowhere", 2)):
        ended = subprocess.run([*words, broker], cwd=ROOT, env=environment, capture_output=True, check=False)
        assert ended.returncode == code, ended.stderr


def test_settings_of_a_broker_are_never_printed() -> None:
    place = MqttPlace("h", 1, (), password="secret")
    assert "secret" not in repr(replace(place, username="u"))
