"""Is this report part of a case that the city knows of already?

Four things are kept apart: a *duplicate report* (重复上报: open case, same problem), a *reminder* (催办: the same
person asks again while it is open), a *repeat complaint* (重复投诉: the same person again after an answer) and a
*recurrence* (复发: a new problem at the place of an ended case). Links are facts; nothing is deleted.

The rule, per category family: within radius and window of the category, time and place decay into a score together
with the likeness of the texts; the best score above the threshold wins. The radius grows with the location error of
both reports up to ``max_radius_m``, which is also how far notices to neighbour tiles reach (ADR 0003).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.ids import number, report_id
from pipeline.domain.text import likeness as text_likeness
from pipeline.events.base import Linked, Millis
from pipeline.events.casework import NeighbourNotice
from pipeline.events.intake import LocatedReport
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Verdict
from pipeline.stages.entries import CaseEntry

HOUR_MS = 3_600_000
USUAL = (30.0, 168 * HOUR_MS)
"""Radius and window of a category that states none."""


@dataclass(frozen=True, slots=True)
class DuplicatePolicy:
    """Thresholds of the rule; radius and window come from the category.

    ``max_radius_m`` bounds every search. ``threshold`` is the least score (0..1) of a link. ``error_cap_m`` bounds how
    much of a stated location error may widen the radius. ``systems`` are the source systems whose order numbers a text
    may name without saying whose they are.
    """

    max_radius_m: float = 150.0
    threshold: float = 0.35
    error_cap_m: float = 50.0
    recurrence_ms: Millis = 30 * 24 * HOUR_MS
    systems: tuple[str, ...] = ()
    spans: Mapping[tuple[str, str, str], tuple[float, Millis]] = field(default_factory=dict)
    """Radius and window by category."""
    widest: Mapping[str, float] = field(default_factory=dict)
    """The largest radius by family."""

    def span(self, key: tuple[str, str, str]) -> tuple[float, Millis]:
        """Radius in metres and window of a category."""
        return self.spans.get(key, USUAL)

    def reach_of(self, family: str) -> float:
        """How far a search among a family has to go, whatever the location errors."""
        return min(self.widest.get(family, USUAL[0]) + self.error_cap_m, self.max_radius_m)


NEW = Verdict(rule="D0-new")
Known = CaseEntry | NeighbourNotice


def deduplicate(book: CaseBook, located: LocatedReport, policy: DuplicatePolicy) -> Verdict:
    """Decide by exact references first, then by component, person and place. Reads the book, changes nothing."""
    return _same_order(book, located, policy) or _by_likeness(book, located, policy) or NEW


def _same_order(book: CaseBook, located: LocatedReport, policy: DuplicatePolicy) -> Verdict | None:
    """The report names the number of an order that is part of an open case: they are one, whatever the texts say."""
    for reference in located.report.related_refs:
        for system in (located.report.source_system, *policy.systems):
            other = report_id(system, reference)
            seen = book.seen(other)
            part_of = seen.case_of(other) if seen is not None and seen.tile == located.place.tile else ""
            if not part_of:
                continue
            case = book.known(located.place.tile, part_of)
            if case is not None and case.open and _urgency_agrees(case, located):
                gap = located.report.begun_at - case.begun_at
                return Verdict(case_id=case.case_id, how=Linked.SAME_ORDER, score=1.0, gap_ms=gap, rule="D1-order")
    return None


def _by_likeness(book: CaseBook, located: LocatedReport, policy: DuplicatePolicy) -> Verdict | None:
    best: Verdict | None = None
    past: CaseEntry | NeighbourNotice | None = None
    for known in _known(book, located, policy):
        if not _urgency_agrees(known, located):
            continue
        if not known.open:
            past = _later(past, known) if _recurs(known, located, policy) else past
            continue
        verdict = _judged(known, located, policy)
        if verdict is not None and (best is None or _rank(verdict) > _rank(best)):
            best = verdict
    return best or (_after(past, located) if past is not None else None)


def _known(book: CaseBook, located: LocatedReport, policy: DuplicatePolicy) -> list[Known]:
    report, place, family = located.report, located.place, located.classification.family
    if not family:
        return []
    if report.lon is None or report.lat is None:
        people = (report.address_key, report.reporter_key, report.component_code)
        return [case for person in people for case in book.cases_of_person(place.tile, family, person)]
    reach = policy.reach_of(family)
    cases = book.cases_near(place.tile, family, report.lon, report.lat, reach)
    if not place.neighbour_tiles:
        return list(cases)
    return [*cases, *book.ghosts_near(place.tile, family, report.lon, report.lat, reach)]


def _urgency_agrees(known: Known, located: LocatedReport) -> bool:
    """An emergency is never merged into an ordinary case, nor the other way round."""
    return (known.case_class == "emergency") == (located.classification.case_class == "emergency")


def _judged(known: Known, located: LocatedReport, policy: DuplicatePolicy) -> Verdict | None:
    """The link to one open case, or ``None``. Cheap questions come before dear ones: most candidates fall early."""
    report, about = located.report, located.classification
    gap = report.begun_at - known.begun_at
    distance = _distance(report.lon, report.lat, known)
    same_component = bool(report.component_code) and report.component_code == known.component_code
    radius, window = policy.span((known.standard, known.kind, known.code))
    reach = _reach(radius, report.error_m, known, policy)
    if not same_component and (abs(gap) > window or (distance is not None and distance > reach)):
        return None
    same_person = bool(report.reporter_key) and report.reporter_key == known.reporter_key
    likeness = text_likeness(report.signature, known.signature)
    if same_component:
        return _linked(known, same_person, 1.0, distance, gap, likeness, "D2-component")
    nearness = 1.0 - distance / reach if distance is not None else 0.5
    freshness = 1.0 - abs(gap) / window
    same_code = 1.0 if about.code == known.code else 0.4
    score = same_code * (0.45 * nearness + 0.25 * freshness + 0.30 * likeness) + (0.25 if same_person else 0.0)
    rule = "D3-place" if distance is not None else "D4-person"
    return _linked(known, same_person, score, distance, gap, likeness, rule) if score >= policy.threshold else None


def _linked(
    known: Known, same_person: bool, score: float, distance: float | None, gap: int, likeness: float, rule: str
) -> Verdict:
    how = Linked.REMINDER if same_person else Linked.DUPLICATE
    return Verdict(
        case_id=known.case_id,
        how=how,
        score=min(1.0, score),
        distance_m=distance,
        gap_ms=gap,
        similarity=likeness,
        rule=rule,
    )


def _reach(radius: float, error_m: float | None, known: Known, policy: DuplicatePolicy) -> float:
    error = min(max(error_m or 0.0, known.error_m), policy.error_cap_m)
    return min(radius + error, policy.max_radius_m)


def _distance(lon: float | None, lat: float | None, known: Known) -> float | None:
    if lon is None or lat is None or known.lon is None or known.lat is None:
        return None
    return distance_m(lon, lat, known.lon, known.lat)


def _rank(verdict: Verdict) -> tuple[float, float, str]:
    """Best score, then nearest, then greatest case id: a total order, so the answer never hangs on storage order."""
    return (verdict.score, -(verdict.distance_m or 0.0), verdict.case_id)


def _recurs(known: Known, located: LocatedReport, policy: DuplicatePolicy) -> bool:
    about, report = located.classification, located.report
    if about.code != known.code:
        return False
    distance = _distance(report.lon, report.lat, known)
    radius, _ = policy.span((known.standard, known.kind, known.code))
    near = distance is None or distance <= _reach(radius, report.error_m, known, policy)
    since = report.received_at - _ended(known)
    return near and report.received_at >= known.filed_at and since <= policy.recurrence_ms


def _ended(known: Known) -> Millis:
    return known.ended_at or known.filed_at if isinstance(known, CaseEntry) else known.at


def _later(one: Known | None, other: Known) -> Known:
    return other if one is None or (_ended(other), other.case_id) > (_ended(one), one.case_id) else one


def _after(past: Known, located: LocatedReport) -> Verdict:
    same_person = bool(located.report.reporter_key) and located.report.reporter_key == past.reporter_key
    if same_person:
        return Verdict(rule="D6-repeat-complaint", repeat_complaint_of=past.case_id, recurrence_of=past.case_id)
    return Verdict(rule="D5-recurrence", recurrence_of=past.case_id)


def same_problem(notice: NeighbourNotice, case: CaseEntry, policy: DuplicatePolicy) -> tuple[float, int] | None:
    """Whether a case of a neighbour tile and one of ours are the same: distance and time apart, or ``None``.

    The rule is symmetrical, so both tiles come to the same answer whichever hears first.
    """
    if case.lon is None or case.lat is None or notice.family != case.family or notice.code != case.code:
        return None
    if not (notice.open and case.open) or (notice.case_class == "emergency") != (case.case_class == "emergency"):
        return None
    radius, window = policy.span((case.standard, case.kind, case.code))
    distance = distance_m(notice.lon, notice.lat, case.lon, case.lat)
    gap = abs(notice.begun_at - case.begun_at)
    error = min(max(notice.error_m, case.error_m), policy.error_cap_m)
    reach = min(radius + error, policy.max_radius_m)
    if distance > reach or gap > window:
        return None
    likeness = text_likeness(notice.signature, case.signature)
    score = 0.45 * (1 - distance / reach) + 0.25 * (1 - gap / window) + 0.30 * likeness
    return (distance, gap) if score >= policy.threshold else None


def origin_number(topic: str, partition: int, offset: int) -> int:
    """One number for an origin, to tell a replay (same origin) from a redelivery."""
    return (_topic_number(topic, partition) << 40) + offset


@lru_cache(maxsize=4096)
def _topic_number(topic: str, partition: int) -> int:
    return number(topic, str(partition)) & 0x7FFFFF
