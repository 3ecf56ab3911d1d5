"""The spotter: reads reports ahead of the workers and copies what looks urgent into the lane of emergencies.

A backlog of ordinary reports then holds no emergency up. The copies have a topic of their own: many reports sound
urgent, and what its source calls urgent goes before them. A copy has the key and the bytes of the original; casework
knows it by its number, so of the two only the first counts. Offsets are committed after the copies stand in Kafka:
after a crash some are copied once more, none is left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from threading import Event
from typing import Protocol

from connectors.kafka.answering import Answering
from connectors.librdkafka.following import Read
from connectors.librdkafka.grouped import GroupReader
from connectors.librdkafka.sending import Ends
from pipeline.errors import NeighbourAway
from pipeline.runtime.collector import SERVER, ease_collector
from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.lanes import REPORTS_SPOTTED
from pipeline.runtime.kafka.sizes import fits
from pipeline.settings import KafkaSettings

log = logging.getLogger("wangge.spotter")
SOURCES = ("reports.grid-worker", "reports.hotline", "reports.other")
LANE = REPORTS_SPOTTED
GROUP = "spotter"
READ_RECORDS, BRIEF = 10_000, 1_000
"""Records of one turn; while it gives way."""
READ_S = 0.05
LONGEST_PAUSE_S = 10.0


def joining(config: Mapping[str, object], settings: KafkaSettings) -> Join:
    """Members of the spotters' group on a real broker."""
    topics = [settings.prefix + topic for topic in SOURCES]
    instance = f"{GROUP}-{settings.instance_id}" if settings.instance_id else ""

    def join(assigned: Callable[[Collection[tuple[str, int]]], None]) -> Reader:
        return GroupReader(
            config, settings.prefix + GROUP, topics, assigned, session_ms=settings.session_ms, instance=instance
        )

    return join


class Watch(Protocol):
    """Who hears how the spotter fares (the instruments)."""

    def touched(self) -> None:
        """One turn of the loop."""

    def ready(self, need: str, there: bool) -> None:
        """Kafka is there, or away."""

    def waiting(self, neighbour: str) -> None:
        """Waits for Kafka; "" when it no longer does."""

    def assigned(self, places: Collection[tuple[str, int]]) -> None:
        """A rebalance is over."""

    def took(self, topic: str, partition: int) -> None:
        """Records are in hand."""

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """How far behind."""

    def committed(self, topic: str, partition: int, position: int) -> None:
        """How far it is done."""

    def batch(self, stage: str, records: int, seconds: float) -> None:
        """One step of one turn."""

    def scanned(self, records: int) -> None:
        """Looked at."""

    def spotted(self, topic: str, records: int) -> None:
        """Copied."""


class Reader(Protocol):
    """A member of the group (``GroupReader``)."""

    def read(self, records: int, seconds: float) -> list[Read]:
        """What comes."""

    def commit(self, lasts: Callable[[], None]) -> Ends:
        """Note what was read; ``lasts`` is called every second."""

    def behind(self, place: tuple[str, int]) -> int:
        """Records to the end."""

    def answers(self) -> bool:
        """Whether Kafka does."""

    def close(self, lasts: Callable[[], None]) -> None:
        """Leave; ``lasts`` is called every second."""


