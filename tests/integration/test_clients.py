"""Publishing and consuming against a real broker: what upstream systems, departments and sources use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from msgspec.structs import replace

from connectors.kafka.config import for_kafka_python
from connectors.kafka.department import DepartmentDesk
from connectors.kafka.publisher import Delivery, Publisher
from connectors.kafka.source_status import SourceStatus
from pipeline.errors import ConfigFaults, InvalidRecord, NeighbourAway
from pipeline.events.facts import CaseDispatched
from pipeline.events.status import CaseStatus
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import STRUCTS, decode, encode_struct
from schemas.catalogue import FOLDER

ROOT = Path(__file__).parents[2]
AT = "2026-03-16T08:15:00+08:00"
PARTITIONS = 3
PATIENCE_S = 90.0


def make(settings: KafkaSettings, *topics: str) -> KafkaSettings:
    """Topics of the test."""
    with closing(KafkaAdminClient(**for_kafka_python(settings))) as admin:
        admin.create_topics([NewTopic(settings.prefix + name, PARTITIONS, 1) for name in topics])
    return settings


def read(settings: KafkaSettings, topic: str) -> list[Any]:
    """All records of a topic that are there now."""
    places = [TopicPartition(settings.prefix + topic, number) for number in range(PARTITIONS)]
    consumer = KafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **for_kafka_python(settings))
    with closing(consumer):
        consumer.assign(places)
        ends, found, deadline = consumer.end_offsets(places), [], time.monotonic() + PATIENCE_S
        while any(consumer.position(place) < ends[place] for place in places) and time.monotonic() < deadline:
            found += [record for batch in consumer.poll(500).values() for record in batch]
        return found


def order(number: int, **fields: Any) -> dict[str, Any]:
    usual = {"source_system": "hotline-12345", "source_ref": f"RX-{number}", "received_at": AT, "text": "井盖破损"}
    return usual | fields


def environment(settings: KafkaSettings) -> dict[str, str]:
    return {**os.environ, "WANGGE_KAFKA": settings.bootstrap, "WANGGE_KAFKA_PREFIX": settings.prefix}


def wangge(settings: KafkaSettings, *arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    return subprocess.run(
        words, cwd=ROOT, env=environment(settings), input=given, capture_output=True, timeout=120, check=False
    )


# -- publishing ---------------------------------------------------------------------------------------------------


def test_published_records_lie_under_their_keys_and_every_delivery_is_told(kafka_settings: KafkaSettings) -> None:
    settings, told = make(kafka_settings, "reports.hotline", "reports.urgent"), list[Delivery]()
    with Publisher(settings, on_delivery=told.append) as publisher:
        for number in range(300):
            publisher.report(order(number, urgent=number == 7), schema="HotlineOrder")
        with pytest.raises(InvalidRecord, match="received_at"):
            publisher.report(order(300, received_at="yesterday"), schema="HotlineOrder")
    records = read(settings, "reports.hotline")
    assert len(records) == publisher.delivered - 1 == 299
    assert [delivery.outgoing.body["source_ref"] for delivery in told] == [f"RX-{n}" for n in range(300)]
    places = {(record.partition, record.offset): record for record in records}
    for delivery in told:
        if delivery.outgoing.topic == "reports.hotline":
            assert places[delivery.partition, delivery.offset].value == delivery.outgoing.value
    assert [record.key for record in read(settings, "reports.urgent")] == [b"hotline-12345/RX-7"]


def test_a_topic_that_is_not_there_and_a_broker_that_is_away_are_told(kafka_settings: KafkaSettings) -> None:
    with Publisher(kafka_settings, block_ms=2_000) as publisher, pytest.raises(ConfigFaults, match="topics apply"):
        publisher.report(order(1), schema="HotlineOrder")
    with pytest.raises(ConfigFaults, match="topics apply"):
        DepartmentDesk(kafka_settings, "water")
    with closing(KafkaAdminClient(**for_kafka_python(kafka_settings))) as admin:
        assert not [name for name in admin.list_topics() if name.startswith(kafka_settings.prefix)]
    with pytest.raises(NeighbourAway, match="does not answer"):
        Publisher(KafkaSettings(bootstrap="127.0.0.1:9"), block_ms=1_000)


def test_the_command_publishes_files_and_tells_what_it_refused(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    settings, path = make(kafka_settings, "reports.hotline"), tmp_path / "orders.jsonl"
    lines = [json.dumps(order(number)) for number in range(20)]
    path.write_text("\n".join([*lines, "{broken", json.dumps(order(21, source_ref=""))]), encoding="utf-8")
    arguments = ("publish", path, "--schema", "HotlineOrder", "--json")
    dry = json.loads(wangge(KafkaSettings(bootstrap="127.0.0.1:9"), *arguments, "--dry-run").stdout)
    ended = wangge(settings, *arguments, "--resume", tmp_path / "state")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["published"], told["refused"]) == (1, 20, 2)
    assert {key: dry[key] for key in ("published", "by_topic", "by_reason")} == {
        key: told[key] for key in ("published", "by_topic", "by_reason")
    }
    assert [one["record"] for one in told["refusals"]] == [21, 22]
    again = json.loads(wangge(settings, *arguments, "--resume", tmp_path / "state").stdout)
    assert again["published"] == 20
    assert {decode(record.value)[1]["source_ref"] for record in read(settings, "reports.hotline")} == {
        f"RX-{number}" for number in range(20)
    }
    assert len(read(settings, "reports.hotline")) == 20


def test_killed_while_publishing_the_same_command_leaves_no_gap(kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    settings, path, state = make(kafka_settings, "reports.hotline"), tmp_path / "orders.jsonl", tmp_path / "state"
    total = 6_000
    path.write_text("\n".join(json.dumps(order(number)) for number in range(total)), encoding="utf-8")
    words = [sys.executable, "-m", "pipeline", "publish", str(path), "--schema", "HotlineOrder", "--resume", str(state)]
    with subprocess.Popen(words, cwd=ROOT, env=environment(settings)) as running:
        deadline = time.monotonic() + PATIENCE_S
        while (not state.exists() or not taken(state)) and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    assert 0 < taken(state) < total
    assert wangge(settings, *words[3:]).returncode == 0
    counts = Counter(decode(record.value)[1]["source_ref"] for record in read(settings, "reports.hotline"))
    assert set(counts) == {f"RX-{number}" for number in range(total)}


def taken(state: Path) -> int:
    return int(json.loads(state.read_bytes())["inputs"]["orders.jsonl"]["records"])


# -- departments --------------------------------------------------------------------------------------------------


@pytest.fixture
def casework(kafka_settings: KafkaSettings) -> Iterator[Casework]:
    """A transactional writer of assignments and statuses, like a worker."""
    make(kafka_settings, "assignments.water", "actions.water", "status.hotline-12345")
    writer = Casework(kafka_settings)
    yield writer
    writer.producer.close(timeout=5)


class Casework:
    """Writes assignments in transactions."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.producer = KafkaProducer(
            transactional_id=f"{settings.prefix}casework", allow_auto_create_topics=False, **for_kafka_python(settings)
        )
        self.producer.init_transactions()

    def write(self, numbers: range, *, abort: bool = False) -> None:
        self.producer.begin_transaction()
        for number in numbers:
            fact = assignment(number)
            topic = f"{self.settings.prefix}assignments.water"
            self.producer.send(topic, encode_struct(fact), key=fact.case_id.encode())
        self.producer.flush()  # so that they are in the log, aborted or not
        if abort:
            self.producer.abort_transaction()
        else:
            self.producer.commit_transaction()


