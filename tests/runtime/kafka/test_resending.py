"""The order of the steps of sending back: what waits holds up its own partition only, positions go with the records."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.librdkafka.following import Read
from connectors.librdkafka.transactions import Superseded, Written
from pipeline.errors import FateUnknown, NeighbourAway
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.resending import Place, Resender, Told
from pipeline.runtime.kafka.retries import ATTEMPT, MINUTE_MS, ORIGIN
from pipeline.wire.serde import decode

NOW = 1_800_000_000_000
ONE, FIVE = ("p-retry.1m", 0), ("p-retry.5m", 0)


def put_off(place: Place, offset: int, ago_ms: int, origin: str = "reports.hotline/2/7") -> Read:
    headers = ((ORIGIN, origin.encode()), (ATTEMPT, b"1"))
    return Read(*place, offset, b"key", b"value %d" % offset, NOW - ago_ms, headers)


class Kafka:
    """A log to read, with pausing as the client has it; and what was written, for reader and writer at once."""

    membership = b"me"

    def __init__(self, *records: Read, faults: Collection[Exception] = ()) -> None:
        self.records, self.faults = records, list(faults)
        self.done: dict[Place, int] = {}
        self.written: list[Written] = []
        self.paused: set[Place] = set()
        self.given: dict[Place, int] = {}
        self.joined = self.forgotten = 0
        self.there = True
        self.stop = Event()

    def join(self, assigned: Told, revoked: Told) -> Kafka:
        self.joined += 1
        self.given, self.paused = dict(self.done), set()
        assigned([ONE, FIVE])
        return self

    def read(self, records: int, seconds: float) -> list[Read]:
        found = [
            one
            for one in self.records
            if (place := (one.topic, one.partition)) not in self.paused and one.offset >= self.given.get(place, 0)
        ]
        for one in found:
            self.given[one.topic, one.partition] = one.offset + 1
        if not found:
            self.stop.set()
        return found

    def pause(self, places: Collection[Place]) -> None:
        self.paused |= set(places)

    def resume(self, places: Collection[Place]) -> None:
        self.paused -= set(places)

    def behind(self, place: Place) -> int:
        return 0

    def answers(self) -> bool:
        return self.there

    def close(self) -> None:
        """Nothing."""

    def commit(self, written: Any, offsets: Mapping[Place, int], reader: Any, prefix: str) -> None:
        assert reader == b"me"
        if self.faults:
            raise self.faults.pop(0)
        self.written += [replace(one, topic=prefix + one.topic) for one in written]
        self.done |= offsets

    def partitions(self, topic: str) -> int:
        return 4 if topic.startswith("p-reports.") else 0

    def forget(self) -> None:
        self.forgotten += 1


class Clock:
    """The time of day, moved by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at / 1000


def a_resender(kafka: Kafka, clock: Clock | None = None) -> Resender:
    return Resender("p-", kafka.join, lambda: kafka, Instruments("retry"), now=clock or Clock())


def values(kafka: Kafka) -> list[bytes | None]:
    return [one.value for one in kafka.written]


def test_what_is_due_goes_back_with_its_position_and_what_is_not_waits() -> None:
    kafka, clock = Kafka(put_off(ONE, 0, 60_000), put_off(ONE, 1, 59_999), put_off(ONE, 2, 10)), Clock()
    member = a_resender(kafka, clock)
    kafka.join(member._assigned, member._revoked)
    assert member.turn(kafka, kafka) == 1
    assert (values(kafka), kafka.done, kafka.paused) == ([b"value 0"], {ONE: 1}, {ONE})
    assert kafka.written[0].topic == "p-reports.hotline"
    clock.at += 1
    assert member.turn(kafka, kafka) == 1
    clock.at += MINUTE_MS
    assert member.turn(kafka, kafka) == 1
    assert (values(kafka), kafka.done, kafka.paused) == ([b"value 0", b"value 1", b"value 2"], {ONE: 3}, set())


def test_one_delay_does_not_hold_up_another() -> None:
    kafka = Kafka(put_off(FIVE, 0, 0), put_off(ONE, 0, 60_000))
    member = a_resender(kafka)
    kafka.join(member._assigned, member._revoked)
    assert member.turn(kafka, kafka) == 1
    assert kafka.done == {ONE: 1}
    assert kafka.paused == {FIVE}


