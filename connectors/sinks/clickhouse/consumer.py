"""All partitions of one process: poll, hand out, hold back, and give back in a rebalance.

Memory is bounded: a partition whose share is full is not read on until half of it is written, and all shares together
are one budget. So when ClickHouse is away, reading stops by itself, and goes on by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from connectors.kafka.answering import Answering
from connectors.sinks.clickhouse.broker import FETCH_BYTES, Broker, Committer, Place
from connectors.sinks.clickhouse.faultpoints import FaultPoints
from connectors.sinks.clickhouse.flush import Limits
from connectors.sinks.clickhouse.inbox import Inbox
from connectors.sinks.clickhouse.lane import Fenced, Found, Lane, without_plan
from connectors.sinks.clickhouse.plan import version
from connectors.sinks.clickhouse.port import Neighbours, PartitionPort
from connectors.sinks.clickhouse.turning import look, turning
from pipeline.errors import StopRun

LOG = logging.getLogger("wangge.sink")
TURN = 0.1
"""Seconds that a poll waits for records."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a sink is to run."""

    limits: Limits = field(default_factory=Limits)
    budget: int = 64_000_000
    """Bytes of records that may wait in memory, all partitions together."""
    grace: float = 5.0
    """Seconds that a block in flight may take when the partition is given back; then it is left to the next owner."""
    points: FaultPoints | None = None
    accept_gap: bool = False
    rebuild_changed: bool = False


@dataclass(slots=True)
class _Running:
    inbox: Inbox
    port: PartitionPort
    task: asyncio.Task[None]
    generation: int
    paused: bool = False


