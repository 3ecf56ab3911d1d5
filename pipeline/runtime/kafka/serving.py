"""A worker with all that belongs to it: city, lanes, metrics, health."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pipeline.events.facts import RecordQuarantined
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.health import served_at
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.doorway import casework_partitions, checked, counted, status_topics
from pipeline.runtime.kafka.lanes import departments_of, lanes_of
from pipeline.runtime.kafka.points import Point, nothing
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.worker import KafkaWorker
from pipeline.runtime.logs import log_to_stderr
from pipeline.settings import KafkaSettings, Settings
from pipeline.stages.casebook import CaseBook


@dataclass(frozen=True, slots=True)
class Start:
    """What one worker is asked to be."""

    lanes: Sequence[str]
    city: Path | None
    health: tuple[str, int]
    """Host and port where it tells how it fares."""
    policy: WorkerPolicy
    folder: str
    log_level: str = "warning"
    json_log: bool = False
    point: Callable[[Point], None] = nothing
    """What is called at each point of its loop."""


def serve(start: Start, settings: Settings, kafka: KafkaSettings) -> None:
    """Run one worker until a signal ends it.

    Raises :class:`ConfigFaults` before it joins its group, also for topics that are missing or have a wrong count.
    """
    log_to_stderr(start.log_level, as_json=start.json_log)
    city = load_city(settings.reference, start.city)
    instruments = Instruments("worker", needs=("kafka", "tables"))
    instruments.build(version("wangge"), city.version)
    watching = Watching(instruments)
    with served_at(start.health, instruments, watching.status):
        departments = departments_of(city.reference)
        counts = counted(kafka, instruments.touched)
        checked(counts, start.lanes, departments)
        worker = KafkaWorker(
            topology_of(city, settings), lanes_of(start.lanes, departments), kafka, start.policy, watching,
            data_folder=start.folder, point=start.point,
            status_topics=status_topics(counts),
            partitions=casework_partitions(counts, start.lanes),
        )  # fmt: skip
        watching.worker = worker
        worker.run(start.log_level)


class Watching:
    """Tells the instruments how the worker fares."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments
        self.worker: KafkaWorker | None = None

    def assigned(self, places: Collection[tuple[str, int]]) -> None:
        """A rebalance is over."""
        self.instruments.rebalanced()
        self.instruments.assigned(list(places))
        self.instruments.ready("kafka", True)

    def polled(self, places: Mapping[tuple[str, int], tuple[int, int, float]]) -> None:
        """Records behind and age in seconds of each partition that was polled."""
        self.instruments.touched()
        for (topic, partition), (_, behind, age) in places.items():
            self.instruments.lag(topic, partition, behind, age)
            self.instruments.took(topic, partition)

    def batch(self, batch: Batch, feed_seconds: float, commit_seconds: float) -> None:
        """One poll is done."""
        ins = self.instruments
        ins.batch("poll", batch.records, feed_seconds + commit_seconds)
        for name, step in batch.steps.items():
            ins.batch(name, step.records, step.seconds)
        ins.batch("commit", batch.records, commit_seconds)
        ins.settlements(batch.settled)
        ins.facts(batch.facts)
        for channel, number in Counter(one.channel for one in batch.settled if not one.derived).items():
            ins.received(channel, number)
        for topic, number in Counter(one.topic for one in batch.written).items():
            ins.produced(topic, number)
        refused = Counter((one.topic, one.reason) for one in batch.facts if isinstance(one, RecordQuarantined))
        for (topic, reason), number in refused.items():
            ins.quarantined(topic, reason, number)
        ins.transaction("committed", commit_seconds)
        now = time.time()
        for taken in batch.acted:
            ins.latency("action_to_status", max(now - taken / 1000, 0.0))
        for (topic, partition), offset in batch.offsets.items():
            ins.committed(topic, partition, offset)

    def idle(self) -> None:
        """The loop turns and no poll is in work."""
        self.instruments.touched()

    def recovering(self, lane: str) -> None:
        """A state is being read back ("" when it is here)."""
        self.instruments.recovering(lane)

    def waiting(self, neighbour: str) -> None:
        """Kafka is waited for ("" when no longer): no reason to start the worker anew."""
        self.instruments.waiting(neighbour)
        self.instruments.ready("kafka", not neighbour)

    def read_out(self, places: Collection[tuple[str, int]]) -> None:
        """Nothing waits on these partitions."""
        for topic, partition in places:
            self.instruments.lag(topic, partition, 0, 0.0)

    def ready(self) -> None:
        """Every state of this worker is here: count from it who has not answered yet."""
        self.instruments.ready("tables", True)
        if self.worker is None:
            return
        books = [state.books.get("casework") for state in list(self.worker.engine.states.values())]
        self.instruments.unanswered(
            book.get("case", key)
            for book in books
            if isinstance(book, CaseBook)
            for space, key, _ in list(book.entries())
            if space == "case"
        )

    def transaction(self, outcome: str) -> None:
        """A transaction was taken back: ``retried`` or ``fenced``."""
        self.instruments.transaction(outcome)

    def recovered(self, lane: str, partition: int, entries: int, seconds: float) -> None:
        """The state of one partition was read back."""
        self.instruments.recovered(lane, seconds, entries)
        state = self.worker.engine.states.get((lane, partition)) if self.worker is not None else None
        book = state.books.get("casework") if state is not None else None
        if isinstance(book, CaseBook):
            self.instruments.state_entries(lane, len(book))

    def status(self) -> dict[str, object]:
        """What /status tells besides."""
        if self.worker is None:
            return {}
        states = {
            f"{lane}-{number}": len(list(state.books)) for (lane, number), state in self.worker.engine.states.items()
        }
        return {"lanes": [lane.name for lane in self.worker.engine.lanes], "states": states}
