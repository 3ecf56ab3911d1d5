"""What tiles tell each other: ghosts of a neighbour's cases, links across an edge, and cases that were filed twice.

Where both tiles filed the same problem before they heard of each other, the earlier filed (then the smaller id) wins,
so both come to the same answer whichever hears first (ADR 0003). A report that joins a case which has ended is
not lost: its reporter hears the outcome at once, or the notice goes on to the case that the other became part of.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.ids import mark_of_case, mark_of_report, member, report_of, tile_of_case
from pipeline.events.base import Linked
from pipeline.events.casework import LinkNotice, MergeNotice, NeighbourNotice
from pipeline.events.facts import CaseMerged, CaseMoved
from pipeline.stage import Change, Outcome
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Twin
from pipeline.stages.duplicate_policy import DuplicatePolicy
from pipeline.stages.entries import CaseEntry, Ghost
from pipeline.stages.pairing import same_problem
from pipeline.stages.track import farewell, feedback

NOTHING = Outcome()
MERGED = "merged"
"""The state of a case that became part of another."""
FILED_TWICE = "D10-filed-twice"
"""The rule that merges: the stated weights and threshold of links, also where a learned model decides on reports."""
MAX_CANDIDATES = 5
"""Other cases that are kept with a merge."""


def told(book: CaseBook, notice: NeighbourNotice, policy: DuplicatePolicy) -> Outcome:
    """Keep the ghost; a case of this tile that is the same problem and was filed later is merged into it."""
    name = f"{notice.tile}/{notice.case_id}"
    before = book.get("ghost", name)
    if before is not None and (notice.revived, before.open) <= (before.revived, False):
        return NOTHING  # its end is known, so this is old; only a case whose merge a person undid goes on
    if before is not None and notice.open and (notice.revived, notice.recorded) < (before.revived, before.recorded):
        return NOTHING  # a later one came before it, on another way: the case was given another category since
    kept = Change("ghost", name, Ghost.of(notice))
    twins = _compared(book, notice, policy) if notice.open else []
    twin = next((one for one in twins if one.score >= policy.threshold), None)
    case = book.case(twin.case_id) if twin is not None else None
    if twin is None or case is None or (case.filed_at, case.case_id) < (notice.filed_at, notice.case_id):
        return Outcome(changes=(kept,))
    after = replace(case, state=MERGED, was=case.state, merged_into=notice.case_id, ended_at=notice.at)
    merge = MergeNotice(
        tile=tile_of_case(notice.case_id), case_id=case.case_id, into=notice.case_id, report_ids=case.report_ids,
        members=case.members, at=notice.at, recorded=notice.recorded,
    )  # fmt: skip
    gone = farewell(after, notice.at, notice.recorded)
    facts = (_merged_fact(case, notice, twin, twins), _moved_fact(case, notice))
    return Outcome(facts, (merge, *gone), (kept, Change("case", case.case_id, after)))


def joined(book: CaseBook, notice: LinkNotice) -> Outcome:
    """A neighbour tile linked a report to a case of this tile."""
    case = book.case(notice.case_id)
    if case is not None and case.merged_into:
        into = case.merged_into
        return Outcome(messages=(replace(notice, tile=tile_of_case(into), case_id=into),))
    if case is None or mark_of_report(notice.report_id) in case.apart:
        return NOTHING
    return _gained(case, (_member(notice),), notice)


def absorbed(book: CaseBook, notice: MergeNotice) -> Outcome:
    """A case of a neighbour tile became part of one of this tile: its reports come with it."""
    case = book.case(notice.into)
    if case is not None and case.merged_into:
        into = case.merged_into
        return Outcome(messages=(replace(notice, tile=tile_of_case(into), into=into),))
    if case is None or mark_of_case(notice.case_id) in case.apart:
        return NOTHING
    return _gained(case, notice.members or notice.report_ids, notice)


def _member(notice: LinkNotice) -> str:
    return member(notice.report_id, notice.source_system, notice.source_ref)


def _gained(case: CaseEntry, members: tuple[str, ...], cause: LinkNotice | MergeNotice) -> Outcome:
    """The case with reports that are new to it; if it has ended, their reporters hear how."""
    known = set(case.report_ids)
    new = tuple(one for one in dict.fromkeys(members) if report_of(one) not in known)
    if not new:
        return NOTHING
    after = replace(case, members=(*case.members, *new))
    if case.open:
        return Outcome(changes=(Change("case", case.case_id, after),))
    facts = feedback(after, "late", cause.at, cause.recorded)
    return Outcome(tuple(facts), changes=(Change("case", case.case_id, replace(after, told=len(after.members))),))


def _compared(book: CaseBook, notice: NeighbourNotice, policy: DuplicatePolicy) -> list[Twin]:
    """Cases of this tile that may be the one of the notice, the nearest first (at equal distance the smaller id).

    A case of which a person said that it is not the same is none of them.
    """
    mark, reach = mark_of_case(notice.case_id), policy.reach_of(notice.family)
    near = book.cases_near(notice.tile, notice.family, notice.lon, notice.lat, reach)
    twins = [same_problem(notice, case, policy) for case in near if mark not in case.apart]
    return sorted([twin for twin in twins if twin is not None], key=_by_distance)


def _by_distance(twin: Twin) -> tuple[float, str]:
    return (twin.distance_m, twin.case_id)


def _by_score(twin: Twin) -> tuple[float, str]:
    return (-twin.score, twin.case_id)


def merged_id(case: CaseEntry, what: str = MERGED) -> str:
    """The id of the fact that a case was merged (or of its move); a later merge of the same case has another."""
    return f"{case.case_id}:{what}:{case.unmerged}" if case.unmerged else f"{case.case_id}:{what}"


def _merged_fact(case: CaseEntry, notice: NeighbourNotice, twin: Twin, twins: list[Twin]) -> CaseMerged:
    """The merge with all that it was decided by; rounded as in the link of a report."""
    others = sorted([one for one in twins if one.case_id != case.case_id], key=_by_score)[:MAX_CANDIDATES]
    return CaseMerged(
        fact_id=merged_id(case), at=notice.at, recorded=notice.recorded, case_id=case.case_id, tile=case.tile,
        into=notice.case_id, distance_m=round(twin.distance_m, 3), gap_ms=twin.gap_ms, error_m=round(twin.error_m, 3),
        similarity=round(twin.similarity, 4), how=Linked.REMINDER if twin.same_person else Linked.DUPLICATE,
        score=round(twin.score, 4), rule=FILED_TWICE, candidates=tuple([one.case_id for one in others]),
        probabilities=tuple([round(one.score, 4) for one in others]),
    )  # fmt: skip


def _moved_fact(case: CaseEntry, notice: NeighbourNotice) -> CaseMoved:
    return CaseMoved(
        fact_id=merged_id(case, "merge"), at=notice.at, recorded=notice.recorded, case_id=case.case_id, tile=case.tile,
        action="merge", from_state=case.state, to_state=MERGED, actor_role="system", actor_unit="", actor_person="",
        post="", department=case.department, reason_code="duplicate", reason=f"filed earlier as {notice.case_id}",
        hop=case.hop, due_at=case.due_at,
    )  # fmt: skip
