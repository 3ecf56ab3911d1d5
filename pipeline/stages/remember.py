"""What casework remembers of a report it has answered: the verdict for its replay, and a linked report as judged."""

from __future__ import annotations

from pipeline.domain.ids import DAY_MS
from pipeline.events.base import Channel
from pipeline.events.intake import LocatedReport
from pipeline.stage import Change
from pipeline.stages.decisions import Verdict
from pipeline.stages.entries import KeptReport, SeenLink, SeenReport


def kept_of(located: LocatedReport) -> tuple[Change, ...]:
    """What a person would need to take the report out again; an alarm that speaks again is always its case."""
    report = located.report
    if report.channel == Channel.ALARM:
        return ()
    return (Change("kept", report.report_id, KeptReport(day=report.received_at // DAY_MS, located=located)),)


def remembered(located: LocatedReport, verdict: Verdict, origin: int, *, opened: bool) -> Change:
    """How a report was answered, so that its replay is answered the same."""
    report, link = located.report, None
    if verdict.case_id:
        link = SeenLink(
            case_id=verdict.case_id, how=verdict.how, score=verdict.score, distance_m=verdict.distance_m,
            gap_ms=verdict.gap_ms, similarity=verdict.similarity, rule=verdict.rule,
        )  # fmt: skip
    seen = SeenReport(
        tile=located.place.tile, origin=origin, day=report.received_at // DAY_MS, opened=opened, link=link,
        after=verdict.recurrence_of, complaint=bool(verdict.repeat_complaint_of),
        maybe=verdict.suggested, likely=verdict.score if verdict.suggested else 0.0,
        again=None if opened else verdict.again,
    )  # fmt: skip
    return Change("seen", report.report_id, seen)


def verdict_of(seen: SeenReport) -> Verdict:
    """The verdict that was remembered."""
    link = seen.link
    if link is None:
        complaint = seen.after if seen.complaint else ""
        return Verdict(
            recurrence_of=seen.after, repeat_complaint_of=complaint, suggested=seen.maybe, score=seen.likely,
            again=seen.again,
        )  # fmt: skip
    return Verdict(
        case_id=link.case_id, how=link.how, score=link.score, distance_m=link.distance_m, gap_ms=link.gap_ms,
        similarity=link.similarity, rule=link.rule,
    )  # fmt: skip
