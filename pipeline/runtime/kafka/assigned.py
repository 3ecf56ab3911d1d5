"""Which partitions a worker has, and their states: kept while they stay here, read from their changelog otherwise."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

from connectors.kafka.answering import ASK_S, Answering
from connectors.kafka.config import for_librdkafka
from connectors.librdkafka.reading import records_of
from pipeline.errors import NeighbourAway, Refused
from pipeline.runtime.kafka.brought import Worker
from pipeline.runtime.kafka.engine import Engine
from pipeline.runtime.kafka.lanes import STATE_READERS
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.read import Brought
from pipeline.runtime.kafka.watcher import Watcher
from pipeline.settings import KafkaSettings

log = logging.getLogger("wangge.worker")
PATIENCE_S = 10.0
"""Kafka is waited for knowingly when it has not answered for so long: a transaction tries for up to a minute."""


class Assigned:
    """The part of a worker that has partitions and tells that it is alive."""

    faust: Worker

    def __init__(self, engine: Engine, settings: KafkaSettings, watcher: Watcher) -> None:
        self.engine, self.settings, self.watcher = engine, settings, watcher
        self._client = for_librdkafka(settings)
        self._mine: frozenset[tuple[str, int]] = frozenset()
        self._at_hand: frozenset[tuple[str, int]] = frozenset()
        """The partitions of the polls in work."""
        self._generation, self._assignment = -1, 0
        self._settled: frozenset[int] = frozenset()
        """Partitions of casework of which nothing is left that earlier owners wrote, by the polls that were worked."""
        self._direct: frozenset[int] = frozenset()
        """Those of them whose messages are worked at once with the poll in hand."""
        self._told = asyncio.Event()
        """Set when the partitions of one more assignment are known."""
        self._working = threading.Lock()
        self._kafka = Answering(lambda there: watcher.waiting("" if there else "kafka"))
        self._asked: float | None = None
        """Since when Kafka is asked for what the poll in work needs."""

    async def turn(self) -> None:
        """Tell that the loop is alive; while the stages have a poll in work only its progress counts.

        What Kafka is asked for ends by itself in bounded time, so a worker that waits for it is alive.

        The last record of a transaction is followed by a mark: its partition looks one record behind until this says
        that nothing is left. Of the poll in work nothing is said, so that one which hangs is seen.
        """
        self.faust.check()
        asked = self._asked
        if asked is not None and time.monotonic() - asked > PATIENCE_S:
            self.watcher.waiting("kafka")
        if asked is not None or not self._working.locked():
            self.watcher.idle()
        if asked is None and not self._at_hand and self._kafka.is_due:  # who has work hears by it how Kafka fares
            there = await self.faust.answers(ASK_S)
            self._kafka.came(answers=there)
            if there and self._asked is None and not self._at_hand:  # a poll that was given back may have waited
                self.watcher.waiting("")
        prefix, at_hand = self.settings.prefix, self._at_hand
        self.watcher.read_out(
            [
                (topic, number)
                for topic, number in self._mine
                if (topic, number) not in at_hand and self.faust.read_out(prefix + topic, number)
            ]
        )

    async def assigned(self, partitions: Collection[Any]) -> None:
        """Keep states whose partitions stay here without a break, let go of the others, read the new ones."""
        told = list(partitions), self.faust.serial()
        await asyncio.get_running_loop().run_in_executor(None, self._assigned, *told)
        self._kafka.heard()
        self._told.set()

    def _assigned(self, partitions: Sequence[Any], serial: int) -> None:
        with self._working:
            before, self._generation = self._generation, self.faust.membership().generation
            self._assignment = serial
            self._mine = frozenset((self._bare(tp.topic), tp.partition) for tp in partitions)
            self._settled = frozenset()
            if self._generation != before + 1:
                self.engine.states.clear()
            kept = self._needed(self._mine)
            for place in [place for place in self.engine.states if place not in kept]:
                del self.engine.states[place]
        self.watcher.assigned(self._mine)
        threading.Thread(target=self._read_ahead, args=(self._generation,), daemon=True).start()

    def _read_ahead(self, generation: int) -> None:
        """Bring states back before their first record asks for them."""
        for place in sorted(self._needed(self._mine)):
            with self._working:
                if self._generation != generation:
                    return
                try:
                    self._bring(place)
                except (NeighbourAway, Refused) as away:
                    log.warning("state of %s is not read yet: %s", place, away)
        with self._working:
            if self._generation != generation:
                return
            try:
                self._asked = time.monotonic()
                self._prepare()
            except (NeighbourAway, Refused) as away:
                log.warning("transactions are not prepared yet: %s", away)
            finally:
                self._asked = None
            self.watcher.ready()

    def _prepare(self) -> None:
        """Once all states are here and nothing is in work: what the first poll need not wait for. Raises
        :class:`NeighbourAway`."""

    def _bring(self, place: tuple[str, int]) -> None:
        """The state of one lane and partition, read from its changelog unless it is here.

        Raises :class:`NeighbourAway`, also when the group moves on meanwhile: whoever is to tell of it waits for this,
        and a member says nothing to its group until it was told.
        """
        if place in self.engine.states:
            return
        generation = self.faust.membership().generation
        lane = next(lane for lane in self.engine.lanes if lane.name == place[0])
        begun, state, entries = time.perf_counter(), LaneState(lane), 0
        self._asked = time.monotonic()
        try:
            prefix = self.settings.prefix
            for records in records_of(self._client, prefix + STATE_READERS, prefix + lane.changelog, place[1]):
                entries += state.restore(records)
                self._asked = time.monotonic()
                self.watcher.recovering(lane.name)
                if self.faust.membership().generation != generation:
                    moved = f"the group moved on while the state of {place} was read"
                    raise NeighbourAway(moved)
        finally:
            self._asked = None
            self.watcher.recovering("")
        state.restored()
        self.engine.states[place] = state
        self.watcher.recovered(lane.name, place[1], entries, time.perf_counter() - begun)

    def _lags(self, brought: Brought) -> dict[tuple[str, int], tuple[int, int, float]]:
        now = time.time() * 1000
        found = {}
        for tp, records in brought.records.items():
            last = records[-1]
            behind = max(self.faust.end(tp) - last.offset - 1, 0)
            found[self._bare(tp.topic), tp.partition] = (last.offset + 1, behind, max(now - last.timestamp, 0) / 1000)
        return found

    def _needed(self, places: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        return {(self.engine.lane_of[topic].name, number) for topic, number in places}

    def _bare(self, topic: str) -> str:
        return topic[len(self.settings.prefix) :]
