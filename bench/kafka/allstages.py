"""Task b: all stages of text reports, for whoever brings records: the very steps that Wangge's own worker runs.

Reports come in, are screened, classified and located, and go out keyed by tile; what comes back by tile goes through
casework. Facts, assignments, notices, what sources hear of their reports, and the entries of the state's changelog are
given back encoded. Spared are what only the whole-poll worker needs and what would weigh on whoever feeds records one
by one: positions and counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from connectors.librdkafka.transactions import Written
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.kafka.engine import Engine
from pipeline.runtime.kafka.lanes import LANES, Lane
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.settings import settings_from
from pipeline.topology import Topology

LANE_NAMES = ("intake", "casework")
Row = tuple[str, int, int, int, bytes]
"""Topic without prefix, partition, offset, timestamp, value."""


class _Record(NamedTuple):
    offset: int
    timestamp: int
    value: bytes
    key: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()


def topology_at(city: Path) -> Topology:
    """The stages of a prepared city."""
    settings = settings_from()
    return topology_of(load_city(settings.reference, city), settings)


def lanes() -> tuple[Lane, ...]:
    """The lanes that text reports go through."""
    return tuple(LANES[name] for name in LANE_NAMES)


def status_topics(outputs: Iterable[str]) -> list[str]:
    """Those of some topics on which sources hear of their reports."""
    return [name for name in outputs if name.startswith("status.")]


class AllStages:
    """All stages with their states in this process; ``topics`` are those to read."""

    def __init__(self, city: Path, outputs: Iterable[str] = ()) -> None:
        """``outputs`` are the topics there are: with status topics among them, sources are told of their reports."""
        self._engine = Engine(topology_at(city), lanes(), status_topics=status_topics(outputs), counted=False)
        self.topics = tuple(topic for lane in lanes() for topic in lane.topics)

    def feed(self, rows: Iterable[Row]) -> Sequence[Written]:
        """What these records bring about. Records of one partition must come in order, one or many at a time."""
        poll: dict[tuple[str, int], list[Any]] = {}
        for topic, partition, offset, timestamp, value in rows:
            poll.setdefault((topic, partition), []).append(_Record(offset, timestamp, value))
        states = self._engine.states
        for topic, partition in poll:
            lane = self._engine.lane_of[topic]
            if (lane.name, partition) not in states:
                states[lane.name, partition] = LaneState(lane, placed=False)
        return self._engine.feed(poll).written
