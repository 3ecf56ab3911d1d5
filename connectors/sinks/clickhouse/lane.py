"""One partition's way through the protocol: take, plan, insert, set aside, done. Nothing here knows a socket.

Whatever happens between two awaits may be the last thing this process does. What holds at each of them:

* before the plan is committed nothing was written of the block; another process will cut its blocks as it likes;
* from then on everybody who takes over rebuilds this block, with the same tokens;
* a commit that is refused means that another owns the partition: the block is dropped, it is the other's now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.sinks.clickhouse.blocks import Block, Part, Reject
from connectors.sinks.clickhouse.decide import Mode, RejectLimits, Strikes, Trust, missing_rows, trust_of
from connectors.sinks.clickhouse.faultpoints import FaultPoints
from connectors.sinks.clickhouse.figures import Alarm, SinkFigures
from connectors.sinks.clickhouse.flush import backoff
from connectors.sinks.clickhouse.plan import Plan, Range, digest_of, plan_of
from pipeline.errors import InvalidRecord, NeighbourAway, Reason, StopRun
from pipeline.events.base import Millis

REFENCE_MS = 4_000
"""A plan that was committed longer ago is committed again before anything is sent: a process that slept learns there
that it is no longer the owner. Shorter than any session."""
SAFE_MS = 60_000
"""How long the server surely remembers a token: its window over the most inserts a second that a table sees, halved."""


class Fenced(Exception):
    """Kafka refused a commit: the partition belongs to another process now."""


class Stale(Exception):
    """It was too long ago that the block was known to be ours when its rows were about to be sent. None was."""


class RowsRefused(Exception):
    """The server does not take these rows, and never will; ``told`` is what it said."""

    def __init__(self, told: str) -> None:
        self.told = told
        super().__init__(told)


class Port(Protocol):
    """What a lane asks of Kafka, of ClickHouse and of the clock."""

    async def take(self, start: int) -> Range | None:
        """Wait until a block is due (empty when only marks of transactions were passed); ``None`` to end."""

    async def take_until(self, start: int, end: int) -> Range:
        """Exactly the records of a planned range."""

    def due(self, start: int) -> Range | None:
        """The next block if it is due already."""

    def tail(self, end: int) -> int:
        """The position behind marks of transactions when nothing else waits behind ``end``; else ``end``."""

    async def commit(self, offset: int, plan: Plan | None) -> None:
        """Commit a position with the plan of what comes next. Raises :class:`Fenced`."""

    async def build(self, taken: Range) -> Block:
        """The rows of a range."""

    async def insert(self, part: Part, token: str, until: Millis | None) -> None:
        """Insert rows, all or nothing. Raises :class:`NeighbourAway`, :class:`RowsRefused`, :class:`StopRun`.

        Nothing is sent any more when it is ``until``: raises :class:`Stale`.
        """

    async def present(self, part: Part) -> set[int]:
        """Places of the rows that are there already. Raises :class:`NeighbourAway`."""

    def has_views(self, table: str) -> bool:
        """Whether other tables are fed from this one."""

    async def set_aside(self, taken: Range, rejects: Sequence[Reject]) -> None:
        """Have Kafka keep what was refused and commit the end of the range, or neither. Raises :class:`Fenced`."""

    async def pause(self, seconds: float) -> None:
        """Wait."""

    def now(self) -> Millis:
        """The time of day."""

    def token(self, taken: Range) -> str:
        """The token of a block."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the broker knows of a partition when it is assigned."""

    offset: int
    plan: Plan | None
    log_start: int


