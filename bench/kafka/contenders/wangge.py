"""Wangge's worker: whole polls through Faust; outputs, state and offsets in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from bench.kafka.allstages import lanes, status_topics, topology_at
from bench.kafka.route import Route
from bench.kafka.spec import Spec, given, mark
from connectors.librdkafka.transactions import Written
from pipeline.runtime.kafka.arriving import Poll
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.lanes import LANES, Lane
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.points import Point
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.refusals import Refusals
from pipeline.runtime.kafka.worker import KafkaWorker
from pipeline.settings import KafkaSettings

LARGEST_POLL = 10_000
CATCHING_UP = WorkerPolicy(poll_records=LARGEST_POLL, part_records=2_000)
"""As an operator sets them for a backlog: a part is a batch of the others, one is written while the next is fed."""
ROUTING = WorkerPolicy(poll_records=LARGEST_POLL, part_records=LARGEST_POLL // 2)
"""Without stages a transaction is most of the work: larger ones."""


class Silent:
    """A watcher that keeps nothing, whatever it is told."""

    def __getattr__(self, _: str) -> Any:
        return lambda *_: None


class RouteEngine:
    """Stands where the worker has its engine: routes, and has no state."""

    def __init__(self, spec: Spec) -> None:
        self.lanes = (Lane("route", spec.inputs, {}),)
        self.lane_of = dict.fromkeys(spec.inputs, self.lanes[0])
        self.states: dict[tuple[str, int], LaneState] = {}
        self.refusals: dict[str, Refusals] = {}
        self._topic_of = Route(spec.outputs)

    def feed(self, poll: Poll, at_hand: Collection[int] = ()) -> Batch:
        """Each record to the topic of its subject."""
        topic_of = self._topic_of
        written = [Written(topic_of(one.value), one.key, one.value) for records in poll.values() for one in records]
        offsets = {place: records[-1].offset + 1 for place, records in poll.items() if records}
        return Batch(written=written, offsets=offsets, records=len(written), settled=[], facts=[])


class RouteWorker(KafkaWorker):
    """The worker with nothing to bring back."""

    def _bring(self, place: tuple[str, int]) -> None:
        """No state."""


def worker_of(spec: Spec) -> KafkaWorker:
    """The worker of a spec; its first poll makes the mark."""
    host = KafkaSettings(bootstrap=spec.bootstrap, prefix=spec.prefix)
    begun = False

    def point(name: Point) -> None:
        nonlocal begun
        if not begun and name == "polled":
            mark(spec)
            begun = True

    def made(kind: type[KafkaWorker], found: Sequence[Lane], topology: Any, policy: WorkerPolicy) -> KafkaWorker:
        told = status_topics(spec.outputs)
        return kind(topology, found, host, policy, Silent(), data_folder=spec.scratch, point=point, status_topics=told)

    if spec.task != "route":
        found = lanes() if spec.task == "stages" else (LANES["detect"],)
        return made(KafkaWorker, found, topology_at(Path(spec.city)), CATCHING_UP)
    engine = RouteEngine(spec)
    worker = made(RouteWorker, engine.lanes, topology_at(Path(spec.city)), ROUTING)
    worker.engine = engine  # type: ignore[assignment]  # has all that the worker asks of its engine
    return worker


if __name__ == "__main__":
    worker_of(given()).run("warning")