class Consumer:
    """Reads the partitions that the group gives us and runs a lane for each."""

    def __init__(self, broker: Broker, shared: Neighbours, options: Options) -> None:
        self._broker, self._shared, self._options = broker, shared, options
        self._running: dict[Place, _Running] = {}
        self._committer: Committer = shared.committer
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._version = version()
        self.joined = False
        self._given = 0
        self._looking: asyncio.Task[None] | None = None
        self._kafka = Answering(lambda there: shared.figures.neighbour("kafka", there=there))

    def stop(self) -> None:
        """Finish the blocks in flight, then end."""
        self._stop.set()

    async def run(self) -> None:
        """Read and write until :meth:`stop`. Raises what a lane raised, be it with its last block; nothing of it is
        acknowledged then.
        """
        self._looking = asyncio.create_task(look(self._kafka, self._broker.answers))
        try:
            joining = self._broker.start(self._give_back, self._receive)
            await turning(joining, self._shared.figures.watch.touched, self._stop)
            while not self._stop.is_set():
                await self._turn()
            await self._give_back()
            self._fail()
        finally:
            self._looking.cancel()
            await self._give_back()
            await self._broker.stop()

    async def _turn(self) -> None:
        poll = asyncio.ensure_future(self._broker.poll(TURN))
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([poll, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not poll.done():
            poll.cancel()
            return
        batch = poll.result()
        if batch:
            self._kafka.heard()
        for place, running in self._running.items():
            running.inbox.add(batch.get(place, ()), self._broker.position(place))
        self._hold_back()
        self._tell()
        self._check()

    def _check(self) -> None:
        """Raise what broke a lane; one that lost its partition just ends.

        Where only its transaction was taken over the group knows nothing of a loss, and would leave the partition to us
        and unread for ever: it is asked to give it anew.
        """
        for place, running in list(self._running.items()):
            if not running.task.done() or running.task.cancelled():
                continue
            error = running.task.exception()
            if isinstance(error, Fenced):
                LOG.warning("partition lost", extra={"topic": place[0], "partition": place[1], "why": str(error)})
                self._shared.figures.fenced += 1
                del self._running[place]
                self._broker.rejoin(running.generation)
            elif error is not None:
                raise error
        self._fail()

    def _fail(self) -> None:
        """Raise what broke within a rebalance, where aiokafka would swallow it, or while partitions were given back."""
        if self._failure is not None:
            raise self._failure
        if self._looking is not None and self._looking.done():
            self._looking.result()

    # -- the group ----------------------------------------------------------------------------------------------

    async def _receive(self, places: set[Place]) -> None:
        """A new assignment: begin where each partition stands."""
        try:
            found = await self._broker.found(places)
            generation = self._broker.generation()
            for place in sorted(places):
                self._begin(place, self._checked(place, found[place]), generation)
            self.joined, self._given = True, len(places)
            self._kafka.heard()
            self._shared.figures.watch.assigned(sorted(places))
            LOG.info("assigned", extra={"partitions": len(places), "generation": generation})
        except Exception as error:  # aiokafka would swallow it
            self._failure = error

    def _checked(self, place: Place, found: Found) -> Found:
        if found.plan is not None or found.log_start <= found.offset:
            if not (self._options.accept_gap and found.log_start > found.offset):
                return found
        elif not self._options.accept_gap:
            message = (
                f"{place[0]}/{place[1]}: records from offset {found.offset} are gone, the log begins at "
                f"{found.log_start}: this is loss; restore them from the inputs, then start once with --accept-gap"
            )
            raise StopRun(message)
        LOG.error("gap accepted", extra={"topic": place[0], "partition": place[1], "from": found.offset,
                                         "to": found.log_start})  # fmt: skip
        self._broker.seek(place, found.log_start)
        return without_plan(found)

    def _begin(self, place: Place, found: Found, generation: int) -> None:
        inbox = Inbox(*place, self._options.limits, found.offset)
        port = PartitionPort(self._shared, place, inbox, generation)
        port.done = found.offset
        lane = Lane(
            port, self._shared.target.mode, self._version, self._shared.figures, points=self._options.points,
            rebuild_changed=self._options.rebuild_changed,
        )  # fmt: skip
        task = asyncio.create_task(lane.run(found), name=f"lane {place[0]}/{place[1]}")
        self._running[place] = _Running(inbox, port, task, generation)

    async def _give_back(self) -> None:
        """The assignment ends: blocks in flight get a while to finish, then they are the next owner's."""
        running, self._running, self.joined = self._running, {}, False
        for one in running.values():
            one.inbox.close()
        tasks = [one.task for one in running.values() if not one.task.done()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._options.grace)
            for task in late:
                task.cancel()
            if late:
                LOG.warning("blocks left to the next owner", extra={"blocks": len(late)})
                await asyncio.wait(late)
        await self._committer.idle(self._options.grace)
        for one in running.values():
            error = None if one.task.cancelled() else one.task.exception()
            if isinstance(error, Fenced):
                self._shared.figures.fenced += 1
            elif error is not None:
                self._failure = self._failure or error

    # -- memory and figures -------------------------------------------------------------------------------------

    def _hold_back(self) -> None:
        """Pause partitions whose share is full; resume those that were half written."""
        share = max(self._options.budget // max(len(self._running), 1), FETCH_BYTES)
        full = [
            place
            for place, one in self._running.items()
            if not one.paused and one.inbox.size >= share and not one.inbox.gathering
        ]
        eased = [p for p, one in self._running.items() if one.paused and one.inbox.size < share // 2]
        for places, paused in ((full, True), (eased, False)):
            for place in places:
                self._running[place].paused = self._running[place].inbox.full = paused
        if full:
            self._broker.pause(full)
        if eased:
            self._broker.resume(eased)

    def _tell(self) -> None:
        figures, now = self._shared.figures, time.time() * 1000
        lag, oldest = 0, now
        for place, one in self._running.items():
            behind, first = self._behind(place, one), one.port.oldest or one.inbox.oldest()
            lag += behind
            oldest = min(oldest, first or now)
            seconds = max(now - first, 0) / 1000 if first and behind else 0.0
            figures.watch.lag(*place, behind, seconds)
        figures.lag, figures.oldest_ms = lag, int(now - oldest)
        figures.plans = sum(one.port.planned for one in self._running.values())
        figures.buffered = sum(len(one.inbox.records) for one in self._running.values())
        figures.size = sum(one.inbox.size for one in self._running.values())
        figures.paused = sum(one.paused for one in self._running.values())
        figures.watch.touched()
        figures.watch.sink_state(figures.mode.name.lower(), figures.plans, figures.buffered, figures.size)

    def _behind(self, place: Place, one: _Running) -> int:
        readable = self._broker.readable(place)
        return max((readable if readable is not None else one.port.done) - one.port.done, 0)

    def caught_up(self) -> bool:
        """Whether everything that Kafka was last seen to have for us is written."""
        places = {place: (self._broker.readable(place), one.port) for place, one in self._running.items()}
        whole = self.joined and len(places) == self._given  # not within a rebalance, and no lane was lost
        return whole and all(
            readable is not None and port.done >= readable and not port.planned for readable, port in places.values()
        )
