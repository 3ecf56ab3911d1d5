"""ClickHouse is away: reading stops when the memory for waiting records is full, and goes on by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition

from connectors.sinks.clickhouse.blocks import columns_in
from connectors.sinks.clickhouse.broker import FETCH_BYTES, Broker, Place
from connectors.sinks.clickhouse.consumer import Consumer, _Running
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.flush import Limits
from connectors.sinks.clickhouse.inbox import OVERHEAD, Inbox
from connectors.sinks.clickhouse.plan import Record
from connectors.sinks.clickhouse.port import PartitionPort
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.clickhouse.server import Server, ServerAway
from pipeline.events.facts import PatrolLogged
from pipeline.settings import ClickHouseSettings, KafkaSettings
from pipeline.wire import serde
from tests.sinks.clickhouse.member import NEVER, PLACE, TP, Member, broker_of, consumer_of
from tests.sinks.facts import a_fact

TURNS = 5_000
"""Turns after which a test gives up; nothing is measured by it."""
AT_ONCE = Limits(least_records=1, shortest_ms=0, longest_ms=0)
COLUMNS = columns_in("patrols")
TARGET = Target(
    "26", Mode.TOKEN, {}, {"patrols": {one.name: one.sql_type for one in COLUMNS}}, {"patrols": (list,) * len(COLUMNS)}
)


class Large(NamedTuple):
    """A record as aiokafka gives it: a fact of some 30 kB."""

    offset: int
    value: bytes
    timestamp: int = 1


class Busy(Member):
    """A partition with more large facts than a sink may hold."""

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Large]]:
        given = await super().getmany(timeout_ms, max_records)
        return {place: [large(one.offset) for one in records] for place, records in given.items()}


def large(offset: int) -> Large:
    return Large(offset, serde.encode_struct(a_fact(PatrolLogged, f"p{offset}", grid="x" * 30_000)))


class AwayAtFirst(Server):
    """A server that takes nothing until it is ``there``."""

    def __init__(self) -> None:
        super().__init__(ClickHouseSettings())
        self.there = False
        self.tried = 0
        self.ids: list[str] = []

    def insert(self, table: str, columns: Any, values: Any, query_id: str, settings: Any) -> None:
        self.tried += 1
        self._answer()
        self.ids += values[0]

    def rows(self, sql: str, values: Any = None, **settings: Any) -> list[tuple[Any, ...]]:
        self.tried += 1
        self._answer()
        return [(one,) for one in self.ids if one in values["keys"]]

    def _answer(self) -> None:
        if not self.there:
            message = "refused"
            raise ServerAway(message, "network")


async def at_once(_: PartitionPort, __: float) -> None:
    """Tried again without waiting."""
    await asyncio.sleep(0)


def test_it_reads_no_more_than_it_may_hold_while_clickhouse_is_away_and_then_goes_on_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PartitionPort, "pause", at_once)
    poll = 10 * (len(large(0).value) + OVERHEAD)

    async def run() -> None:
        member, server = Busy(committed=0), AwayAtFirst()
        member.answer.set()
        consumer = consumer_of(broker_of(member), AT_ONCE, budget=FETCH_BYTES)
        consumer._shared = replace(consumer._shared, server=server, target=TARGET)
        await consumer._receive({PLACE})
        inbox, figures = consumer._running[PLACE].inbox, consumer._shared.figures

        async def turn_until(done: Any) -> None:
            for _ in range(TURNS):
                await consumer._turn()
                assert inbox.size < FETCH_BYTES + poll
                assert (figures.size, figures.paused) == (inbox.size, int(member.paused))
                if done():
                    return
            pytest.fail("it does not come to that")

        await turn_until(lambda: member.paused)
        assert inbox.size >= FETCH_BYTES
        held, tried, polls = member.position, server.tried, member.polls
        await turn_until(lambda: server.tried > tried + 5 and member.polls > polls + 20)
        assert (member.position, member.paused, member.committed) == (held, True, 0)
        server.there = True
        await turn_until(lambda: not member.paused and member.position > held)
        await turn_until(lambda: member.committed > held)
        await consumer._give_back()
        assert Counter(server.ids) == Counter(f"p{offset}" for offset in range(len(server.ids)))
        assert len(server.ids) >= member.committed > held

    asyncio.run(run())


# -- shares ---------------------------------------------------------------------------------------------------------


class Noting(Broker):
    """Notes which partitions are paused."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(), [TP.topic])
        self.paused: set[Place] = set()

    def pause(self, places: Iterable[Place]) -> None:
        self.paused |= set(places)

    def resume(self, places: Iterable[Place]) -> None:
        self.paused -= set(places)


def holding(budget: int, partitions: int) -> tuple[Consumer, Noting, list[_Running]]:
    """A consumer of some partitions that nobody empties."""
    broker = Noting()
    consumer = consumer_of(broker, budget=budget)
    for number in range(partitions):
        inbox: Any = Inbox(TP.topic, number, NEVER, 0)
        nobody: Any = None
        consumer._running[TP.topic, number] = _Running(inbox, nobody, nobody, 7)
    return consumer, broker, list(consumer._running.values())


def fill(running: _Running, size: int) -> None:
    """Have records of so many bytes wait, no others."""
    running.inbox.size, running.inbox.records = size, [Record(0, 1, b"")]


@pytest.mark.parametrize(
    ("budget", "partitions", "share"),
    [
        pytest.param(8_000_000, 1, 8_000_000, id="all of it for one"),
        pytest.param(8_000_000, 4, 2_000_000, id="a part for each"),
        pytest.param(8_000_000, 100, FETCH_BYTES, id="never less than one fetch"),
    ],
)
def test_a_partition_pauses_at_its_share_and_goes_on_below_half_of_it(budget: int, partitions: int, share: int) -> None:
    consumer, broker, all_of_them = holding(budget, partitions)
    place, running = (TP.topic, 0), all_of_them[0]
    steps = [(share - 1, False), (share, True), (share // 2, True), (share // 2 - 1, False), (share - 1, False)]
    for size, paused in [*steps, (share, True)]:
        fill(running, size)
        consumer._hold_back()
        assert broker.paused == ({place} if paused else set()), size
        assert (running.paused, running.inbox.full) == (paused, paused)


def test_a_planned_block_that_is_read_again_is_not_held_back() -> None:
    consumer, broker, (running,) = holding(FETCH_BYTES, 1)
    running.inbox.gathering = True
    fill(running, 3 * FETCH_BYTES)
    consumer._hold_back()
    assert not broker.paused
    running.inbox.gathering = False
    consumer._hold_back()
    assert broker.paused == {(TP.topic, 0)}
