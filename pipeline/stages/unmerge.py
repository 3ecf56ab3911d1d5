"""A person takes apart what was merged (取消并案): a linked report gets a case of its own, a merged case goes on.

The tile that judged the report (or filed the case) does it, because it alone holds what is needed; the owner of the
other case asks it by a notice and lets the reports go when it hears back, so that a report is never without a case.
Both sides remember whom they were parted from: the rule never joins that pair again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from pipeline.domain.ids import mark_of_case, mark_of_report, report_id, report_of, tile_of_case
from pipeline.domain.reference.model import Reference
from pipeline.events.base import Fate, Logged
from pipeline.events.casework import CaseAction, UnmergeNotice
from pipeline.events.facts import ActionRefused, CaseMoved, CaseUnmerged, Fact, ReportSettled
from pipeline.events.intake import LocatedReport
from pipeline.stage import Change, Outcome, Settlement
from pipeline.stages.casebook import CaseBook
from pipeline.stages.entries import CaseEntry, SeenReport, Sight
from pipeline.stages.file import DISPATCHED
from pipeline.stages.notices import MERGED, NOTHING, merged_id
from pipeline.stages.reported import sight_of
from pipeline.stages.track import CHANNEL, KEEP_ACTIONS, farewell, not_permitted, refused

UNMERGE = "unmerge"
LINK, MERGE = "link", "merge"
"""What an un-merge undoes."""
NO_LONGER = "the report was taken in too long ago to be un-merged (35 days), or it is an alarm: have it reported anew"
Alone = Callable[[LocatedReport], Outcome]
"""Files a report as a case of its own; no changes when alone it would be no case."""


def unmerge(book: CaseBook, action: CaseAction, reference: Reference, alone: Alone) -> Outcome:
    """Take ``action.report`` out of its case, or, without one, undo the merge of the case itself."""
    case = book.case(action.case_id)
    if case is None:
        return refused(action, "", "unknown case: it is not kept here, check case_id")
    settled = (Settlement(CHANNEL, Fate.LOGGED, Logged.ACTION),)
    if action.action_id in case.acted:
        return Outcome(settled=(replace(settled[0], outcome=Logged.REDELIVERED),))
    report = _named(action)
    if fault := _fault(case, action, report, reference):
        return refused(action, case.state, fault)
    done = _asked(book, case, _notice(action, report), alone)
    hindered = next((fact.reason for fact in done.facts if isinstance(fact, ActionRefused)), "")
    if hindered or not (done.messages or done.changes):
        return refused(action, case.state, hindered or NO_LONGER)
    return Outcome(done.facts, done.messages, _marked(case, action.action_id, done.changes), settled)


def unmerge_told(book: CaseBook, notice: UnmergeNotice, alone: Alone) -> Outcome:
    """The owner of the case lets reports go; any other tile gives a report that it judged a case of its own."""
    if notice.tile == tile_of_case(notice.case_id):
        return _released(book, notice, None)
    return _given_back(book, notice, alone)


def _named(action: CaseAction) -> str:
    system, bar, reference = action.report.partition("|")
    return report_id(system, reference) if bar else system


def _fault(case: CaseEntry, action: CaseAction, report: str, reference: Reference) -> str:
    move = reference.transition(MERGED, UNMERGE)
    if move is None:
        return f"{UNMERGE!r} is no move of the lifecycle"
    if fault := not_permitted(case, action, move, reference):
        return fault
    if case.state == MERGED:
        return f"the case is part of {case.merged_into}: take the report out of that one" if report else ""
    if not report:
        named = "report, by its id or as source_system|source_ref"
        return f"the case is {case.state!r} and no part of another: name the report to take out ({named})"
    if report not in case.report_ids:
        return f"report {action.report!r} is not part of this case"
    if report == case.report_ids[0]:
        return "the report opened this case: there is nothing to take it out of"
    return ""


def _notice(action: CaseAction, report: str) -> UnmergeNotice:
    return UnmergeNotice(
        tile=action.tile, case_id=action.case_id, report_ids=(report,) if report else (), action_id=action.action_id,
        at=action.at, recorded=action.origin.offset, actor_role=action.actor_role, actor_unit=action.actor_unit,
        actor_person=action.actor_person, post=action.post, reason_code=action.reason_code, reason=action.reason,
    )  # fmt: skip


def _asked(book: CaseBook, case: CaseEntry, notice: UnmergeNotice, alone: Alone) -> Outcome:
    """Do it here when this tile can; else ask the neighbours, of which the one that judged the report will."""
    if case.state == MERGED:
        return _revived(case, notice)
    seen = book.seen(notice.report_ids[0])
    if seen is not None and seen.tile == case.tile:
        return _given_back(book, notice, alone)
    return Outcome(messages=tuple(replace(notice, tile=tile) for tile in case.neighbour_tiles))


def _marked(case: CaseEntry, action_id: str, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes, in which the case of the action remembers that it was taken."""
    after = next((one.value for one in changes if (one.space, one.key) == ("case", case.case_id)), case)
    assert isinstance(after, CaseEntry)
    acted = Change("case", case.case_id, replace(after, acted=(*after.acted, action_id)[-KEEP_ACTIONS:]))
    return (*[one for one in changes if (one.space, one.key) != ("case", case.case_id)], acted)


