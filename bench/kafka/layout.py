"""The topics of a run: for task a one input and some outputs, for task b those that the topic files name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.kafka.allstages import lanes
from pipeline.domain.reference.load import load_reference
from pipeline.runtime.kafka.lanes import ACTIONS, LANES, Lane, departments_of
from pipeline.settings import settings_from
from schemas.topics import UNLISTED, topics


@dataclass(frozen=True)
class Layout:
    """Topics without prefix and their numbers of partitions."""

    partitions: dict[str, int]
    sources: tuple[str, ...]
    """Filled before the run."""
    inputs: tuple[str, ...]
    """Read by whoever is measured: the sources, and what comes back by tile."""
    outputs: tuple[str, ...]
    compacted: tuple[str, ...] = ()

    def under(self, prefix: str, names: Sequence[str]) -> dict[str, int]:
        """Full names of some topics with their partitions."""
        return {prefix + name: self.partitions[name] for name in names}


def routing(partitions: int, targets: int) -> Layout:
    """One input, some topics to route to."""
    outputs = tuple(f"routed.{number}" for number in range(targets))
    spread = {"records": partitions, **dict.fromkeys(outputs, min(partitions, 3))}
    return Layout(spread, ("records",), ("records",), outputs)


def staging(
    partitions: int,
    city: Path,
    source_systems: Sequence[str] = (),
    read: Sequence[Lane] | None = None,
    *,
    actions: bool = False,
) -> Layout:
    """All topics of the files, a topic for each department and source; state in ``partitions`` parts.

    ``read`` are the lanes of whoever is measured, the first one is filled; those of text reports unless said. Without
    ``actions`` departments have nothing to answer on.
    """
    read = lanes() if read is None else read
    values = {
        "department": departments_of(load_reference(settings_from().reference, city)),
        "source_system": (*source_systems, UNLISTED),
        "stage": tuple(LANES),
    }
    spread: dict[str, int] = {}
    compacted: list[str] = []
    for topic in topics().values():
        if topic.name.startswith(ACTIONS) and not actions:
            continue
        for name in map(topic.named, values[topic.parameter]) if topic.parameter else [topic.name]:
            spread[name] = partitions if topic.stateful else min(topic.partitions, partitions)
            compacted += [name] if topic.cleanup == "compact" else []
    inputs = tuple(name for lane in read for name in lane.topics)
    sources = read[0].topics
    outputs = tuple(name for name in spread if name not in sources)
    return Layout(spread, sources, inputs, outputs, tuple(compacted))
