"""Kafka as the sink needs it: a member of a group that commits plans. Knows aiokafka.

aiokafka's public ``commit`` may send a commit after the member has joined a new generation, or with none at all, and
``committed`` leaves the metadata out. Both would break the fence, so two methods of its coordinator are used directly,
and a third that has no public counterpart; the version is pinned and tests say what is relied on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    IllegalGenerationError,
    KafkaConnectionError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata

from connectors.kafka.answering import SILENCE_S
from connectors.kafka.config import for_aiokafka, prefixed
from connectors.kafka.positions import settled_positions
from connectors.librdkafka.transactions import Membership
from connectors.sinks.clickhouse.brokerfaults import closed
from connectors.sinks.clickhouse.flush import backoff
from connectors.sinks.clickhouse.lane import Fenced, Found
from connectors.sinks.clickhouse.plan import Record, from_metadata
from pipeline.errors import NeighbourAway, StopRun
from pipeline.settings import KafkaSettings

LOG = logging.getLogger("wangge.sink")
GROUP = "sink.clickhouse"
Place = tuple[str, int]
"""Topic and partition."""
Offsets = Mapping[Place, tuple[int, str]]
"""Position and metadata to commit, by partition."""
FETCH_BYTES = 1_000_000


class Broker(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One member of the sink's group."""

    def __init__(self, settings: KafkaSettings, topics: Iterable[str]) -> None:
        self.topics = [prefixed(settings, topic) for topic in topics]
        self.group = prefixed(settings, GROUP)
        self.settings = settings
        self._on_revoked: Callable[[], Any] = lambda: None
        self._on_assigned: Callable[[set[Place]], Any] = lambda _: None
        self._consumer: Any = None

    async def start(self, on_revoked: Callable[[], Any], on_assigned: Callable[[set[Place]], Any]) -> None:
        """Join the group. Both callbacks are awaited within a rebalance and must not raise."""
        self._on_revoked, self._on_assigned = on_revoked, on_assigned
        attempt = 0
        while True:
            self._consumer = self._member()
            self._consumer.subscribe(self.topics, listener=self)
            try:
                await self._consumer.start()
                return
            except KafkaConnectionError as error:
                attempt += 1
                LOG.warning("Kafka does not answer", extra={"why": str(error), "attempt": attempt})
                await self._consumer.stop()
                await asyncio.sleep(backoff(attempt))

    def _member(self) -> Any:
        session = self.settings.session_ms
        return AIOKafkaConsumer(
            **for_aiokafka(self.settings), group_id=self.group, group_instance_id=self.settings.instance_id or None,
            enable_auto_commit=False, auto_offset_reset="none", isolation_level="read_committed",
            session_timeout_ms=session, heartbeat_interval_ms=max(session // 5, 500), max_poll_interval_ms=120_000,
            max_partition_fetch_bytes=FETCH_BYTES, fetch_min_bytes=FETCH_BYTES // 8, fetch_max_wait_ms=100,
            client_id="wangge-sink",
        )  # fmt: skip

    async def stop(self) -> None:
        """Leave the group and close."""
        if self._consumer is not None:
            await closed(self._consumer)

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """aiokafka: the assignment ends."""
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """aiokafka: a new assignment. Nothing of it is read until the callback has set each partition to its place.

        For aiokafka it is in force already. Records that a poll brought meanwhile would go to nobody, and those behind
        them to whoever begins next, as if nothing had been before them.
        """
        self._consumer.pause(*assigned)  # before anything is waited for: until now nothing can have been fetched
        try:
            await self._on_assigned({(tp.topic, tp.partition) for tp in assigned})
        finally:
            self._consumer.resume(*assigned)

    async def poll(self, timeout: float) -> dict[Place, list[Record]]:
        """Records that came in, by partition. Raises :class:`StopRun` when some were deleted before they were read.

        Raises what ended the reading, should it have ended.
        """
        self._reads()
        try:
            batch = await self._consumer.getmany(timeout_ms=int(timeout * 1000), max_records=20_000)
        except NoOffsetForPartitionError:
            return {}  # a partition without a position gets one from ``found``
        except OffsetOutOfRangeError as error:
            message = f"records were deleted before they were read ({error}): this is loss; see --accept-gap"
            raise StopRun(message) from error
        except KafkaError as error:
            if not error.retriable:
                raise
            LOG.warning("Kafka does not answer", extra={"why": repr(error)})
            await asyncio.sleep(0.5)
            return {}
        return {
            (tp.topic, tp.partition): [Record(one.offset, one.timestamp, one.value or b"") for one in records]
            for tp, records in batch.items()
        }

    async def answers(self) -> bool:
        """Whether Kafka answers a question. While it is away :meth:`poll` only gives nothing."""
        try:
            await asyncio.wait_for(self._consumer.topics(), SILENCE_S)
        except (KafkaError, TimeoutError):
            return False
        return True

    def _reads(self) -> None:
        """aiokafka fetches in a task of its own; when that has died, polls are empty for ever and say nothing."""
        fetching = self._consumer._fetcher.error_future
        if fetching.done() and not fetching.cancelled() and fetching.exception():
            raise fetching.exception()

    async def found(self, places: set[Place]) -> dict[Place, Found]:
        """What is committed for each partition; one never read gets the beginning of its log."""
        tps = [TopicPartition(*place) for place in places]
        committed = await self._committed(tps)
        begins = await self._consumer.beginning_offsets(tps)
        found: dict[Place, Found] = {}
        for tp in tps:
            offset, metadata = committed.get((tp.topic, tp.partition), (-1, ""))
            begin = offset if offset >= 0 else begins[tp]
            self._consumer.seek(tp, begin)
            found[tp.topic, tp.partition] = Found(begin, from_metadata(metadata), begins[tp])
        return found

    async def _committed(self, tps: list[TopicPartition]) -> dict[Place, tuple[int, str]]:
        """Position and metadata of what has them. Behind a plan a transaction may be about to end: it is waited for."""
        told = await self._consumer._coordinator.fetch_committed_offsets(tps)
        found = {(tp.topic, tp.partition): (one.offset, one.metadata or "") for tp, one in told.items()}
        planned = [place for place, (_, metadata) in found.items() if metadata]
        while planned:
            try:
                return found | await asyncio.to_thread(settled_positions, self.settings, self.group, planned)
            except NeighbourAway as away:
                LOG.warning("Kafka does not tell positions", extra={"why": str(away)})
                await asyncio.sleep(0.5)
        return found

    def seek(self, place: Place, offset: int) -> None:
        """Read on from an offset."""
        self._consumer.seek(TopicPartition(*place), offset)

    def generation(self) -> int:
        """The generation of the group that this member is in; negative when it is in none."""
        return int(self._consumer._coordinator.generation)

    def rejoin(self, generation: int) -> None:
        """Ask for the partitions of this generation anew; of a later one they were given anew already."""
        if 0 <= generation == self.generation():
            self._consumer._coordinator.request_rejoin()

    def membership(self, generation: int) -> Membership:
        """How a transaction proves that it is of this generation. Raises :class:`Fenced`."""
        self._same(generation)
        member = self._consumer._coordinator.member_id
        return Membership(self.group, generation, member, self.settings.instance_id or None)

    def position(self, place: Place) -> int | None:
        """One past the last record or mark that ``poll`` passed."""
        state = self._state(place)
        return state.position if state is not None and state.has_valid_position else None

    def readable(self, place: Place) -> int | None:
        """One past the last offset that may be read: where the first open transaction begins, or the end."""
        state = self._state(place)
        if state is None or state.highwater is None:
            return None
        return int(state.lso if state.lso is not None and state.lso >= 0 else state.highwater)

    def _state(self, place: Place) -> Any:
        assignment = self._consumer._subscription.subscription.assignment
        return assignment.state_value(TopicPartition(*place)) if assignment is not None else None

    def pause(self, places: Iterable[Place]) -> None:
        """Stop reading partitions."""
        self._consumer.pause(*(TopicPartition(*place) for place in places))

    def resume(self, places: Iterable[Place]) -> None:
        """Read them again."""
        self._consumer.resume(*(TopicPartition(*place) for place in places))

    async def commit(self, offsets: Offsets, generation: int) -> None:
        """Commit as a member of this generation, and of no other. Raises :class:`Fenced`; waits for a lost broker."""
        coordinator = self._consumer._coordinator
        wanted = {TopicPartition(*place): OffsetAndMetadata(*value) for place, value in offsets.items()}
        while True:
            await coordinator.ensure_coordinator_known()
            try:
                async with coordinator._commit_lock:
                    self._same(generation)
                    # no await between the check and the making of the request
                    await coordinator._do_commit_offsets(self._consumer._subscription.subscription.assignment, wanted)
                return
            except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError) as error:
                raise Fenced(type(error).__name__) from error
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(0.1)

    def _same(self, generation: int) -> None:
        if generation < 0 or self.generation() != generation:
            message = f"the group went on from generation {generation} to {self.generation()}"
            raise Fenced(message)