def test_a_record_that_names_no_place_is_quarantined_and_the_next_goes_on() -> None:
    kafka = Kafka(put_off(ONE, 0, 60_000, "facts.cases/0/1"), put_off(ONE, 1, 60_000))
    member = a_resender(kafka)
    kafka.join(member._assigned, member._revoked)
    assert member.turn(kafka, kafka) == 2
    assert [one.topic for one in kafka.written] == ["p-quarantine", "p-reports.hotline"]
    kept = decode(kafka.written[0].value or b"")[1]
    assert (kept["topic"], kept["offset"], kept["reason"], kept["attempts"]) == ("retry.1m", 0, "missing_field", 2)
    assert kept["raw"] == b"value 0"


def test_what_is_too_large_to_go_back_is_quarantined_and_the_next_goes_on() -> None:
    kafka = Kafka(put_off(ONE, 0, 60_000)._replace(value=b"x" * 1_048_500), put_off(ONE, 1, 60_000))
    a_resender(kafka).run(kafka.stop)
    assert [one.topic for one in kafka.written] == ["p-quarantine", "p-reports.hotline"]
    kept = decode(kafka.written[0].value or b"")[1]
    assert (kept["topic"], kept["offset"], kept["reason"], len(kept["raw"])) == ("retry.1m", 0, "oversize", 65_536)
    assert kafka.done == {ONE: 2}


@pytest.mark.parametrize(
    "faults",
    [
        [NeighbourAway("away")],
        [Superseded("gone")],
        [NeighbourAway("away"), Superseded("gone")],
        [FateUnknown("unknown")],
    ],
    ids=["away", "superseded", "both", "fate unknown"],
)
def test_what_was_not_written_is_read_again_and_sent_once(faults: list[Exception]) -> None:
    kafka = Kafka(put_off(ONE, 0, 60_000), put_off(ONE, 1, 60_000), faults=faults)
    a_resender(kafka).run(kafka.stop)
    assert values(kafka) == [b"value 0", b"value 1"]
    assert (kafka.joined, kafka.forgotten) == (len(faults) + 1, len(faults))


def test_partitions_that_go_to_another_take_their_records_along() -> None:
    kafka, clock = Kafka(put_off(ONE, 0, 0)), Clock()
    member = a_resender(kafka, clock)
    kafka.join(member._assigned, member._revoked)
    member.turn(kafka, kafka)
    member._revoked([ONE])
    clock.at += MINUTE_MS
    assert member.turn(kafka, kafka) == 0
    assert kafka.written == []


def test_waiting_is_no_lag_and_being_late_is() -> None:
    kafka, clock = Kafka(put_off(FIVE, 0, 0)), Clock()
    told: list[tuple[str, int, float]] = []
    waits: dict[str, int] = {}

    class Watch(Instruments):
        def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
            told.append((topic, records, seconds))

        def put_off(self, topic: str, n: int) -> None:
            waits[topic] = n

    member = Resender("p-", kafka.join, lambda: kafka, Watch("retry"), now=clock)
    kafka.join(member._assigned, member._revoked)
    member.turn(kafka, kafka)
    assert ("retry.5m", 0, 0.0) in told
    assert waits == {"retry.1m": 0, "retry.5m": 1, "retry.30m": 0}


def test_an_outage_is_noticed_while_nothing_waits_to_be_sent_back() -> None:
    told: list[tuple[bool, str]] = []
    seconds = [0.0]

    class Watch(Instruments):
        def ready(self, need: str, there: bool) -> None:
            told.append((there, need))

        def waiting(self, neighbour: str) -> None:
            told.append((not neighbour, neighbour))

    kafka = Kafka()
    member = Resender("p-", kafka.join, lambda: kafka, Watch("retry"), now=Clock(), clock=lambda: seconds[0])
    kafka.join(member._assigned, member._revoked)
    there, away = [(True, "kafka"), (True, "")], [(False, "kafka"), (False, "kafka")]
    assert told == there
    kafka.there = False
    member.turn(kafka, kafka)
    assert told == there, "nobody is asked all the time"
    seconds[0] += 10.0
    member.turn(kafka, kafka)
    member.turn(kafka, kafka)
    assert told == there + away
    kafka.there = True
    member.turn(kafka, kafka)
    assert told == there + away + there
