"""A broker, a ClickHouse and processes that a test moves one await at a time: any of them may stop at any await.

A process is a coroutine that nobody runs but the test: to stop moving it is a crash, to move it again later makes it a
zombie. Requests take effect when the process is moved over them, so a request may also arrive long after it was sent;
a server drops one that is older than it lets an insert run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sinks.clickhouse.blocks import Block, Part, Reject, build
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.lane import Fenced, Found, Lane, RowsRefused, Stale
from connectors.sinks.clickhouse.plan import Plan, Range, Record, from_metadata, to_metadata, token_of
from pipeline.errors import NeighbourAway

LONGEST_MS = 10_000
"""How long a request may be under way before the server drops it."""
TOPIC = "facts.test"


class Step:
    """One await: what happens when the process is moved over it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self._act = act

    def __await__(self) -> Generator[None, None, Any]:
        yield
        return self._act()


class Away(NeighbourAway):
    """The server does not answer."""


@dataclass
class Tables:
    """Rows as a server keeps them, a window of tokens for each table, and rows it never takes."""

    window: int
    tokens_known: bool = True
    rows: list[tuple[str, Any, int]] = field(default_factory=list)
    """Table, key, offset: one entry a row written."""
    refused: frozenset[Any] = frozenset()
    seen: dict[str, OrderedDict[str, None]] = field(default_factory=dict)
    foreign: int = 0

    def insert(self, part: Part, token: str) -> None:
        if self.refused & set(part.keys()):
            told = "not in this table"
            raise RowsRefused(told)
        if not self._remembered(part.table, token):
            self.rows += [(part.table, key, offset) for key, offset in zip(part.keys(), part.offsets, strict=True)]

    def noise(self, inserts: int) -> None:
        """Other writers push tokens out of the windows."""
        for table in list(self.seen):
            for _ in range(inserts):
                self.foreign += 1
                self._remembered(table, f"foreign {self.foreign}")

    def _remembered(self, table: str, token: str) -> bool:
        seen = self.seen.setdefault(table, OrderedDict())
        if not self.tokens_known:
            return False
        if token in seen:
            return True
        seen[token] = None
        while len(seen) > self.window:
            seen.popitem(last=False)
        return False

    def present(self, part: Part) -> set[int]:
        first, last = min(part.offsets), max(part.offsets)
        there = {key for table, key, offset in self.rows if table == part.table and first <= offset <= last}
        return {row for row, key in enumerate(part.keys()) if key in there}


@dataclass
class Log:
    """One partition with gaps, and what the group committed."""

    records: list[Record]
    end: int
    offset: int = 0
    metadata: str = ""
    generation: int = 0
    quarantine: list[int] = field(default_factory=list)

    def commit(self, generation: int, offset: int, metadata: str) -> None:
        if generation != self.generation:
            message = "illegal generation"
            raise Fenced(message)
        self.offset, self.metadata = offset, metadata

    def set_aside(self, generation: int, end: int, offsets: Sequence[int]) -> None:
        """One transaction: the position and what is kept, or neither."""
        self.commit(generation, end, "")
        self.quarantine.extend(offsets)


@dataclass
class World:
    """Everything outside of the processes, and the clock."""

    log: Log
    tables: Tables
    clock: int = 1_000_000
    faults: list[str] = field(default_factory=list)
    """What happens to the next inserts: ``ok``, ``refused`` (not arrived) or ``lost`` (in, but no answer came)."""
    sizes: list[int] = field(default_factory=list)
    """How many records the next blocks take."""

    def process(self, mode: Mode) -> Process:
        """A new member of the group: whoever was there is a zombie from now on."""
        self.log.generation += 1
        return Process(self, mode, self.log.generation)


class Process:
    """A lane and its port, moved by the test."""

    def __init__(self, world: World, mode: Mode, generation: int) -> None:
        self.world, self.generation = world, generation
        self.figures = SinkFigures()
        found = Found(world.log.offset, from_metadata(world.log.metadata), 0)
        self.position = found.offset
        self.over: str = ""
        self.inserts = 0
        """How many inserts were asked for; the last may still wait for a thread."""
        self._lane = Lane(self, mode, "v", self.figures).run(found)
        self.move()

    def move(self) -> None:
        """Over one await."""
        self.world.clock += 7
        try:
            self._lane.send(None)
        except StopIteration:
            self.over = "done"
        except Fenced:
            self.over = "fenced"

    def finish(self) -> None:
        """Over every await that is left."""
        while not self.over:
            self.move()

    # -- the port -----------------------------------------------------------------------------------------------

    def _cut(self, start: int, end: int) -> Range:
        records = [record for record in self.world.log.records if start <= record.offset < end]
        self.position = max(self.position, end)
        return Range(TOPIC, 0, start, end, records)

    def _next(self, start: int) -> Range | None:
        waiting = [record.offset for record in self.world.log.records if record.offset >= start]
        if not waiting:
            return self._cut(start, self.world.log.end) if start < self.world.log.end else None
        size = self.world.sizes.pop() if self.world.sizes else 3
        return self._cut(start, waiting[: max(size, 1)][-1] + 1)

    def take(self, start: int) -> Awaitable[Range | None]:
        return Step(lambda: self._next(start))

    def take_until(self, start: int, end: int) -> Awaitable[Range]:
        return Step(lambda: self._cut(start, end))

    def due(self, start: int) -> Range | None:
        return self._next(start) if self.world.sizes and self.world.sizes[-1] % 2 else None

    def tail(self, end: int) -> int:
        left = any(record.offset >= end for record in self.world.log.records)
        return end if left else self.world.log.end

    def commit(self, offset: int, plan: Plan | None) -> Awaitable[None]:
        return Step(lambda: self.world.log.commit(self.generation, offset, to_metadata(plan)))

    def build(self, taken: Range) -> Awaitable[Block]:
        return Step(lambda: build(taken))

    async def insert(self, part: Part, token: str, until: int | None) -> None:
        self.inserts += 1
        await Step(lambda: None)  # wait for a thread
        if until is not None and self.world.clock >= until:
            raise Stale
        sent = self.world.clock

        def arrive() -> None:
            fault = self.world.faults.pop() if self.world.faults else "ok"
            late = self.world.clock - sent > LONGEST_MS
            if fault != "refused" and not late:
                self.world.tables.insert(part, token)
            if fault != "ok" or late:
                raise Away

        await Step(arrive)

    def present(self, part: Part) -> Awaitable[set[int]]:
        return Step(lambda: self.world.tables.present(part))

    def has_views(self, table: str) -> bool:
        return False

    def set_aside(self, taken: Range, rejects: Sequence[Reject]) -> Awaitable[None]:
        return Step(lambda: self.world.log.set_aside(self.generation, taken.end, [one.offset for one in rejects]))

    def pause(self, seconds: float) -> Awaitable[None]:
        def sleep() -> None:
            self.world.clock += int(seconds * 1000)

        return Step(sleep)

    def now(self) -> int:
        return self.world.clock

    def token(self, taken: Range) -> str:
        return token_of("test", taken)