class Committer:
    """Puts the commits that partitions ask for at the same time into one request."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[Place, tuple[int, str, int, asyncio.Future[None]]] = {}

    async def commit(self, place: Place, offset: int, metadata: str, generation: int) -> None:
        """Commit with whoever else does now. A caller that is cancelled is left out unless its request is sent."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[place] = (offset, metadata, generation, future)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send())
        try:
            await future
        except asyncio.CancelledError:
            if self._waiting.get(place, (0, "", 0, None))[3] is future:
                del self._waiting[place]
            raise

    async def idle(self, seconds: float) -> None:
        """Wait until nothing is on its way; after a while give it up (it would be refused later, or is written)."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()

    async def _send(self) -> None:
        while self._waiting:
            generation = next(iter(self._waiting.values()))[2]
            batch = {place: one for place, one in self._waiting.items() if one[2] == generation}
            self._waiting = {place: one for place, one in self._waiting.items() if place not in batch}
            offsets = {place: (offset, metadata) for place, (offset, metadata, _, _) in batch.items()}
            try:
                await self._broker.commit(offsets, generation)
            except BaseException as error:
                _tell(batch.values(), error)
                if isinstance(error, asyncio.CancelledError):
                    raise
            else:
                _tell(batch.values(), None)


def _tell(batch: Iterable[tuple[int, str, int, asyncio.Future[None]]], error: BaseException | None) -> None:
    for *_, future in batch:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        elif isinstance(error, asyncio.CancelledError):
            future.cancel()
        else:
            future.set_exception(error)
