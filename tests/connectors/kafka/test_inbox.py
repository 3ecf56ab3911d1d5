"""What an inbox commits and when: a made-up consumer that throws its member out, whose ends cannot be told, and answers
that are not delivered. Clocks are moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from itertools import islice
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaTimeoutError, RebalanceInProgressError

from connectors.kafka import department as desks
from connectors.kafka import inbox as inboxes
from connectors.kafka.department import DepartmentDesk
from connectors.kafka.inbox import COMMIT_S, Inbox
from pipeline.errors import NeighbourAway
from pipeline.events.facts import CaseDispatched
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import encode_struct
from schemas.catalogue import FOLDER

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

    def inbox(self, count: int, batch: int = 100, before_commit: Callable[[], None] = lambda: None) -> Inbox[str]:
        self.values += [b"%d" % number for number in range(count)]
        return Inbox(
            SETTINGS, "t", "g", bytes.decode, str, batch=batch, before_commit=before_commit, clock=self.clock
        )  # fmt: skip

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


@pytest.mark.parametrize("seconds", [0.0, COMMIT_S], ids=["at the end", "in the middle"])
def test_what_could_not_be_finished_is_not_committed_and_is_handed_over_again(bench: Bench, seconds: float) -> None:
    faults = [NeighbourAway("an answer was not delivered")]

    def finish() -> None:
        bench.ran.append("finish")
        if faults:
            raise faults.pop()

    inbox = bench.inbox(3, before_commit=finish)
    with pytest.raises(NeighbourAway):
        bench.slowly(inbox.records(), seconds, 99)
    assert (bench.ran, bench.consumer.noted) == (["finish"], None)
    assert list(inbox.records()) == texts(0, 1, 2)
    assert bench.ran[-2:] == ["finish", ("commit", 3)]


def test_only_what_was_not_committed_is_handed_over_again(bench: Bench) -> None:
    """More than the ids that a commit remembers came before it."""
    calls = iter([False] * 5 + [True])

    def finish() -> None:
        if next(calls, False):
            raise NeighbourAway

    inbox = bench.inbox(600, before_commit=finish)
    with pytest.raises(NeighbourAway):
        list(inbox.records())
    assert list(inbox.records()) == texts(*range(500, 600))


# -- the desk -----------------------------------------------------------------------------------------------------


class Publisher:
    """Answers that are on their way until they are waited for; ``away`` says that they do not arrive."""

    away = False

    def __init__(self, ran: list[object]) -> None:
        self._ran, self._waiting = ran, list[str]()

    def now(self) -> int:
        return 1_773_620_100_000

    def send(self, schema: str, fields: Mapping[str, Any], *, department: str = "") -> None:
        self._waiting.append(fields["case_id"][-1])

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and self.away:
            message = "not delivered"
            raise NeighbourAway(message)
        self._ran += [("delivered", number) for number in waiting]

    def close(self) -> None:
        self.flush()
        self._ran.append("closed")


@pytest.fixture
def desk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[], DepartmentDesk]:
    monkeypatch.setattr(desks, "Publisher", lambda settings: Publisher(bench.ran))
    path = min((FOLDER / "examples" / "CaseDispatched").glob("good-*.json"))
    model = msgspec.json.decode(path.read_bytes(), type=CaseDispatched)
    for number in range(3):
        one = msgspec.structs.replace(model, fact_id=f"c{number}", case_id=f"wtw3sj-20260316-{number:012d}")
        bench.values.append(encode_struct(one))
    return lambda: DepartmentDesk(SETTINGS, "water", person="P0100")


def test_answers_are_delivered_before_their_assignments_are_committed(
    bench: Bench, desk: Callable[[], DepartmentDesk]
) -> None:
    """Committed first, a desk that is killed then never gives the answer, and nobody asks it again."""
    with desk() as water:
        for assignment in water.assignments():
            water.sign(assignment.case_id)
    delivered = [("delivered", number) for number in "012"]
    assert bench.ran == [*delivered, ("commit", 3), "left", "closed"]


@pytest.mark.parametrize("most", [2, 3], ids=["left in the middle", "at the end of a batch"])
def test_assignments_whose_answers_were_not_delivered_are_handed_out_again(
    bench: Bench, desk: Callable[[], DepartmentDesk], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(Publisher, "away", True)

    def answer() -> None:
        with closing(desk()) as water:
            for assignment in islice(water.assignments(), most):
                water.sign(assignment.case_id)
                water.taken()

    with pytest.raises(NeighbourAway, match="not delivered"):
        answer()
    assert bench.ran == ["left", "closed"]
    monkeypatch.setattr(Publisher, "away", False)
    with desk() as water:
        assert [one.fact_id for one in water.assignments()] == ["c0", "c1", "c2"]
