"""Is this report part of a case that the city knows of already?

Four things are kept apart: a *duplicate report* (重复上报: open case, same problem), a *reminder* (催办: the same
person asks again while it is open), a *repeat complaint* (重复投诉: the same person again after an answer) and a
*recurrence* (复发: a new problem at the place of an ended case). Links are facts; nothing is deleted.

The rule, per category family: within radius and window of the category, distance against the location error, time
between, category and likeness of the texts make a probability (:class:`PairWeights`); the best one at or above
``threshold`` merges, one at or above ``suggest`` is shown to a person, all others are separate. The radius grows with
the location error up to ``max_radius_m``, which is also how far notices to neighbour tiles reach (ADR 0003). A learned
model (:mod:`pipeline.domain.pairmodel`) may decide instead; exact references stay before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import hypot

from msgspec.structs import replace

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.ids import DAY_MS, number, report_id
from pipeline.domain.pairmodel import (
    FAR,
    OTHER,
    SAME_CODE,
    SAME_FAMILY,
    Asked,
    Judgement,
    PairModel,
    PairWeights,
    Sighting,
)
from pipeline.domain.text import likeness as text_likeness
from pipeline.events.base import Linked, Millis
from pipeline.events.casework import NeighbourNotice
from pipeline.events.intake import LocatedReport
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Verdict
from pipeline.stages.entries import CaseEntry, Sight

HOUR_MS = 3_600_000
ERRORS = 2.0
"""Location errors (1 sigma) that widen a radius."""
MOST_CANDIDATES = 64
"""Open cases that a learned model looks at, latest first: bounds the cost at a place with hundreds of open cases."""
USUAL = (30.0, 168 * HOUR_MS)
"""Radius and window of a category that states none."""


@dataclass(frozen=True, slots=True)
class DuplicatePolicy:
    """Thresholds of the rule; radius and window come from the category.

    ``max_radius_m`` bounds every search. ``threshold`` is the least probability of a link, ``suggest`` that of a
    suggestion to a person. ``error_cap_m`` bounds how much of a location error may widen the radius. ``systems`` are
    the source systems whose order numbers a text may name without saying whose they are.
    """

    max_radius_m: float = 150.0
    threshold: float = 0.35
    suggest: float = 0.15
    error_cap_m: float = 100.0
    weights: PairWeights = field(default_factory=PairWeights)
    recurrence_ms: Millis = 30 * 24 * HOUR_MS
    systems: tuple[str, ...] = ()
    spans: Mapping[tuple[str, str, str], tuple[float, Millis]] = field(default_factory=dict)
    """Radius and window by category."""
    widest: Mapping[str, float] = field(default_factory=dict)
    """The largest radius by family."""
    model: PairModel | None = None
    """A learned model that decides in place of score and threshold; exact references stay before it."""

    def span(self, key: tuple[str, str, str]) -> tuple[float, Millis]:
        """Radius in metres and window of a category."""
        return self.spans.get(key, USUAL)

    def findable_days(self, key: tuple[str, str, str]) -> int:
        """How long after its beginning an open case of a category can be a duplicate's master."""
        learned = 0 if self.model is None else self.model.window_days
        return max(-(-self.span(key)[1] // DAY_MS), learned)

    def reach_of(self, family: str) -> float:
        """How far a search among a family has to go, whatever the location errors."""
        if self.model is not None:
            return min(self.model.reach_m, self.max_radius_m)
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
    running: list[Known] = []
    past: CaseEntry | NeighbourNotice | None = None
    for known in _known(book, located, policy):
        if not _urgency_agrees(known, located):
            continue
        if known.open:
            running.append(known)
        elif _recurs(known, located, policy):
            past = _later(past, known)
    if not running:
        best = None
    elif policy.model is not None:
        best = _learned(running, located, policy.model, policy)
    else:
        best = _best(_judged(known, located, policy) for known in running)
    if best is not None and best.case_id:
        return best
    after = _after(past, located) if past is not None else None
    if best is None or after is None:
        return best or after
    return replace(after, suggested=best.suggested, score=best.score)


def _best(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    best: Verdict | None = None
    for verdict in verdicts:
        if verdict is not None and (best is None or _rank(verdict) > _rank(best)):
            best = verdict
    return best


def _learned(running: list[Known], located: LocatedReport, model: PairModel, policy: DuplicatePolicy) -> Verdict | None:
    """The same component still settles it; else the model judges all sightings of open cases together."""
    code = located.place.component_code or located.report.component_code
    if code and (exact := _best(_judged(one, located, policy) for one in running if one.component_code == code)):
        return exact
    near = sorted(running, key=_order)[:MOST_CANDIDATES]
    found = model.judge(_sightings(near, located, model), _asked(located))
    if found.best < 0 or found.probability < model.suggest:
        return None
    verdict = _merged(near[found.best], located, found, model)
    if found.probability >= model.merge:
        return verdict
    return Verdict(rule=f"D8-{model.version}", suggested=verdict.case_id, score=verdict.score)


def _merged(known: Known, located: LocatedReport, found: Judgement, model: PairModel) -> Verdict:
    report = located.report
    same_person = bool(report.reporter_key) and report.reporter_key == known.reporter_key
    return _linked(
        known, same_person, found.probability, _distance(report.lon, report.lat, known),
        report.begun_at - known.begun_at, text_likeness(report.signature, known.signature), f"D7-{model.version}",
    )  # fmt: skip


def _order(known: Known) -> tuple[Millis, str]:
    """Latest first; a total order, so the answer never hangs on storage order."""
    return (-known.begun_at, known.case_id)


def _kin(family: str, code: str, located: LocatedReport) -> int:
    about = located.classification
    return OTHER if family != about.family else SAME_CODE if code == about.code else SAME_FAMILY


def _asked(located: LocatedReport) -> Asked:
    report, about = located.report, located.classification
    hour = report.received_at % DAY_MS // HOUR_MS
    return Asked(float(hour), report.lon is not None, f"{about.standard}|{about.kind}|{about.code}", report.channel)


def _sightings(running: Sequence[Known], located: LocatedReport, model: PairModel) -> list[Sighting]:
    """All reports of these cases that lie within reach and window of the model, seen from this report."""
    found: list[Sighting] = []
    for number_of, known in enumerate(running):
        _add_sighting(found, number_of, known.family, known, located, model)
        for sight in known.also if isinstance(known, CaseEntry) else ():
            _add_sighting(found, number_of, known.family, sight, located, model)
    return found


def _add_sighting(
    found: list[Sighting], case: int, family: str, seen: Known | Sight, located: LocatedReport, model: PairModel
) -> None:
    report = located.report
    at = seen.at if isinstance(seen, Sight) else seen.begun_at
    days = abs(report.begun_at - at) / DAY_MS
    same_address = bool(report.address_key) and report.address_key == seen.address_key
    metres = FAR
    if report.lon is not None and report.lat is not None and seen.lon is not None and seen.lat is not None:
        metres = distance_m(report.lon, report.lat, seen.lon, seen.lat)
    if days <= model.window_days and (metres <= model.reach_m or same_address):
        found.append(Sighting(case, days, metres, same_address, _kin(family, seen.code, located)))


def _known(book: CaseBook, located: LocatedReport, policy: DuplicatePolicy) -> list[Known]:
    family = located.classification.family
    if not family:
        return []
    families = dict.fromkeys((family, *policy.model.families)) if policy.model is not None else (family,)
    return [known for one in families for known in _known_of(book, located, one, policy)]


def _known_of(book: CaseBook, located: LocatedReport, family: str, policy: DuplicatePolicy) -> list[Known]:
    report, place = located.report, located.place
    if report.lon is None or report.lat is None:
        people = dict.fromkeys((report.address_key, report.reporter_key, report.component_code))
        found = [case for person in people for case in book.cases_of_person(place.tile, family, person)]
        return list({case.case_id: case for case in found}.values())
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
    sigma = hypot(report.error_m or 0.0, known.error_m)
    score = policy.weights.probability(
        distance, sigma, abs(gap) / HOUR_MS, likeness, same_code=about.code == known.code, same_person=same_person
    )
    if score < policy.suggest:
        return None
    if score < policy.threshold:
        return Verdict(rule="D8-suggested", suggested=known.case_id, score=score)
    rule = "D3-place" if distance is not None else "D4-person"
    return _linked(known, same_person, score, distance, gap, likeness, rule)


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
    """How far apart two reports of one problem may lie: its radius and twice the greater error (1 sigma)."""
    error = min(ERRORS * max(error_m or 0.0, known.error_m), policy.error_cap_m)
    return min(radius + error, policy.max_radius_m)


def _distance(lon: float | None, lat: float | None, known: Known) -> float | None:
    if lon is None or lat is None or known.lon is None or known.lat is None:
        return None
    return distance_m(lon, lat, known.lon, known.lat)


def _rank(verdict: Verdict) -> tuple[bool, float, float, str]:
    """Merges first, then best score, nearest, greatest case id: a total order, whatever the order of storage."""
    return (bool(verdict.case_id), verdict.score, -(verdict.distance_m or 0.0), verdict.case_id or verdict.suggested)


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
    if not case.family:
        return None  # what nobody could name is merged with nothing, within a tile as across its edge
    if not (notice.open and case.open) or (notice.case_class == "emergency") != (case.case_class == "emergency"):
        return None
    radius, window = policy.span((case.standard, case.kind, case.code))
    distance = distance_m(notice.lon, notice.lat, case.lon, case.lat)
    gap = abs(notice.begun_at - case.begun_at)
    if distance > _reach(radius, notice.error_m, case, policy) or gap > window:
        return None
    likeness = text_likeness(notice.signature, case.signature)
    sigma = hypot(notice.error_m, case.error_m)
    score = policy.weights.probability(
        distance, sigma, gap / HOUR_MS, likeness, same_code=True,
        same_person=bool(case.reporter_key) and case.reporter_key == notice.reporter_key,
    )  # fmt: skip
    return (distance, gap) if score >= policy.threshold else None


def origin_number(topic: str, partition: int, offset: int) -> int:
    """One number for an origin, to tell a replay (same origin) from a redelivery."""
    return (_topic_number(topic, partition) << 40) + offset


@lru_cache(maxsize=4096)
def _topic_number(topic: str, partition: int) -> int:
    return number(topic, str(partition)) & 0x7FFFFF
