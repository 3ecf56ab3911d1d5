"""Waves: records of one poll cut into groups whose members cannot influence one another. Pure.

Kafka keeps order within a partition only. Who wants the order of the whole log sends a wave, waits until everything it
caused is settled, and sends the next. A record says by resources what it will touch and how; two records that touch one
resource in ways that do not go together are never in one wave, and keep their order over the waves.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ALONE = "alone"
"""The way of touching that goes together with nothing, not even with itself."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What a record touches: resource to the way it does. Equal ways go together, different ones do not."""

    ways: Mapping[Hashable, str] = field(default_factory=dict)
    line: Hashable = None
    """Records of one line keep their order by themselves (one key of one topic), so they may share a wave."""


def merged(touches: Iterable[Touch]) -> Touch:
    """One touch for several: what is touched in two ways is touched alone. The first line is kept."""
    ways: dict[Hashable, str] = {}
    line: Hashable = None
    for touch in touches:
        line = touch.line if line is None else line
        for resource, way in touch.ways.items():
            ways[resource] = way if ways.get(resource, way) == way else ALONE
    return Touch(ways, line)


def apart(one: Touch, other: Touch) -> bool:
    """Whether two records may not be in one wave."""
    return any(way == ALONE or other.ways[name] != way for name, way in one.ways.items() if name in other.ways)


def waves(touches: Sequence[Touch]) -> list[list[int]]:
    """Numbers of the records by wave: each as early as those before it allow."""
    found: list[list[int]] = []
    last: dict[Hashable, dict[str, int]] = {}
    lines: dict[Hashable, int] = {}
    for number, touch in enumerate(touches):
        wave = lines.get(touch.line, 0)
        for resource, way in touch.ways.items():
            wave = max(wave, _first_free(last.get(resource, {}), way))
        for resource, way in touch.ways.items():
            known = last.setdefault(resource, {})
            known[way] = max(wave, known.get(way, 0))
        if touch.line is not None:
            lines[touch.line] = wave
        if wave == len(found):
            found.append([])
        found[wave].append(number)
    return found


def _first_free(taken: Mapping[str, int], way: str) -> int:
    """The first wave in which a resource may be touched this way."""
    return max((wave + 1 for other, wave in taken.items() if other != way or way == ALONE), default=0)
