"""Which duty lines with conditions hold for a report: by the time it was received, and by what it answers and measured.

Never the wall clock: a replay finds the same lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.domain.readings import CivilTime
from pipeline.domain.reference.conditions import ANSWER, Condition, condition_of, moment_of
from pipeline.domain.reference.model import CategoryKey, Reference
from pipeline.events.base import Millis
from pipeline.events.intake import LocatedReport
from pipeline.events.records import Evidence


class HeldLines:
    """The lines with conditions of a reference set, by category; most sets have none."""

    def __init__(self, reference: Reference) -> None:
        self._calendar = reference.calendar
        self._civil = CivilTime(reference.city.time_zone)
        self._lines = _by_category(reference)
        self.any = bool(self._lines)
        """Whether there is a line to ask at all."""

    def ids(self, located: LocatedReport, at: Millis) -> tuple[str, ...]:
        """Ids of the lines of the report's category whose conditions hold."""
        about = located.classification
        lines = self._lines.get((about.standard, about.kind, about.code))
        if lines is None:
            return ()
        moment = moment_of(at, self._civil, self._calendar)
        told = [(one.measure, one.value, one.unit) for one in located.report.evidence]
        return tuple([id for id, condition in lines if condition.holds(moment, told)])


def answers_of(extra: Mapping[str, str], asked: Sequence[tuple[str, str]]) -> list[Evidence]:
    """What a report answers to the questions of the duty list, in the words of the list; case does not matter."""
    return [
        Evidence(measure=f"{name}={value}", value=1.0, unit=ANSWER)
        for name, value in asked
        if name in extra and extra[name].strip().casefold() == value
    ]


def _by_category(reference: Reference) -> dict[CategoryKey, tuple[tuple[str, Condition], ...]]:
    if not any(duty.conditional for duty in reference.tables.duties):
        return {}
    found: dict[CategoryKey, tuple[tuple[str, Condition], ...]] = {}
    for category in reference.tables.categories:
        lines = [duty for duty in reference.duty_lines(category) if duty.conditional]
        if lines:
            found[category.key] = tuple([(duty.id, condition_of(duty)) for duty in lines])
    return found
