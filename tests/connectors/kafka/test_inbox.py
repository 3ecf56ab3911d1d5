"""What an inbox commits and when: a made-up consumer that throws its member out, or whose ends cannot be told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaTimeoutError, RebalanceInProgressError

from connectors.kafka import inbox as inboxes
from connectors.kafka.inbox import COMMIT_S, Inbox
from pipeline.errors import NeighbourAway
from pipeline.settings import KafkaSettings

PLACE = TopicPartition("t", 0)
SETTINGS = KafkaSettings(bootstrap="127.0.0.1:9")
MOST_S = 300.0
"""How long a member may handle records without asking for more."""


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


class Record(NamedTuple):
    offset: int
    value: bytes


class Consumer:
    """One partition of a group, as the client has it; ``ran`` is what was done, in order."""

    def __init__(self, values: list[bytes], clock: Clock, batch: int, ran: list[object]) -> None:
        self.values, self.clock, self.batch, self.ran = values, clock, batch, ran
        self.position_, self.mine, self.joined = 0, False, False
        self.noted: OffsetAndMetadata | None = None
        self.ends_away, self.fault, self._asked_at = 0, CommitFailedError, clock()
        self._client = SimpleNamespace(_manager=SimpleNamespace(cluster=SimpleNamespace(config={})))
        self.listener: Any = None

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def subscribe(self, topics: list[str], listener: object) -> None:
        self.listener = listener

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        """Leaves and joins again in two steps, as a group does that others are members of."""
        out, self._asked_at = self.clock() - self._asked_at > MOST_S, self.clock()
        if self.mine and out:
            self.listener.on_partitions_revoked({PLACE})
            self.mine = False
            return {}
        if not self.mine:
            self.mine, self.position_ = True, self.noted.offset if self.noted else 0
            self.listener.on_partitions_assigned({PLACE})
        start, self.position_ = self.position_, min(self.position_ + self.batch, len(self.values))
        found = [Record(offset, self.values[offset]) for offset in range(start, self.position_)]
        return {PLACE: found} if found else {}

    def assignment(self) -> set[TopicPartition]:
        return {PLACE} if self.mine else set()

    def end_offsets(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        if self.ends_away:
            self.ends_away -= 1
            raise KafkaTimeoutError
        return dict.fromkeys(places, len(self.values))

    def committed(self, place: TopicPartition, *, metadata: bool) -> OffsetAndMetadata | None:
        return self.noted

    def position(self, place: TopicPartition) -> int:
        return self.position_

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.position_ = offset

    def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        if not self.mine or self.clock() - self._asked_at > MOST_S:
            raise self.fault
        self.noted = offsets[PLACE]
        self.ran.append(("commit", self.noted.offset))

    def close(self, *, autocommit: bool) -> None:
        self.ran.append("left")


class Bench:
    """Makes inboxes over the consumer above."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.ran, self.values = Clock(), list[object](), list[bytes]()
        self.consumer: Any = None

        def make(**settings: Any) -> Consumer:
            before, self.consumer = self.consumer, Consumer(
                self.values, self.clock, settings["max_poll_records"], self.ran
            )  # fmt: skip
            self.consumer.noted = before.noted if before else None
            return self.consumer  # type: ignore[no-any-return]

        monkeypatch.setattr(inboxes, "KafkaConsumer", make)

    def inbox(self, count: int, batch: int = 100) -> Inbox[str]:
        self.values += [b"%d" % number for number in range(count)]
        return Inbox(SETTINGS, "t", "g", bytes.decode, str, batch=batch, clock=self.clock)

    def slowly(self, records: Iterator[str], seconds: float, most: int) -> list[str]:
        """Handle at most so many records, each for so long."""
        found = []
        for value in islice(records, most):
            found.append(value)
            self.clock.at += seconds
        return found


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def texts(*numbers: int) -> list[str]:
    return list(map(str, numbers))


# -- when it commits ----------------------------------------------------------------------------------------------


def test_quick_hands_commit_once_a_batch_and_slow_ones_every_few_seconds(bench: Bench) -> None:
    inbox = bench.inbox(6, batch=3)
    assert bench.slowly(inbox.records(), 0.0, 99) == texts(*range(6))
    assert bench.ran == [("commit", 3), ("commit", 6)]
    bench.ran.clear()
    bench.values += [b"6", b"7", b"8"]
    bench.slowly(inbox.records(), COMMIT_S / 2, 99)
    assert bench.ran == [("commit", 8), ("commit", 9)]


@pytest.mark.parametrize("fault", [CommitFailedError, RebalanceInProgressError])
def test_a_member_that_is_thrown_out_in_the_middle_goes_on_where_it_was(bench: Bench, fault: type[Exception]) -> None:
    """A batch that takes longer than a member may be silent was handed over again and again."""
    inbox = bench.inbox(20)
    records = inbox.records()
    first = bench.slowly(records, 50.0, 1)
    bench.consumer.fault = fault
    found = first + bench.slowly(records, 50.0, 99)
    assert found == texts(*range(7), *range(6, 13), *range(12, 19), *range(18, 20))
    assert bench.consumer.noted.offset == 20


def test_what_was_taken_behind_a_commit_and_not_finished_is_not_handed_over_twice(bench: Bench) -> None:
    inbox = bench.inbox(5)
    assert bench.slowly(inbox.records(limit=2), COMMIT_S, 99) == texts(0, 1)
    records = inbox.records()
    assert next(records) == "2"
    records.close()  # type: ignore[attr-defined]
    assert list(inbox.records()) == texts(2, 3, 4)


# -- what fails ---------------------------------------------------------------------------------------------------


def test_a_batch_whose_ends_could_not_be_told_is_not_passed_over(bench: Bench) -> None:
    inbox = bench.inbox(12, batch=5)
    bench.consumer.ends_away = 1
    with pytest.raises(NeighbourAway):
        list(inbox.records())
    assert list(inbox.records()) == texts(*range(12))
    assert bench.consumer.noted.offset == 12
