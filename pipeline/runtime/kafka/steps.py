"""How long the steps of a poll took: a few looks at the clock for a poll, none for a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple


class Step(NamedTuple):
    """How many records went through a step of a poll, and how long all of them took."""

    records: int
    seconds: float


class Stopwatch:
    """Laps of one poll: each begins where the one before ended, so together they are the whole time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._since = clock, clock()
        self.steps: dict[str, Step] = {}

    def lap(self, name: str, records: int) -> None:
        """A step is over; what it took in an earlier lap of this poll is added."""
        now = self._clock()
        before = self.steps.get(name, NOTHING)
        self.steps[name] = Step(before.records + records, before.seconds + now - self._since)
        self._since = now


NOTHING = Step(0, 0.0)


def added(polls: Iterable[Mapping[str, Step]]) -> dict[str, Step]:
    """The steps of several polls as those of one."""
    found: dict[str, Step] = {}
    for steps in polls:
        for name, (records, seconds) in steps.items():
            before = found.get(name, NOTHING)
            found[name] = Step(before.records + records, before.seconds + seconds)
    return found
