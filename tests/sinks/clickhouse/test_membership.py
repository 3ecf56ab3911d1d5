"""What the sink relies on in aiokafka, and how partitions of one process share requests and memory."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import Any

import aiokafka
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaConnectionError, UnknownMemberIdError

from connectors.sinks.clickhouse.broker import Broker, Committer, Place
from connectors.sinks.clickhouse.flush import Limits
from connectors.sinks.clickhouse.inbox import Inbox
from connectors.sinks.clickhouse.lane import Fenced
from connectors.sinks.clickhouse.plan import Record
from pipeline.settings import KafkaSettings


def test_aiokafka_is_the_one_that_was_read() -> None:
    """An upgrade has to be read again: these are not its public methods."""
    assert aiokafka.__version__ == "0.14.0"
    commit = inspect.getsource(GroupCoordinator._do_commit_offsets)
    first_await = commit.index("await ")
    assert commit.index("self.generation") < first_await, "the request is made before anything is waited for"
    assert "self.reset_generation()" in commit


class Coordinator:
    """As much of aiokafka's as a commit needs."""

    def __init__(self, answers: list[Exception | None]) -> None:
        self.generation, self.answers, self.sent = 4, answers, 0
        self._commit_lock = asyncio.Lock()

    async def ensure_coordinator_known(self) -> None:
        await asyncio.sleep(0)

    async def _do_commit_offsets(self, assignment: Any, offsets: Any) -> None:
        self.sent += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer:
            raise answer


class Consumer:
    """As much of aiokafka's as a commit needs."""

    class _subscription:
        class subscription:
            assignment = None

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator


def broker_with(coordinator: Coordinator) -> Broker:
    broker = Broker(KafkaSettings(), ["facts.cases"])
    broker._consumer = Consumer(coordinator)
    return broker


@pytest.mark.parametrize(
    ("answers", "generation", "sent"),
    [
        pytest.param([UnknownMemberIdError()], 4, 1, id="the broker knows us no more"),
        pytest.param([], 3, 0, id="we have joined again since"),
        pytest.param([], -1, 0, id="we are in no generation"),
    ],
)
def test_a_commit_of_another_generation_is_refused(answers: list[Exception | None], generation: int, sent: int) -> None:
    async def commit() -> None:
        coordinator = Coordinator(answers)
        with pytest.raises(Fenced):
            await broker_with(coordinator).commit({("t", 0): (1, "")}, generation)
        assert coordinator.sent == sent

    asyncio.run(commit())


def test_a_commit_waits_for_a_broker_that_is_away() -> None:
    async def commit() -> int:
        coordinator = Coordinator([KafkaConnectionError(), KafkaConnectionError()])
        await broker_with(coordinator).commit({("t", 0): (1, "")}, 4)
        return coordinator.sent

    assert asyncio.run(commit()) == 3


class SlowBroker:
    """Notes what is committed together."""

    def __init__(self) -> None:
        self.batches: list[dict[Place, tuple[int, str]]] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def commit(self, offsets: Mapping[Place, tuple[int, str]], generation: int) -> None:
        self.batches.append(dict(offsets))
        await asyncio.sleep(0.01)
        await self.answering.wait()
        if generation == 9:
            message = "fenced"
            raise Fenced(message)


def test_partitions_that_commit_at_the_same_time_share_a_request() -> None:
    async def commit() -> SlowBroker:
        broker = SlowBroker()
        committer = Committer(broker)  # type: ignore[arg-type]
        await asyncio.gather(*(committer.commit(("t", n), n, "", 1) for n in range(20)))
        return broker

    assert [len(batch) for batch in asyncio.run(commit()).batches] == [20]


def test_all_who_share_a_refused_request_hear_of_it_and_other_generations_do_not() -> None:
    async def commit() -> list[Any]:
        committer = Committer(SlowBroker())  # type: ignore[arg-type]
        asked = [committer.commit(("t", n), n, "", 9 if n < 2 else 1) for n in range(3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(found) for found in asyncio.run(commit())] == [Fenced, Fenced, type(None)]


def test_who_was_cancelled_before_its_request_was_sent_is_left_out() -> None:
    async def commit() -> SlowBroker:
        broker = SlowBroker()
        committer = Committer(broker)  # type: ignore[arg-type]
        broker.answering.clear()
        first = asyncio.create_task(committer.commit(("t", 0), 0, "", 1))
        while not broker.batches:  # the first is on its way
            await asyncio.sleep(0)
        second = asyncio.create_task(committer.commit(("t", 1), 1, "", 1))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        broker.answering.set()
        await asyncio.wait([first, second])
        await committer.idle(1)
        return broker

    assert asyncio.run(commit()).batches == [{("t", 0): (0, "")}]


LIMITS = Limits(records=10, least_records=1, bytes=10_000, shortest_ms=0, longest_ms=0)


def records(*offsets: int) -> list[Record]:
    return [Record(offset, 1, b"x") for offset in offsets]


def test_a_block_ends_behind_its_last_record_and_the_next_begins_there() -> None:
    async def take() -> None:
        inbox = Inbox("t", 0, LIMITS)
        inbox.add(records(*range(0, 30, 2)), 31)
        first = await inbox.take(0)
        assert first is not None
        assert (first.start, first.end, len(first.records)) == (0, 19, 10)
        assert inbox.tail(first.end) == 19, "records wait behind it"
        second = inbox.due(first.end)
        assert second is not None
        assert (second.start, second.end, len(second.records)) == (19, 29, 5)
        assert (inbox.tail(29), inbox.size) == (31, 0), "only marks of transactions are left"

    asyncio.run(take())


def test_a_poll_that_was_on_its_way_when_a_partition_was_set_to_its_place_doubles_nothing() -> None:
    async def take() -> None:
        inbox = Inbox("t", 0, LIMITS, 5)
        inbox.add(records(3, 4, 5, 6), 5)
        inbox.add(records(5, 6, 7), 8)
        found = await inbox.take(5)
        assert found is not None
        assert [record.offset for record in found.records] == [5, 6, 7]
        assert (found.start, found.end, inbox.size) == (5, 8, 0)

    asyncio.run(take())


def test_a_planned_range_is_given_back_exactly_however_it_comes_in() -> None:
    async def take() -> None:
        inbox = Inbox("t", 0, LIMITS)
        waiting = asyncio.create_task(inbox.take_until(0, 9))
        for first in (0, 4):
            await asyncio.sleep(0)
            inbox.add(records(first, first + 2), first + 3)
        await asyncio.sleep(0)
        assert not waiting.done(), "offset 7 or 8 may still be a record"
        inbox.add(records(12), 13)
        taken = await waiting
        assert [record.offset for record in taken.records] == [0, 2, 4, 6]
        assert [record.offset for record in inbox.records] == [12]

    asyncio.run(take())


def test_marks_of_transactions_alone_are_passed_after_a_while() -> None:
    async def take() -> None:
        inbox = Inbox("t", 0, LIMITS)
        inbox.add([], 6)
        taken = await inbox.take(3)
        assert taken is not None
        assert (taken.start, taken.end, taken.records) == (3, 6, ())

    asyncio.run(take())


def test_a_closed_inbox_gives_nothing_more() -> None:
    async def take() -> None:
        inbox = Inbox("t", 0, LIMITS)
        waiting, planned = asyncio.create_task(inbox.take(0)), asyncio.create_task(inbox.take_until(0, 5))
        await asyncio.sleep(0)
        inbox.add(records(0), 1)
        inbox.close()
        assert await waiting is None
        with pytest.raises(Fenced):
            await planned

    asyncio.run(take())
