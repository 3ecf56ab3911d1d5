"""Readings as they came in, checked: fields, times, numbers, units.

Refused (``InvalidRecord``): a missing or empty name, a time that is no number of milliseconds, before 2000 or in the
future, NaN or infinity, arrays of unequal length or too long. Accepted with a flag: ``unknown_unit`` (unit kept as it
is), ``no_unit``, ``unsorted`` (put in order of time), ``repeated_time`` (the first value of an instant counts),
``missing_values`` (nulls are left out), ``no_samples``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from operator import lt
from typing import Any

from pipeline.domain.readings import DIGITS, base_unit
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Millis
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival, Body, Origin

EARLIEST: Millis = 946_684_800_000
"""2000-01-01T00:00:00Z."""
TOLERANCE: Millis = 300_000
"""How far a sender's clock may be ahead: 5 minutes."""
MAX_SAMPLES = 3_600
CLOCK = "set the sender's clock: nothing is older than 2000 or more than 5 minutes ahead"

_UNITS: dict[str, tuple[str, float, tuple[str, ...]]] = {"": ("", 1.0, ("no_unit",))}
"""Memo of units as written → base unit, factor, flags. Bounded: at most ``_MAX_UNITS`` spellings are remembered."""
_MAX_UNITS = 4096


def screen_readings(body: Body, arrival: Arrival, tolerance: Millis = TOLERANCE) -> Readings:
    """The readings of a record of the schema ``SensorReadings``. Raises ``InvalidRecord`` for the first fault found."""
    device_id, metric = _name(body, "device_id"), _name(body, "metric")
    received, started = _time(body, "received_at"), _time(body, "started_at")
    appended = arrival.appended_at
    if received > appended + tolerance:
        raise InvalidRecord(Reason.FUTURE_TIME, "received_at", received, CLOCK)
    offsets, values = _array(body, "offsets_ms"), _array(body, "values")
    known = _UNITS.get(body.get("unit") or "") or _unit(body["unit"])
    unit, factor, flags = known
    latest = (received if received < appended else appended) + tolerance
    if len(offsets) == 1 == len(values) and type(values[0]) is float and type(offsets[0]) is int:
        at, value = started + offsets[0], values[0]
        times: tuple[Millis, ...] = (at,)
        if not isfinite(value):
            raise _not_finite(value)
        column: tuple[float, ...] = (value,)
    else:
        times, column, flags = _columns(started, offsets, values, flags)
        at = times[-1] if times else started
    if at > latest:
        raise InvalidRecord(Reason.FUTURE_TIME, "started_at + offsets_ms", at, CLOCK)
    if started < EARLIEST or (times and times[0] < EARLIEST):
        raise InvalidRecord(Reason.ANCIENT_TIME, "started_at", min((started, *times)), CLOCK)
    if factor != 1.0:
        column = tuple([round(value * factor, DIGITS) for value in column])
    return Readings(
        ref=body.get("source_ref") or f"{device_id}|{metric}|{started}",
        device_id=device_id,
        metric=metric,
        unit=unit,
        times=times,
        values=column,
        received_at=received,
        origin=Origin(arrival.origin.topic, arrival.origin.partition, arrival.order),
        flags=flags,
    )


def _columns(
    started: Millis, offsets: Sequence[int], values: Sequence[float | None], flags: tuple[str, ...]
) -> tuple[tuple[Millis, ...], tuple[float, ...], tuple[str, ...]]:
    """Times and values without nulls, ascending, no instant twice."""
    _check_lengths(offsets, values)
    kinds = set(map(type, values))
    if type(None) in kinds:
        kept = [index for index, value in enumerate(values) if value is not None]
        offsets, values = [offsets[index] for index in kept], [values[index] for index in kept]
        kinds.discard(type(None))
        flags = (*flags, "missing_values")
    if not values:
        return (), (), (*flags, "no_samples")
    _check_kinds(offsets, kinds)
    column: Sequence[float] = values  # type: ignore[assignment] # nulls are gone
    if not isfinite(sum(column)):
        raise _not_finite(next((value for value in column if not isfinite(value)), sum(column)))
    if kinds != {float}:
        column = [float(value) for value in column]
    if not all(map(lt, offsets, offsets[1:])):
        offsets, column, flags = _in_order(offsets, column, flags)
    return tuple([started + offset for offset in offsets]), tuple(column), flags


