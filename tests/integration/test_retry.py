"""Records put off go back to where they came from on a real broker: each once, whatever is killed and when."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.kafka.config import for_librdkafka
from connectors.librdkafka.following import Follower, Read
from connectors.librdkafka.grouped import GroupReader
from deploy.stack.places import free_ports
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.retries import ATTEMPT, DELAYS, ORIGIN
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode
from tests.faults.kept import Kept
from tests.integration import stores

PATIENCE_S = 120
PARTITIONS = 4
UNKNOWN = b"\xc3\x01" + bytes(range(8)) + b" a schema of next year"


@pytest.fixture
def crew(kafka_settings: KafkaSettings, tmp_path: Path) -> Iterator[Crew]:
    """Processes with the topics of this test."""
    with Crew(tmp_path / "logs", variables(kafka_settings)) as crew:
        crew.once("topics", "topics", "apply", "--partitions", PARTITIONS, "--replication", 1)
        yield crew


def variables(kafka: KafkaSettings) -> dict[str, str]:
    return {
        "WANGGE_KAFKA": kafka.bootstrap, "WANGGE_KAFKA_PREFIX": kafka.prefix, "WANGGE_KAFKA_INSTANCE": "one",
        "WANGGE_KAFKA_SESSION_MS": "6000",
    }  # fmt: skip


def health() -> str:
    return f"127.0.0.1:{free_ports(('health',))['health']}"


def put_off(kafka: KafkaSettings, topic: str, numbers: range, ago_ms: int, origin: str = "reports.hotline") -> None:
    """Records in a retry topic as workers write them, put off a while ago."""
    producer = Producer(for_librdkafka(kafka) | {"linger.ms": 1})
    at = int(time.time() * 1000) - ago_ms
    for number in numbers:
        headers = [(ORIGIN, f"{origin}/{number % PARTITIONS}/{number}".encode()), (ATTEMPT, b"1")]
        producer.produce(kafka.prefix + topic, b"value %d" % number, b"key %d" % number, headers=headers, timestamp=at)
        producer.poll(0)
    assert producer.flush(60) == 0


def read(kafka: KafkaSettings, *topics: str) -> list[Read]:
    """Everything committed that stands on these topics now."""
    names = [kafka.prefix + topic for topic in topics]
    follower = Follower(for_librdkafka(kafka), names)
    try:
        return [record for batch in follower.read_to(follower.ends(names)) for record in batch]
    finally:
        follower.close()


def read_until(kafka: KafkaSettings, topic: str, least: int) -> list[Read]:
    deadline = time.monotonic() + PATIENCE_S
    while len(found := read(kafka, topic)) < least:
        assert time.monotonic() < deadline, f"{len(found)} of {least} on {topic}"
        time.sleep(0.3)
    return found


def waiting(kafka: KafkaSettings) -> dict[str, int]:
    """What `wangge retry --dry-run` says."""
    with_settings = [f"{name}={value}" for name, value in variables(kafka).items()]
    ended = subprocess.run(
        ["env", *with_settings, *stores.command("retry", "--dry-run", "--json")], capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return {row["topic"]: row["records"] for row in json.loads(ended.stdout)["waiting"]}


def test_what_is_due_goes_back_to_its_partition_and_what_is_not_stays(
    crew: Crew, kafka_settings: KafkaSettings
) -> None:
    put_off(kafka_settings, "retry.1m", range(500), 61_000)
    put_off(kafka_settings, "retry.1m", range(500, 600), 0)
    put_off(kafka_settings, "retry.30m", range(600, 700), 29 * 60_000)
    put_off(kafka_settings, "retry.5m", range(700, 900), 5 * 60_000)
    put_off(kafka_settings, "retry.5m", range(900, 903), 5 * 60_000, "facts.cases")
    assert waiting(kafka_settings) == {"retry.1m": 600, "retry.5m": 203, "retry.30m": 100}
    place = health()
    crew.start("retry", "retry", "--health", place)
    back = read_until(kafka_settings, "reports.hotline", 700)
    assert Counter(record.value for record in back) == Counter(
        b"value %d" % number for number in [*range(500), *range(700, 900)]
    )
    assert all(record.partition == int((record.value or b"").split()[1]) % PARTITIONS for record in back)
    assert all(record.key == b"key " + (record.value or b"").split()[1] for record in back)
    refused = [decode(record.value or b"")[1] for record in read_until(kafka_settings, "quarantine", 3)]
    assert {(one["topic"], one["reason"], one["field"]) for one in refused} == {("retry.5m", "missing_field", ORIGIN)}
    assert waiting(kafka_settings) == {"retry.1m": 100, "retry.5m": 0, "retry.30m": 100}
    assert asked(place, "/live") == asked(place, "/ready") == 200
    assert b'wangge_retry_waiting_records{topic="retry.30m"} 1' in metrics(place)


def asked(place: str, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{place}{path}", timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def metrics(place: str) -> bytes:
    with urllib.request.urlopen(f"http://{place}/metrics", timeout=30) as answer:
        found: bytes = answer.read()
    return found


def test_killed_at_every_point_of_its_loop_nothing_is_lost_or_sent_twice(
    crew: Crew, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    points = ["polled:2", "begun:1", "flushed:1", "noted:1", "committed:1", "noted:3", "flushed:2", "committed:3"]
    kept = Kept(
        ["retry", "--health", "127.0.0.1:0"],
        "retry",
        variables(kafka_settings),
        tmp_path / "kept.log",
        [["--die-at", one] for one in points],
    ).start()
    try:
        for start in range(0, 4_000, 500):
            put_off(kafka_settings, "retry.1m", range(start, start + 500), 61_000)
            put_off(kafka_settings, "retry.5m", range(start + 10_000, start + 10_100), 5 * 60_000 - 200)
        wanted = [
            *range(4_000),
            *(one for start in range(0, 4_000, 500) for one in range(start + 10_000, start + 10_100)),
        ]
        deadline = time.monotonic() + PATIENCE_S
        while len(kept.deaths) < len(points) and time.monotonic() < deadline:
            start = 20_000 + len(wanted)
            put_off(kafka_settings, "retry.1m", range(start, start + 200), 61_000)
            wanted += range(start, start + 200)
            time.sleep(0.5)
        back = read_until(kafka_settings, "reports.hotline", len(wanted))
    finally:
        kept.stop()
    assert len(kept.deaths) == len(points)
    assert Counter(record.value for record in back) == Counter(b"value %d" % number for number in wanted)


def test_a_worker_and_a_retry_bring_a_record_through_its_attempts_into_quarantine(
    crew: Crew, kafka_settings: KafkaSettings
) -> None:
    producer = Producer(for_librdkafka(kafka_settings))
    producer.produce(kafka_settings.prefix + "reports.hotline", UNKNOWN, b"key", 2)
    headers = [(ORIGIN, b"reports.hotline/1/0"), (ATTEMPT, b"3")]
    late = int(time.time() * 1000) - 31 * 60_000
    producer.produce(kafka_settings.prefix + "retry.30m", UNKNOWN, b"key", headers=headers, timestamp=late)
    producer.flush(60)
    crew.start("worker", "worker", "--stages", "intake", "--health", health())
    crew.start("retry", "retry", "--health", health())
    (kept,) = [decode(record.value or b"")[1] for record in read_until(kafka_settings, "quarantine", 1)]
    assert (kept["topic"], kept["partition"], kept["reason"], kept["attempts"]) == (
        "reports.hotline", 1, "unknown_schema", 4,
    )  # fmt: skip
    assert [record.value for record in read_until(kafka_settings, "retry.1m", 1)] == [UNKNOWN]
    crew.check()


def test_a_member_frozen_past_its_session_is_known_by_the_generation_it_was_given(
    crew: Crew, kafka_settings: KafkaSettings
) -> None:
    told: list[Any] = []
    reader = GroupReader(
        for_librdkafka(kafka_settings), kafka_settings.prefix + "desk.retry",
        [kafka_settings.prefix + topic for topic in DELAYS], told.append, headers=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not told and time.monotonic() < deadline:
            reader.read(10, 0.2)
        assert reader.membership.startswith(b"CGMDv2:")
        assert reader.membership[7:11] != b"\xff\xff\xff\xff", "the generation of an outsider"
    finally:
        reader.close()
