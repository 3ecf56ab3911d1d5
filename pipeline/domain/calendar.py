"""Work time: which minutes count for a limit, and when a limit ends.

Two families of clocks (rule of the cities that follow GB/T 30428.8): *urgent* and *natural* clocks run through nights
and holidays; *work* clocks count only the work intervals of working days (08:00-12:00 and 14:00-18:00, 8 hours a day,
unless a city says otherwise), where the public table of holidays and make-up days (调休) goes before the weekend.

Instants are milliseconds UTC. All work intervals of the covered years are laid out once, with the work time before
each; every question is then a binary search.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

Millis = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

MINUTE: Millis = 60_000
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

DEFAULT_ZONE = "Asia/Shanghai"
DEFAULT_HOURS: tuple[tuple[int, int], ...] = ((8 * 60, 12 * 60), (14 * 60, 18 * 60))
"""Work intervals as minutes of the civil day."""
FIRST_YEAR, LAST_YEAR = 1999, 2059
"""Years laid out; records before 2000 are refused long before they come here."""


class ClockKind(StrEnum):
    """How a limit is counted."""

    URGENT_MINUTE = "urgent_minute"
    URGENT_HOUR = "urgent_hour"
    URGENT_DAY = "urgent_day"
    NATURAL_DAY = "natural_day"
    WORK_MINUTE = "work_minute"
    WORK_HOUR = "work_hour"
    WORK_DAY = "work_day"

    @property
    def working(self) -> bool:
        """Whether only work time counts."""
        return self in _WORKING


_WORKING = frozenset({ClockKind.WORK_MINUTE, ClockKind.WORK_HOUR, ClockKind.WORK_DAY})
_FIXED: dict[str, Millis] = {
    "urgent_minute": MINUTE,
    "urgent_hour": HOUR,
    "urgent_day": DAY,
    "natural_day": DAY,
    "work_minute": MINUTE,
    "work_hour": HOUR,
}


@dataclass(frozen=True, slots=True)
class DayRule:
    """An entry of the public table: a holiday that falls on a weekday, or a weekend day that is worked."""

    day: date
    working: bool
    name: str = ""


class Calendar:
    """Work time of one city. Immutable; equal inputs give equal answers for ever."""

    __slots__ = ("_before", "_ends", "_starts", "_through", "_units", "days", "hours", "zone")

    def __init__(
        self,
        rules: Iterable[DayRule] = (),
        *,
        zone: str = DEFAULT_ZONE,
        hours: tuple[tuple[int, int], ...] = DEFAULT_HOURS,
    ) -> None:
        self.zone = zone
        self.hours = hours
        self.days: Mapping[date, DayRule] = {rule.day: rule for rule in rules}
        layout = _lay_out(tuple(self.days.values()), zone, hours)
        self._starts, self._ends, self._before, self._through = layout
        day = sum(until - since for since, until in hours) * MINUTE
        self._units = _FIXED | {"work_day": day}

    def is_working_day(self, day: date) -> bool:
        """Whether the civil day is worked: the public table first, then Monday to Friday."""
        return _is_working(self.days.get(day), day)

    def add(self, start: Millis, amount: int, clock: ClockKind) -> Millis:
        """The instant at which a limit of ``amount`` that began at ``start`` is used up.

        A work limit that is used up at the end of an interval ends there (18:00), not at the next morning's opening.
        Raises ``ValueError`` for a negative amount or past the last year laid out.
        """
        if amount < 0:
            msg = f"amount = {amount}: a limit is not negative"
            raise ValueError(msg)
        return self.add_ms(start, amount * self._units[clock], clock)

    def add_ms(self, start: Millis, amount_ms: Millis, clock: ClockKind) -> Millis:
        """As ``add``, with what is left of a limit given in milliseconds (after a pause)."""
        if clock not in _WORKING or amount_ms <= 0:
            return start + max(amount_ms, 0)
        target = self._position(start) + amount_ms
        index = bisect_left(self._through, target)
        if index == len(self._through):
            msg = f"start = {start}, amount = {amount_ms} ms: ends after {LAST_YEAR}; extend the calendar"
            raise ValueError(msg)
        return self._starts[index] + target - self._before[index]

    def elapsed(self, start: Millis, end: Millis, clock: ClockKind) -> int:
        """Whole minutes of the clock between two instants; negative when ``end`` is the earlier one."""
        return self.elapsed_ms(start, end, clock) // MINUTE

    def elapsed_ms(self, start: Millis, end: Millis, clock: ClockKind) -> Millis:
        """Milliseconds of the clock between two instants."""
        if clock not in _WORKING:
            return end - start
        return self._position(end) - self._position(start)

    def length_ms(self, amount: int, clock: ClockKind) -> Millis:
        """How long a limit is on its own clock: a work day is the sum of the day's intervals."""
        return amount * self._units[clock]

    def is_work_time(self, at: Millis) -> bool:
        """Whether the instant lies in a work interval (its end not included)."""
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and at < self._ends[index]

    def next_work_time(self, at: Millis) -> Millis:
        """``at`` when it is work time, else the opening of the next interval."""
        if self.is_work_time(at):
            return at
        index = bisect_right(self._starts, at)
        if index == len(self._starts):
            msg = f"at = {at}: after {LAST_YEAR}; extend the calendar"
            raise ValueError(msg)
        return self._starts[index]

    def _position(self, at: Millis) -> Millis:
        """Work time between the first day laid out and ``at``."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0
        end = self._ends[index]
        return self._before[index] + (at if at < end else end) - self._starts[index]


def _is_working(rule: DayRule | None, day: date) -> bool:
    return rule.working if rule is not None else day.weekday() < 5


Layout = tuple[tuple[Millis, ...], tuple[Millis, ...], tuple[Millis, ...], tuple[Millis, ...]]
"""Work intervals: starts, ends, work time before each, and work time up to the end of each."""


@lru_cache(maxsize=8)
def _lay_out(rules: tuple[DayRule, ...], zone: str, hours: tuple[tuple[int, int], ...]) -> Layout:
    starts: list[Millis] = []
    ends: list[Millis] = []
    through: list[Millis] = [0]
    for since, until in _intervals({rule.day: rule for rule in rules}, ZoneInfo(zone), hours):
        starts.append(since)
        ends.append(until)
        through.append(through[-1] + until - since)
    return tuple(starts), tuple(ends), tuple(through[:-1]), tuple(through[1:])


def _intervals(
    rules: Mapping[date, DayRule], zone: ZoneInfo, hours: tuple[tuple[int, int], ...]
) -> Iterator[tuple[Millis, Millis]]:
    day, one = date(FIRST_YEAR, 1, 1), timedelta(days=1)
    midnight = _instant(day, 0, zone)
    while day.year <= LAST_YEAR:
        tomorrow = _instant(day + one, 0, zone)
        if _is_working(rules.get(day), day):
            plain = tomorrow - midnight == DAY  # a day on which clocks change is asked hour by hour
            for since, until in hours:
                yield (
                    (midnight + since * MINUTE, midnight + until * MINUTE)
                    if plain
                    else (_instant(day, since, zone), _instant(day, until, zone))
                )
        day, midnight = day + one, tomorrow


def _instant(day: date, minute: int, zone: ZoneInfo) -> Millis:
    return round(datetime.combine(day, time(*divmod(minute, 60)), zone).timestamp() * 1000)
