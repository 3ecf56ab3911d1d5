"""Are this report and this open case the same problem? The rule for one pair, within a tile and across its edge."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.mentions import relation
from pipeline.domain.text import likeness as text_likeness
from pipeline.events.base import Channel, Linked
from pipeline.events.casework import NeighbourNotice
from pipeline.events.intake import LocatedReport
from pipeline.stages.decisions import Twin, Verdict
from pipeline.stages.duplicate_policy import ERRORS, HOUR_MS, DuplicatePolicy, Known
from pipeline.stages.entries import CaseEntry
from pipeline.stages.kinship import kinship

Centre = tuple[float | None, float | None, float]
"""Where a case lies, and the variance of that in m² (below 0: surer than the size of a problem)."""


def judged(known: Known, located: LocatedReport, policy: DuplicatePolicy) -> Verdict | None:
    """The link to one open case, or ``None``. Cheap questions come before dear ones: most candidates fall early."""
    report = located.report
    gap = report.begun_at - known.begun_at
    lon, lat, error = centre_of(known, policy.weights.spread_m)
    distance = None
    if report.lon is not None and report.lat is not None and lon is not None and lat is not None:
        distance = distance_m(report.lon, report.lat, lon, lat)
    same_component = bool(report.component_code) and report.component_code == known.component_code
    radius, window = policy.span((known.standard, known.kind, known.code))
    reach = merge_reach(radius, report.error_m, known, policy)
    if not same_component and (abs(gap) > window or (distance is not None and distance > reach)):
        return None
    same_person = bool(report.reporter_key) and report.reporter_key == known.reporter_key
    likeness = text_likeness(report.signature, known.signature)
    if same_component:
        return linked(known, same_person, 1.0, distance, gap, likeness, "D2-component")
    said = _said(known, located, policy, same_person=same_person)
    if said is None:
        return None
    square = (report.error_m or 0.0) ** 2 + error
    score = policy.weights.probability(distance, square, abs(gap) / HOUR_MS, likeness, said)
    if score < policy.suggest:
        return None
    if score < policy.threshold:
        return Verdict(rule="D8-suggested", suggested=known.case_id, score=score)
    rule = "D3-place" if distance is not None else "D4-person"
    return linked(known, same_person, score, distance, gap, likeness, rule)


def _said(known: Known, located: LocatedReport, policy: DuplicatePolicy, *, same_person: bool) -> float | None:
    """Log-odds of all that is compared by name: category, places, person; ``None`` when the categories forbid it."""
    kin, report, weights = kinship(located, known, policy), located.report, policy.weights
    if kin is None:
        return None
    if same_person:
        kin += weights.worker if report.channel == Channel.GRID_WORKER else weights.person
    return kin + weights.places(relation(report.mentions, known.mentions))


def linked(
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


def best_of(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    best: Verdict | None = None
    for verdict in verdicts:
        if verdict is not None and (best is None or _rank(verdict) > _rank(best)):
            best = verdict
    return best


def _rank(verdict: Verdict) -> tuple[bool, float, float, str]:
    """Merges first, then best score, nearest, greatest case id: a total order, whatever the order of storage."""
    return (bool(verdict.case_id), verdict.score, -(verdict.distance_m or 0.0), verdict.case_id or verdict.suggested)


def merge_reach(radius: float, error_m: float | None, known: Known, policy: DuplicatePolicy) -> float:
    """How far apart two reports of one problem may lie: its radius and twice the greater error (1 sigma).

    Of a place that is only known by a wide name it is twice that error, which is more than the radius of any search.
    """
    most = max(error_m or 0.0, known.error_m)
    if policy.is_wide(most):
        return policy.wide_reach(most)
    return min(radius + min(ERRORS * most, policy.error_cap_m), policy.max_radius_m)


def centre_of(known: Known, spread_m: float) -> Centre:
    """Where a case lies by all its reports that are kept, each weighed by its error (inverse variance).

    Half of ``spread_m``² is how far each report's own idea of the place may lie off, so none weighs without bound.
    """
    if isinstance(known, NeighbourNotice) or not known.also or known.lon is None or known.lat is None:
        return known.lon, known.lat, known.error_m * known.error_m
    own = spread_m * spread_m / 2.0
    weight = 1.0 / (known.error_m * known.error_m + own)
    lon, lat, total = known.lon * weight, known.lat * weight, weight
    for sight in known.also:
        if sight.lon is not None and sight.lat is not None:
            weight = 1.0 / (sight.error_m * sight.error_m + own)
            lon, lat, total = lon + sight.lon * weight, lat + sight.lat * weight, total + weight
    return lon / total, lat / total, 1.0 / total - own


def distance_between(lon: float | None, lat: float | None, known: Known) -> float | None:
    if lon is None or lat is None or known.lon is None or known.lat is None:
        return None
    return distance_m(lon, lat, known.lon, known.lat)


def same_problem(notice: NeighbourNotice, case: CaseEntry, policy: DuplicatePolicy) -> Twin | None:
    """A case of a neighbour tile beside one of ours, as the rule weighs them; ``None`` when they cannot be the same.

    The rule is symmetrical, so both tiles come to the same answer whichever hears first. Names of places are not
    weighed here: a merge keeps all that it was decided by.
    """
    if case.lon is None or case.lat is None or not _of_one_kind(notice, case, policy):
        return None
    radius, window = policy.span((case.standard, case.kind, case.code))
    distance = distance_m(notice.lon, notice.lat, case.lon, case.lat)
    gap = abs(notice.begun_at - case.begun_at)
    if distance > merge_reach(radius, notice.error_m, case, policy) or gap > window:
        return None
    likeness, square = text_likeness(notice.signature, case.signature), notice.error_m**2 + case.error_m**2
    same_person = bool(case.reporter_key) and case.reporter_key == notice.reporter_key
    hours = gap / HOUR_MS
    said = policy.weights.code + (policy.weights.person if same_person else 0.0)
    score = policy.weights.probability(distance, square, hours, likeness, said)
    return Twin(
        case_id=case.case_id, distance_m=distance, gap_ms=gap, error_m=sqrt(square), similarity=likeness,
        same_person=same_person, score=score,
    )  # fmt: skip


def _of_one_kind(notice: NeighbourNotice, case: CaseEntry, policy: DuplicatePolicy) -> bool:
    """Both open, of one category and urgency. What nobody could name is merged with nothing, as within a tile."""
    if not case.family or notice.family != case.family:
        return False
    if not policy.one_kind((notice.standard, notice.kind, notice.code), (case.standard, case.kind, case.code)):
        return False
    return notice.open and case.open and (notice.case_class == "emergency") == (case.case_class == "emergency")
