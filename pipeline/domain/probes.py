"""Probes made from the reference set: which limits apply to a metric of a device at an instant, compiled once.

Rows with the action ``assess`` are for long-term figures and never alarm, so they are left out.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from math import nextafter

from pipeline.domain.ids import digest
from pipeline.domain.limits import MAX_SLOTS, NEVER, OPERATORS, PAST, SEVERITIES, Group, Limit, Probe
from pipeline.domain.readings import (
    DAY_MS,
    DIGITS,
    HOUR_MS,
    LOUDEST_DB,
    MINUTE_MS,
    NO_DATA_FAMILY,
    CivilTime,
    Millis,
    base_unit,
    energy,
    family_of,
)
from pipeline.domain.reference.model import Reference
from pipeline.domain.reference.rows import BEGIN, END, AlarmType, Device, SensorLimit


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
    _shapes: dict[tuple[object, ...], Probe] = field(init=False, repr=False)
    _turns: list[Millis] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the instants at which any limit begins or ends to be in force."""
        self.civil = CivilTime(self.reference.city.time_zone)
        self.probes, self._made, self._shapes = {}, {}, {}
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
            found = self._made[key] = self._probe(device, metric, unit, at, turn)
        self.probes.setdefault(device_id, {})[metric] = found
        return found

    def _probe(self, device: Device, metric: str, unit: str, at: Millis, turn: int) -> Probe:
        """Devices of one kind, zone and rhythm share all but their name, so a city of sensors costs little."""
        key = (device.kind, device.zone, device.reporting_period_s, device.unit, metric, unit, turn)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = self._compile(device, metric, unit, at, turn)
        return replace(shape, device=device, key=f"{device.device_id}|{metric}")

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
        groups = _groups([limit for limit in limits if not limit.instant], device.reporting_period_s * 1000)
        return Probe(
            device=device,
            metric=metric,
            unit=home,
            factor=factor,
            key=f"{device.device_id}|{metric}",
            since=self._turns[turn - 1] if turn else BEGIN,
            until=self._turns[turn] if turn < len(self._turns) else END,
            groups=groups,
            instant=instant,
            edges=tuple(sorted({m for x in instant if not x.always for m in (x.row.window_from, x.row.window_to)})),
            no_data=no_data,
            silence_ms=round(no_data.threshold * device.reporting_period_s * 1000) if no_data else END,
            layout=digest(home, str(turn), str(device.reporting_period_s), *map(str, rows)),
            mismatched=bool(valued) and not limits,
            watched=bool(limits or no_data),
            loudest=LOUDEST_DB if any(group.leq for group in groups) else NEVER,
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
    threshold = round(row.limit * factor, DIGITS)
    return Limit(
        row=row,
        family=NO_DATA_FAMILY if no_data else family_of(metric),
        metric=row.metric if no_data else metric,
        threshold=threshold,
        clear=round(row.clear * factor, DIGITS),
        factor=factor,
        instant=row.aggregate in ("max", "last") or period == 0,
        quiet_ms=max(period, device.reporting_period_s * 1000),
        compare=OPERATORS[row.operator],
        bound=nextafter(threshold, PAST[row.operator]),
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
        calm=_calm(limits, aggregate == "leq"),
        limits=limits,
    )


def _calm(limits: tuple[Limit, ...], levels: bool) -> float:
    """A hair below the lowest limit, so that rounding makes no difference."""
    if any(limit.row.operator not in (">", ">=") for limit in limits):
        return -NEVER
    lowest = min(limit.threshold for limit in limits)
    margin = 1e-8 * max(1.0, abs(lowest))
    return energy(lowest - margin) if levels else lowest - margin
