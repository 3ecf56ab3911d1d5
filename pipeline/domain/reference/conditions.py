"""When a line of the duty list holds: hours of the day, kind of day, and what the report answers or measured.

``hours`` is ``HH:MM-HH:MM`` in the city's time, its end not included; a span may cross midnight. ``days`` is
``workday`` or ``holiday``: what the calendar with its make-up days says of the civil day on which the minute lies, also
after midnight. ``when`` names answers (``blocks_road=yes``) and measured values (``depth>=15 cm``), separated by ``|``:
all of them must hold. What cannot be read is a fault and counts as not written; a set with faults starts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from pipeline.domain.calendar import DAY, Calendar, Millis
from pipeline.domain.readings import CivilTime
from pipeline.domain.reference.places import Duty

ANSWER = "answer"
"""The unit of evidence that is an answer and no measured value; its measure is ``name=value``."""
DAYS = {"workday": True, "holiday": False}
DAY_MINUTES = 24 * 60
_EPOCH = date(1970, 1, 1).toordinal()
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")
_TERM = re.compile(r"([^\s<>=!|]+)\s*(<=|>=|=|<|>)\s*([^<>=|]+)")
_AMOUNT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(\S*)")

Told = tuple[str, float, str]
"""One piece of evidence: measure, value, unit."""
Misread = tuple[str, str, str]
"""Column, what stands there, and how to mend it."""


class Term(NamedTuple):
    """One demand of ``when``: an answer (``operator`` is ``=``) or a measured value in the unit named."""

    name: str
    operator: str
    value: str = ""
    number: float = 0.0
    unit: str = ""

    def holds(self, told: Sequence[Told]) -> bool:
        """Whether the evidence says so; what it does not tell does not hold."""
        if self.operator == "=":
            return any(unit == ANSWER and said == f"{self.name}={self.value}" for said, _, unit in told)
        return any((said, unit) == (self.name, self.unit) and self._met(value) for said, value, unit in told)

    def _met(self, value: float) -> bool:
        if self.operator[0] == ">":
            return value > self.number or (self.operator == ">=" and value == self.number)
        return value < self.number or (self.operator == "<=" and value == self.number)


class Moment(NamedTuple):
    """An instant as the duty list sees it: minute of the civil day, and whether that day is worked."""

    minute: int
    worked: bool


class Condition(NamedTuple):
    """The conditions of one line, read; ``None`` and ``()`` ask for nothing."""

    hours: tuple[int, int] | None = None
    worked: bool | None = None
    terms: tuple[Term, ...] = ()

    def holds(self, moment: Moment, told: Sequence[Told]) -> bool:
        """Whether all conditions are met."""
        if self.worked is not None and self.worked != moment.worked:
            return False
        return (self.hours is None or _within(self.hours, moment.minute)) and all(one.holds(told) for one in self.terms)

    def wider(self, other: Condition) -> bool:
        """Whether this one holds whenever ``other`` does, as far as the text tells."""
        hours = self.hours is None or _minutes(other.hours) <= _minutes(self.hours)
        return hours and self.worked in (None, other.worked) and set(self.terms) <= set(other.terms)


def moment_of(at: Millis, civil: CivilTime, calendar: Calendar) -> Moment:
    """The civil minute and the kind of day of an instant."""
    day = date.fromordinal(_EPOCH + (at + civil.offset(at)) // DAY)
    return Moment(civil.minute(at), calendar.is_working_day(day))


def condition_of(duty: Duty) -> Condition:
    """The conditions of a line."""
    terms = [term for part in _parts(duty) if (term := _term(part)) is not None]
    return Condition(_span(duty.hours or ""), DAYS.get(duty.days or ""), tuple(terms))


def written(duty: Duty) -> str:
    """The conditions of a line as a person reads them; "" without any."""
    given = (("hours", duty.hours or ""), ("days", duty.days or ""))
    return ", ".join([*(f"{name} {text}" for name, text in given if text), *_parts(duty)])


def misread(duty: Duty) -> Iterator[Misread]:
    """All that is wrong with the conditions of a line."""
    if duty.hours and _span(duty.hours) is None:
        yield "hours", duty.hours, "write HH:MM-HH:MM, such as 22:00-06:00; leave it blank for the whole day"
    if duty.days and duty.days not in DAYS:
        yield "days", duty.days, f"write {' or '.join(DAYS)}; leave it blank for every day"
    names: set[str] = set()
    for part in _parts(duty):
        term = _term(part)
        if term is None:
            yield "when", part, "write name=value for an answer, or a measured value such as depth>=15 cm"
        elif term.operator == "=" and term.name in names:
            yield "when", part, "ask for one answer of a name: two never hold together; write two lines"
        elif term.operator == "=":
            names.add(term.name)


def answers_asked(duties: Iterable[Duty]) -> tuple[tuple[str, str], ...]:
    """Names and values of the answers that any line asks for: nothing else of what a source adds is kept."""
    terms = {term for duty in duties if duty.when for term in condition_of(duty).terms if term.operator == "="}
    return tuple(sorted((term.name, term.value) for term in terms))


def _parts(duty: Duty) -> list[str]:
    return [part.strip() for part in (duty.when or "").split("|") if part.strip()]


def _span(text: str) -> tuple[int, int] | None:
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        return None
    numbers = [int(group) for group in found.groups() if group is not None]
    since, until = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    return None if since == until % DAY_MINUTES else (since, until)


def _term(text: str) -> Term | None:
    found = _TERM.fullmatch(text)
    if found is None:
        return None
    name, operator, right = found[1], found[2], found[3].strip()
    if operator == "=":
        return Term(name, operator, right.casefold()) if right else None
    amount = _AMOUNT.fullmatch(right)
    return None if amount is None else Term(name, operator, number=float(amount[1]), unit=amount[2])


def _within(hours: tuple[int, int], minute: int) -> bool:
    since, until = hours
    return since <= minute < until if since < until else minute >= since or minute < until


def _minutes(hours: tuple[int, int] | None) -> frozenset[int]:
    return frozenset(minute for minute in range(DAY_MINUTES) if hours is None or _within(hours, minute))