def _in_order(
    offsets: Sequence[int], values: Sequence[float], flags: tuple[str, ...]
) -> tuple[list[int], list[float], tuple[str, ...]]:
    pairs: dict[int, float] = {}
    for offset, value in zip(offsets, values, strict=True):
        pairs.setdefault(offset, value)
    ascending = sorted(pairs)
    if len(pairs) < len(offsets):
        flags = (*flags, "repeated_time")
    if list(pairs) != ascending:
        flags = (*flags, "unsorted")
    return ascending, [pairs[offset] for offset in ascending], flags


def _name(body: Body, field: str) -> str:
    value = body.get(field)
    if not value:
        raise InvalidRecord(Reason.MISSING_FIELD, field, value, "send the identifier; a reading without it is useless")
    if type(value) is not str:
        raise InvalidRecord(Reason.WRONG_TYPE, field, value, "send text")
    return value


def _time(body: Body, field: str) -> Millis:
    value: Any = body.get(field)
    if type(value) is int:
        if value < EARLIEST:
            raise InvalidRecord(Reason.ANCIENT_TIME, field, value, CLOCK)
        return value
    if value is None:
        raise InvalidRecord(Reason.MISSING_FIELD, field, value, "send milliseconds since 1970 in UTC")
    reason = Reason.NAIVE_TIME if isinstance(value, str) else Reason.WRONG_TYPE
    raise InvalidRecord(reason, field, value, "send milliseconds since 1970 in UTC, as a whole number")


def _array(body: Body, field: str) -> Sequence[Any]:
    value: Any = body.get(field)
    if value is None:
        raise InvalidRecord(Reason.MISSING_FIELD, field, value, "send one entry for each sample")
    if type(value) is not list and type(value) is not tuple:
        raise InvalidRecord(Reason.WRONG_TYPE, field, value, "send an array with one entry for each sample")
    return value


def _check_lengths(offsets: Sequence[Any], values: Sequence[Any]) -> None:
    if len(values) > MAX_SAMPLES:
        raise InvalidRecord(Reason.OVERSIZE, "values", len(values), f"send at most {MAX_SAMPLES} samples in a record")
    if len(offsets) != len(values):
        lengths = f"{len(offsets)} offsets, {len(values)} values"
        raise InvalidRecord(Reason.WRONG_TYPE, "offsets_ms", lengths, "send one offset for each value")


def _check_kinds(offsets: Sequence[Any], kinds: set[type]) -> None:
    if not kinds <= {float, int}:
        raise InvalidRecord(Reason.WRONG_TYPE, "values", sorted(kind.__name__ for kind in kinds), "send numbers only")
    if set(map(type, offsets)) != {int}:
        raise InvalidRecord(Reason.WRONG_TYPE, "offsets_ms", list(offsets)[:5], "send whole milliseconds only")


def _unit(written: object) -> tuple[str, float, tuple[str, ...]]:
    if not isinstance(written, str):
        raise InvalidRecord(Reason.WRONG_TYPE, "unit", written, "send text")
    base = base_unit(written) if written.strip() else ("", 1.0)
    if base is None:
        found: tuple[str, float, tuple[str, ...]] = (written.strip(), 1.0, ("unknown_unit",))
    else:
        found = (*base, () if base[0] else ("no_unit",))
    if len(_UNITS) < _MAX_UNITS:
        _UNITS[written] = found
    return found


def _not_finite(value: float) -> InvalidRecord:
    return InvalidRecord(Reason.NOT_A_NUMBER, "values", value, "leave a missing reading out, or send null")