class Lane:
    """Writes the blocks of one partition, one after the other, until its port gives no more."""

    def __init__(
        self, port: Port, mode: Mode, version: str, figures: SinkFigures, *, points: FaultPoints | None = None,
        limits: RejectLimits | None = None, rebuild_changed: bool = False,
    ) -> None:  # fmt: skip
        self._port, self._mode, self._version, self._figures = port, mode, version, figures
        self._points, self._limits = points or FaultPoints(), limits or RejectLimits()
        self._rebuild_changed = rebuild_changed
        self._strikes = Strikes()
        self._planned: tuple[int, Plan] | None = None
        self._fenced_at: Millis = 0

    async def run(self, found: Found) -> None:
        """Finish what was planned, then write on. Raises :class:`Fenced` when another took over."""
        done = await self._recover(found) if found.plan else found.offset
        taken = await self._port.take(done)
        while taken is not None:
            if not taken.records:
                await self._commit(taken.end, None)
                done, taken = taken.end, await self._port.take(taken.end)
                continue
            self._points.hit("taken")
            await self._commit(done, plan_of(taken, self._port.now(), self._version))
            while taken is not None:
                done, taken = await self._block(taken)
            taken = await self._port.take(done)

    async def _block(self, taken: Range) -> tuple[int, Range | None]:
        """Write a planned block; its end and the next block, if that was due and is planned already."""
        self._points.hit("planned")
        return await self._done(taken, await self.write(taken, again=False))

    async def _done(self, taken: Range, rejects: Sequence[Reject]) -> tuple[int, Range | None]:
        """Say that a block is written, and what comes next, in one commit; before it what was refused."""
        if rejects:
            await self._port.set_aside(taken, rejects)
            self._noted(taken.end, None)
            self._points.hit("quarantined")
        following = self._port.due(taken.end)
        if following is not None and following.records:
            await self._commit(taken.end, plan_of(following, self._port.now(), self._version))
            end = taken.end
        else:
            following, end = None, self._port.tail(taken.end)
            await self._commit(end, None)
        self._figures.blocks += 1
        self._figures.records += len(taken.records)
        self._points.hit("done")
        return end, following

    async def _recover(self, found: Found) -> int:
        """Finish the block that somebody planned."""
        plan = found.plan
        assert plan is not None
        taken = await self._port.take_until(found.offset, plan.end) if found.log_start <= found.offset else None
        records = taken.records if taken else ()
        trust = trust_of(plan, found.offset, found.log_start, len(records), digest_of(records), self._version)
        if taken is None or trust is Trust.LOST or (trust is Trust.CHANGED and not self._rebuild_changed):
            raise StopRun(_lost(plan, found, len(records)))
        if trust is not Trust.SAME:
            alarm = Alarm.PLAN_CHANGED if trust is Trust.CHANGED else Alarm.OTHER_VERSION
            told = f"{taken.topic}/{taken.partition}: block {found.offset}-{plan.end}: {trust}"
            self._figures.alarm(alarm, told)
            plan = plan_of(taken, plan.t, self._version)
        await self._commit(found.offset, plan)
        self._points.hit("recovering")
        end, following = await self._done(taken, await self.write(taken, again=True))
        while following is not None:
            end, following = await self._block(following)
        return end

    async def write(self, taken: Range, *, again: bool) -> list[Reject]:
        """All rows of a block into their tables; gives back what cannot be written.

        ``again``: it may have been written before, so what is there is looked for first.
        """
        block = await self._port.build(taken)
        token, rejects = self._port.token(taken), list(block.rejects)
        for number, part in enumerate(block.parts):
            if number:
                self._points.hit("between")
            rejects += await self._parts(part, token, again=again, known=len(rejects))
        self._points.hit("inserted")
        offsets = [record.offset for record in taken.records]
        self._strikes = self._strikes.after(offsets, {reject.offset for reject in rejects}, self._limits.window)
        if self._strikes.passed(self._limits):
            raise StopRun(_too_many(taken, rejects))
        return rejects

    async def _parts(self, part: Part, token: str, *, again: bool, known: int) -> list[Reject]:
        """Insert rows; when the server refuses them, halve them until only the bad records are left over."""
        try:
            await self._surely(part, token, again=again)
            return []
        except RowsRefused as refused:
            halves = part.halves()
            if halves is None:
                return [_reject(part, refused.told)]
        rejects: list[Reject] = []
        for half in halves:
            mark = f"{token}:{half.offsets[0]}-{half.offsets[-1] + 1}"
            rejects += await self._parts(half, mark, again=again, known=known + len(rejects))
            if known + len(rejects) > max(self._limits.consecutive, self._limits.least):
                message = f"{part.table}: the server refuses one record after the other: {rejects[-1].fault}"
                raise StopRun(message)
        return rejects

    async def _surely(self, part: Part, token: str, *, again: bool) -> None:
        """Insert the same rows until they are in. What may be there already is looked for first."""
        attempt = 0
        while True:
            await self._refence()
            try:
                await self._once(part, token, again=again)
            except Stale:  # nothing was sent, so there is nothing more to look for
                self._figures.retries += 1
            except NeighbourAway:
                attempt, again = attempt + 1, True
                self._figures.retries += 1
                await self._port.pause(backoff(attempt))
            else:
                return

    async def _once(self, part: Part, token: str, *, again: bool) -> None:
        if not again:
            await self._port.insert(part, token, self._until())
            return
        present = await self._port.present(part)
        self._points.hit("probed")
        self._figures.probes += 1
        age = self._port.now() - self._planned[1].t if self._planned else 0
        safe = SAFE_MS if self._mode is Mode.TOKEN else 0
        views = self._port.has_views(part.table)
        step = missing_rows(part.rows, present, has_views=views, age_ms=age, safe_ms=safe)
        if step.views_may_lack:
            first, last = part.offsets[0], part.offsets[-1]
            told = f"{part.table}: views may lack rows of {token} (offsets {first} to {last})"
            self._figures.alarm(Alarm.VIEWS_MAY_LACK, told)
        if step.rows:
            await self._refence()  # looking may have taken long; what was found holds if the block is still ours
            await self._port.insert(part.only(step.rows), token + step.mark, self._until())

    async def _commit(self, offset: int, plan: Plan | None) -> None:
        asked = self._port.now()  # the answer may be read long after it was given
        await self._port.commit(offset, plan)
        self._noted(offset, plan, asked)

    def _noted(self, offset: int, plan: Plan | None, asked: Millis = 0) -> None:
        self._planned = (offset, plan) if plan else None
        self._fenced_at = asked

    def _until(self) -> Millis | None:
        """From when on the plan has to be committed again before anything is sent."""
        return self._fenced_at + REFENCE_MS if self._planned else None

    async def _refence(self) -> None:
        """Make sure that the block is still ours when its plan was committed a while ago."""
        if self._planned and self._port.now() - self._fenced_at >= REFENCE_MS:
            await self._commit(*self._planned)


def _reject(part: Part, told: str) -> Reject:
    fault = InvalidRecord(Reason.SINK_REJECTED, part.table, told, "mend the value, or the table that refuses it")
    return Reject(part.offsets[0], "", fault)


def _lost(plan: Plan, found: Found, records: int) -> str:
    if found.log_start > found.offset:
        return (
            f"records from offset {found.offset} are gone, the log begins at {found.log_start}: this is loss; restore "
            "them from the inputs, then start once with --accept-gap to go on at the beginning of the log"
        )
    return (
        f"the block {found.offset}-{plan.end} was planned with {plan.n} records ({plan.h}) and now has {records} "
        "others: the log was changed; find out why, then start once with --rebuild-changed to write what is there"
    )


def _too_many(taken: Range, rejects: Sequence[Reject]) -> str:
    example = f": {rejects[-1].fault}" if rejects else ""
    return (
        f"too many records of {taken.topic}/{taken.partition} are refused{example}. Nothing was acknowledged: mend the "
        "schema or the table and start again"
    )


def without_plan(found: Found) -> Found:
    """The same partition with nothing planned, from the beginning of the log."""
    return replace(found, offset=found.log_start, plan=None)