def assignment(number: int) -> CaseDispatched:
    model = example("CaseDispatched")
    assert isinstance(model, CaseDispatched)
    return replace(model, fact_id=f"c{number}:dispatched:1", case_id=f"wtw3sj-20260316-{number:012d}")


def example(name: str) -> Any:
    path = next(iter(sorted((FOLDER / "examples" / name).glob("good-*.json"))))
    return msgspec.json.decode(path.read_bytes(), type=STRUCTS[name])


def test_a_department_reads_each_committed_assignment_once_over_restarts(casework: Casework) -> None:
    casework.write(range(30))
    casework.write(range(900, 910), abort=True)
    seen: list[str] = []
    with DepartmentDesk(casework.settings, "water") as desk:
        seen += [one.fact_id for one in desk.assignments(limit=7)]
        seen += [one.fact_id for one in desk.assignments()]
    casework.write(range(20, 50))  # some stand in the topic twice
    casework.write(range(40, 60))
    for _ in range(2):
        with DepartmentDesk(casework.settings, "water") as desk:
            seen += [one.fact_id for one in desk.assignments()]
    assert Counter(seen) == Counter({f"c{number}:dispatched:1": 1 for number in range(60)})
    with DepartmentDesk(casework.settings, "water", group="board") as other:
        assert len(list(other.assignments())) == 60


