"""Readings of sensors: units, civil periods and averages, all pure.

A reading is compared in the *base unit* of its dimension (``mg/m3`` and ``ug/m3`` are both ``ug/m3`` there), so that a
device and a limit may use different units of the same dimension. Periods follow civil time of the city: a day runs from
midnight to midnight there, whatever the offset from UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from math import log10
from zoneinfo import ZoneInfo

Millis = int

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

DIGITS = 9
"""Averages are rounded to this many decimals before they are compared, so that 24 values of 75 are exactly 75."""
LOUDEST_DB = 300.0
"""Levels are cut here before they become energies, which would overflow."""

BASE_UNITS: dict[str, tuple[str, float]] = {
    "ug/m3": ("ug/m3", 1.0),
    "mg/m3": ("ug/m3", 1000.0),
    "g/m3": ("ug/m3", 1_000_000.0),
    "cm": ("cm", 1.0),
    "mm": ("cm", 0.1),
    "m": ("cm", 100.0),
    "db(a)": ("dB(A)", 1.0),
    "db": ("dB(A)", 1.0),
    "ppm": ("ppm", 1.0),
    "ppb": ("ppm", 0.001),
    "%": ("%", 1.0),
    "%lel": ("%LEL", 1.0),
    "c": ("C", 1.0),
    "degree": ("degree", 1.0),
    "s": ("s", 1.0),
    "min": ("s", 60.0),
    "bool": ("1", 1.0),
    "1": ("1", 1.0),
    "index": ("1", 1.0),
    "v": ("V", 1.0),
    "mv": ("V", 0.001),
    "kpa": ("kPa", 1.0),
    "mpa": ("kPa", 1000.0),
    "m/s": ("m/s", 1.0),
    "mm/h": ("mm/h", 1.0),
}
"""Unit as written (folded) → base unit of its dimension and factor to it. ppm needs a gas to become a mass: left."""

_SAME_UNIT = {
    "μg/m3": "ug/m3", "µg/m3": "ug/m3", "微克/立方米": "ug/m3", "毫克/立方米": "mg/m3", "dba": "db(a)", "db a": "db(a)",
    "分贝": "db(a)", "厘米": "cm", "米": "m", "毫米": "mm", "percent": "%", "°c": "c", "℃": "c", "celsius": "c",
    "cel": "c", "deg": "degree", "°": "degree", "度": "degree", "boolean": "1", "aqi": "1", "sec": "s", "seconds": "s",
}  # fmt: skip
_ODD = str.maketrans({"³": "3", "²": "2", "（": "(", "）": ")", "^": None, "·": None})

FAMILIES: dict[str, str] = {
    "leq": "noise", "laeq": "noise", "noise_laeq": "noise", "noise_leq": "noise", "lmax": "noise", "lafmax": "noise",
    "noise_lmax": "noise", "noise": "noise", "pm25": "dust", "pm2.5": "dust", "pm10": "dust", "tsp": "dust",
    "depth": "water", "water_level": "water", "water_depth": "water", "overflow": "water",
    "tilt": "cover", "vibration": "cover", "open": "cover", "cover_open": "cover",
}  # fmt: skip
"""Metric (folded) → family: all metrics of a family of one device share one alarm. Any other metric stands alone."""

NO_DATA_FAMILY = "no_data"


def base_unit(unit: str) -> tuple[str, float] | None:
    """Base unit and factor of a unit as somebody wrote it; ``None`` for one that is not known."""
    folded = unit.strip().casefold().translate(_ODD)
    return BASE_UNITS.get(_SAME_UNIT.get(folded, folded))


def family_of(metric: str) -> str:
    """What kind of alarm a metric belongs to."""
    folded = metric.casefold()
    return FAMILIES.get(folded, folded)


def leq(energy: float, count: int) -> float:
    """Equivalent level in dB of a sum of energies (``10 ** (level / 10)``): the energy mean, not that of the levels."""
    return round(10.0 * log10(energy / count), DIGITS) if energy > 0.0 else 0.0


def mean(total: float, count: int) -> float:
    """Plain mean."""
    return round(total / count, DIGITS)


def energy(level: float) -> float:
    """Energy of a level in dB, relative to 0 dB."""
    result: float = 10.0 ** ((level if level < LOUDEST_DB else LOUDEST_DB) * 0.1)
    return result


EIGHT_HOURS = 8
MIN_HOURS = 6
"""Hourly means that a running 8 h mean needs (HJ 663-2013)."""
MIN_RUNS = 14
"""Running 8 h means that a day needs, unless the greatest is over the limit all the same (HJ 663-2013)."""


def largest_8h(hours: Iterable[tuple[int, float]]) -> tuple[float, int]:
    """Greatest running 8 h mean of a day and how many such means it has, from (hour of the day, hourly mean).

    Only runs that lie wholly within the day count: those that end at 8:00 to 24:00. ``(0.0, 0)`` when there is none.
    """
    known = dict(hours)
    runs = ([known[h] for h in range(last - EIGHT_HOURS, last) if h in known] for last in range(EIGHT_HOURS, 25))
    means = [mean(sum(run), len(run)) for run in runs if len(run) >= MIN_HOURS]
    return (max(means), len(means)) if means else (0.0, 0)


class CivilTime:
    """Periods of the civil day in one time zone."""

    __slots__ = ("_fixed", "_offsets", "_zone", "name")

    def __init__(self, name: str = "Asia/Shanghai") -> None:
        self.name, self._zone = name, ZoneInfo(name)
        self._offsets: dict[int, Millis] = {}
        """Memo by hour, for zones whose offset changes."""
        self._fixed = self._one_offset()

    def offset(self, at: Millis) -> Millis:
        """Milliseconds to add to UTC."""
        if self._fixed is not None:
            return self._fixed
        hour = at // HOUR_MS
        known = self._offsets.get(hour)
        if known is None:
            known = self._offsets[hour] = self._ask(hour * HOUR_MS)
        return known

    def minute(self, at: Millis) -> int:
        """Minute of the civil day, 0 to 1439."""
        return (at + self.offset(at)) % DAY_MS // MINUTE_MS

    def period(self, at: Millis, length: Millis, anchor: Millis = 0) -> tuple[Millis, Millis]:
        """The period ``[start, end)`` that holds an instant.

        Periods up to a day are counted from the civil midnight plus ``anchor`` and end there at the latest; longer
        ones are whole civil days, counted from 1970-01-01.
        """
        local = at + self.offset(at) - anchor
        if length > DAY_MS:
            begin = local - local % length
            return self._instant(begin + anchor), self._instant(begin + length + anchor)
        day = local - local % DAY_MS
        begin = day + (local - day) // length * length
        end = min(begin + length, day + DAY_MS)
        if self._fixed is not None or length <= HOUR_MS:  # clocks change by whole hours, at whole hours
            shift = at - local
            return begin + shift, end + shift
        return self._instant(begin + anchor), self._instant(end + anchor)

    def next_minute(self, at: Millis, minute: int) -> Millis:
        """The next instant after ``at`` when the civil clock shows this minute of the day."""
        return self.period(at, DAY_MS, minute * MINUTE_MS)[1]

    def _instant(self, local: Millis) -> Millis:
        """UTC of a civil time; in the hour that a clock change skips or repeats, the later offset counts."""
        guess = local - self.offset(local)
        return local - self.offset(guess)

    def _ask(self, at: Millis) -> Millis:
        offset = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone).utcoffset()
        return round(offset.total_seconds() * 1000) if offset is not None else 0

    def _one_offset(self) -> Millis | None:
        """The offset when it never changes from 2000 to 2060 (asked every 30 days), else ``None``."""
        found = {self._ask(day * DAY_MS) for day in range(10_957, 32_872, 30)}
        return found.pop() if len(found) == 1 else None