class Writer(Protocol):
    """Who sends (``Sender``)."""

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Hand one over."""

    def flush(self, lasts: Callable[[], None]) -> Ends:
        """Wait until Kafka has all of them; ``lasts`` is called every second."""

    def forget(self) -> None:
        """Drop what is queued."""


Join = Callable[[Callable[[Collection[tuple[str, int]]], None]], Reader]
"""Joins the group; what it is given is told of every assignment."""


class Spotter:
    """One member of the spotters' group."""

    def __init__(
        self, prefix: str, join: Join, write: Callable[[], Writer], looks_urgent: Callable[[bytes], bool], watch: Watch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._prefix, self._join, self._write = prefix, join, write
        self._looks, self._watch, self._kafka = looks_urgent, watch, Answering.to(watch, clock)
        self.alert = Alert()
        """Whoever tells it of emergencies that their source calls so makes the spotter give way."""
        self._late: set[tuple[str, int]] = set()
        """Partitions that looked behind when their last record came."""

    def run(self, stop: Event) -> None:
        """Work until it is told to stop. While Kafka is away it waits and begins anew at its last commit.

        It does so with a new sender: one that has met a fatal error takes nothing any more.
        """
        ease_collector(SERVER)
        self.alert.over = stop
        pause = 0.2
        while not stop.is_set():
            reader, sender = self._join(self._assigned), self._write()
            try:
                while not stop.is_set():
                    self.turn(reader, sender)
                    pause = 0.2
            except NeighbourAway as away:
                log.warning("the same records are read again: %s", away)
                self._kafka.missed()
                sender.forget()
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            finally:
                reader.close(self._lasts)

    def turn(self, reader: Reader, sender: Writer) -> int:
        """Read what is there, copy what looks urgent, note how far; rest on an alert. Gives back how many records were
        looked at."""
        self._watch.touched()
        begun = time.perf_counter()
        records = reader.read(BRIEF if self.alert.is_on else READ_RECORDS, READ_S)
        if not records:
            self._read_out()
            self._kafka.asked(reader.answers)
            return 0
        self._kafka.heard()
        self._tell(reader, records)
        urgent = self._urgent(records)
        for record in urgent:
            sender.send(self._prefix + LANE, record.key, record.value)
        if urgent:
            sender.flush(self._lasts)
        self._noted(reader.commit(self._lasts))
        self._watch.scanned(len(records))
        for topic in {record.topic for record in urgent}:
            self._watch.spotted(self._bare(topic), sum(record.topic == topic for record in urgent))
        self.alert.give_way(time.perf_counter() - begun)
        return len(records)

    def _urgent(self, records: Sequence[Read]) -> list[Read]:
        """What looks urgent and fits into the lane. The rest waits for its turn as if nobody had looked ahead: its
        original comes to a worker, who refuses what is too large."""
        looks, begun = self._looks, time.perf_counter()
        urgent = [record for record in records if looks(record.value or b"")]
        self._watch.batch("spot", len(records), time.perf_counter() - begun)
        found = [record for record in urgent if fits(LANE, record.key, record.value)]
        if left := len(urgent) - len(found):
            first = next(record for record in urgent if not fits(LANE, record.key, record.value))
            place = f"{self._bare(first.topic)}/{first.partition}/{first.offset}"
            log.warning("%d records are too large to be copied, the first one at %s", left, place)
        return found

    def _tell(self, reader: Reader, records: Iterable[Read]) -> None:
        now = time.time() * 1000
        for (topic, partition), last in {(record.topic, record.partition): record for record in records}.items():
            behind = reader.behind((topic, partition))
            self._watch.took(self._bare(topic), partition)
            (self._late.add if behind else self._late.discard)((topic, partition))
            self._watch.lag(self._bare(topic), partition, behind, max(now - last.timestamp, 0) / 1000 if behind else 0)

    def _read_out(self) -> None:
        """Nothing comes any more: what still looks behind are marks of transactions, which are no records."""
        while self._late:
            topic, partition = self._late.pop()
            self._watch.lag(self._bare(topic), partition, 0, 0.0)

    def _noted(self, ends: Ends) -> None:
        for (topic, partition), end in ends.items():
            self._watch.committed(self._bare(topic), partition, end)

    def _lasts(self) -> None:
        """Kafka has not confirmed something yet: it is tried for minutes, and that is no reason to start anew."""
        self._watch.touched()
        self._kafka.late()

    def _assigned(self, places: Collection[tuple[str, int]]) -> None:
        self._kafka.heard()
        self._watch.assigned([(self._bare(topic), partition) for topic, partition in places])

    def _bare(self, topic: str) -> str:
        return topic[len(self._prefix) :]
