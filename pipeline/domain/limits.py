"""Sensor limits made ready: what is averaged over which period and compared with what.

A ``Limit`` is one row in base units, a ``Group`` all limits on one kind of average, a ``Probe`` all that concerns one
metric of one device. ``probes`` makes them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from pipeline.domain.readings import (
    DIGITS,
    MINUTE_MS,
    Millis,
)
from pipeline.domain.reference.rows import Device, SensorLimit

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
PAST: dict[str, float] = {">": inf, ">=": -inf, "<": -inf, "<=": inf, "==": -inf}
"""Which neighbour of a threshold bounds the good side: a value on it is still good, or not any more."""
SEVERITIES: dict[str, int] = {
    "warning": 1, "minor": 2, "major": 3, "critical": 4,
}  # fmt: skip
"""Order of severity words; a word that is not listed counts as the lowest."""

MAX_SLOTS = 60
"""A period is covered in at most so many slots: their set fits one 64-bit number."""
NEVER = 1e300
"""Bound of the calm band when nothing limits it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit in base units. ``instant`` limits are compared with every sample, the others with period averages."""

    row: SensorLimit
    family: str
    metric: str
    threshold: float
    clear: float
    factor: float
    instant: bool
    quiet_ms: Millis
    """How long an instant limit must have been clear: its period, at least one reporting period of the device."""
    compare: Callable[[float, float], bool]
    bound: float
    """Edge of the values that certainly do not break it: all strictly on its good side."""
    falling: bool
    always: bool
    rank: int
    hold_ms: Millis
    within_ms: Millis

    @property
    def holder(self) -> str:
        """Name under which this limit keeps an alarm active."""
        return f"{self.metric}|{self.row.id}"

    @property
    def repeating(self) -> bool:
        """Whether exceedances are counted within a window first."""
        return self.within_ms > 0

    def applies(self, minute: int) -> bool:
        """Whether a minute of the civil day lies in the limit's window ``[from, to)``; a night wraps past midnight."""
        if self.always:
            return True
        start, end = self.row.window_from, self.row.window_to
        return start <= minute < end if start < end else minute >= start or minute < end

    def is_over(self, value: float) -> bool:
        """Whether the limit is broken. A value on the limit breaks it only if the operator says so."""
        return self.compare(value, self.threshold)

    def is_clear(self, value: float) -> bool:
        """Whether an alarm may end: at the clear level or on its good side."""
        if self.compare(value, self.threshold):
            return False
        if self.compare is operator.eq:
            return True
        return value >= self.clear if self.falling else value <= self.clear

    def shown(self, value: float) -> float:
        """A value in the unit of the limit."""
        return round(value / self.factor, DIGITS)


@dataclass(frozen=True, slots=True)
class Group:
    """What is averaged alike: one period, one way of averaging, and the limits on it, the most severe first."""

    key: str
    period_ms: Millis
    anchor_ms: Millis
    leq: bool
    max8h: bool
    """Hourly means are kept for a day and judged by the greatest running 8 h mean."""
    slot_ms: Millis
    slots: int
    calm: float
    """An average (of energies for levels) below this breaks no limit, whatever the time of day."""
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """All that is needed to judge one metric of one device while ``since <= at < until``."""

    device: Device
    metric: str
    unit: str
    factor: float
    """From a reading without a unit to the base unit: it is taken to be in the device's own unit, else the limit's."""
    key: str
    since: Millis
    until: Millis
    groups: tuple[Group, ...]
    instant: tuple[Limit, ...]
    edges: tuple[int, ...]
    """Minutes of the day where a window of an instant limit begins or ends."""
    no_data: Limit | None
    silence_ms: Millis
    """A longer gap between two readings is worth a look; huge when nothing asks for one."""
    layout: str
    """Digest of all that decides how readings are averaged and compared."""
    mismatched: bool
    """There are limits for this metric, but none in a unit that the readings can be compared with."""

    watched: bool
    """Whether anything is judged at all; without it readings are only stored."""
    loudest: float
    """Values from here on cannot simply be added up (levels whose energy would overflow)."""

    @property
    def step_ms(self) -> Millis:
        """The device's reporting period."""
        return self.device.reporting_period_s * 1000

    @property
    def grace_ms(self) -> Millis:
        """How long after its end a period may still wait for readings when nothing newer came."""
        return min(self.step_ms, 15 * MINUTE_MS)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """All limits."""
        found = tuple(limit for group in self.groups for limit in group.limits) + self.instant
        return (*found, self.no_data) if self.no_data else found
