"""Is this a case? Filing (立案) applies the written standard and keeps which row and version it applied.

Rows of a category in one group must hold together; groups are alternatives. A measured value decides where a row asks
for one; without the value the report is *unmeasured* and a person looks, it is never dropped. Emergencies do not wait
for a person, a value or a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from pipeline.domain.readings import CivilTime
from pipeline.domain.reference.model import FilingStandard, Reference
from pipeline.events.base import Channel, Fate, Filed, Logged
from pipeline.events.intake import LocatedReport
from pipeline.events.records import Evidence
from pipeline.stages.decisions import Filing

DISPATCHED = "dispatched"
"""State of a case that goes straight to a department."""
DAY_FROM, DAY_TO = 6 * 60, 22 * 60
"""Day in minutes of the civil day, the rest is night: Noise Pollution Prevention Law (2021), article 88."""
COMPARE = {
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    "==": lambda value, limit: value == limit,
}


class Judged:
    """What one group of rows says: ``True`` files, ``False`` is below, ``None`` lacks a value."""

    def __init__(self, holds: bool | None, row: FilingStandard, measured: float | None = None) -> None:
        self.holds, self.row, self.measured = holds, row, measured


def file(located: LocatedReport, reference: Reference) -> Filing:
    """Decide on a report that belongs to no open case."""
    return _not_for_us(located, reference) or _waiting(located) or _by_standard(located, reference)


def _not_for_us(located: LocatedReport, reference: Reference) -> Filing | None:
    report, about = located.report, located.classification
    urgent = about.case_class == "emergency" and bool(about.code)
    if report.drill:
        return _logged(Logged.DRILL, "F0-drill", "drills are kept out of cases and scores")
    if about.referral and not urgent:
        return _logged(Logged.OUT_OF_SCOPE, about.referral_rule, f"referred to {about.referral}")
    if about.nature == "praise":
        return _logged(Logged.NOT_ACCEPTED, "F0-praise", "thanks ask for no handling")
    if (
        report.self_handled
        and not urgent
        and about.code
        and not _needs_power(about.standard, about.kind, about.code, reference)
    ):
        return _logged(Logged.HANDLED_IN_GRID, "F1-self-handled", "handled on the spot within the grid")
    return None


def _needs_power(standard: str, kind: str, code: str, reference: Reference) -> bool:
    category = reference.category(standard, kind, code)
    return category is not None and category.requires_enforcement


def _logged(outcome: Logged, rule: str, reason: str) -> Filing:
    return Filing(fate=Fate.LOGGED, outcome=outcome, rule=rule, reason=reason)


def _waiting(located: LocatedReport) -> Filing | None:
    about, place = located.classification, located.place
    if not about.code and about.case_class != "emergency":
        return _held(
            Filed.WAITING_PERSON, "pending_filing", "F2-no-category", "no category is sure enough: a person decides"
        )
    if about.case_class == "emergency":
        return None
    if place.method == "none":
        return _held(
            Filed.WAITING_INFORMATION,
            "waiting_information",
            "F3-no-place",
            "no place known: to be verified with the reporter",
        )
    if not place.areas:
        return _held(Filed.ORPHAN, "pending_filing", "F4-no-area", "the place lies in no area of the city")
    return None


def _held(outcome: Filed, state: str, rule: str, reason: str) -> Filing:
    return Filing(fate=Fate.FILED, outcome=outcome, state=state, rule=rule, reason=reason)


def _by_standard(located: LocatedReport, reference: Reference) -> Filing:
    about, zone = located.classification, located.place.zone
    if located.report.evidence or located.report.channel == Channel.ALARM:
        return _judged(located, reference)
    urgent = about.case_class == "emergency"
    question = (reference.version, about.standard, about.kind, about.code, zone, urgent)
    known = _WITHOUT_EVIDENCE.get(question)
    if known is not None:
        return known
    filing = _judged(located, reference)
    category = reference.category(about.standard, about.kind, about.code)
    if category is None or not any(row.period in ("day", "night") for row in reference.filing_for(category)):
        _WITHOUT_EVIDENCE[question] = filing
    return filing


_WITHOUT_EVIDENCE: dict[tuple[str, str, str, str, str, bool], Filing] = {}
"""Answers for reports without a measured value: there are few different questions (categories by zones)."""


def _judged(located: LocatedReport, reference: Reference) -> Filing:
    about = located.classification
    category = reference.category(about.standard, about.kind, about.code)
    rows = reference.filing_for(category) if category is not None else ()
    if located.report.channel == Channel.ALARM and rows:
        return _filed(Judged(True, rows[-1]))  # the sensor limit that raised the alarm has measured already
    zone = reference.city.time_zone
    judged = [_judge(list(group), located, zone) for _, group in groupby(rows, key=lambda row: row.group)]
    return _decide(judged, located)


def _judge(rows: Sequence[FilingStandard], located: LocatedReport, zone: str) -> Judged:
    """All rows of a group must hold; the first that fails, lacks its value or is measured speaks for the group."""
    holds: Judged | None = None
    for row in rows:
        if not _applies(row, located, zone):
            return Judged(None, row)
        if not row.numeric:
            continue
        measured = _value(row, located.report.evidence)
        if measured is None:
            return Judged(None, row)
        if not COMPARE[row.operator](measured, row.threshold):
            return Judged(False, row, measured)
        holds = holds or Judged(True, row, measured)
    return holds or Judged(True, rows[0])


def _applies(row: FilingStandard, located: LocatedReport, zone: str) -> bool:
    """Whether a row is for this zone and, where it names day or night, for the time at which the problem began."""
    if row.zone and row.zone not in ("*", located.place.zone):
        return False
    if row.period not in ("day", "night"):
        return True
    minute = _civil_time(zone).minute(located.report.begun_at)
    return (DAY_FROM <= minute < DAY_TO) == (row.period == "day")


@lru_cache
def _civil_time(zone: str) -> CivilTime:
    return CivilTime(zone)


def _value(row: FilingStandard, evidence: tuple[Evidence, ...]) -> float | None:
    for item in evidence:
        if item.measure == row.measure and item.unit == row.unit:
            return item.value
    return None


def _decide(judged: list[Judged], located: LocatedReport) -> Filing:
    urgent = located.classification.case_class == "emergency"
    measured = [one for one in judged if one.measured is not None]
    holding = [one for one in measured if one.holds] or [one for one in judged if one.holds]
    below = [one for one in measured if one.holds is False]
    if below and not any(one.holds for one in measured) and not urgent:
        row = below[0].row
        reason = f"{row.measure} {below[0].measured:g} {row.unit} is not {row.operator} {row.threshold:g}"
        return Filing(
            fate=Fate.LOGGED,
            outcome=Logged.BELOW_STANDARD,
            rule=row.id,
            reason=reason,
            measured=below[0].measured,
            unit=row.unit,
        )
    if holding:
        return _filed(holding[0])
    if urgent or not judged:
        return Filing(
            fate=Fate.FILED,
            outcome=Filed.DISPATCHED,
            state=DISPATCHED,
            rule="F5-emergency" if urgent else "F6-no-standard",
        )
    row = judged[0].row
    return Filing(
        fate=Fate.FILED, outcome=Filed.UNMEASURED, state="verifying", rule=row.id, unit=row.unit,
        reason=f"{row.measure or row.condition} was not measured: to be verified", limit_value=row.limit_value,
        clock=row.limit_clock,
    )  # fmt: skip


def _filed(judged: Judged) -> Filing:
    row = judged.row
    return Filing(
        fate=Fate.FILED, outcome=Filed.DISPATCHED, state=DISPATCHED, rule=row.id, reason=row.condition,
        measured=judged.measured, unit=row.unit, limit_value=row.limit_value, clock=row.limit_clock,
    )  # fmt: skip
