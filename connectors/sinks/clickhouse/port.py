"""What a lane asks for, answered by Kafka, ClickHouse and the clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from connectors.sinks.clickhouse.aside import Aside, facts_of
from connectors.sinks.clickhouse.blocks import Part, Reject
from connectors.sinks.clickhouse.broker import Broker, Committer, Place
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.inbox import Inbox
from connectors.sinks.clickhouse.plan import Plan, Range, to_metadata
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.clickhouse.server import Server, ServerAway
from connectors.sinks.clickhouse.tables import TablesPort
from pipeline.events.base import Millis


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What all lanes of a process share."""

    broker: Broker
    committer: Committer
    server: Server
    target: Target
    threads: ThreadPoolExecutor
    figures: SinkFigures
    cluster: str


class PartitionPort(TablesPort):
    """The port of one partition in one generation of the group."""

    def __init__(self, shared: Neighbours, place: Place, inbox: Inbox, generation: int) -> None:
        super().__init__(shared.server, shared.target, shared.threads, shared.figures, shared.cluster, place)
        self._shared, self._inbox, self._generation = shared, inbox, generation
        self._aside = Aside(shared.broker.settings, place)
        self.taken_at = 0.0
        self.oldest: Millis | None = None
        """The timestamp of the first record of the block in flight."""
        self.planned = False
        self.done = -1
        self._wrote_ms = 0.0
        self._rows = 0

    # -- Kafka --------------------------------------------------------------------------------------------------

    async def take(self, start: int) -> Range | None:
        """Wait until a block is due."""
        return self._begun(await self._inbox.take(start))

    async def take_until(self, start: int, end: int) -> Range:
        """Exactly the records of a planned range."""
        taken = await self._inbox.take_until(start, end)
        self._begun(taken)
        return taken

    def due(self, start: int) -> Range | None:
        """The next block if it is due already."""
        self._inbox.wrote(self._wrote_ms)
        return self._begun(self._inbox.due(start))

    def tail(self, end: int) -> int:
        """The position behind marks of transactions."""
        return self._inbox.tail(end)

    def _begun(self, taken: Range | None) -> Range | None:
        self._next = taken if taken is not None and taken.records else None
        if self._next is not None and not self.planned:
            self.oldest = self._next.records[0].timestamp
        return taken

    _next: Range | None = None

    async def commit(self, offset: int, plan: Plan | None) -> None:
        """Commit as a member of the generation that gave us the partition."""
        begun = time.monotonic()
        await self._shared.committer.commit(self._place, offset, to_metadata(plan), self._generation)
        self._committed(offset, plan)
        if plan:
            self._figures.watch.batch("plan", plan.n, time.monotonic() - begun)

    def _committed(self, offset: int, plan: Plan | None) -> None:
        self.done, self.planned = offset, plan is not None
        self._wrote_ms = 0.0
        self.oldest = self._next.records[0].timestamp if plan and self._next else None
        watch = self._shared.figures.watch
        watch.committed(*self._place, offset)
        if plan:
            watch.took(*self._place)

    async def set_aside(self, taken: Range, rejects: Sequence[Reject]) -> None:
        """Have Kafka keep what was refused, with the end of the range."""
        facts, figures = facts_of(taken, rejects), self._shared.figures
        await self._aside.put(facts, taken.end, self._shared.broker.membership(self._generation))
        self._committed(taken.end, None)
        for fact in facts:
            figures.rejected[fact.reason] += 1
            figures.watch.quarantined(fact.topic, fact.reason, 1)
            figures.watch.sink_rejected(fact.field, 1)

    # -- ClickHouse ---------------------------------------------------------------------------------------------

    def wrote(self, part: Part, seconds: float) -> None:
        """Rows are in."""
        super().wrote(part, seconds)
        self._wrote_ms += seconds * 1000
        if self.oldest is not None and self.oldest > 0:
            self._figures.watch.latency("published_to_row", max(time.time() - self.oldest / 1000, 0.0), 1)

    def away(self, fault: ServerAway) -> None:
        """The server did not take a block: the next ones are smaller."""
        self._inbox.failed()
        super().away(fault)
