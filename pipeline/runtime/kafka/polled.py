"""Faust's consumer, made to bring whole polls: each once, in the order of its partitions, of a told assignment.

A scheduler gives everything one poll brought as *one* event, so the cost of a record inside Faust is a list entry.
Pinned: a test fails when an upgrade changes what is relied on here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.fetching import GATHER_BYTES, GATHER_MS, assignment_of
from pipeline.runtime.kafka.pace import Pace
from pipeline.runtime.kafka.read import NOWHERE, AnyOffset, Read, Told, WholePoll, brought_of
from pipeline.runtime.kafka.settled import Settled

CLOSED_S = 0.05
"""Between two looks whether records may come."""
STANDS_BACK_S = 0.2
"""Between two looks whether the backlog still stands back."""


class WholePollScheduler(DefaultSchedulingStrategy):
    """Gives each poll as one record, on the partition that comes first by name."""

    def iterate(self, records: Mapping[TP, Sequence[Any]]) -> Iterator[tuple[TP, Any]]:
        """One pair for all of ``records``."""
        filled = {tp: found for tp, found in records.items() if found}
        if filled:
            first = min(filled)
            yield first, WholePoll(brought_of(filled, records), filled[first][-1])


class WholePollConsumer(driver.Consumer):
    """Urgent topics first; offsets are noted in transactions and never by Faust."""

    ahead: Sequence[frozenset[str]] = ()
    """Groups of topics that are asked for before all others, in this order."""
    pace: Pace
    settling: frozenset[str] = frozenset()
    """Topics of which it is told what was settled."""
    large: int
    """A poll of so many records is one of somebody who is behind."""
    backlog: frozenset[str] = frozenset()
    """Topics that wait while an alert is on; it begins when records of the very first topics come."""
    alert: Alert
    _behind = _alone = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._read_offset = AnyOffset()
        self.told = self._sought = Told(0, None)
        self.opened: Told | None = None
        """The assignment of which records may come."""

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        """Number the assignments: one generation may bring two, to a member that has a name of its own (KIP-345)."""
        self.told = Told(self.told.serial + 1, assignment_of(self._thread._consumer))
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Nothing to seek: aiokafka begins with what the group noted, and nothing is read before the flow resumes.

        Faust would ask for one partition after the other, end its recovery for ever when that takes too long, and not
        go back where nothing was noted yet.
        """
        self._sought = self.told

    def resume_flow(self) -> None:
        """The streams are clear: from now on records of this assignment may come, unless another was told meanwhile."""
        super().resume_flow()
        begun = self.told.assignment is not None and self._sought is self.told
        self.opened = self.told if begun else None

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        """The next poll, taken when the one before is done.

        Earlier it would only lie in the queue of the stream, and what comes meanwhile would wait behind it. Who is far
        behind and has nothing urgent takes it earlier: there the time between two polls counts. What aiokafka read
        ahead is taken first, so that the next is fetched while records gather and a poll brings what has just come.
        """
        await self.pace.wait()
        if self.backlog and self.alert.is_on:
            others = {tp for tp in active_partitions or () if tp.topic not in self.backlog}
            if others:  # of no partitions at all everybody would bring all
                active_partitions, timeout = others, min(timeout, STANDS_BACK_S)
        found = await self._found(active_partitions, timeout)
        if self.backlog and any(tp.topic in first for first in self.ahead[:1] for tp in found):
            self.alert.heard()
        if not self._alone:
            if found.size < self.large and await self.pace.gathered():
                found = found.before(await self._limited(active_partitions))
            self._behind = found.size >= self.large
        if found and (self.ahead or found.size < self.large):
            self.pace.taken()
        return found

    async def _found(self, active_partitions: Any, timeout: float) -> Read:
        """Urgent records and, with them, whatever else is here: a poll of its own for each trickle of them would cost
        all others a transaction. The worker writes the urgent ones first. Where they are many, the others wait; where
        there are any, fewer others come, for more urgent ones may be under way. Who is behind has no time to lose by
        it and takes them by themselves every other time."""
        found, rest = Read({}, NOWHERE), set(active_partitions or ())
        for topics in self.ahead:
            group = {tp for tp in rest if tp.topic in topics}
            if group:
                found = found.before(await (self._limited(group) if found else self._read(group, 0.0)))
            rest -= group
            if found.size >= self.large:
                self._alone = False
                return found
        self._alone = bool(found) and self._behind and not self._alone
        if self._alone:
            return found
        return found.before(await self._limited(rest)) if found else await self._read(active_partitions, timeout)

    async def _limited(self, partitions: Any) -> Read:
        """What is here, as far as it makes no large poll."""
        self._thread.most = self.large
        try:
            return await self._read(partitions, 0.0)
        finally:
            self._thread.most = None

    async def _read(self, partitions: Any, timeout: float) -> Read:
        found = await super()._getmany(partitions, timeout)
        return found if isinstance(found, Read) else Read(found or {}, NOWHERE)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full stream is waited for anyway, and a poll that leaves a partition out is a second too long.

        Faust would take the partition out of the set that is being polled; what comes on it then lies there until the
        poll for the others has timed out.
        """

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust would look at each of hundreds of partitions for the commits that it never makes here."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Skipped offsets are part of the poll or control records: nothing to hold."""

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None

    _thread: _Thread

    def _new_consumer_thread(self) -> _Thread:
        thread = _Thread(self, loop=self.loop, beacon=self.beacon)
        thread.settled = Settled(self.settling)
        return thread


class _Thread(driver.AIOKafkaConsumerThread):
    """Reads committed records only: upstream workers write in transactions as well."""

    consumer: WholePollConsumer
    settled: Settled
    most: int | None = None
    """The most records of the next poll; none: as many as the worker's settings say."""

    async def _fetch_records(self, consumer: Any, *given: Any, **named: Any) -> Any:
        """In the consumer's own thread, so that the assignment is that of the records: nothing comes between.

        Until its flow resumes Faust drops what comes, and it clears its queues then. So nothing is read before, and
        what a read brings that began before a rebalance is as if it had not been read.
        """
        consumer._coordinator.check_errors()
        opened = self.consumer.opened
        if opened is None or assignment_of(consumer) is not opened.assignment:
            await asyncio.sleep(CLOSED_S)
            return Read({}, NOWHERE)
        found = await super()._fetch_records(consumer, *given, **named)
        if self.consumer.flow_active and assignment_of(consumer) is opened.assignment:
            return Read(found, opened.serial, self.settled.partitions(opened))
        for tp, records in found.items():
            consumer.seek(tp, records[0].offset)
        return Read({}, NOWHERE)

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:
        """Faust's own, but for the limit."""
        consumer = self._ensure_consumer()
        most = self.most or consumer._max_poll_records
        return await self.call_thread(
            self._fetch_records, consumer, active_partitions, timeout=timeout, max_records=most
        )  # fmt: skip

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = GATHER_BYTES, GATHER_MS
        return consumer
