"""Each process under a user of its own, on a broker that denies all else: the rights of its role are enough for it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer

from connectors.kafka.config import for_librdkafka
from connectors.librdkafka.following import Follower, Read
from deploy.stack.servers import KafkaServer
from pipeline.events.facts import CaseFiled
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.retries import ATTEMPT, ORIGIN
from pipeline.settings import ClickHouseSettings, KafkaSettings
from pipeline.wire.serde import encode, encode_struct
from tests.builders import a_body
from tests.integration import stores
from tests.integration.secured import City, begun, environment
from tests.integration.test_access import NO_GROUP, NO_TOPIC, refused_read, refused_write
from tests.integration.test_bridge import Device
from tests.integration.test_canary import REPORTS, SENSORS, a_device
from tests.integration.test_clients import assignment, example, order
from tests.sinks.facts import a_fact
from tests.support.servers import Servers

PATIENCE_S = 120
NOWHERE = "127.0.0.1:0"
"""Where the health of a process answers that nobody asks."""


@pytest.fixture(scope="module")
def secured(kafka_secured: KafkaServer) -> City:
    """A city with users and access lists."""
    return begun(kafka_secured)


def wangge(
    kafka: KafkaSettings, *words: object, given: bytes = b"", further: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The command line as one user, to its end."""
    variables = {**os.environ, **environment(kafka), **(further or {})}
    return subprocess.run(
        stores.command(*words), env=variables, input=given, capture_output=True, timeout=2 * PATIENCE_S, check=False
    )


def put(secured: City, topic: str, value: bytes, headers: Mapping[str, bytes] | None = None, ago_ms: int = 0) -> None:
    """One record, by the operator's door."""
    producer, at = Producer(for_librdkafka(secured.door)), int(time.time() * 1000) - ago_ms
    producer.produce(secured.prefix + topic, value, b"key", headers=dict(headers or {}), timestamp=at)
    assert producer.flush(30) == 0


def read(secured: City, topic: str) -> list[Read]:
    """What stands on a topic now, by the operator's door."""
    follower = Follower(for_librdkafka(secured.door), [secured.prefix + topic])
    try:
        return [one for batch in follower.read_to(follower.ends([secured.prefix + topic])) for one in batch]
    finally:
        follower.close()


def until(found: Callable[[], bool], crew: Crew, why: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        crew.check()
        assert time.monotonic() < deadline, why
        time.sleep(0.2)


# -- what their rights are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [
        ("worker", ["assignments.water", "facts.readings"], ["readings.sensor", "reports.hotline"]),
        ("worker.urgent", ["reports.located.urgent", "facts.reports"], ["reports.urgent", "changelog.intake"]),
        ("worker.detect", ["reports.located", "quarantine"], ["readings.sensor", "facts.cases"]),
        ("clock", ["readings.sensor"], ["facts.readings", "reports.located"]),
        ("bridge", ["readings.sensor", "quarantine"], ["reports.hotline", "actions.water"]),
        ("assess", ["notices"], ["facts.cases", "actions.water", "assignments.water", "casework.notices"]),
        ("boards", [], ["notices", "facts.cases"]),
    ],
)
def test_who_writes_what(secured: City, user: str, may: list[str], may_not: list[str]) -> None:
    settings = secured.of(user)
    assert {topic: refused_write(settings, topic) for topic in may} == dict.fromkeys(may, "")
    assert {topic: refused_write(settings, topic) for topic in may_not} == dict.fromkeys(may_not, NO_TOPIC)


@pytest.mark.parametrize(
    ("user", "topic", "group", "refused"),
    [
        ("worker.urgent", "reports.urgent", "worker-urgent", ""),
        ("worker.urgent", "reports.hotline", "worker-urgent", NO_TOPIC),
        ("worker.detect", "readings.sensor", "worker-detect", ""),
        ("worker.detect", "readings.sensor", "worker-urgent", NO_GROUP),
        ("worker.detect", "reports.urgent", "worker-detect", NO_TOPIC),
        ("boards", "notices", "boards", ""),
        ("boards", "facts.cases", "boards", NO_TOPIC),
        ("assess", "notices", "assess", NO_GROUP),
        ("clock", "readings.sensor", "clock", NO_GROUP),
        ("bridge", "readings.sensor", "bridge", NO_GROUP),
    ],
)
def test_who_reads_what(secured: City, user: str, topic: str, group: str, refused: str) -> None:
    put(secured, topic, b"value")
    assert refused_read(secured.of(user), topic, group) == refused


