"""A member of the sink's group without a broker: as much of aiokafka as the sink asks, and a sink's consumer on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from connectors.sinks.clickhouse.broker import Broker, Committer, Place
from connectors.sinks.clickhouse.consumer import Consumer, Options
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.flush import Limits
from connectors.sinks.clickhouse.port import Neighbours
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.clickhouse.server import Server
from pipeline.settings import ClickHouseSettings, KafkaSettings

TP = TopicPartition("facts.cases", 0)
PLACE: Place = (TP.topic, TP.partition)
NEVER = Limits(least_records=10_000, shortest_ms=3_600_000, longest_ms=3_600_000)
"""No block is due while a test runs."""


class Polled(NamedTuple):
    """A record as aiokafka gives it; this one is no fact."""

    offset: int
    timestamp: int = 1
    value: bytes = b"x"


class Member:
    """As much of a consumer of aiokafka as the sink needs, with one partition: its log, its place, who is asked what.

    The assignment is in force from the beginning; asked for the beginning of the log it answers when told to.
    """

    generation = member_id = 7
    highwater, lso = 1_000, -1
    has_valid_position = True

    def __init__(self, committed: int, log_start: int = 0) -> None:
        self.position, self.committed, self.log_start = committed, committed, log_start
        self.paused = False
        self.polls = 0
        self.answer = asyncio.Event()
        self.on_poll: Callable[[int], None] = lambda _: None
        self.rejoins = 0
        self._commit_lock = asyncio.Lock()
        self.error_future = asyncio.get_running_loop().create_future()
        self._coordinator = self._fetcher = self._subscription = self.subscription = self.assignment = self

    def state_value(self, _: TopicPartition) -> Member:
        return self

    def pause(self, *places: TopicPartition) -> None:
        self.paused = self.paused or TP in places

    def resume(self, *places: TopicPartition) -> None:
        self.paused = self.paused and TP not in places

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.position = offset

    def request_rejoin(self) -> None:
        self.rejoins += 1

    async def ensure_coordinator_known(self) -> None:
        await asyncio.sleep(0)

    async def _do_commit_offsets(self, _: Any, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        self.committed = offsets[TP].offset

    async def fetch_committed_offsets(self, _: Iterable[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        return {TP: OffsetAndMetadata(self.committed, "")}

    async def beginning_offsets(self, _: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self.answer.wait()
        return {TP: self.log_start}

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Polled]]:
        """Ten records a time, and at once."""
        self.polls += 1
        self.on_poll(self.polls)
        if self.paused:
            return {}
        if self.position < self.log_start:
            raise OffsetOutOfRangeError({TP: self.position})
        begin, self.position = self.position, self.position + 10
        return {TP: [Polled(offset) for offset in range(begin, self.position)]}


def broker_of(member: Member) -> Broker:
    broker = Broker(KafkaSettings(), [TP.topic])
    broker._consumer = member
    return broker


def consumer_of(broker: Broker, limits: Limits = NEVER, **options: Any) -> Consumer:
    target = Target("25", Mode.TOKEN, {}, {}, {})
    shared = Neighbours(
        broker, Committer(broker), Server(ClickHouseSettings()), target, ThreadPoolExecutor(1), SinkFigures(), "test",
    )  # fmt: skip
    return Consumer(broker, shared, Options(**{"limits": limits, "grace": 0.0, **options}))