def test_an_assignment_that_was_not_dealt_with_comes_again(casework: Casework) -> None:
    casework.write(range(3))
    with DepartmentDesk(casework.settings, "water") as desk:
        for _ in desk.assignments():
            break
        for one in desk.assignments():
            dealt_with = one.fact_id
            desk.taken()
            break
    with DepartmentDesk(casework.settings, "water") as desk:
        left = [one.fact_id for one in desk.assignments()]
    assert len(left) == 2
    assert dealt_with not in left


def test_a_department_answers_on_its_own_topic_under_the_tile_of_the_case(casework: Casework) -> None:
    casework.write(range(1))
    with DepartmentDesk(casework.settings, "water", person="P0100") as desk:
        for one in desk.assignments():
            desk.sign(one.case_id)
            desk.handle(one.case_id, "已更换井盖", evidence=["photo/1.jpg"])
    records = read(casework.settings, "actions.water")
    assert {record.key for record in records} == {b"wtw3sj"}
    assert [decode(record.value)[1]["action"] for record in records] == ["sign", "handle"]


def test_the_command_killed_again_and_again_has_each_assignment_once_in_its_file(
    casework: Casework, tmp_path: Path
) -> None:
    into, total = tmp_path / "water.jsonl", 660
    words = [sys.executable, "-m", "pipeline", "consume", "--department", "water", "--follow", "--into", str(into)]
    for part in range(3):
        casework.write(range(part * 200, part * 200 + 200))
        with subprocess.Popen(words, cwd=ROOT, env=environment(casework.settings)) as running:
            wait_for_lines(into, part * 200 + 77)
            running.send_signal(signal.SIGKILL)
    casework.write(range(600, total))  # the last one has something to read, whatever the killed ones managed
    with subprocess.Popen(words, cwd=ROOT, env=environment(casework.settings)) as running:
        wait_for_lines(into, total)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    ids = [json.loads(line)["fact_id"] for line in into.read_bytes().splitlines()]
    assert Counter(ids) == Counter({f"c{number}:dispatched:1": 1 for number in range(total)})


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (not path.exists() or path.read_bytes().count(b"\n") < count) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.read_bytes().count(b"\n") >= count


def test_the_command_sends_good_answers_and_tells_the_others(casework: Casework) -> None:
    case = assignment(1).case_id
    answers = [
        {"case_id": case, "action": "sign"},
        {"case_id": case, "action": "refuse", "reason_code": "lazy"},
        {"case_id": case, "action": "handle", "reason": "已更换井盖", "evidence": ["photo/1.jpg"]},
    ]
    lines = "\n".join(map(json.dumps, answers)).encode()
    arguments = ("consume", "--department", "water", "--answer", "-", "--person", "P0100")
    dry = wangge(casework.settings, *arguments, "--dry-run", given=lines)
    assert (dry.returncode, read(casework.settings, "actions.water")) == (1, [])
    ended = wangge(casework.settings, *arguments, given=lines)
    assert ended.returncode == 1
    assert b"answer 2 refused" in ended.stderr
    assert [decode(record.value)[1]["action"] for record in read(casework.settings, "actions.water")] == [
        "sign",
        "handle",
    ]


# -- sources ------------------------------------------------------------------------------------------------------


def test_a_source_reads_what_became_of_its_reports_in_order(casework: Casework) -> None:
    model = example("CaseStatus")
    casework.producer.begin_transaction()
    for action in ("filed", "sign", "handle", "feedback", "close"):
        status = replace(model, fact_id=f"s:{action}", action=action)
        topic = f"{casework.settings.prefix}status.hotline-12345"
        casework.producer.send(topic, encode_struct(status), key=status.report_id.encode())
    casework.producer.commit_transaction()
    with SourceStatus(casework.settings, "hotline-12345") as source:
        heard = list(source.changes(limit=2))
    printed = wangge(casework.settings, "consume", "--source", "hotline-12345", "--json")
    heard += [msgspec.json.decode(line, type=CaseStatus) for line in printed.stdout.splitlines()]
    assert [status.action for status in heard] == ["filed", "sign", "handle", "feedback", "close"]
    assert {status.source_ref for status in heard} == {model.source_ref}