# -- those that do one thing and end ------------------------------------------------------------------------------


def answer() -> bytes:
    return json.dumps({"case_id": assignment(1).case_id, "action": "sign"}).encode()


class Job(NamedTuple):
    """A command, what it is given, the topic it writes, and one who may not."""

    user: str
    words: tuple[str, ...]
    given: bytes
    topic: str
    other: str


REPORT = json.dumps(order(1)).encode()
JOBS = {
    "clock": Job("clock", ("clock", "--once"), b"", "readings.sensor", "stranger"),
    "publish": Job(
        "source.hotline-12345", ("publish", "-", "--schema", "HotlineOrder"), REPORT, "reports.hotline",
        "source.new-app",
    ),
    "publish an emergency": Job(
        "source.hotline-12345", ("publish", "-", "--schema", "HotlineOrder", "--urgent"), REPORT, "reports.urgent",
        "department.water",
    ),
    "a department answers": Job(
        "department.water", ("consume", "--department", "water", "--answer", "-"), answer(), "actions.water",
        "department.water-supply",
    ),
}  # fmt: skip


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_who_writes_one_thing_needs_no_more_than_its_user_and_no_less(secured: City, job: Job) -> None:
    before = len(read(secured, job.topic))
    refused = wangge(secured.of(job.other), *job.words, given=job.given)
    assert refused.returncode != 0
    assert len(read(secured, job.topic)) == before
    done = wangge(secured.of(job.user), *job.words, given=job.given)
    assert done.returncode == 0, done.stderr.decode()
    assert len(read(secured, job.topic)) == before + 1


READERS = {
    "department": ("department.water", "water", "assignments.water", assignment(1), "department.water-supply"),
    "source": (
        "source.hotline-12345", "hotline-12345", "status.hotline-12345", example("CaseStatus"), "source.new-app",
    ),
}  # fmt: skip


@pytest.mark.parametrize("role", READERS)
def test_who_reads_its_own_topic_commits_what_it_read(secured: City, role: str) -> None:
    user, name, topic, value, other = READERS[role]
    put(secured, topic, encode_struct(value))
    words = ("consume", f"--{role}", name, "--json")
    refused = wangge(secured.of(other), *words)
    assert (refused.returncode, refused.stdout) == (2, b"")
    done = wangge(secured.of(user), *words)
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line)["fact_id"] for line in done.stdout.splitlines()] == [value.fact_id]
    assert wangge(secured.of(user), *words).stdout == b""


def test_the_sink_writes_and_sets_aside_and_verify_agrees(
    secured: City, clickhouse_settings: ClickHouseSettings
) -> None:
    place = f"{clickhouse_settings.host}:{clickhouse_settings.port}"
    tables = {"WANGGE_CLICKHOUSE": place, "WANGGE_CLICKHOUSE_DATABASE": clickhouse_settings.database}
    put(secured, "facts.cases", encode_struct(a_fact(CaseFiled, "f1")))
    for user, words in (
        ("stranger", ("migrate",)), ("sink", ("sink", "--until-done", "--json")), ("verify", ("verify", "--json")),
    ):  # fmt: skip
        done = wangge(secured.of(user), *words, further=tables)
        assert done.returncode == 0, done.stderr.decode()
    totals = json.loads(done.stdout)["totals"]
    assert totals["quarantined"] >= 2, "the first records of the topics are none"
    assert (totals["pending"], totals["missing"]) == (0, 0)
    refused = wangge(secured.of("stranger"), "verify", "--json", further=tables)
    assert (refused.returncode != 0, refused.stdout) == (True, b"")


# -- those that stand ---------------------------------------------------------------------------------------------


