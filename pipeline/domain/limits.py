"""Sensor limits made ready: for each device and metric, what is averaged over which period and compared with what.

``DetectPolicy`` compiles the rows of the reference set once per (device, metric, unit, span of validity) into a
``Probe``. Rows with the action ``assess`` are for long-term figures and never alarm, so they are left out.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.domain.ids import digest
from pipeline.domain.readings import (
    DAY_MS,
    DIGITS,
    HOUR_MS,
    MINUTE_MS,
    NO_DATA_FAMILY,
    CivilTime,
    Millis,
    base_unit,
    family_of,
)
from pipeline.domain.reference.model import Reference
from pipeline.domain.reference.rows import BEGIN, END, AlarmType, Device, SensorLimit

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
SEVERITIES: dict[str, int] = {
    "info": 0, "indeterminate": 0, "notice": 1, "blue": 1, "low": 1, "minor": 2, "warning": 2, "yellow": 2,
    "medium": 2, "general": 2, "moderate": 3, "orange": 3, "major": 3, "high": 3, "serious": 3, "risk": 3,
    "critical": 4, "red": 4, "severe": 4, "extreme": 5, "emergency": 5,
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

    @property
    def watched(self) -> bool:
        """Whether anything is judged at all; without it readings are only stored."""
        return bool(self.groups or self.instant or self.no_data)

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


@dataclass(slots=True)
class DetectPolicy:
    """The limits of a reference set as probes, made when first asked for.

    ``min_share`` is the share of a period (by time, in slots of the device's reporting period) that readings must
    cover before its average is judged; GB 3095-2012 table 4 and HJ 663-2013 ask for 45 of 60 minutes and 20 of 24
    hours, so 0.75 is the default. ``device_error_m`` is the error of a registered device's place.
    """

    reference: Reference
    min_share: float = 0.75
    device_error_m: float = 10.0
    civil: CivilTime = field(init=False)
    probes: dict[str, dict[str, Probe | None]] = field(init=False, repr=False)
    """By device and metric, the probe asked for last: look here first and check its span and unit."""
    _made: dict[tuple[str, str, str, int], Probe] = field(init=False, repr=False)
    _turns: list[Millis] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the instants at which any limit begins or ends to be in force."""
        self.civil = CivilTime(self.reference.city.time_zone)
        self.probes, self._made = {}, {}
        rows = self.reference.tables.sensor_limits
        self._turns = sorted({at for row in rows for at in (row.valid_from, row.valid_to)})

    def probe(self, device_id: str, metric: str, unit: str, at: Millis) -> Probe | None:
        """The probe of a metric at an instant; ``None`` for a device that is not registered."""
        device = self.reference.device(device_id)
        if device is None:
            return None
        turn = bisect_right(self._turns, at)
        key = (device_id, metric, unit, turn)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._compile(device, metric, unit, at, turn)
        self.probes.setdefault(device_id, {})[metric] = found
        return found

    def _compile(self, device: Device, metric: str, unit: str, at: Millis, turn: int) -> Probe:
        rows = self.reference.limits_for(device.kind, metric, device.zone, at)
        rows = tuple(row for row in rows if row.action != "assess")
        silent = next((row for row in rows if row.alarm == AlarmType.NO_DATA), None)
        valued = tuple(row for row in rows if row.alarm != AlarmType.NO_DATA)
        home, factor = _home_unit(unit, device, valued)
        limits = [_limit(row, metric, device) for row in valued if _same_dimension(row, home)]
        limits.sort(key=lambda limit: (-limit.rank, limit.row.id))
        instant = tuple(limit for limit in limits if limit.instant)
        no_data = _limit(silent, metric, device) if silent else None
        return Probe(
            device=device,
            metric=metric,
            unit=home,
            factor=factor,
            key=f"{device.device_id}|{metric}",
            since=self._turns[turn - 1] if turn else BEGIN,
            until=self._turns[turn] if turn < len(self._turns) else END,
            groups=_groups([limit for limit in limits if not limit.instant], device.reporting_period_s * 1000),
            instant=instant,
            edges=tuple(sorted({m for x in instant if not x.always for m in (x.row.window_from, x.row.window_to)})),
            no_data=no_data,
            silence_ms=round(no_data.threshold * device.reporting_period_s * 1000) if no_data else END,
            layout=digest(
                home, str(self._turns[turn - 1] if turn else BEGIN), str(device.reporting_period_s), *map(str, rows)
            ),
            mismatched=bool(valued) and not limits,
        )


def _home_unit(unit: str, device: Device, rows: tuple[SensorLimit, ...]) -> tuple[str, float]:
    """Base unit of the readings of a probe, and the factor of readings that come without a unit."""
    if unit:
        return unit, 1.0
    named = device.unit or next((row.unit for row in rows), "")
    return base_unit(named) or (named, 1.0)


def _same_dimension(row: SensorLimit, home: str) -> bool:
    return (base_unit(row.unit) or (row.unit, 1.0))[0] == home or not home


def _limit(row: SensorLimit, metric: str, device: Device) -> Limit:
    no_data = row.alarm == AlarmType.NO_DATA
    factor = 1.0 if no_data else (base_unit(row.unit) or ("", 1.0))[1]
    period = row.period_minutes * MINUTE_MS
    return Limit(
        row=row,
        family=NO_DATA_FAMILY if no_data else family_of(metric),
        metric=row.metric if no_data else metric,
        threshold=round(row.limit * factor, DIGITS),
        clear=round(row.clear * factor, DIGITS),
        factor=factor,
        instant=row.aggregate in ("max", "last") or period == 0,
        quiet_ms=max(period, device.reporting_period_s * 1000),
        compare=OPERATORS[row.operator],
        falling=row.operator in ("<", "<="),
        always=row.window == "any",
        rank=SEVERITIES.get(row.severity.casefold(), 0),
        hold_ms=row.hold_s * 1000 if row.alarm == AlarmType.DURATION else 0,
        within_ms=row.allowed_per_h * HOUR_MS or (DAY_MS if row.alarm == AlarmType.REPEATING else 0),
    )


def _groups(limits: list[Limit], step_ms: Millis) -> tuple[Group, ...]:
    """Limits by what is averaged alike. A window that is one period long (8 h of night) anchors that period."""
    found: dict[tuple[Millis, Millis, str], list[Limit]] = {}
    for limit in limits:
        row = limit.row
        max8h = row.aggregate == "max8h"
        period = HOUR_MS if max8h else row.period_minutes * MINUTE_MS
        length = (row.window_to - row.window_from) % 1440 * MINUTE_MS
        anchored = row.window != "any" and period == length and not max8h
        anchor = row.window_from * MINUTE_MS if anchored else 0
        found.setdefault((period, anchor, row.aggregate), []).append(limit)
    return tuple(_group(*key, tuple(group), step_ms) for key, group in sorted(found.items()))


def _group(period: Millis, anchor: Millis, aggregate: str, limits: tuple[Limit, ...], step_ms: Millis) -> Group:
    slots = max(1, min(MAX_SLOTS, period // max(step_ms, 1)))
    return Group(
        key=f"{period // MINUTE_MS}/{anchor // MINUTE_MS}/{aggregate}",
        period_ms=period,
        anchor_ms=anchor,
        leq=aggregate == "leq",
        max8h=aggregate == "max8h",
        slot_ms=-(-period // slots),  # the 25th hour of a civil day gets slots of its own
        slots=slots,
        limits=limits,
    )
