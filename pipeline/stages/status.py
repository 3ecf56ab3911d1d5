"""What the sources of reports hear: how each report was taken, and every change of its case, for every report of it.

Derived from what one step of casework said and from the case it changed; no state of its own. The reports that became
part of a case elsewhere (linked by a neighbour tile, or brought by a merged case) are told by the case's own tile.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from pipeline.domain.ids import report_of, source_of
from pipeline.events.base import Fate, Millis
from pipeline.events.casework import CaseworkInput, LinkNotice, MergeNotice
from pipeline.events.facts import CaseDispatched, CaseMoved, CaseUnmerged, Fact, FeedbackSent, ReportSettled
from pipeline.events.status import CaseStatus
from pipeline.stage import Outcome
from pipeline.stages.casebook import CaseBook
from pipeline.stages.entries import CaseEntry
from pipeline.stages.file import DISPATCHED
from pipeline.stages.unmerge import LINK, UNMERGE

DISPATCH, JOINED, FEEDBACK = "dispatch", "joined", "feedback"
_TELLING = (ReportSettled, CaseMoved, CaseDispatched, CaseUnmerged, FeedbackSent)


def statuses(
    book: CaseBook, event: CaseworkInput, outcome: Outcome, sources: Container[str] | None = None
) -> list[CaseStatus]:
    """The statuses of one step; ``book`` as it was *before* the outcome's changes.

    Only for the source systems in ``sources`` (``None``: for all). The same step gives the same statuses, ids included.
    """
    found = [status for fact in outcome.facts if isinstance(fact, _TELLING) for status in _told(book, outcome, fact)]
    if isinstance(event, LinkNotice | MergeNotice):
        found = [*_joined(book, event, outcome), *found]
    return found if sources is None else [status for status in found if status.source_system in sources]


def _told(book: CaseBook, outcome: Outcome, fact: Fact) -> Iterator[CaseStatus]:
    if isinstance(fact, ReportSettled):
        yield _settled(fact, _case(book, outcome, fact.case_id))
    elif isinstance(fact, CaseMoved) and not _passes_on(fact, outcome):
        done = fact.reason if fact.action == "handle" else ""
        for member in _members(book, outcome, fact.case_id):
            yield _status(
                fact, member, fact.case_id, fact.action, fact.to_state, fact.department, fact.due_at,
                outcome=fact.reason_code, done=done,
            )  # fmt: skip
    elif isinstance(fact, CaseDispatched) and fact.hop > 1:
        for member in _members(book, outcome, fact.case_id):
            yield _status(fact, member, fact.case_id, DISPATCH, DISPATCHED, fact.department, fact.due_at)
    elif isinstance(fact, CaseUnmerged) and fact.undone == LINK:
        case = _case(book, outcome, fact.case_id)
        assert case is not None  # the step that says it opens the case
        for member in case.members:
            yield _status(
                fact, member, fact.case_id, UNMERGE, case.state, case.department, case.due_at, outcome=fact.reason_code
            )
    elif isinstance(fact, FeedbackSent):
        due = None if (case := _case(book, outcome, fact.case_id)) is None else case.due_at
        for member in _members(book, outcome, fact.case_id):
            if report_of(member) == fact.report_id:
                yield _status(fact, member, fact.case_id, FEEDBACK, fact.state, fact.department, due, final=True)


def _passes_on(fact: CaseMoved, outcome: Outcome) -> bool:
    """A move that hands the case over: its dispatch in the same step tells it, with the department that has it now."""
    return fact.action != "refuse" and any(
        isinstance(other, CaseDispatched) and other.case_id == fact.case_id for other in outcome.facts
    )


def _settled(fact: ReportSettled, case: CaseEntry | None) -> CaseStatus:
    """How a report was taken. The state of a case of another tile is told by that tile next."""
    return CaseStatus(
        fact_id=f"{fact.report_id}:{fact.fate}", at=fact.at, recorded=fact.recorded, source_system=fact.source_system,
        source_ref=fact.source_ref, report_id=fact.report_id, case_id=fact.case_id, action=fact.fate,
        outcome=fact.outcome, state="" if case is None else case.state,
        department="" if case is None else case.department, due_at=None if case is None else case.due_at,
        final=fact.fate == Fate.LOGGED,
    )  # fmt: skip


def _joined(book: CaseBook, event: LinkNotice | MergeNotice, outcome: Outcome) -> Iterator[CaseStatus]:
    """Reports that a notice brought to a case of this tile hear where it stands."""
    case_id = event.case_id if isinstance(event, LinkNotice) else event.into
    before, after = book.case(case_id), _case(book, outcome, case_id)
    if before is None or after is None:
        return
    for member in after.members[len(before.members) :]:
        head = Fact(fact_id=f"{case_id}:{JOINED}", at=event.at, recorded=event.recorded)
        yield _status(head, member, case_id, JOINED, after.state, after.department, after.due_at)


def _status(
    cause: Fact, member: str, case_id: str, action: str, state: str, department: str, due_at: Millis | None, *,
    outcome: str = "", done: str = "", final: bool = False,
) -> CaseStatus:  # fmt: skip
    (system, reference), report = source_of(member), report_of(member)
    return CaseStatus(
        fact_id=f"{cause.fact_id}:{report}", at=cause.at, recorded=cause.recorded, source_system=system,
        source_ref=reference, report_id=report, case_id=case_id, action=action, outcome=outcome, state=state,
        department=department, due_at=due_at, done=done, final=final,
    )  # fmt: skip


def _members(book: CaseBook, outcome: Outcome, case_id: str) -> tuple[str, ...]:
    """The reports of a case whose source is known."""
    case = _case(book, outcome, case_id)
    return () if case is None else tuple([member for member in case.members if source_of(member)[0]])


def _case(book: CaseBook, outcome: Outcome, case_id: str) -> CaseEntry | None:
    """The case as the step leaves it."""
    for change in outcome.changes:
        if change.space == "case" and change.key == case_id:
            return change.value  # type: ignore[return-value]  # entries of this space
    return book.case(case_id) if case_id else None
