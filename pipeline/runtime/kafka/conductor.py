"""A simulated city played through Kafka so that it comes out as in one process: wave after wave, each one settled.

Real sources send when they like, and who is first of two reports of one problem is then a matter of milliseconds. To
compare Kafka with the local runner, the conductor keeps the order of the log wherever it matters: it cuts the log into
the same polls, each poll into waves (:mod:`pipeline.runtime.kafka.waves`), and answers as departments and citizens
would, out of the facts it reads back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.kafka.config import for_librdkafka
from connectors.kafka.contract import URGENT, key_of, topic_of
from connectors.librdkafka.following import Follower, Read
from connectors.librdkafka.sending import Sender
from pipeline.errors import InvalidRecord
from pipeline.events.base import Millis, Value
from pipeline.events.facts import Fact, OutcomesCounted, Samples
from pipeline.events.records import ACTION_SCHEMA, REPORT_SCHEMAS, Arrival
from pipeline.runtime.answers import AnswerBook, Responder, expected
from pipeline.runtime.counts import add_outcome
from pipeline.runtime.kafka.foresight import Foresight, tick_waves
from pipeline.runtime.kafka.lanes import TRIAGE
from pipeline.runtime.kafka.stillness import BETWEEN, Stillness
from pipeline.runtime.kafka.waves import waves
from pipeline.runtime.local import RunPolicy
from pipeline.runtime.merge import Merged
from pipeline.runtime.partitioning import partition_of
from pipeline.runtime.polling import day_by_day, horizon_of, latest_received, next_poll, ticks
from pipeline.settings import KafkaSettings
from pipeline.topology import Topology
from pipeline.wire.serde import decode_struct, encode
from schemas.topics import topics

READINGS = "readings.sensor"
NAME = "conductor"
"""What the conductor's ticks say of their source."""
FACTS = (*sorted(name for name in topics() if name.startswith("facts.")), "quarantine")


class Record(NamedTuple):
    """One record as it goes to Kafka; ``topic`` without prefix."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int = -1


def record_of(arrival: Arrival, departments: Collection[str]) -> Record:
    """A record of a log as its source would send it; also one that intake will refuse.

    An action of a unit without a topic goes to the desk. What could not be read goes on as the bytes it came as.
    """
    schema, body = arrival.schema, arrival.body
    if arrival.fault is not None or body is None:
        return Record("reports.other", None, arrival.raw)
    if schema in REPORT_SCHEMAS and body.get("urgent"):
        return Record(URGENT, key_of(schema, body), encode(schema, body))
    unit = str(body.get("actor_unit", "")) if schema == ACTION_SCHEMA else ""
    topic = topic_of(schema, unit if unit in departments else TRIAGE)
    try:
        return Record(topic, key_of(schema, body), encode(schema, body))
    except InvalidRecord:
        return Record(topic, key_of(schema, body), arrival.raw)


@dataclass
class Played:
    """How far a play is."""

    records: int = 0
    waves: int = 0
    polls: int = 0
    ticks: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """As :class:`pipeline.runtime.counts.Counts` keeps its totals."""

    def count(self, fact: OutcomesCounted) -> None:
        """Add the outcomes of one transaction."""
        way = (fact.channel, fact.fate, fact.outcome)
        add_outcome(self.counts, way, records=fact.records, samples=fact.samples, derived=fact.derived)


class Conductor:
    """One play. ``hear`` is given every fact once, ``progress`` the play after each wave."""

    def __init__(
        self, topology: Topology, settings: KafkaSettings, groups: dict[str, str], departments: Collection[str],
        policy: RunPolicy, responder: Responder | None = None, *,
        hear: Callable[[Fact | Samples], None] = lambda fact: None,
        progress: Callable[[Played], None] = lambda played: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._prefix, self._policy, self._responder = settings.prefix, policy, responder
        self._departments, self._hear, self._progress = departments, hear, progress
        self._foresight = Foresight(topology)
        self._answers = AnswerBook()
        self._stream_time: Millis = 0
        config = for_librdkafka(settings)
        self._sender = Sender(config)
        self._follower = Follower(config, [self._prefix + topic for topic in (*BETWEEN, *FACTS)])
        self._stillness = Stillness(self._follower, groups, self._prefix, check=check)
        self._devices = self._sender.partitions(self._prefix + READINGS)
        self.played = Played()

    def close(self) -> None:
        """Let go of all connections."""
        self._follower.close()

    def play(self, log: Merged) -> Played:
        """The log to its end, answers included.

        Days come one after the other: time that runs ahead would let go of cases that earlier records still look for.
        """
        while batch := self._next(log):
            touches = self._foresight.poll(batch)
            for day in day_by_day(batch, self._stream_time):
                for wave in waves(touches[day.start : day.stop]):
                    self._send([record_of(batch[day.start + number], self._departments) for number in wave])
                    self.played.records += len(wave)
                    self._progress(self.played)
            self._advance(latest_received(batch))
            self._listen()
            self.played.polls += 1
        return self.played

    def _next(self, log: Merged) -> list[Arrival]:
        horizon = horizon_of(self._stream_time, self._policy.answer_days)
        return next_poll(
            log, self._answers, self._policy.poll_records, self.played.records, horizon,
            lambda change: self._answers.apply((change,)),
        )  # fmt: skip

    def _send(self, records: list[Record]) -> None:
        """One wave, to its end."""
        for topic, key, value, partition in records:
            self._sender.send(self._prefix + topic, key, value, partition)
        self._stillness.wait(self._sender.flush(), self._heard)
        self.played.waves += 1

    def _advance(self, latest: Millis) -> None:
        """Tell every partition of readings the time, at the moments at which the local runner looks at it."""
        before = self._stream_time
        if latest <= before:
            return
        self._stream_time = latest
        if not ticks(before, latest):
            return
        alarms = self._foresight.tick(latest, lambda device: partition_of(device.encode(), self._devices))
        for wave in tick_waves(alarms, latest, self._devices):
            self._send([self._tick(at, partition) for partition, at in wave.items()])
        self.played.ticks += 1

    def _tick(self, at: Millis, partition: int) -> Record:
        body = {"at": at, "partition": partition, "source_system": NAME}
        return Record(READINGS, None, encode("Tick", body), partition)

    def _listen(self) -> None:
        """Hear all facts that stand."""
        names = {self._prefix + name for name in FACTS}
        for batch in self._follower.read_to(self._follower.ends(names)):
            self._heard(batch)

    def _heard(self, batch: list[Read]) -> None:
        for record in batch:
            if record.topic[len(self._prefix) :] in FACTS:
                self._take(decode_struct(record.value or b""))

    def _take(self, fact: Value) -> None:
        if isinstance(fact, OutcomesCounted):
            self.played.count(fact)
        elif isinstance(fact, Fact):
            self._foresight.heard(fact)
            if self._responder is not None:
                self._answers.apply(expected(self._responder, (fact,)))
        self._hear(fact)  # type: ignore[arg-type]  # facts topics carry facts and samples
