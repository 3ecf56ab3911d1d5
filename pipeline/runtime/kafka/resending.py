"""Sends records that were put off back to where they came from, each when its time has come.

A process of its own: it reads what workers of every lane put off and writes to all of their inputs, which no worker
may, and half an hour of waiting must not hang on a worker's rebalance. What is sent back and how far each retry topic
is done are one transaction, so a record is sent back once, whatever dies and whenever. Each delay has a topic of its
own, in whose partitions times only rise: while the first record waits, its partition is not read on, all others are.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from threading import Event
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from connectors.kafka.answering import Answering
from connectors.librdkafka.following import Read
from connectors.librdkafka.grouped import GroupReader
from connectors.librdkafka.transactions import Superseded, Transactions, Written
from pipeline.errors import FateUnknown, InvalidRecord, NeighbourAway
from pipeline.events.facts import RecordQuarantined
from pipeline.events.records import Arrival, Origin
from pipeline.runtime.kafka.outbox import fact_records
from pipeline.runtime.kafka.points import Point, nothing
from pipeline.runtime.kafka.retries import DELAYS, attempt_of, due_at, sent_back
from pipeline.settings import KafkaSettings
from pipeline.stages.intake import quarantined
from pipeline.wire.serde import name_of

log = logging.getLogger("wangge.retry")
GROUP = "desk.retry"
IDENTITY = "desk-retry"
READ_RECORDS = 200
"""Records taken at a time; what waits of a partition is never more."""
READ_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
Place = tuple[str, int]
Told = Callable[[Collection[Place]], None]


class Held(NamedTuple):
    """A record in hand and when it is to be sent back (milliseconds since 1970)."""

    record: Read
    due: int


class Watch(Protocol):
    """Who hears how it fares (the instruments)."""

    def touched(self) -> None:
        """One turn of the loop."""

    def ready(self, need: str, there: bool) -> None:
        """Kafka is there, or away."""

    def waiting(self, neighbour: str) -> None:
        """Waits for a neighbour; "" when it no longer does."""

    def assigned(self, places: Collection[Place]) -> None:
        """A rebalance is over."""

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """Records whose time has come, and since when."""

    def committed(self, topic: str, partition: int, position: int) -> None:
        """How far a partition is done."""

    def produced(self, topic: str, records: int) -> None:
        """Sent back."""

    def put_off(self, topic: str, records: int) -> None:
        """Records of one delay that wait."""

    def quarantined(self, topic: str, reason: str, records: int) -> None:
        """Refused: they name no place to go to."""

    def transaction(self, result: str) -> None:
        """A transaction is done or was taken back."""


class Reader(Protocol):
    """A member of the group (``GroupReader``)."""

    membership: bytes

    def read(self, records: int, seconds: float) -> list[Read]:
        """What comes."""

    def pause(self, places: Collection[Place]) -> None:
        """Read no more of them."""

    def resume(self, places: Collection[Place]) -> None:
        """Read them again."""

    def behind(self, place: Place) -> int:
        """Records to the end."""

    def answers(self) -> bool:
        """Whether Kafka does."""

    def close(self) -> None:
        """Leave."""


class Writer(Protocol):
    """Who writes (``Transactions``)."""

    def commit(self, written: Any, offsets: Mapping[Place, int], reader: Any, prefix: str) -> None:
        """All or nothing, ``prefix`` before the topics."""

    def partitions(self, topic: str) -> int:
        """How many a topic has."""

    def forget(self) -> None:
        """Drop what is queued."""


def joining(config: Mapping[str, object], settings: KafkaSettings) -> Callable[[Told, Told], Reader]:
    """Members of the group on a real broker."""
    topics = [settings.prefix + topic for topic in DELAYS]
    instance = f"{IDENTITY}-{settings.instance_id}" if settings.instance_id else ""

    def join(assigned: Told, revoked: Told) -> Reader:
        return GroupReader(
            config, settings.prefix + GROUP, topics, assigned, revoked=revoked, session_ms=settings.session_ms,
            instance=instance, headers=True,
        )  # fmt: skip

    return join


def writing(
    config: Mapping[str, object], settings: KafkaSettings, name: str, point: Callable[[Point], None] = nothing
) -> Callable[[], Writer]:
    """Transactions under the name of this process; a second one of the name shuts the first out."""
    return lambda: Transactions(config, f"{settings.prefix}{IDENTITY}-{settings.instance_id or name}", point)


class Resender:
    """One member of the group."""

    def __init__(
        self, prefix: str, join: Callable[[Told, Told], Reader], write: Callable[[], Writer], watch: Watch,
        *, now: Callable[[], float] = time.time, point: Callable[[Point], None] = nothing,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._prefix, self._join, self._write, self._watch = prefix, join, write, watch
        self._now, self._point, self._kafka = now, point, Answering.to(watch, clock)
        self._held: dict[Place, deque[Held]] = {}
        self._mine: set[Place] = set()
        self._paused: set[Place] = set()

    def run(self, stop: Event) -> None:
        """Work until it is told to stop. While Kafka is away it waits and begins anew at its last commit."""
        pause = FIRST_PAUSE_S
        while not stop.is_set():
            reader, writer = self._join(self._assigned, self._revoked), None
            try:
                writer = self._write()
                while not stop.is_set():
                    self.turn(reader, writer)
                    pause = FIRST_PAUSE_S
            except (NeighbourAway, Superseded, FateUnknown) as reason:
                self._begin_anew(reason)
                if writer is not None:
                    writer.forget()
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            finally:
                reader.close()
                self._revoked(list(self._mine))

    def turn(self, reader: Reader, writer: Writer) -> int:
        """Read, send back what is due, hold what is not. Gives back how many records were sent."""
        self._watch.touched()
        records = reader.read(READ_RECORDS, READ_S)
        if records:
            self._kafka.heard()
        else:
            self._kafka.asked(reader.answers)
        for record in records:
            time_due = due_at(self._bare(record.topic), record.timestamp, int(self._now() * 1000))
            self._held.setdefault((record.topic, record.partition), deque()).append(Held(record, time_due))
        self._point("polled")
        now = int(self._now() * 1000)
        due = {place: count for place, held in self._held.items() if (count := due_of(held, now))}
        if due:
            self._send(due, reader, writer)
        self._hold_back(reader)
        self._tell(reader, now)
        return sum(due.values())

    def _send(self, due: Mapping[Place, int], reader: Reader, writer: Writer) -> None:
        records = [held.record for place, count in due.items() for held in list(self._held[place])[:count]]
        written = [one for record in records for one in self._written(record, writer)]
        ends = {place: self._held[place][count - 1].record.offset + 1 for place, count in due.items()}
        writer.commit(written, ends, reader.membership, self._prefix)
        self._point("committed")
        for place, count in due.items():
            for _ in range(count):
                self._held[place].popleft()
        for topic, number in Counter(one.topic for one in written).items():
            self._watch.produced(topic, number)
        for (topic, partition), end in ends.items():
            self._watch.committed(self._bare(topic), partition, end)
        self._watch.transaction("committed")
        self._kafka.heard()

    def _written(self, record: Read, writer: Writer) -> Iterator[Written]:
        """The record for its origin, or for quarantine when it names none."""
        try:
            yield sent_back(record, lambda topic: writer.partitions(self._prefix + topic))
        except InvalidRecord as fault:
            yield from fact_records([_refused(record, self._bare(record.topic), fault)])
            self._watch.quarantined(self._bare(record.topic), fault.reason, 1)

    def _hold_back(self, reader: Reader) -> None:
        """A partition whose first record waits is not read on."""
        waits = {place for place, held in self._held.items() if held}
        if pausing := waits - self._paused:
            reader.pause(pausing)
        if resuming := self._paused - waits:
            reader.resume(resuming)
        self._paused = waits

    def _tell(self, reader: Reader, now: int) -> None:
        waiting: Counter[str] = Counter(dict.fromkeys(DELAYS, 0))
        for topic, partition in self._mine:
            held = self._held.get((topic, partition), ())
            waiting[self._bare(topic)] += len(held) + reader.behind((topic, partition))
            late = max(now - held[0].due, 0) if held else 0
            self._watch.lag(self._bare(topic), partition, len(held) if late else 0, late / 1000)
        for topic, records in waiting.items():
            self._watch.put_off(topic, records)

    def _begin_anew(self, reason: Exception) -> None:
        log.warning("the same records are read again: %s", reason)
        fenced = isinstance(reason, Superseded)
        self._watch.transaction("fenced" if fenced else "retried")
        if not fenced:
            self._kafka.missed()

    def _assigned(self, places: Collection[Place]) -> None:
        self._mine = set(places)
        self._watch.assigned([(self._bare(topic), partition) for topic, partition in places])
        self._kafka.heard()

    def _revoked(self, places: Collection[Place]) -> None:
        """What was read of them is another's now."""
        for place in places:
            self._held.pop(place, None)
            self._paused.discard(place)
            self._mine.discard(place)

    def _bare(self, topic: str) -> str:
        return topic[len(self._prefix) :]


def due_of(held: Collection[Held], now: int) -> int:
    """How many from the front have waited long enough."""
    return next((number for number, one in enumerate(held) if one.due > now), len(held))


def _refused(record: Read, topic: str, fault: InvalidRecord) -> RecordQuarantined:
    value = record.value or b""
    origin = Origin(topic, record.partition, record.offset)
    arrival = Arrival(name_of(value) or "", origin, record.timestamp, None, record.offset, value, fault)
    (fact,) = quarantined(arrival, fault).facts
    assert isinstance(fact, RecordQuarantined)
    return replace(fact, attempts=attempt_of(record.headers) + 1)
