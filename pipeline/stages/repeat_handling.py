"""Repeat handling (重复处理): does the same unit settle the same easy place again and again?

A trick of handlers and not of reporters, so it is looked for where a unit handles: a problem is back (same place, same
category) within a stated period after the end of a case that the same unit had handled and that was closed. It is a
fact with an id of its own beside duplicate report, repeat complaint and recurrence; what it means for a score is not
decided here. The period is row ``repeat_handling`` of ``stage_limits.csv``; a set without it looks for none.

The report that opens the case meets the closed one, so the case takes along what is needed of it: the closed case may
be forgotten before this one is handled.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.ids import DAY_MS, report_of
from pipeline.domain.reference.mergers import living
from pipeline.domain.reference.model import Reference
from pipeline.domain.reference.rules import REPEAT_HANDLING
from pipeline.events.base import Logged, Millis
from pipeline.events.casework import CaseAction
from pipeline.events.facts import HandlingRepeated
from pipeline.events.intake import LocatedReport
from pipeline.stages.decisions import Filing, Verdict
from pipeline.stages.duplicate_policy import Known
from pipeline.stages.entries import CaseEntry, Earlier

HANDLE = "handle"
CLOSED = "closed"
"""The state of a case whose handling passed its check: whatever else ended was not settled by its unit."""


def period_of(reference: Reference) -> Millis:
    """How soon after the end of a case its problem must be back; 0 when the set states no period."""
    limit = reference.stage_limit(REPEAT_HANDLING)
    return 0 if limit is None else limit.value * DAY_MS


def row_of(known: Known) -> tuple[str, int, str]:
    """Who handled a closed case, which it is in the row of cases of that unit there, and the first of the row."""
    if not isinstance(known, CaseEntry):
        return known.handled_by, known.row, known.row_first
    if known.state != CLOSED or not known.handled_by:
        return "", 1, ""
    began = known.again.first if known.row > 1 and known.again is not None else known.case_id
    return known.handled_by, known.row, began


def earlier_of(past: Known, gap_ms: int, period_ms: Millis) -> Earlier | None:
    """What a report takes along of the case it came after; ``None`` if no handling of it can be a repeat."""
    unit, number, first = row_of(past)
    if not unit or not period_ms or not 0 <= gap_ms <= period_ms:
        return None
    return Earlier(case_id=past.case_id, unit=unit, code=past.code, gap_ms=gap_ms, number=number, first=first)


def handled(
    case: CaseEntry, action: CaseAction, reference: Reference
) -> tuple[CaseEntry, tuple[HandlingRepeated, ...]]:
    """The case after an action; a handling by the unit of the earlier case is a repeat, stated once a case.

    A rework by the same unit is no further repeat. After a rework by another unit the row is that unit's.
    """
    if action.action != HANDLE:
        return case, ()
    again = case.again
    if again is None or case.code != again.code or not _same(case.department, again.unit, reference):
        return replace(case, handled_by=case.department, row=1), ()
    after = replace(case, handled_by=case.department, row=again.number + 1, again=replace(again, said=True))
    if again.said:
        return after, ()
    opened_by = report_of(case.members[0])
    return after, (_fact(again, opened_by, case.case_id, case.tile, case.department, action.at, action.origin.offset),)


def in_grid(
    located: LocatedReport, verdict: Verdict, filing: Filing, reference: Reference
) -> tuple[HandlingRepeated, ...]:
    """A report that its reporter settled on the spot (自处置), where the reporter's unit had handled a case before."""
    again, report = verdict.again, located.report
    if again is None or filing.outcome != Logged.HANDLED_IN_GRID or not report.reporter_unit:
        return ()
    if not _same(report.reporter_unit, again.unit, reference):
        return ()
    unit, at, recorded = report.reporter_unit, report.received_at, report.origin.offset
    return (_fact(again, report.report_id, "", located.place.tile, unit, at, recorded),)


def _same(unit: str, other: str, reference: Reference) -> bool:
    """Whether they are one unit, also when one of them became part of the other since."""
    return (living(reference, unit) or unit) == (living(reference, other) or other)


def _fact(again: Earlier, report: str, case: str, tile: str, unit: str, at: Millis, recorded: int) -> HandlingRepeated:
    return HandlingRepeated(
        fact_id=f"{case or report}:repeat-handling", at=at, recorded=recorded, report_id=report, case_id=case,
        tile=tile, department=unit, earlier_case=again.case_id, first_case=again.first, number=again.number + 1,
        gap_ms=again.gap_ms,
    )  # fmt: skip
