"""The next poll goes through the stages while the last transaction of the one before is written, and none is lost."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from connectors.librdkafka.transactions import Membership, Superseded
from pipeline.errors import NeighbourAway
from pipeline.runtime.kafka import worker as module
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.handover import Handover, InHand, Writing
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.read import Brought
from pipeline.settings import KafkaSettings
from tests.runtime.kafka.feeding import an_order
from tests.runtime.kafka.test_worker_stops import WithoutKafka, a_worker
from tests.runtime.kafka.test_worker_waits import PLACE, TP, Polled
from tests.small_city import MONDAY

PART = 2


def poll(first: int, count: int = PART) -> Brought:
    """Orders from this offset on."""
    records = [Polled((number, MONDAY, an_order(str(number)), b"k", ())) for number in range(first, first + count)]
    return Brought({TP(PLACE): records})  # type: ignore[dict-item]


class Slow(WithoutKafka):
    """Its first transaction is held until it is told to go on; it notes what was written, and how each one ends."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.go, self.fed, self.kept = threading.Event(), list[int](), list[int]()
        self.ends: list[Exception | None] = []

    def _written(self, batch: Batch, reader: Membership) -> None:
        assert self.go.wait(60)
        end = self.ends.pop(0) if self.ends else None
        if end is not None:
            raise end
        self.kept.append(batch.records)


class Noting:
    """An engine that notes how many records each part had."""

    def __init__(self, engine: Any, fed: list[int]) -> None:
        self._engine, self._fed = engine, fed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def feed(self, part: Any, at_hand: Any = ()) -> Batch:
        batch: Batch = self._engine.feed(part, at_hand)
        self._fed.append(batch.records)
        return batch


@pytest.fixture
def worker(tmp_path: Path) -> Any:
    found = a_worker(Slow, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    found.policy = WorkerPolicy(part_records=PART, first_pause_s=0.0)
    found.engine = Noting(found.engine, found.fed)
    return found


async def chained(worker: Any) -> None:
    """Two polls as Faust's agent hands them over; both went through the stages before anything is written."""
    await asyncio.wait_for(worker.take(poll(0)), 60)
    second = asyncio.ensure_future(worker.take(poll(2)))
    while len(worker.fed) < 2:
        await asyncio.sleep(0.01)
    assert worker.kept == []
    worker.go.set()
    await second
    await asyncio.wait([worker._chain])


def test_the_next_poll_is_fed_while_the_last_transaction_is_written(worker: Any) -> None:
    asyncio.run(chained(worker))
    assert worker.kept == [2, 2]


def test_a_small_poll_is_waited_for(worker: Any) -> None:
    async def run() -> None:
        waiting = asyncio.ensure_future(worker.take(poll(0, 1)))
        while not worker.fed:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert not waiting.done()
        worker.go.set()
        await waiting

    asyncio.run(run())
    assert worker.kept == [1]


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "the second"])
def test_polls_of_a_chain_are_all_fed_again_when_a_transaction_is_lost(worker: Any, which: int) -> None:
    worker.ends = [None] * which + [NeighbourAway("away")]

    asyncio.run(chained(worker))
    assert worker.fed[:4] == [2, 2, 2, 2]
    assert sum(worker.kept) >= 4, "a real state leaves out what was written; the one here forgets it"


def test_a_group_that_moved_on_gets_the_whole_chain_again(worker: Any) -> None:
    worker.ends = [Superseded("generation")]

    asyncio.run(chained(worker))
    assert worker.kept == []
    assert worker.engine.states == {}


def test_a_rebalance_waits_for_a_chain_that_takes_nothing_more(worker: Any) -> None:
    async def run() -> list[bool]:
        await worker.take(poll(0))
        revoked = asyncio.ensure_future(worker.revoked())
        await asyncio.sleep(0.05)
        more = asyncio.ensure_future(worker.take(poll(2)))
        await asyncio.sleep(0.05)
        seen = [revoked.done(), more.done(), len(worker.fed) > 1]
        worker.go.set()
        await asyncio.gather(revoked, more)
        await asyncio.wait([worker._chain])
        return seen

    assert asyncio.run(run()) == [False, False, False]
    assert worker.kept == [2, 2]


def test_a_chain_ends_now_and_then(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_CHAIN", 2)

    async def run() -> bool:
        await worker.take(poll(0))
        second = asyncio.ensure_future(worker.take(poll(2)))
        await asyncio.sleep(0.05)
        seen = second.done()
        worker.go.set()
        await second
        return seen

    assert asyncio.run(run()) is False


def test_a_poll_that_was_taken_over_at_the_last_moment_is_worked_too(worker: Any) -> None:
    worker.go.set()
    worker._handover.open()
    assert worker._handover.offer(InHand(poll(2)))
    worker._handover.next_before = lambda _: None  # it looks away while the poll is handed over
    worker._take(InHand(poll(0)))
    assert worker.kept == [2, 2]


def test_what_is_offered_is_taken_once_and_only_by_somebody_who_works() -> None:
    place, one, done = Handover(), InHand(poll(0)), Future[None]()
    done.set_result(None)
    assert not place.offer(one), "nobody works"
    place.open()
    assert place.offer(one)
    assert not place.offer(InHand(poll(2))), "one is here already"
    assert place.next_before(Future()) is one
    assert place.next_before(done) is None
    assert not place.offer(one), "nobody looks here any more"
    place.open()
    assert place.offer(one)
    place.shut()
    assert place.close() is one
    assert not place.offer(one)


def test_what_waits_for_a_transaction_shares_the_next_and_a_lost_one_is_told() -> None:
    begun: list[Future[None]] = []

    def submit(batch: Batch, _: float) -> Future[None]:
        begun.append(Future())
        return begun[-1]

    writing, batch = Writing(submit), Batch([], {}, 1, [], [])
    for _ in range(3):
        writing.add(batch, 0.1)
    assert len(begun) == 1, "two wait"
    begun[0].set_exception(NeighbourAway("away"))
    with pytest.raises(NeighbourAway):
        writing.add(batch, 0.1)
