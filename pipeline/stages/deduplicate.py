"""Is this report part of a case that the city knows of already?

Four things are kept apart: a *duplicate report* (重复上报: open case, same problem), a *reminder* (催办: the same
person asks again while it is open), a *repeat complaint* (重复投诉: the same person again after an answer) and a
*recurrence* (复发: a new problem at the place of an ended case). Links are facts; nothing is deleted. What a unit
does with a recurrence is another matter: see :mod:`pipeline.stages.repeat_handling`.

The rule, per category family: within radius and window of the category, distance against the location error, time
between, category, likeness of the texts and the places they name make a probability (:class:`PairWeights`); a report
that nobody could name is compared by its likeliest categories. The best one at or above ``threshold`` merges, one at
or above ``suggest`` is shown to a person, all others are separate. The radius grows with the location error up to
``max_radius_m``, which is also how far notices to neighbour tiles reach (ADR 0003). A learned
model (:mod:`pipeline.domain.pairmodel`) may decide instead; exact references stay before it.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from pipeline.domain.ids import number, report_id
from pipeline.events.base import Linked, Millis
from pipeline.events.intake import LocatedReport
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Verdict
from pipeline.stages.duplicate_policy import DuplicatePolicy, Known
from pipeline.stages.entries import CaseEntry
from pipeline.stages.kinship import families_for
from pipeline.stages.learned_pairing import learned
from pipeline.stages.pairing import best_of, distance_between, judged, merge_reach
from pipeline.stages.repeat_handling import earlier_of, row_of

NEW = Verdict(rule="D0-new")


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
    past: Known | None = None
    settled: Known | None = None
    for known in _known(book, located, policy):
        if not _urgency_agrees(known, located):
            continue
        if known.open:
            running.append(known)
        elif _recurs(known, located, policy):
            past = _later(past, known)
            settled = _later(settled, known) if row_of(known)[0] else settled
    if not running:
        best = None
    elif policy.model is not None:
        best = learned(running, located, policy.model, policy)
    else:
        best = best_of(judged(known, located, policy) for known in running)
    if best is not None and best.case_id:
        return best
    after = _after(past, settled, located, policy) if past is not None else None
    if best is None or after is None:
        return best or after
    return replace(after, suggested=best.suggested, score=best.score)


def _known(book: CaseBook, located: LocatedReport, policy: DuplicatePolicy) -> list[Known]:
    found = [known for one in families_for(located, policy) for known in _known_of(book, located, one, policy)]
    # A learned model was shown no case without a category, so it is asked about none.
    return found if policy.model is None else [known for known in found if known.family]


def _known_of(book: CaseBook, located: LocatedReport, family: str, policy: DuplicatePolicy) -> list[Known]:
    report, place = located.report, located.place
    if report.lon is None or report.lat is None:
        people = dict.fromkeys((report.address_key, report.reporter_key, report.component_code))
        found = [case for person in people for case in book.cases_of_person(place.tile, family, person)]
        return list({case.case_id: case for case in found}.values())
    reach = policy.look(family, report.error_m)
    cases = book.cases_near(place.tile, family, report.lon, report.lat, reach)
    if not place.neighbour_tiles:
        return list(cases)
    return [*cases, *book.ghosts_near(place.tile, family, report.lon, report.lat, reach)]


def _urgency_agrees(known: Known, located: LocatedReport) -> bool:
    """An emergency is never merged into an ordinary case, nor the other way round."""
    return (known.case_class == "emergency") == (located.classification.case_class == "emergency")


def _recurs(known: Known, located: LocatedReport, policy: DuplicatePolicy) -> bool:
    about, report = located.classification, located.report
    category = (known.standard, known.kind, known.code)
    if not about.code or not policy.one_kind((about.standard, about.kind, about.code), category):
        return False
    distance = distance_between(report.lon, report.lat, known)
    if distance is not None and policy.is_wide(max(report.error_m or 0.0, known.error_m)):
        return False  # whether it is the same place again cannot be told
    radius, _ = policy.span(category)
    near = distance is None or distance <= merge_reach(radius, report.error_m, known, policy)
    since = report.received_at - _ended(known)
    return near and report.received_at >= known.filed_at and since <= policy.recurrence_ms


def _ended(known: Known) -> Millis:
    return known.ended_at or known.filed_at if isinstance(known, CaseEntry) else known.at


def _later(one: Known | None, other: Known) -> Known:
    return other if one is None or (_ended(other), other.case_id) > (_ended(one), one.case_id) else one


def _after(past: Known, settled: Known | None, located: LocatedReport, policy: DuplicatePolicy) -> Verdict:
    """What the report comes after: the last that ended there, and the last that a unit settled (often the same)."""
    report, case = located.report, past.case_id
    again = earlier_of(settled, report.received_at - _ended(settled), policy.repeat_ms) if settled is not None else None
    if report.reporter_key and report.reporter_key == past.reporter_key:
        return Verdict(rule="D6-repeat-complaint", repeat_complaint_of=case, recurrence_of=case, again=again)
    return Verdict(rule="D5-recurrence", recurrence_of=case, again=again)


def origin_number(topic: str, partition: int, offset: int) -> int:
    """One number for an origin, to tell a replay (same origin) from a redelivery."""
    return (_topic_number(topic, partition) << 40) + offset


@lru_cache(maxsize=4096)
def _topic_number(topic: str, partition: int) -> int:
    return number(topic, str(partition)) & 0x7FFFFF