@pytest.fixture
def crew_of(secured: City, tmp_path: Path) -> Iterator[Callable[[str], Crew]]:
    """Processes of one user; all end with the test."""
    crews: list[Crew] = []

    def crew(user: str) -> Crew:
        crews.append(Crew(tmp_path / user, environment(secured.of(user))))
        return crews[-1]

    yield crew
    for one in crews:
        one.stop()


GAS = encode("HotlineOrder", a_body("HotlineOrder", source_ref="RX-2", text="燃气泄漏，气味很浓"))
BACK = {ORIGIN: b"reports.other/0/7", ATTEMPT: b"1"}


def test_the_spotter_copies_and_hears_what_comes(secured: City, crew_of: Callable[[str], Crew], tmp_path: Path) -> None:
    put(secured, "reports.hotline", GAS)
    crew = crew_of("spotter")
    crew.start("spotter", "spotter", "--give-way", "--health", NOWHERE)
    until(lambda: GAS in {one.value for one in read(secured, "reports.spotted")}, crew, "nothing is copied")
    assert "is not heard" not in (tmp_path / "spotter" / "spotter.log").read_text()


def test_the_desk_sends_back_what_was_put_off_and_sets_aside_what_has_no_place(
    secured: City, crew_of: Callable[[str], Crew]
) -> None:
    put(secured, "retry.1m", GAS, BACK, 61_000)
    put(secured, "retry.5m", GAS, {**BACK, ORIGIN: b"facts.cases/0/7"}, 301_000)
    before = len(read(secured, "quarantine"))
    waiting = wangge(secured.of("desk"), "retry", "--dry-run", "--json")
    assert waiting.returncode == 0, waiting.stderr.decode()
    assert [row["records"] for row in json.loads(waiting.stdout)["waiting"]] == [1, 1, 0]
    crew = crew_of("desk")
    crew.start("retry", "retry", "--health", NOWHERE)
    until(lambda: GAS in {one.value for one in read(secured, "reports.other")}, crew, "nothing comes back")
    until(lambda: len(read(secured, "quarantine")) > before, crew, "nothing is set aside")


def test_the_bridge_carries_readings_and_sets_aside_what_is_none(
    secured: City, crew_of: Callable[[str], Crew], servers: Servers
) -> None:
    broker = servers.mosquitto()
    crew = crew_of("bridge")
    words = ("--broker", broker.address, "--topic", "sensors/#", "--mapping", "mqtt-sensors")
    crew.once("dry", "bridge", "mqtt", *words, "--dry-run")
    crew.start("bridge", "bridge", "mqtt", *words, "--health", NOWHERE)

    def carried(topic: str, words: bytes) -> bool:
        return any(words in (one.value or b"") for one in read(secured, topic))

    def said() -> bool:
        with closing(Device(broker)) as device:  # one that is not answered would never be
            words = (b"no reading", GAS, {"value": 42.5, "time": 1_773_620_100_000})
            device.say(*words, topic="sensors/n-9/noise_laeq", patience_s=5.0)
        return carried("readings.sensor", b"n-9")

    until(said, crew, "nothing is carried")
    assert carried("quarantine", b"no reading")
    assert carried("quarantine", b"HotlineOrder"), "a report does not come in by this door, and holds nothing up"


def test_a_canary_of_each_channel_comes_through_workers_of_three_users(
    secured: City, crew_of: Callable[[str], Crew], city: Path
) -> None:
    for user, stages in (("worker", "intake,casework"), ("worker.urgent", "urgent"), ("worker.detect", "detect")):
        overlay = ("--city", city / "city") if stages == "detect" else ()
        crew_of(user).start(user, "worker", "--stages", stages, "--health", NOWHERE, *overlay)
    words = ("canary", "--once", "--device", a_device(city), "--patience", PATIENCE_S, "--json")
    done = wangge(secured.of("source.canary"), *words)
    assert done.returncode == 0, (done.stdout, done.stderr.decode())
    seen = json.loads(done.stdout)
    assert {one["channel"] for one in seen} == {*REPORTS, *SENSORS}
    assert {one["lane"] for one in seen} == {"grid-worker", "hotline", "other", "urgent", "sensor"}
