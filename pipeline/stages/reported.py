"""The facts and entries that say what became of a report: pure functions of the report and the decisions on it."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.ids import member
from pipeline.domain.mentions import united
from pipeline.domain.reference.conditions import ANSWER
from pipeline.events.base import Millis
from pipeline.events.casework import CaseAction
from pipeline.events.facts import BoundaryFlagged, CaseDispatched, CaseFiled, ReportLinked, ReportSettled
from pipeline.events.intake import LocatedReport, ScreenedReport
from pipeline.events.records import Evidence
from pipeline.stages.decisions import Filing, Route, Verdict
from pipeline.stages.entries import KEEP_SIGHTS, CaseEntry, Sight
from pipeline.stages.file import DISPATCHED
from pipeline.stages.kinship import named_by

SUMMARY_LENGTH = 20
"""Characters of the redacted text that go with an assignment when it is passed on."""
MAX_CANDIDATES = 1
"""Other units kept with a case for when it is refused; the third dispatch is a designation, so one is enough."""


def settled_fact(located: LocatedReport, fate: str, outcome: str, reason: str, rule: str, case: str) -> ReportSettled:
    """One row for the report: everything known and decided. Coordinates are those that it came with, if any."""
    report, about, place = located.report, located.classification, located.place
    own = place.method == "point"
    return ReportSettled(
        fact_id=report.report_id, at=report.received_at, recorded=report.origin.offset, report_id=report.report_id,
        channel=report.channel, source_system=report.source_system, source_ref=report.source_ref,
        source_family=report.source_family, fate=fate, outcome=outcome, reason=reason, rule=rule, case_id=case,
        tile=place.tile, occurred_at=report.occurred_at, found_at=report.found_at, sent_at=report.sent_at,
        received_at=report.received_at, lon=report.lon if own else None, lat=report.lat if own else None,
        error_m=report.error_m, address=report.address,
        place_method=place.method, city=place.city, district=place.district, street=place.street,
        community=place.community, grid=place.grid, grid_version=place.grid_version,
        systems=place.systems, zone=place.zone,
        standard=about.standard, kind=about.kind, code=about.code, family=about.family, nature=about.nature,
        confidence=about.confidence, method=about.method, case_class=about.case_class, class_rule=about.class_rule,
        class_reason=about.class_reason, appeal_type=report.appeal_type, reporter_key=report.reporter_key,
        reporter_role=report.reporter_role, reporter_unit=report.reporter_unit, address_key=report.address_key,
        component_code=place.component_code or report.component_code, border_flags=place.border_flags,
        border_m=place.border_m, evidence=_written(report.evidence),
        flags=report.flags + about.flags, title=report.title, text=report.text,
        candidates=tuple([one.key for one in about.candidates]) if about.candidates else (),
        candidate_shares=tuple([one.share for one in about.candidates]) if about.candidates else (),
        place_named=place.named,
    )  # fmt: skip


def _written(evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """Measured values as text, answers as they are; most reports have none."""
    return tuple([_said(one) for one in evidence]) if evidence else ()


def _said(one: Evidence) -> str:
    return one.measure if one.unit == ANSWER else f"{one.measure}={one.value:g} {one.unit}"


def filed_fact(located: LocatedReport, case: str, filing: Filing, verdict: Verdict, version: str) -> CaseFiled:
    """The case as it was opened, with the rules it was filed under."""
    report, about, place = located.report, located.classification, located.place
    return CaseFiled(
        fact_id=f"{case}:filed", at=report.received_at, recorded=report.origin.offset, case_id=case, tile=place.tile,
        report_id=report.report_id, channel=report.channel, state=filing.state,
        waits_for="" if filing.state == DISPATCHED else filing.outcome, standard=about.standard,
        kind=about.kind, code=about.code, family=about.family, nature=about.nature, case_class=about.case_class,
        class_rule=about.class_rule, class_reason=about.class_reason, filing_rule=filing.rule,
        filing_reason=filing.reason, measured=filing.measured, unit=filing.unit, begun_at=report.begun_at,
        lon=report.lon, lat=report.lat, city=place.city, district=place.district, street=place.street,
        community=place.community, grid=place.grid, grid_version=place.grid_version, zone=place.zone,
        component_code=place.component_code or report.component_code, component_owner=place.component_owner,
        border_flags=place.border_flags, recurrence_of=verdict.recurrence_of,
        repeat_complaint_of=verdict.repeat_complaint_of, reference_version=version,
    )  # fmt: skip


def dispatched_fact(located: LocatedReport, case: str, route: Route) -> CaseDispatched:
    """The first assignment of a case."""
    report, about, place = located.report, located.classification, located.place
    return CaseDispatched(
        fact_id=f"{case}:dispatched:1", at=report.received_at, recorded=report.origin.offset, case_id=case,
        tile=place.tile, department=route.department, assistants=route.assistants, person=route.person,
        team=route.team, hop=1, urgent=about.case_class == "emergency", standard=about.standard, kind=about.kind,
        code=about.code, case_class=about.case_class, due_at=route.due_at, limit_value=route.limit_value,
        clock=route.clock, duty=route.duty, reason=route.reason, candidates=route.candidates,
        legal_basis=route.legal_basis, law_overlap=route.law_overlap, street=place.street, grid=place.grid,
        lon=report.lon, lat=report.lat, address=report.address, summary=report.title or report.text,
        probabilities=route.probabilities, model=route.model, features=route.features,
    )  # fmt: skip


def redispatched_fact(case: CaseEntry, refused_by: str, action: CaseAction, *, designated: bool) -> CaseDispatched:
    """A further assignment of a case that was refused or handed over; ``case`` is the case as it is afterwards."""
    return CaseDispatched(
        fact_id=f"{case.case_id}:dispatched:{case.hop}", at=action.at, recorded=action.origin.offset,
        case_id=case.case_id, tile=case.tile, department=case.department, assistants=(), person="", team="",
        hop=case.hop, urgent=case.case_class == "emergency", standard=case.standard, kind=case.kind, code=case.code,
        case_class=case.case_class, due_at=case.due_at, limit_value=case.limit_value, clock=case.clock, duty="",
        reason="designated: may not be refused" if designated else f"{action.action} by {refused_by}",
        candidates=case.candidates, legal_basis="", law_overlap=False, street=case.street, grid=case.grid,
        lon=case.lon, lat=case.lat, address=case.address, summary=case.summary,
    )  # fmt: skip


def linked_fact(located: LocatedReport, verdict: Verdict) -> ReportLinked:
    """The link of a report to an open case."""
    report = located.report
    return ReportLinked(
        fact_id=f"{report.report_id}:linked", at=report.received_at, recorded=report.origin.offset,
        report_id=report.report_id, case_id=verdict.case_id, tile=located.place.tile,
        case_tile=verdict.case_id.partition("-")[0], how=verdict.how,
        distance_m=None if verdict.distance_m is None else round(verdict.distance_m, 3), gap_ms=verdict.gap_ms,
        similarity=round(verdict.similarity, 4), score=round(verdict.score, 4), rule=verdict.rule,
        reporter_key=report.reporter_key, channel=report.channel,
    )  # fmt: skip


def boundary_fact(located: LocatedReport, case: str, lead: str, due_at: Millis | None) -> BoundaryFlagged:
    """The border finding of a case; ``lead`` answers meanwhile and settles it, so that no border case is nobody's."""
    report, place = located.report, located.place
    near = place.border_candidates
    return BoundaryFlagged(
        fact_id=f"{case}:boundary", at=report.received_at, recorded=report.origin.offset, report_id=report.report_id,
        case_id=case, tile=place.tile, flags=place.border_flags, layers=tuple([c.layer for c in near]),
        codes=tuple([c.code for c in near]), distances_m=tuple([round(c.distance_m, 2) for c in near]),
        probabilities=tuple([round(c.probability, 4) for c in near]), lead=lead, due_at=due_at,
    )  # fmt: skip


