"""The order of the spotter's steps: nothing is committed before its copies stand in Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import Event

import pytest

from connectors.librdkafka.following import Read
from connectors.librdkafka.sending import Ends
from pipeline.errors import NeighbourAway
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.spotter import BRIEF, LANE, READ_RECORDS, Spotter

PLACE = ("p-reports.hotline", 0)


class Kafka:
    """Records to read and a list of what was done, for reader and sender at once."""

    def __init__(self, batches: list[list[bytes]], refuse: int = 0) -> None:
        self.batches, self.refuse = batches, refuse
        self.done: list[object] = []
        self.stop = Event()
        self.joined = self.writers = 0
        self._at = 0

    def join(self, assigned: object) -> Kafka:
        self.joined += 1
        self._at = 0
        return self

    def writer(self) -> Kafka:
        self.writers += 1
        return self

    def forget(self) -> None:
        self.done.append("forget")

    def read(self, records: int, seconds: float) -> list[Read]:
        if self._at == len(self.batches):
            self.stop.set()
            return []
        batch = self.batches[self._at]
        return [Read(*PLACE, number, b"key", value, 0) for number, value in enumerate(batch)]

    def commit(self, lasts: Callable[[], None]) -> Ends:
        self.done.append("commit")
        self._at += 1
        return {PLACE: self._at}

    def behind(self, place: tuple[str, int]) -> int:
        return 0

    def close(self, lasts: Callable[[], None]) -> None:
        self.done.append("close")

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        self.done.append((topic, key, value))

    def answers(self) -> bool:
        return True

    def flush(self, lasts: Callable[[], None]) -> Ends:
        if self.refuse:
            self.refuse -= 1
            message = "away"
            raise NeighbourAway(message)
        self.done.append("flush")
        return {}


def spot(kafka: Kafka) -> list[object]:
    member = Spotter("p-", kafka.join, kafka.writer, lambda value: value.startswith(b"!"), Instruments("spotter"))
    member.run(kafka.stop)
    return kafka.done


def test_copies_stand_in_kafka_before_their_offsets_are_noted() -> None:
    copy = (f"p-{LANE}", b"key", b"!a")
    assert spot(Kafka([[b"x", b"!a"], [b"y"]])) == [copy, "flush", "commit", "commit", "close"]


@pytest.mark.parametrize("refused", [1, 2])
def test_what_could_not_be_sent_is_not_noted_and_comes_again(refused: int) -> None:
    kafka, copy = Kafka([[b"!a"]], refused), (f"p-{LANE}", b"key", b"!a")
    assert spot(kafka) == [copy, "forget", "close"] * refused + [copy, "flush", "commit", "close"]
    assert (kafka.joined, kafka.writers) == (refused + 1, refused + 1)


def test_what_is_too_large_for_the_lane_is_left_to_its_original_and_said(caplog: pytest.LogCaptureFixture) -> None:
    large, copy = b"!" + b"x" * 1_048_576, (f"p-{LANE}", b"key", b"!a")
    assert spot(Kafka([[b"x", large, b"!a", large], [large]])) == [copy, "flush", "commit", "commit", "close"]
    assert [record.getMessage() for record in caplog.records] == [
        "2 records are too large to be copied, the first one at reports.hotline/0/1",
        "1 records are too large to be copied, the first one at reports.hotline/0/0",
    ]


def test_while_emergencies_come_it_reads_little_and_rests() -> None:
    asked = list[int]()

    class Asked(Kafka):
        def read(self, records: int, seconds: float) -> list[Read]:
            asked.append(records)
            if len(asked) == 3:
                member.alert.heard()
            return super().read(records, seconds)

    class Rests(Alert):
        def give_way(self, worked_s: float) -> None:
            asked.append(-self.is_on)

    kafka = Asked([[b"x"]] * 3)
    member = Spotter("p-", kafka.join, kafka.writer, lambda value: False, Instruments("spotter"))
    member.alert = Rests()
    member.run(kafka.stop)
    assert asked[:6] == [READ_RECORDS, 0, READ_RECORDS, -1, BRIEF, -1]
    assert member.alert.over is kafka.stop, "nobody waits for its rest"


def test_a_sender_that_takes_nothing_any_more_is_not_used_again() -> None:
    """After a fatal error of its idempotent producer every send is refused, however long Kafka has been back."""

    class Spent(Kafka):
        refused = 0

        def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
            self.refused += 1
            if self.refused == 3:
                kafka.stop.set()
            message = "fatal"
            raise NeighbourAway(message)

    kafka, spent = Kafka([[b"!a"]]), Spent([])
    senders = iter([spent])
    Spotter(
        "p-", kafka.join, lambda: next(senders, kafka), lambda value: value == b"!a", Instruments("spotter")
    ).run(kafka.stop)  # fmt: skip
    assert kafka.done == ["close", (f"p-{LANE}", b"key", b"!a"), "flush", "commit", "close"]
    assert (spent.refused, spent.done) == (1, ["forget"])


def test_an_assignment_is_told_without_the_prefix() -> None:
    told: list[Collection[tuple[str, int]]] = []

    class Watch(Instruments):
        def assigned(self, partitions: object) -> None:
            told.append(list(partitions))  # type: ignore[call-overload]

    class Joined(Kafka):
        def join(self, assigned: object) -> Kafka:
            assigned([PLACE])  # type: ignore[operator]
            return super().join(assigned)

    kafka = Joined([])
    Spotter("p-", kafka.join, kafka.writer, lambda value: False, Watch("spotter")).run(kafka.stop)
    assert told == [[("reports.hotline", 0)]]


def test_a_mark_of_a_transaction_behind_the_last_record_is_no_lag_that_stays() -> None:
    """It would look like a record that nobody reads, and the process like one that hangs."""
    heard: list[tuple[str, int, int]] = []

    class Watch(Instruments):
        def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
            heard.append((topic, partition, records))

    class Marked(Kafka):
        def behind(self, place: tuple[str, int]) -> int:
            return 1

    kafka = Marked([[b"x"], [b"y"]])
    Spotter("p-", kafka.join, kafka.writer, lambda value: False, Watch("spotter")).run(kafka.stop)
    assert heard == [("reports.hotline", 0, records) for records in (1, 1, 0)]
