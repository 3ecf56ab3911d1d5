"""What tiles tell each other: ghosts of a neighbour's cases, links across an edge, and cases that were filed twice.

Where both tiles filed the same problem before they heard of each other, the earlier filed (then the smaller id) wins,
so both come to the same answer whichever hears first (ADR 0003). A report that joins a case which has ended is
not lost: its reporter hears the outcome at once, or the notice goes on to the case that the other became part of.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.ids import mark_of_case, mark_of_report, member, report_of, tile_of_case
from pipeline.events.casework import LinkNotice, MergeNotice, NeighbourNotice
from pipeline.events.facts import CaseMerged, CaseMoved, Fact
from pipeline.stage import Change, Outcome
from pipeline.stages.casebook import CaseBook
from pipeline.stages.duplicate_policy import DuplicatePolicy
from pipeline.stages.entries import CaseEntry, Ghost
from pipeline.stages.pairing import same_problem
from pipeline.stages.track import farewell, feedback

NOTHING = Outcome()
MERGED = "merged"
"""The state of a case that became part of another."""


def told(book: CaseBook, notice: NeighbourNotice, policy: DuplicatePolicy) -> Outcome:
    """Keep the ghost; a case of this tile that is the same problem and was filed later is merged into it."""
    name = f"{notice.tile}/{notice.case_id}"
    before = book.get("ghost", name)
    if before is not None and (notice.revived, before.open) <= (before.revived, False):
        return NOTHING  # its end is known, so this is old; only a case whose merge a person undid goes on
    kept = Change("ghost", name, Ghost.of(notice))
    ours = _same_as(book, notice, policy) if notice.open else None
    if ours is None or (ours[0].filed_at, ours[0].case_id) < (notice.filed_at, notice.case_id):
        return Outcome(changes=(kept,))
    case, distance, gap = ours
    after = replace(case, state=MERGED, was=case.state, merged_into=notice.case_id, ended_at=notice.at)
    merge = MergeNotice(
        tile=tile_of_case(notice.case_id), case_id=case.case_id, into=notice.case_id, report_ids=case.report_ids,
        members=case.members, at=notice.at, recorded=notice.recorded,
    )  # fmt: skip
    gone = farewell(after, notice.at, notice.recorded)
    facts = _merge_facts(case, notice, distance, gap)
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


def _same_as(book: CaseBook, notice: NeighbourNotice, policy: DuplicatePolicy) -> tuple[CaseEntry, float, int] | None:
    reach = policy.reach_of(notice.family)
    best: tuple[CaseEntry, float, int] | None = None
    for case in book.cases_near(notice.tile, notice.family, notice.lon, notice.lat, reach):
        if mark_of_case(notice.case_id) in case.apart:
            continue  # a person said that they are not the same
        found = same_problem(notice, case, policy)
        if found is not None and (best is None or (found[0], case.case_id) < (best[1], best[0].case_id)):
            best = (case, *found)
    return best


def merged_id(case: CaseEntry, what: str = MERGED) -> str:
    """The id of the fact that a case was merged (or of its move); a later merge of the same case has another."""
    return f"{case.case_id}:{what}:{case.unmerged}" if case.unmerged else f"{case.case_id}:{what}"


def _merge_facts(case: CaseEntry, notice: NeighbourNotice, distance: float, gap: int) -> tuple[Fact, ...]:
    merged = CaseMerged(
        fact_id=merged_id(case), at=notice.at, recorded=notice.recorded, case_id=case.case_id, tile=case.tile,
        into=notice.case_id, distance_m=round(distance, 3), gap_ms=gap,
    )  # fmt: skip
    moved = CaseMoved(
        fact_id=merged_id(case, "merge"), at=notice.at, recorded=notice.recorded, case_id=case.case_id, tile=case.tile,
        action="merge", from_state=case.state, to_state=MERGED, actor_role="system", actor_unit="", actor_person="",
        post="", department=case.department, reason_code="duplicate", reason=f"filed earlier as {notice.case_id}",
        hop=case.hop, due_at=case.due_at,
    )  # fmt: skip
    return (merged, moved)
