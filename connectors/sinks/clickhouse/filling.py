"""Fills tables with ranges of records by the lane of the sink: same rows, same tokens, same looking before a repeat.

Where the sink keeps its plan in Kafka, whoever fills knows by itself which ranges are written: a range that may have
been written before is given with ``again``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from connectors.sinks.clickhouse.blocks import Reject
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.lane import Lane
from connectors.sinks.clickhouse.plan import Plan, Range, version
from connectors.sinks.clickhouse.preflight import preflight
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.tables import TablesPort
from pipeline.settings import ClickHouseSettings


class _RangePort(TablesPort):
    """A port for ranges that are given, not taken: nothing is committed."""

    async def take(self, start: int) -> Range | None:
        """Nothing comes by itself."""
        return None

    async def take_until(self, start: int, end: int) -> Range:
        """Nothing is planned."""
        raise NotImplementedError

    def due(self, start: int) -> Range | None:
        """Nothing comes by itself."""
        return None

    def tail(self, end: int) -> int:
        """Nothing waits."""
        return end

    async def commit(self, offset: int, plan: Plan | None) -> None:
        """Whoever gives the ranges keeps the place."""

    async def set_aside(self, taken: Range, rejects: Sequence[Reject]) -> None:
        """Whoever gives the ranges is told what was refused."""


class Filler:
    """Writes ranges into the tables of one database. Raises as :func:`preflight` does when they do not fit."""

    def __init__(self, settings: ClickHouseSettings, database: str, name: str, *, patience: float = 60.0) -> None:
        self._server = Server(replace(settings, database=database), patience=patience)
        self._target = preflight(self._server, database, longest=int(patience) - 5)
        self._threads = ThreadPoolExecutor(1, "filling")
        self._loop = asyncio.new_event_loop()
        self._version, self._name = version(), name
        self.figures = SinkFigures()
        self._lanes: dict[tuple[str, int], Lane] = {}

    def write(self, taken: Range, *, again: bool) -> None:
        """All rows of a range, as long as it takes. Raises :class:`StopRun` when too much of it is refused."""
        if not taken.records:
            return
        place = (taken.topic, taken.partition)
        lane = self._lanes.get(place)
        if lane is None:
            port = _RangePort(self._server, self._target, self._threads, self.figures, self._name, place)
            lane = self._lanes[place] = Lane(port, self._target.mode, self._version, self.figures)
        rejects = self._loop.run_until_complete(lane.write(taken, again=again))
        for reject in rejects:
            self.figures.rejected[reject.fault.reason] += 1
        if rejects:
            told = f"{taken.topic}/{taken.partition}: {len(rejects)} refused, the last: {rejects[-1].fault}"
            self.figures.note(told)
        self.figures.blocks += 1
        self.figures.records += len(taken.records)

    def close(self) -> None:
        """Let go of connections."""
        self._server.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._loop.close()