def _others(route: Route) -> tuple[str, ...]:
    """The next candidates after the unit that was chosen."""
    return tuple([unit for unit in route.candidates if unit != route.department][:MAX_CANDIDATES])


def _short(metres: float) -> float:
    """Equal, but a whole number takes one or two bytes of state instead of nine."""
    return int(metres) if metres.is_integer() else metres


def member_of(report: ScreenedReport) -> str:
    """The report as a case keeps it."""
    return member(report.report_id, report.source_system, report.source_ref)


def sight_of(located: LocatedReport) -> Sight:
    """Where and when a report saw the problem."""
    report = located.report
    return Sight(
        at=report.begun_at, lon=report.lon, lat=report.lat, error_m=_short(report.error_m or 0.0),
        code=located.classification.code, address_key=report.address_key,
    )  # fmt: skip


def joined_by(case: CaseEntry, located: LocatedReport) -> CaseEntry:
    """The case with one report more, and where and when that one saw the problem.

    A report with a category says what a case without one is about; naming it stays with the person who has it.
    """
    also = (*case.also, sight_of(located))[-KEEP_SIGHTS:]
    return replace(
        case, members=(*case.members, member_of(located.report)), also=also, likely=named_by(case, located),
        mentions=united(case.mentions, located.report.mentions),
    )  # fmt: skip


def entry_of(
    located: LocatedReport, case: str, filing: Filing, route: Route, window_days: int, tiles: tuple[str, ...]
) -> CaseEntry:
    """The case as casework keeps it while it runs."""
    report, about, place = located.report, located.classification, located.place
    return CaseEntry(
        case_id=case, tile=place.tile, family=about.family, standard=about.standard, kind=about.kind, code=about.code,
        case_class=about.case_class, state=filing.state, filed_at=report.received_at, begun_at=report.begun_at,
        lon=report.lon, lat=report.lat, error_m=_short(report.error_m or 0.0), department=route.department,
        hop=1, due_at=route.due_at, street=place.street, grid=place.grid,
        signature=report.signature, address_key=report.address_key, reporter_key=report.reporter_key,
        component_code=place.component_code or report.component_code, members=(member_of(report),),
        candidates=_others(route), neighbour_tiles=tiles, limit_value=route.limit_value,
        findable_days=window_days, clock=route.clock, address=report.address[:SUMMARY_LENGTH],
        summary=(report.title or report.text)[:SUMMARY_LENGTH], mentions=report.mentions,
    )  # fmt: skip
