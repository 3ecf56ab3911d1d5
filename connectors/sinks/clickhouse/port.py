"""What a lane asks for, answered by Kafka, ClickHouse and the clock. Slow work is done in threads of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from connectors.sinks.clickhouse.aside import Aside, facts_of
from connectors.sinks.clickhouse.blocks import Block, Part, Reject, build
from connectors.sinks.clickhouse.broker import Broker, Committer, Place
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.inbox import Inbox
from connectors.sinks.clickhouse.plan import Plan, Range, to_metadata, token_of
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.clickhouse.probe import present
from connectors.sinks.clickhouse.server import Server, ServerAway
from pipeline.events.base import Millis

T = TypeVar("T")


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


class PartitionPort:
    """The port of one partition in one generation of the group."""

    def __init__(self, shared: Neighbours, place: Place, inbox: Inbox, generation: int) -> None:
        self._shared, self._place, self._inbox, self._generation = shared, place, inbox, generation
        self._aside = Aside(shared.broker.settings, place)
        self._database = shared.server.settings.database
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
        await self._shared.committer.commit(self._place, offset, to_metadata(plan), self._generation)
        self._committed(offset, plan)

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

    async def build(self, taken: Range) -> Block:
        """The rows of a range."""
        return await self._threaded(partial(build, taken))

    async def insert(self, part: Part, token: str) -> None:
        """Insert rows, all or nothing."""
        figures, begun = self._shared.figures, time.monotonic()
        try:
            await self._threaded(partial(self._insert, part, token))
        except ServerAway as away:
            self._away(away)
            raise
        took = time.monotonic() - begun
        self._wrote_ms += took * 1000
        figures.rows += part.rows
        figures.watch.sink_inserted(part.table, part.rows, took)
        self._there()
        if self.oldest is not None and self.oldest > 0:
            figures.watch.latency("published_to_row", max(time.time() - self.oldest / 1000, 0.0), 1)

    async def present(self, part: Part) -> set[int]:
        """Places of the rows that are there already."""
        types = dict(self._shared.target.types[part.table])
        try:
            await self._settled(part)
            there = await self._threaded(partial(present, self._shared.server, self._database, part, types))
        except ServerAway as away:
            self._away(away)
            raise
        self._there()
        result = "absent" if not there else "present" if len(there) == part.rows else "partial"
        self._shared.figures.watch.sink_probed(result)
        return there

    async def _settled(self, part: Part) -> None:
        """Without tokens: wait until an earlier attempt, which may hang in the server, has ended there."""
        if self._shared.target.mode is Mode.TOKEN:
            return
        sql = "SELECT count() FROM system.processes WHERE query_id LIKE %(id)s"
        name = f"{self._shared.cluster}:{self._place[0]}:{self._place[1]}:%"
        rows = await self._threaded(partial(self._shared.server.rows, sql, {"id": name}))
        if rows[0][0]:
            message = f"an insert into {part.table} is still running"
            raise ServerAway(message, "timeout")

    def _insert(self, part: Part, token: str) -> None:
        target = self._shared.target
        filled = [fill(values) for fill, values in zip(target.fill[part.table], part.values, strict=True)]
        settings: dict[str, Any] = dict(target.settings)
        if target.mode is Mode.TOKEN:
            settings["insert_deduplication_token"] = token
        names = [column.name for column in part.columns]
        # the server runs one query of a name at a time: two copies of a block cannot pass each other
        self._shared.server.insert(part.table, names, filled, f"{token}/{part.table}", settings)

    def _away(self, away: ServerAway) -> None:
        self._inbox.failed()
        self._shared.figures.watch.sink_retried(away.cause)
        self._shared.figures.watch.waiting("clickhouse")
        self._shared.figures.watch.ready("clickhouse", False)

    def _there(self) -> None:
        """ClickHouse answers: nobody is waited for any longer."""
        self._shared.figures.watch.waiting("")
        self._shared.figures.watch.ready("clickhouse", True)

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._shared.threads, work)

    def has_views(self, table: str) -> bool:
        """Whether other tables are fed from this one."""
        return table in self._shared.target.fed

    # -- the rest -----------------------------------------------------------------------------------------------

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def now(self) -> Millis:
        """The time of day."""
        return time.time_ns() // 1_000_000

    def token(self, taken: Range) -> str:
        """The token of a block."""
        return token_of(self._shared.cluster, taken)
