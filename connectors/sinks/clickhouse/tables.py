"""Blocks into the tables of a server: the half of a lane's port that knows ClickHouse, for the sink and for backfills.

Slow work is done in threads of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from connectors.sinks.clickhouse.blocks import Block, Part, build
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.lane import Stale
from connectors.sinks.clickhouse.plan import Range, token_of
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.clickhouse.probe import present
from connectors.sinks.clickhouse.server import Server, ServerAway
from pipeline.events.base import Millis

T = TypeVar("T")


class TablesPort:
    """Builds, inserts and looks for the blocks of one partition of a log."""

    def __init__(
        self, server: Server, target: Target, threads: ThreadPoolExecutor, figures: SinkFigures, cluster: str,
        place: tuple[str, int],
    ) -> None:  # fmt: skip
        self._server, self._target, self._threads, self._figures = server, target, threads, figures
        self._cluster, self._place = cluster, place
        self._database = server.settings.database

    async def build(self, taken: Range) -> Block:
        """The rows of a range."""
        return await self._threaded(partial(build, taken))

    async def insert(self, part: Part, token: str, until: Millis | None) -> None:
        """Insert rows, all or nothing."""
        begun = time.monotonic()
        try:
            await self._threaded(partial(self._insert, part, token, until))
        except ServerAway as away:
            self.away(away)
            raise
        self.wrote(part, time.monotonic() - begun)

    async def present(self, part: Part) -> set[int]:
        """Places of the rows that are there already."""
        types, begun = dict(self._target.types[part.table]), time.monotonic()
        try:
            await self._settled(part)
            there = await self._threaded(partial(present, self._server, self._database, part, types))
        except ServerAway as away:
            self.away(away)
            raise
        self._there()
        result = "absent" if not there else "present" if len(there) == part.rows else "partial"
        self._figures.watch.sink_probed(result)
        self._figures.watch.batch("probe", part.rows, time.monotonic() - begun)
        return there

    def wrote(self, part: Part, seconds: float) -> None:
        """Rows are in; that took so long."""
        self._figures.rows += part.rows
        self._figures.watch.sink_inserted(part.table, part.rows, seconds)
        self._figures.watch.batch("insert", part.rows, seconds)
        self._there()

    def away(self, fault: ServerAway) -> None:
        """The server did not take or give rows."""
        self._figures.watch.sink_retried(fault.cause)
        self._figures.neighbour("clickhouse", there=False)

    def _there(self) -> None:
        """ClickHouse answers: nobody is waited for any longer."""
        self._figures.neighbour("clickhouse", there=True)

    async def _settled(self, part: Part) -> None:
        """Without tokens: wait until an earlier attempt, which may hang in the server, has ended there."""
        if self._target.mode is Mode.TOKEN:
            return
        sql = "SELECT count() FROM system.processes WHERE query_id LIKE %(id)s"
        name = f"{self._cluster}:{self._place[0]}:{self._place[1]}:%"
        rows = await self._threaded(partial(self._server.rows, sql, {"id": name}))
        if rows[0][0]:
            message = f"an insert into {part.table} is still running"
            raise ServerAway(message, "timeout")

    def _insert(self, part: Part, token: str, until: Millis | None) -> None:
        target = self._target
        filled = [fill(values) for fill, values in zip(target.fill[part.table], part.values, strict=True)]
        settings: dict[str, Any] = dict(target.settings)
        if target.mode is Mode.TOKEN:
            settings["insert_deduplication_token"] = token
        names = [column.name for column in part.columns]
        if until is not None and self.now() >= until:  # it waited for a thread, or the process stood still
            raise Stale
        # the server runs one query of a name at a time: two copies of a block cannot pass each other
        self._server.insert(part.table, names, filled, f"{token}/{part.table}", settings)

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def has_views(self, table: str) -> bool:
        """Whether other tables are fed from this one."""
        return table in self._target.fed

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def now(self) -> Millis:
        """The time of day."""
        return time.time_ns() // 1_000_000

    def token(self, taken: Range) -> str:
        """The token of a block."""
        return token_of(self._cluster, taken)
