"""Who may see a topic and not write it hears so with the delivery only: the process ends with exit code 2 all the same.

So it is when a right to write is taken from a process that runs.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.kafka.acls import Grant
from connectors.kafka.admin import Cluster
from deploy.stack.servers import KafkaServer
from pipeline.errors import FAULTY
from tests.integration import stores
from tests.integration.secured import City, begun, environment, let_in
from tests.integration.sinks import PATIENCE
from tests.integration.test_bridge import Device, samples
from tests.integration.test_users import wangge
from tests.support.servers import Servers

NOWHERE = ("--health", "127.0.0.1:0")
SEEN = ("readings.sensor", "reports.hotline")
"""What the users here may see and not write."""
USERS = {"writes elsewhere": ("elsewhere", "topic"), "writes nothing": ("onlooker", "cluster")}
"""A user, and what Kafka says may not be used: who writes no topic at all may not even ask for a producer's number."""


@pytest.fixture(scope="module")
def secured(kafka_secured: KafkaServer) -> City:
    """A city, and two users more."""
    city = begun(kafka_secured)
    names = [city.prefix + user for user, _ in USERS.values()]
    let_in(kafka_secured, names)
    with Cluster(city.door) as cluster:
        cluster.allow(grants(city, *names))
        cluster.allow([Grant(city.prefix + "elsewhere", "WRITE", "TOPIC", city.prefix + "quarantine")])
    return city


def grants(city: City, *users: str) -> Iterator[Grant]:
    """To see the topics, and to read what canaries become."""
    for user in users:
        yield from (Grant(user, "DESCRIBE", "TOPIC", city.prefix + topic) for topic in SEEN)
        for topic in ("facts.reports", "facts.readings"):
            yield from (Grant(user, right, "TOPIC", city.prefix + topic) for right in ("DESCRIBE", "READ"))


def is_refused(city: City, user: str, what: str, said: str) -> bool:
    """Whether the last line says what is refused, to whom."""
    return said.splitlines()[-1].startswith(
        f"refused: kafka: WANGGE_KAFKA_USER = '{city.prefix}{user}': Kafka refuses the {what}: "
    )


@pytest.mark.parametrize("who", USERS)
def test_a_bridge_ends_and_what_it_had_stays_with_the_mqtt_broker(secured: City, servers: Servers, who: str) -> None:
    (user, what), mosquitto = USERS[who], servers.mosquitto()
    words = ("bridge", "mqtt", "--broker", mosquitto.address, "--topic", "sensors/#", "--mapping", "mqtt-sensors")
    variables = {**os.environ, **environment(secured.of(user))}
    command = stores.command(*words, *NOWHERE)
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            assert "connected" in running.stderr.readline()
            with closing(Device(mosquitto)) as device:
                device.say(*samples(range(3)))
            _, said = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
    assert running.returncode == FAULTY, said
    assert is_refused(secured, user, what, said), said


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("words", [("--once",), NOWHERE], ids=["once", "standing"])
def test_a_canary_ends(secured: City, who: str, words: tuple[str, ...]) -> None:
    user, what = USERS[who]
    done = wangge(secured.of(user), "canary", "--channel", "hotline", "--patience", "600", "--every", "600", *words)
    said = done.stderr.decode()
    assert done.returncode == FAULTY, said
    assert is_refused(secured, user, what, said), said


@pytest.mark.parametrize("who", USERS)
def test_publishing_ends(secured: City, who: str) -> None:
    user, what = USERS[who]
    order = {"source_system": "h", "source_ref": "1", "received_at": "2026-03-16T08:15:00+08:00", "text": "井盖破损"}
    done = wangge(secured.of(user), "publish", "-", "--schema", "HotlineOrder", given=json.dumps(order).encode())
    assert done.returncode == FAULTY, done.stderr.decode()
    assert is_refused(secured, user, what, done.stderr.decode())
