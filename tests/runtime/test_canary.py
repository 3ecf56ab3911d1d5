"""Canaries: what is sent, how they are known again, and what is seen or given up."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.kafka.contract import outgoing
from pipeline.commands.canary import canary_command, ways
from pipeline.commands.standing import place_of
from pipeline.errors import ConfigFaults
from pipeline.events.base import Fate, Logged
from pipeline.events.facts import ReportSettled, Samples
from pipeline.events.records import Arrival, Origin
from pipeline.runtime.books import Books
from pipeline.runtime.canary import Aviary, Canary, Sighting, bird, key_of_fact
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.metrics import LANES
from pipeline.stages.screen_readings import Readings
from pipeline.topology import Topology
from pipeline.wire.serde import decode, encode_struct
from schemas.text import body_from_text
from tests.small_city import MONDAY, city, layers, screening

DEVICE = "d1"
TOPICS = {
    "grid-worker": "reports.grid-worker", "hotline": "reports.hotline", "other": "reports.other",
    "urgent": "reports.urgent", "sensor": "readings.sensor",
}  # fmt: skip


def published(lane: str) -> tuple[str, bytes]:
    """Topic and bytes of a canary, as the publisher makes them."""
    one = bird(lane, MONDAY, DEVICE)
    record = outgoing(one.schema, body_from_text(one.schema, one.fields), MONDAY, urgent=lane == "urgent")
    return record.topic, record.value


class Pipeline:
    """The stages of the small city, as far as a record goes within one process."""

    def __init__(self) -> None:
        self.topology, self.books, self.facts = Topology(city(), layers(), screening()), Books(1), list[Any]()
        self.settled: list[Any] = []

    def take(self, topic: str, value: bytes) -> None:
        """One record, to its end."""
        name, body = decode(value)
        arrival = Arrival(name, Origin(topic, 0, 0), MONDAY, body, 0)
        taken = self.topology.intake.steps(self.books.intake, [arrival])
        outcomes = [taken]
        readings = [message for message in taken.messages if isinstance(message, Readings)]
        outcomes.append(self.topology.detect.steps(self.books.detect, readings))
        reports = [message for message in taken.messages if not isinstance(message, Readings)]
        for located in self.topology.place([*reports, *outcomes[1].messages]):
            outcomes.append(self.topology.casework.step(self.books.casework[0], located))
        for outcome in outcomes:
            self.facts += outcome.facts
            self.settled += outcome.settled


@pytest.mark.parametrize("lane", LANES)
def test_a_canary_goes_its_own_way_in(lane: str) -> None:
    assert published(lane)[0] == TOPICS[lane]


@pytest.mark.parametrize("lane", LANES)
def test_a_canary_opens_no_case_and_its_one_fact_is_known_again(lane: str) -> None:
    pipeline = Pipeline()
    pipeline.take(*published(lane))
    assert [type(fact) for fact in pipeline.facts] == [Samples if lane == "sensor" else ReportSettled]
    (ended,) = pipeline.settled
    assert (ended.fate, ended.outcome) == (Fate.LOGGED, Logged.READINGS if lane == "sensor" else Logged.DRILL)
    assert key_of_fact(encode_struct(pipeline.facts[0])) == bird(lane, MONDAY, DEVICE).key


def test_canaries_one_after_the_other_are_not_taken_for_the_same_problem() -> None:
    pipeline = Pipeline()
    for minute in range(3):
        one = bird("hotline", MONDAY - minute * 60_000, DEVICE)
        pipeline.take("reports.hotline", outgoing(one.schema, body_from_text(one.schema, one.fields), MONDAY).value)
    assert {(one.fate, one.outcome) for one in pipeline.settled} == {(Fate.LOGGED, Logged.DRILL)}


@pytest.mark.parametrize("value", [b"", b"canary", b"\xc3\x01canary and what is no record"])
def test_what_is_no_fact_of_a_canary_is_none(value: bytes) -> None:
    assert key_of_fact(value) is None


def test_a_report_that_only_speaks_of_canaries_is_none() -> None:
    pipeline = Pipeline()
    fields = {"source_system": "app", "source_ref": "1", "received_at": MONDAY, "channel": "app", "text": "canary"}
    body = body_from_text("Report", fields | {"drill": True})
    pipeline.take("reports.other", outgoing("Report", body, MONDAY).value)
    assert key_of_fact(encode_struct(pipeline.facts[0])) is None


def test_an_aviary_tells_when_each_was_seen_once() -> None:
    aviary, one = Aviary(patience_s=30, reaches=("fact", "row")), bird("hotline", MONDAY, DEVICE)
    aviary.send(one)
    assert (aviary.awaited("fact"), aviary.awaited("row")) == ([one.key], [one.key])
    assert aviary.see(one.key, "fact", MONDAY + 400) == Sighting("hotline", "fact", 0.4)
    assert aviary.see(one.key, "fact", MONDAY + 500) is None
    assert aviary.see("another", "row", MONDAY + 500) is None
    assert aviary.give_up(MONDAY + 30_000) == []
    assert aviary.give_up(MONDAY + 30_001) == [Sighting("hotline", "row", None)]
    assert aviary.see(one.key, "row", MONDAY + 40_000) is None


def test_nobody_waits_for_a_row_of_a_sensor_or_without_clickhouse() -> None:
    aviary = Aviary(patience_s=30, reaches=("fact", "row"))
    aviary.send(bird("sensor", MONDAY, DEVICE))
    assert aviary.awaited("row") == []
    aviary = Aviary(patience_s=30)
    aviary.send(bird("hotline", MONDAY, DEVICE))
    assert aviary.awaited("row") == []


class Loop:
    """A sender and the facts that come of what it sends, a little later; the way of ``lost`` is broken."""

    def __init__(self, lost: str = "") -> None:
        self.pipeline, self.waiting, self.lost = Pipeline(), list[Any](), lost
        self.time = MONDAY

    def report(self, fields: dict[str, Any], *, schema: str = "Report", urgent: bool = False) -> None:
        if self.lost not in (schema, *(["urgent"] if urgent else [])):
            record = outgoing(schema, body_from_text(schema, fields), self.time, urgent=urgent)
            self.pipeline.take(record.topic, record.value)
            self.waiting.append(self.pipeline.facts[-1])

    def poll(self, seconds: float) -> list[tuple[str, bytes]]:
        self.time += 500
        found, self.waiting = self.waiting, []
        return [("facts", encode_struct(fact)) for fact in found]

    def rows(self, ids: Sequence[str]) -> list[str]:
        return [fact.fact_id for fact in self.pipeline.facts if isinstance(fact, ReportSettled) and fact.fact_id in ids]

    def now(self) -> int:
        return self.time


def test_canaries_are_measured_and_lost_ones_are_counted() -> None:
    loop, instruments = Loop(lost="HotlineOrder"), Instruments("canary")
    canary = Canary(loop, loop, instruments, loop.now, LANES, DEVICE, rows=loop.rows, patience_s=2)
    canary.release()
    seen = [one for _ in range(6) for one in canary.look(0.1)]
    assert {(one.lane, one.reach) for one in seen if one.seconds is None} == {("hotline", "fact"), ("hotline", "row")}
    whole = {(lane, reach) for lane in ("grid-worker", "other", "urgent") for reach in ("fact", "row")}
    assert {(one.lane, one.reach) for one in seen if one.seconds is not None} == {("sensor", "fact"), *whole}
    text = instruments.exposition()[1].decode()
    assert 'wangge_canaries_sent_total{lane="hotline"} 1.0' in text
    assert 'wangge_canaries_lost_total{lane="hotline",reach="row"} 1.0' in text
    assert 'wangge_canary_seconds_count{lane="urgent",reach="fact"} 1.0' in text
    assert 'wangge_canary_seen_timestamp_seconds{lane="urgent",reach="fact"}' in text


@pytest.mark.parametrize(
    ("lanes", "device", "chosen"),
    [
        ((), "", LANES[:-1]), ((), "d1", LANES), (("hotline",), "d1", ("hotline",)), (("sensor",), "d1", ("sensor",)),
    ],
)  # fmt: skip
def test_ways_in_are_all_but_sensors_without_a_device(lanes: tuple[str, ...], device: str, chosen: Any) -> None:
    assert ways(lanes, device) == chosen


def test_faulty_arguments_are_told() -> None:
    with pytest.raises(ConfigFaults, match="--device"):
        ways(("sensor",), "")
    for text in ("9605", "host:", ":9605", "host:99999"):
        with pytest.raises(ConfigFaults, match="--health"):
            place_of("--health", text)


def test_a_dry_run_prints_what_would_be_sent_and_needs_no_kafka() -> None:
    done = CliRunner().invoke(canary_command, ["--dry-run", "--device", "d1"])
    assert done.exit_code == 0, done.output
    assert [one["lane"] for one in json.loads(done.output)] == list(LANES)
