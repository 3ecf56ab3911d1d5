"""A worker: polls that Faust brings go through the engine and out in one transaction each.

What it promises: a record's effects (facts, messages, state, position) become visible once, together, whatever dies
and whenever. A worker whose group went on without it writes nothing. A fault of a neighbour is waited for with the same
poll in hand, a missing right as well; too many refusals (exit code 3) or a bug (70) stop the process with nothing of
that part acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from connectors.kafka.contract import URGENT
from connectors.librdkafka.hearing import Hearing
from connectors.librdkafka.transactions import Membership, Superseded, Transactions
from pipeline.errors import BUG, NeighbourAway, Refused, StopRun
from pipeline.runtime.collector import SERVER, ease_collector
from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.arriving import Poll, parts_of
from pipeline.runtime.kafka.assigned import Assigned
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.brought import Worker
from pipeline.runtime.kafka.engine import Engine
from pipeline.runtime.kafka.handover import Handover, InHand, Writing
from pipeline.runtime.kafka.lanes import AHEAD, CASEWORK, LANES, LOCATED, STATE_READERS, Lane
from pipeline.runtime.kafka.points import Point, nothing
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.read import Brought
from pipeline.runtime.kafka.refusals import RefusalLimits
from pipeline.runtime.kafka.watcher import Watcher
from pipeline.settings import KafkaSettings
from pipeline.topology import Topology

log = logging.getLogger("wangge.worker")
TURN_S = 5.0
REVOKE_S = 10.0
"""Longest wait for a poll in work when partitions are taken away; its transaction is refused if it comes later."""
LONGEST_CHAIN = 8
"""Polls that are handed over one to the other before the last transaction is waited for: all of them are fed again when
one is refused, and whoever waits for the worker waits for them."""


class KafkaWorker(Assigned):
    """Lanes of the pipeline in one process of the group."""

    def __init__(
        self,
        topology: Topology,
        lanes: Sequence[Lane],
        settings: KafkaSettings,
        policy: WorkerPolicy,
        watcher: Watcher,
        *,
        data_folder: str,
        point: Callable[[Point], None] = nothing,
        status_topics: Collection[str] = (),
        partitions: int = 0,
    ) -> None:
        limits = RefusalLimits(ratio=policy.max_refused)
        super().__init__(Engine(topology, lanes, limits, status_topics, partitions=partitions), settings, watcher)
        self.policy, self.point, self._alert = policy, point, Alert()
        self.name = "-".join(lane.name for lane in lanes)
        topics = [settings.prefix + topic for topic in self.engine.lane_of]
        self.faust = Worker(
            settings, f"{settings.prefix}worker-{self.name}", topics,
            [{settings.prefix + name for name in group} for group in AHEAD],
            self.take, poll_records=policy.poll_records, data_folder=data_folder,
            settling={settings.prefix + topic for topic in (LANES[CASEWORK].topics if partitions else ())},
            backlog={settings.prefix + LOCATED},
            alert=self._alert if policy.gives_way and self.name == CASEWORK else None,
        )  # fmt: skip
        self.faust.on_rebalance(self.assigned, self.revoked)
        self.faust.on_stop(self.stopping)
        self.faust.every(TURN_S, self.turn)
        self._transactions: Transactions | None = None
        self._handover = Handover()
        self._chain: asyncio.Future[None] | None = None
        """The work on polls that were handed over one to the other."""
        self._written_s = 0.0
        """How long the last transaction took."""
        self._writer = ThreadPoolExecutor(1, "writer")
        self._stopping = False

    def run(self, log_level: str) -> None:
        """Work until a signal ends it."""
        ease_collector(SERVER)
        if self.policy.gives_way and self.name != CASEWORK:
            prefix = self.settings.prefix
            Hearing(self._client, prefix + URGENT, prefix + STATE_READERS, self._alert.heard).start()
        self.faust.run(log_level)

    async def stopping(self) -> None:
        """The worker is asked to stop: the poll in work is written, no other is begun."""
        self._stopping = True
        self._alert.over.set()
        self._told.set()
        await self.revoked()

    async def revoked(self) -> None:
        """A rebalance began: let the poll in work finish, within bounds."""
        self._handover.shut()
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(None, lambda: self._working.acquire(timeout=REVOKE_S)):
            self._working.release()

    # --- polls ----------------------------------------------------------------------------------------------------

    async def take(self, brought: Brought) -> float:
        """Begin with one poll. Back when the next may come: after the end of a small one, and for somebody who is
        behind when it went through the stages: its last transaction is written while the next is fed. Gives back how
        many seconds records may gather before it."""
        self._kafka.heard()
        await self._until_told(brought.assignment)
        loop, free = asyncio.get_running_loop(), asyncio.Event()
        one = InHand(brought, self.settings.prefix, lambda: loop.call_soon_threadsafe(free.set))
        if not self._handover.offer(one):
            if self._chain is not None:
                await asyncio.wait([self._chain])
            self._at_hand = frozenset()
            self._handover.open()
            self._chain = asyncio.ensure_future(self._worked(one))
        self._at_hand |= one.poll.keys()
        await free.wait()
        return self.policy.rest_s(self._written_s, one.size)

    async def _until_told(self, assignment: int | None) -> None:
        """Until the partitions of that assignment are known here.

        Faust lets polls come while it still tells of their partitions. Such a poll is not given back: its records have
        been read since the group's offsets were, so nobody would read them again.
        """
        while assignment is not None and assignment > self._assignment and not self._stopping:
            self._told.clear()
            await self._told.wait()

    async def _worked(self, one: InHand) -> None:
        """A chain of polls to its end. Whatever is no neighbour's fault ends the process: nothing was acknowledged."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._take, one)
            self._at_hand = frozenset()
        except asyncio.CancelledError:
            raise
        except StopRun as stop:
            log.error("stopped: %s; nothing of this part of the poll was acknowledged", stop)
            _end(stop.code)
        except BaseException:
            log.exception("the worker stops; nothing of this part of the poll was acknowledged")
            _end(BUG)

    def _take(self, first: InHand) -> None:
        """Whatever was not written when this ends (the group moved on) is given to whoever has the partitions then."""
        one: InHand | None = first
        while one is not None:
            hand = [one]
            self._begin(one)
            for refusals in self.engine.refusals.values():
                refusals.begin()
            self._until_written(hand)  # after a fault that ends the process nothing is let go
            one = self._handover.close()
            for written in hand:
                written.let_go()

    def _begin(self, one: InHand) -> None:
        self.watcher.polled(self._lags(one.brought))
        self.point("polled")

    def _until_written(self, hand: list[InHand]) -> None:
        pause = self.policy.first_pause_s
        while True:
            with self._working:
                reader = self.faust.membership()
                if self._stopping or not self._is_member(reader) or not all(map(self._current, hand)):
                    log.info("%d records are given back, to be read again", sum(one.size for one in hand))
                    return
                try:
                    self._work(hand, reader)
                    self.watcher.waiting("")
                    return
                except Superseded as reason:
                    self._drop(hand, "fenced", reason)
                    self.watcher.waiting("")
                    return
                except (NeighbourAway, Refused) as reason:
                    self._drop(hand, "retried", reason)
                    self.watcher.waiting("kafka")
            time.sleep(pause)
            pause = min(2 * pause, self.policy.longest_pause_s)

    def _is_member(self, reader: Membership) -> bool:
        """Whether the group still is in the generation whose partitions are known here; one below 0 is of no member,
        and Kafka notes offsets for it without asking who it is."""
        return reader.generation == self._generation >= 0

    def _current(self, one: InHand) -> bool:
        """Whether a poll was read since the last rebalance. What came before one that was read earlier may be unwritten
        and is read again, then behind it: its records would be taken for answered."""
        return one.brought.assignment in {None, self._assignment} and self._mine.issuperset(one.poll)

    def _work(self, hand: list[InHand], reader: Membership) -> None:
        """Polls in parts; those fed while a transaction is written share the next one. A fault is that of all of them.

        Parts that were written are left out when they are fed again. More polls join them as long as they come while
        the last transaction is written."""
        writing = Writing(lambda batch, seconds: self._writer.submit(self._commit, batch, reader, seconds))
        try:
            for poll, at_hand in self._polls(hand, writing):
                for part in parts_of(poll, self.policy.part_records, AHEAD):
                    begun = time.perf_counter()
                    batch = self.engine.feed(part, at_hand)
                    self.point("fed")
                    writing.add(batch, time.perf_counter() - begun)
                    rests = self.policy.gives_way and self._alert.is_on and self.name != CASEWORK
                    if rests or _ahead(part):  # such share their transaction with nothing, the processor with nobody
                        writing.begin()
                        writing.end()
                    if rests:
                        self._alert.give_way(time.perf_counter() - begun)
                writing.begin()
        finally:
            writing.end()
        writing.last.result()
        self._settled = hand[-1].brought.settled

    def _polls(self, hand: list[InHand], writing: Writing) -> Iterator[tuple[Poll, frozenset[int]]]:
        """The polls in hand, their states brought; then those that are handed over while the last one is written.

        With each the partitions of casework whose messages need not go through its topics: what earlier owners wrote
        for them was part of the polls before this one.
        """
        at_hand = self._settled
        for one in hand:  # it grows
            poll, self._direct = one.poll, at_hand
            for place in sorted(self._touched(poll)):
                self._bring(place)
            self.point("recovered")
            yield poll, at_hand
            at_hand = one.brought.settled
            if one is hand[-1] and len(hand) < LONGEST_CHAIN and one.size >= self.policy.part_records:
                one.let_go()
                following = self._handover.next_before(writing.last)
                if following is not None:
                    self._begin(following)
                    hand.append(following)

    def _touched(self, places: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """The states that records of these places change, and those that what follows from them does."""
        return self._needed(places) | {(CASEWORK, number) for number in self._direct}

    def _commit(self, batch: Batch, reader: Membership, fed_seconds: float) -> None:
        begun, self._asked = time.perf_counter(), time.monotonic()
        try:
            self._written(batch, reader)
        finally:
            self._asked = None
        self.point("committed")
        self._written_s = time.perf_counter() - begun
        self.watcher.batch(batch, fed_seconds, self._written_s)

    def _written(self, batch: Batch, reader: Membership) -> None:
        prefix = self.settings.prefix
        offsets = {(prefix + topic, number): offset for (topic, number), offset in batch.offsets.items()}
        self._writes().commit(batch.written, offsets, reader, prefix)

    def _writes(self) -> Transactions:
        """The producer of this worker, made when it is missing. Raises :class:`NeighbourAway`."""
        if self._transactions is None:
            identity = self.settings.instance_id or f"{os.uname().nodename}-{os.getpid()}"
            self._transactions = Transactions(self._client, f"{self.settings.prefix}{self.name}-{identity}", self.point)
        return self._transactions

    def _prepare(self) -> None:
        if self._transactions is None:
            self._writes().prepare()

    def _drop(self, hand: Sequence[InHand], outcome: str, reason: Exception) -> None:
        """What polls did to their states was not written: they are read again when they are needed."""
        log.warning("a transaction was taken back (%s): %s", outcome, reason)
        self.watcher.transaction(outcome)
        for refusals in self.engine.refusals.values():
            refusals.back()
        for place in self._touched([place for one in hand for place in one.poll]):
            self.engine.states.pop(place, None)
        if outcome == "retried" and self._transactions is not None:
            self._transactions.forget()
            self._transactions = None


def _ahead(part: Poll) -> bool:
    return all(any(topic in group for group in AHEAD) for topic, _ in part)


def _end(code: int) -> None:
    """The loop of Faust would swallow or delay an error: the process ends at once, what it logged is written."""
    logging.shutdown()
    os._exit(code)