def _given_back(book: CaseBook, notice: UnmergeNotice, alone: Alone) -> Outcome:
    report = notice.report_ids[0]
    seen = book.seen(report)
    if seen is None or seen.tile != notice.tile or seen.now:
        return NOTHING
    if seen.link is None:
        case = book.case(seen.case_of(report))
        return _revived(case, notice) if case is not None and case.state == MERGED else NOTHING
    kept = book.kept(report)
    if kept is None:
        return Outcome((_impossible(notice, NO_LONGER),))
    return _parted(book, kept.located, seen, notice, alone(kept.located))


def _parted(book: CaseBook, located: LocatedReport, seen: SeenReport, notice: UnmergeNotice, filed: Outcome) -> Outcome:
    """The report with a case of its own; the cases it was part of let it go."""
    entry = next((change.value for change in filed.changes if change.space == "case"), None)
    if not isinstance(entry, CaseEntry) or seen.link is None:
        return Outcome((_impossible(notice, "alone the report would be no case"),))
    report, owners = located.report.report_id, dict.fromkeys((seen.link.case_id, notice.case_id))
    entry = replace(entry, apart=_with(entry.apart, map(mark_of_case, owners)))
    told = [replace(notice, tile=tile_of_case(owner), case_id=owner) for owner in owners]
    near = [_released(book, one, sight_of(located)) for one in told if one.tile == seen.tile]
    facts = [replace(one, recorded=notice.recorded) for one in filed.facts if isinstance(one, Fact)]
    undone = _unmerged_fact(entry, notice, LINK, f"{report}:linked")
    changes = (
        Change("case", entry.case_id, entry), Change("seen", report, replace(seen, now=entry.case_id)),
        Change("kept", report, None), *[change for one in near for change in one.changes],
    )  # fmt: skip
    messages = (
        *[one for one in told if one.tile != seen.tile], *[message for one in near for message in one.messages],
        *[replace(one, recorded=notice.recorded) for one in filed.messages],
    )  # fmt: skip
    return Outcome((*[one for one in facts if not isinstance(one, ReportSettled)], undone), messages, changes)


def _revived(case: CaseEntry, notice: UnmergeNotice) -> Outcome:
    """The merged case as it was before; the case that it was part of lets its reports go."""
    parted = _with(case.apart, map(mark_of_case, (case.merged_into, notice.case_id)))
    after = replace(
        case, state=case.was or DISPATCHED, was="", merged_into="", ended_at=None, unmerged=case.unmerged + 1,
        apart=tuple(mark for mark in parted if mark != mark_of_case(case.case_id)),
    )  # fmt: skip
    leave = replace(
        notice, tile=tile_of_case(case.merged_into), case_id=case.merged_into, report_ids=case.report_ids
    )  # fmt: skip
    facts = (_moved(case, after, notice), _unmerged_fact(after, leave, MERGE, merged_id(case)))
    messages = (leave, *farewell(after, notice.at, notice.recorded))
    return Outcome(facts, messages, (Change("case", case.case_id, after),))


def _released(book: CaseBook, notice: UnmergeNotice, sight: Sight | None) -> Outcome:
    """The case without these reports; if it has itself been merged, the case that it became part of hears of it."""
    case = book.case(notice.case_id)
    if case is None:
        return NOTHING
    gone = set(notice.report_ids)
    after = replace(
        case, members=tuple(one for one in case.members if report_of(one) not in gone),
        told=sum(report_of(one) not in gone for one in case.members[: case.told]),
        also=tuple(one for one in case.also if one != sight),
        apart=_with(case.apart, map(mark_of_report, notice.report_ids)),
    )  # fmt: skip
    into = case.merged_into
    onward = (replace(notice, tile=tile_of_case(into), case_id=into),) if into else ()
    return Outcome(messages=onward, changes=(Change("case", case.case_id, after),) if after != case else ())


def _with(marks: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*marks, *more)))


def _moved(case: CaseEntry, after: CaseEntry, notice: UnmergeNotice) -> CaseMoved:
    return CaseMoved(
        fact_id=f"{case.case_id}:{notice.action_id}", at=notice.at, recorded=notice.recorded, case_id=case.case_id,
        tile=case.tile, action=UNMERGE, from_state=case.state, to_state=after.state, actor_role=notice.actor_role,
        actor_unit=notice.actor_unit, actor_person=notice.actor_person, post=notice.post, department=case.department,
        reason_code=notice.reason_code, reason=notice.reason, hop=case.hop, due_at=case.due_at,
    )  # fmt: skip


def _unmerged_fact(case: CaseEntry, notice: UnmergeNotice, undone: str, undoes: str) -> CaseUnmerged:
    return CaseUnmerged(
        fact_id=f"{case.case_id}:unmerged:{notice.action_id}", at=notice.at, recorded=notice.recorded,
        case_id=case.case_id, tile=case.tile, from_case=notice.case_id, undone=undone, undoes=undoes,
        report_id=case.report_ids[0], reports=len(case.members), action_id=notice.action_id,
        actor_role=notice.actor_role, actor_unit=notice.actor_unit, actor_person=notice.actor_person, post=notice.post,
        reason_code=notice.reason_code, reason=notice.reason,
    )  # fmt: skip


def _impossible(notice: UnmergeNotice, reason: str) -> ActionRefused:
    return ActionRefused(
        fact_id=f"{notice.action_id}:refused", at=notice.at, recorded=notice.recorded, action_id=notice.action_id,
        case_id=notice.case_id, tile=notice.tile, action=UNMERGE, state="", actor_role=notice.actor_role,
        actor_unit=notice.actor_unit, reason=reason,
    )  # fmt: skip
