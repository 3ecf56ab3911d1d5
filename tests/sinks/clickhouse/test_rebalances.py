"""What is read of partitions while they are being given to a process, and what becomes of one that lost its lane."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError

from connectors.librdkafka.transactions import Superseded, TakenOver
from connectors.sinks.clickhouse import aside
from connectors.sinks.clickhouse.broker import Broker, Place
from connectors.sinks.clickhouse.flush import Limits
from connectors.sinks.clickhouse.lane import Fenced
from pipeline.errors import StopRun
from pipeline.settings import KafkaSettings
from tests.sinks.clickhouse.member import PLACE, TP, Member, broker_of, consumer_of


async def assigned_during_the_second_poll(member: Member, **options: Any) -> list[int]:
    """Offsets that wait for the lane after three polls, when the place is known just as the second one ends."""
    broker = broker_of(member)
    consumer = consumer_of(broker, **options)
    broker._on_assigned = consumer._receive
    member.on_poll = lambda polls: member.answer.set() if polls == 2 else None
    assigning = asyncio.create_task(broker.on_partitions_assigned({TP}))
    await asyncio.sleep(0)
    for _ in range(3):
        await consumer._turn()
    await assigning
    waiting = [record.offset for record in consumer._running[PLACE].inbox.records]
    await consumer._give_back()
    return waiting


def test_what_is_polled_while_a_partition_is_set_to_its_place_is_not_missing() -> None:
    async def read() -> list[int]:
        return await assigned_during_the_second_poll(Member(committed=10))

    assert asyncio.run(read()) == list(range(10, 20))


def test_a_start_that_accepts_a_gap_reads_nothing_before_it_is_past_the_gap() -> None:
    async def read() -> list[int]:
        return await assigned_during_the_second_poll(Member(committed=10, log_start=50), accept_gap=True)

    assert asyncio.run(read()) == list(range(50, 60))


def test_a_start_that_accepts_no_gap_ends() -> None:
    async def read() -> list[int]:
        return await assigned_during_the_second_poll(Member(committed=10, log_start=50))

    with pytest.raises(StopRun, match="--accept-gap"):
        asyncio.run(read())


@pytest.mark.parametrize("fails", [False, True])
def test_a_new_assignment_is_read_on_when_it_was_received_whether_or_not_that_failed(fails: bool) -> None:
    async def assign() -> tuple[bool, bool]:
        member = Member(committed=0)
        during: list[bool] = []

        async def received(_: set[Place]) -> None:
            during.append(member.paused)
            if fails:
                raise ValueError

        broker = broker_of(member)
        broker._on_assigned = received
        await asyncio.gather(broker.on_partitions_assigned({TP}), return_exceptions=True)
        return during[0], member.paused

    assert asyncio.run(assign()) == (True, False)


def test_aiokafka_fetches_nothing_before_it_tells_of_an_assignment_and_nothing_of_what_is_paused() -> None:
    """What it waits for between the assignment and the call is only that the old refresh of positions ends."""
    source = inspect.getsource(GroupCoordinator._on_join_complete)
    before = source.split("assign_from_subscribed(")[1].split("listener.on_partitions_assigned(")[0]
    assert before.count("await self.") == before.count("  await ") == 1
    assert (
        "await self._stop_commit_offsets_refresh_task()" in before.split("self.start_commit_offsets_refresh_task(")[0]
    )
    assert "fetch_committed()" in inspect.getsource(Fetcher._update_fetch_positions), "a place comes from that refresh"
    assert ".paused" in inspect.getsource(Fetcher._get_actions_per_node)
    assert ".paused" in inspect.getsource(FetchResult.check_assignment)


# -- a lane that is lost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [TakenOver, Superseded])
@pytest.mark.parametrize(
    ("generation", "rejoins"),
    [
        pytest.param(7, 1, id="the group knows of no loss"),
        pytest.param(8, 0, id="the group went on by itself"),
        pytest.param(-1, 0, id="the group put us out"),
    ],
)
def test_a_partition_whose_transaction_was_refused_is_asked_for_anew(
    monkeypatch: pytest.MonkeyPatch, why: type[Exception], generation: int, rejoins: int
) -> None:
    """Nobody else reads it while the group counts it as ours."""

    class Refused:
        def __init__(self, *_: Any) -> None:
            """Made as the real one is."""

        def commit(self, *_: Any) -> None:
            raise why

    async def lose() -> tuple[int, int]:
        member = Member(committed=0)
        member.answer.set()
        consumer = consumer_of(broker_of(member), Limits(records=10, least_records=1, shortest_ms=0, longest_ms=0))
        await consumer._receive({PLACE})
        await consumer._turn()
        await asyncio.wait([consumer._running[PLACE].task])
        member.generation = generation
        await consumer._turn()
        assert PLACE not in consumer._running
        return member.rejoins, consumer._shared.figures.fenced

    monkeypatch.setattr(aside, "Transactions", Refused)
    monkeypatch.setattr(aside, "settled_positions", lambda *_: {PLACE: (0, "")})
    assert asyncio.run(lose()) == (rejoins, 1)


def test_aiokafka_joins_again_when_it_is_asked_to() -> None:
    """Its routine waits for that among others, and then revokes and assigns as in every rebalance."""
    asked = inspect.getsource(GroupCoordinator.request_rejoin)
    assert "self._rejoin_needed_fut.set_result(None)" in asked
    routine = inspect.getsource(GroupCoordinator._GroupCoordinator__coordination_routine)  # type: ignore[attr-defined]
    assert "futures.append(self._rejoin_needed_fut)" in routine
    assert "self.need_rejoin(subscription)" in routine.split("await self.ensure_active_group(")[0]
    assert "self._rejoin_needed_fut.done()" in inspect.getsource(GroupCoordinator.need_rejoin)
    joined = inspect.getsource(GroupCoordinator.ensure_active_group)
    assert joined.index("self._on_join_prepare(") < joined.index("self._do_rejoin_group(")
    assert "self._on_join_complete(" in inspect.getsource(GroupCoordinator._do_rejoin_group)


# -- reading that ends ----------------------------------------------------------------------------------------------


def test_reading_that_broke_off_is_told_and_not_taken_for_an_empty_topic() -> None:
    async def poll() -> None:
        member = Member(committed=0)
        broker = broker_of(member)
        assert await broker.poll(0.0)
        member.error_future.set_exception(KafkaError("Unexpected error during data retrieval"))
        await broker.poll(0.0)

    with pytest.raises(KafkaError, match="Unexpected error"):
        asyncio.run(poll())


def test_aiokafka_still_keeps_the_task_that_fetches_where_it_is_looked_at() -> None:
    fetcher: Any = object.__new__(Fetcher)
    fetcher._fetch_task = object()
    assert fetcher.error_future is fetcher._fetch_task
    assert "self._fetch_task = create_task(self._fetch_requests_routine())" in inspect.getsource(Fetcher.__init__)
    assert not KafkaError.retriable


# -- the end --------------------------------------------------------------------------------------------------------


class Joined(Broker):
    """A broker that is in the group at once, and leaves it at once."""

    then: Callable[[], None]

    async def start(self, on_revoked: Callable[[], Any], on_assigned: Callable[[set[Place]], Any]) -> None:
        self._consumer = Member(committed=0)
        self._consumer.answer.set()
        await on_assigned({PLACE})
        self.then()

    async def stop(self) -> None:
        self._consumer = None


@pytest.mark.parametrize("fault", [StopRun("too many records are refused"), Fenced("illegal generation"), None])
def test_a_run_whose_last_block_breaks_does_not_end_as_if_all_were_well(fault: Exception | None) -> None:
    broker = Joined(KafkaSettings(), [TP.topic])

    async def run() -> None:
        consumer = consumer_of(broker, grace=60.0)

        async def last_block() -> None:
            while consumer._running:
                await asyncio.sleep(0)
            if fault:
                raise fault

        def written_while_it_is_given_back() -> None:
            running = consumer._running[PLACE]
            running.task.cancel()
            running.task = asyncio.create_task(last_block())
            consumer.stop()

        broker.then = written_while_it_is_given_back
        await consumer.run()

    with pytest.raises(StopRun, match="too many") if isinstance(fault, StopRun) else nullcontext():
        asyncio.run(run())
    assert broker._consumer is None, "the group was left"
