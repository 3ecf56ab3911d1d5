"""Refused records on a real broker: listed, shown masked, mended, sent again once; and limits that stop a worker."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from connectors.kafka.config import for_librdkafka
from connectors.librdkafka.following import Follower, Read
from deploy.stack.places import free_ports
from deploy.stack.servers import KafkaServer
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.retries import ORIGIN
from pipeline.runtime.kafka.sending_again import REPLAY
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode, encode, encode_struct
from tests.builders import a_body
from tests.integration import stores
from tests.integration.secured import begun, environment
from tests.runtime.kafka.test_refused_records import refused

PATIENCE_S = 120
PARTITIONS = 4
PHONE = "13912345678"
DAY_MS = 86_400_000
Wangge = Callable[..., Any]


@pytest.fixture
def crew(kafka_settings: KafkaSettings, tmp_path: Path) -> Iterator[Crew]:
    """Processes with the topics of this test."""
    with Crew(tmp_path / "logs", variables(kafka_settings)) as crew:
        crew.once("topics", "topics", "apply", "--partitions", PARTITIONS, "--replication", 1)
        yield crew


@pytest.fixture
def quarantine(kafka_settings: KafkaSettings) -> Wangge:
    """`wangge quarantine … --kafka --json`, and what it printed."""

    def call(*arguments: object, code: int = 0) -> Any:
        head = ["env", *(f"{name}={value}" for name, value in variables(kafka_settings).items())]
        ended = subprocess.run(
            [*head, *stores.command("quarantine", *arguments, "--kafka", "--json")], capture_output=True, check=False
        )
        assert ended.returncode == code, ended.stderr.decode()[-2000:]
        return json.loads(ended.stdout) if code == 0 else ended.stderr.decode()

    return call


def variables(kafka: KafkaSettings) -> dict[str, str]:
    return {"WANGGE_KAFKA": kafka.bootstrap, "WANGGE_KAFKA_PREFIX": kafka.prefix, "WANGGE_KAFKA_INSTANCE": "one"}


def order(ref: str, **fields: Any) -> bytes:
    now = int(time.time() * 1000) - 60_000
    times = {"received_at": now, "found_at": now, "occurred_at": now, "sent_at": now}
    places = {"lon": None, "lat": None}
    return encode(
        "HotlineOrder",
        a_body(
            "HotlineOrder",
            **{"source_system": "hotline-12345", "source_ref": ref, "text": "路灯不亮"} | times | places | fields,
        ),
    )


def send(kafka: KafkaSettings, topic: str, *values: bytes) -> None:
    producer = Producer(for_librdkafka(kafka) | {"partitioner": "murmur2_random"})
    for number, value in enumerate(values):
        producer.produce(kafka.prefix + topic, value, b"key %d" % number)
    assert producer.flush(60) == 0


def read(kafka: KafkaSettings, *topics: str) -> list[Read]:
    names = [kafka.prefix + topic for topic in topics]
    follower = Follower(for_librdkafka(kafka), names)
    try:
        return [record for batch in follower.read_to(follower.ends(names)) for record in batch]
    finally:
        follower.close()


def until(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.3)


def health() -> str:
    return f"127.0.0.1:{free_ports(('health',))['health']}"


def test_refused_records_are_listed_shown_masked_mended_and_sent_again_once(
    crew: Crew, kafka_settings: KafkaSettings, quarantine: Wangge
) -> None:
    late = int(time.time() * 1000) + DAY_MS
    send(
        kafka_settings, "reports.hotline", order("good"), order("future", received_at=late, text=f"请联系{PHONE}"),
        order("other", source_system="new-app", received_at=late), b"\xc3\x01broken",
    )  # fmt: skip
    crew.start("worker", "worker", "--stages", "intake", "--health", health())
    until(lambda: len(read(kafka_settings, "quarantine")) >= 3, "nothing is quarantined")

    listed = quarantine("list")
    assert sorted(row["reason"] for row in listed["records"]) == ["future_time", "future_time", "undecodable"]
    assert sum(row["records"] for row in listed["by_reason"]) == 3
    assert PHONE not in json.dumps(listed)
    (only,) = quarantine("list", "--source", "new-app", "--reason", "future_time", "--since", "1h")["records"]
    assert only["source"] == "new-app"
    assert quarantine("list", "--until", "1h")["records"] == []
    assert quarantine("list", "--topic", "reports.other")["records"] == []
    assert "use one of" in quarantine("list", "--reason", "nonsense", code=2)

    (mine,) = [row for row in listed["records"] if row["source"] == "hotline-12345"]
    shown = quarantine("show", mine["id"])
    assert (PHONE in json.dumps(shown), shown["body"]["source_ref"]) == (False, "future")
    assert PHONE in quarantine("show", mine["id"], "--personal")["body"]["text"]
    assert "no refused record" in quarantine("show", "reports.hotline:0:999", code=3)

    dry = quarantine("replay", "--dry-run")
    assert (dry["would_pass"], dry["sent"]) == (0, 0)
    assert dry["refused_again"] == {"future_time": 2, "undecodable": 1}
    assert quarantine("list", "--reason", "future_time", "--limit", 1)["records"][0]["sent"] is None
    assert quarantine("replay", "--limit", 2, "--dry-run")["looked_at"] == 2

    now = int(time.time() * 1000) - 1000
    tried = quarantine("mend", mine["id"], "--set", f"received_at={now}", "--dry-run")
    assert (tried["would_pass"], tried["sent"]) == (1, 0)
    assert quarantine("mend", mine["id"], "--set", f"received_at={now}")["sent"] == 1
    again = quarantine("mend", mine["id"], "--set", f"received_at={now}")
    assert (again["sent"], again["sent_before"]) == (0, 1)
    assert quarantine("replay", "--set", f"received_at={now}")["sent"] == 1
    assert quarantine("replay", "--set", f"received_at={now}")["sent"] == 0

    until(lambda: len(read(kafka_settings, "reports.located")) >= 3, "what was mended does not come through")
    refs = [decode(one.value or b"")[1]["report"]["source_ref"] for one in read(kafka_settings, "reports.located")]
    assert sorted(refs) == ["future", "good", "other"]
    assert len(read(kafka_settings, "quarantine")) == 3
    crew.check()


def test_a_replay_that_is_killed_and_called_again_sends_each_record_once(
    crew: Crew, kafka_settings: KafkaSettings, quarantine: Wangge, tmp_path: Path
) -> None:
    """Records whose time lay ahead by seconds: by the rules they pass when it has come."""
    soon = int(time.time() * 1000) + 5 * 60_000 + 20_000
    send(kafka_settings, "reports.hotline", *(order(str(number), received_at=soon) for number in range(3_000)))
    crew.start("worker", "worker", "--stages", "intake", "--health", health(), "--max-refused", 1)
    until(lambda: len(read(kafka_settings, "quarantine")) >= 3_000, "not all are quarantined")
    crew.kill("worker")
    until(lambda: int(time.time() * 1000) > soon - 5 * 60_000 + 1_000, "time does not pass")
    before = len(read(kafka_settings, "reports.hotline"))
    assert [quarantine("replay", "--limit", 10)["sent"] for _ in range(2)] == [10, 10], "the second goes on behind it"
    assert len({one.key for one in read(kafka_settings, "quarantine.sent")}) == 20
    for number in range(4):
        if len(read(kafka_settings, "quarantine.sent")) >= 3_000:
            break  # a fast machine sends all of them before it is killed
        crew.start(f"replay {number}", "quarantine", "replay", "--kafka")
        wanted = len(read(kafka_settings, "quarantine.sent")) + 1
        until(lambda least=wanted: len(read(kafka_settings, "quarantine.sent")) >= least, "nothing is sent")
        crew.kill(f"replay {number}")
    ended = quarantine("replay")
    assert ended["refused_again"] == {}
    sent = [one for one in read(kafka_settings, "reports.hotline")][before:]
    refs = [decode(one.value or b"")[1]["source_ref"] for one in read(kafka_settings, "reports.hotline")]
    assert len(sent) == 3_000
    assert all(refs.count(str(number)) == 2 for number in (0, 1_499, 2_999))
    assert len(refs) == 6_000
    assert len({one.key for one in read(kafka_settings, "quarantine.sent")}) == 3_000
    assert quarantine("replay")["sent"] == 0


@pytest.mark.parametrize(
    ("good", "bad", "share", "told"),
    [
        pytest.param(0, 400, "0.2", "of the last", id="the share of refusals"),
        pytest.param(3_000, 700, "0.6", "records in a row", id="refusals in a row"),
    ],
)
def test_too_many_refusals_stop_a_worker_with_nothing_of_that_part_acknowledged(
    good: int, bad: int, share: str, told: str, crew: Crew, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    config = for_librdkafka(kafka_settings)
    producer = Producer(config)
    for number in range(good + bad):
        value = order(str(number)) if number < good else b"\xc3\x01broken"
        producer.produce(kafka_settings.prefix + "reports.hotline", value, b"key", 0)
    assert producer.flush(60) == 0
    crew.start("worker", "worker", "--stages", "intake", "--health", health(), "--max-refused", share)
    log = tmp_path / "logs" / "worker.log"
    until(lambda: "nothing of this part of the poll was acknowledged" in log.read_text(), "the worker goes on")
    assert told in log.read_text()
    kept = len(read(kafka_settings, "quarantine"))
    names = [kafka_settings.prefix + "reports.hotline"]
    follower = Follower(config, names)
    done = follower.committed(f"{kafka_settings.prefix}worker-intake", follower.places)
    follower.close()
    assert good <= done[names[0], 0] == good + kept < good + bad


def test_only_the_desk_may_read_quarantine_and_only_it_is_shown_personal_data(kafka_secured: KafkaServer) -> None:
    city = begun(kafka_secured)
    value = order("x", text=PHONE)
    producer = Producer(for_librdkafka(city.door))
    producer.produce(city.prefix + "quarantine", encode_struct(refused(value).fact), b"key")
    assert producer.flush(60) == 0

    def show(user: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        head = ["env", *(f"{name}={text}" for name, text in environment(city.of(user)).items())]
        words = stores.command("quarantine", "show", "reports.hotline:3:17", "--kafka", "--json", *options)
        return subprocess.run([*head, *words], capture_output=True, check=False)

    seen = show("desk", "--personal")
    assert (seen.returncode, PHONE in seen.stdout.decode()) == (0, True), seen.stderr.decode()
    assert PHONE not in show("desk").stdout.decode()
    refused_ = show("sink", "--personal")
    assert (refused_.returncode, refused_.stdout) == (2, b"")
    stranger = show("department.water")
    assert (stranger.returncode != 0, PHONE in stranger.stdout.decode()) == (True, False)


def test_headers_of_a_record_sent_again_tell_where_it_stood(
    crew: Crew, kafka_settings: KafkaSettings, quarantine: Wangge
) -> None:
    send(kafka_settings, "reports.hotline", order("future", received_at=int(time.time() * 1000) + DAY_MS))
    crew.start("worker", "worker", "--stages", "intake", "--health", health())
    until(lambda: len(read(kafka_settings, "quarantine")) >= 1, "nothing is quarantined")
    (row,) = quarantine("list")["records"]
    now = int(time.time() * 1000)
    assert quarantine("mend", row["id"], "--set", f"received_at={now}")["sent"] == 1
    (note,) = [json.loads(one.value or b"") for one in read(kafka_settings, "quarantine.sent")]
    assert (note["topic"], note["corrected"]) == ("reports.hotline", ["received_at"])
    consumer = Consumer(for_librdkafka(kafka_settings) | {"group.id": "x", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(kafka_settings.prefix + "reports.hotline", row["partition"], row["offset"] + 1)])
    message = consumer.poll(30)
    assert message is not None
    headers = dict(message.headers() or ())
    consumer.close()
    assert headers[REPLAY] == row["id"].encode()
    assert headers[ORIGIN].decode() == f"reports.hotline/{row['partition']}/{row['offset']}"
