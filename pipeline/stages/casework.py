"""Casework: deduplicate, file, route, track, and the notices between tiles; one pure step over one tile's cases.

A report is judged once (``Verdict``) and its facts are a pure function of report and verdict. The verdict stays in the
state, so the replay of a record (same origin) gives the same facts again and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from pipeline.domain.geo.tiles import neighbours_within
from pipeline.domain.ids import DAY_MS, case_id
from pipeline.domain.models import Models
from pipeline.domain.reference.index import one_keys
from pipeline.domain.reference.model import Reference
from pipeline.events.base import Channel, Fate, Linked, Logged, Millis
from pipeline.events.casework import (
    CaseAction,
    CaseworkInput,
    LinkNotice,
    MergeNotice,
    NeighbourNotice,
    tile_of_input,
)
from pipeline.events.facts import Fact
from pipeline.events.intake import LocatedReport
from pipeline.stage import Change, Outcome, Settlement
from pipeline.stages.casebook import BY_REPORT, KEEP_SEEN_DAYS, CaseBook
from pipeline.stages.decisions import Filing, Route, Verdict
from pipeline.stages.deduplicate import NEW, deduplicate, origin_number
from pipeline.stages.duplicate_policy import HOUR_MS, DuplicatePolicy
from pipeline.stages.entries import CaseEntry
from pipeline.stages.file import DISPATCHED, file
from pipeline.stages.kinship import likely_of
from pipeline.stages.notices import absorbed, joined, told
from pipeline.stages.remember import kept_of, remembered, verdict_of
from pipeline.stages.repeat_handling import in_grid, period_of
from pipeline.stages.reported import (
    boundary_fact,
    dispatched_fact,
    entry_of,
    filed_fact,
    joined_by,
    linked_fact,
    redispatched_fact,
    settled_fact,
)
from pipeline.stages.route import TRIAGE, Router
from pipeline.stages.track import MAX_HOPS, notice, system_move, track
from pipeline.stages.unmerge import UNMERGE, unmerge, unmerge_told

BORDER = "border"
"""The stage whose limit is the clock of a border case."""
HANDS_OVER = ("refuse", "reassign", "dispatch", "designate")
"""Actions after which a case has another owner."""


@dataclass(frozen=True)
class CaseworkPolicy:
    """What casework decides by: the reference set, the duty list made ready, and the thresholds for duplicates."""

    reference: Reference
    duplicates: DuplicatePolicy
    models: Models = field(default_factory=Models)
    router: Router = field(init=False)

    def __post_init__(self) -> None:
        """Make the duty list ready."""
        object.__setattr__(self, "router", Router(self.reference, self.models.units))


def policy_of(reference: Reference, models: Models | None = None) -> CaseworkPolicy:
    """The policy of a reference set: radius and window come from its categories; learned models may decide."""
    spans = {row.key: (row.radius_m, row.window_h * HOUR_MS) for row in reference.tables.categories}
    widest: dict[str, float] = {}
    for row in reference.tables.categories:
        widest[row.family] = max(row.radius_m, widest.get(row.family, 0.0))
    systems = tuple(sorted({row.source_system for row in reference.tables.source_categories}))
    learned = models or Models()
    rows = reference.tables.categories
    duplicates = DuplicatePolicy(
        one=one_keys(rows), families={"|".join(row.key): row.family for row in rows}, systems=systems, spans=spans,
        widest=widest, model=learned.pairs, repeat_ms=period_of(reference),
    )  # fmt: skip
    return CaseworkPolicy(reference, duplicates, learned)


class Casework:
    """The stage; its key is the tile."""

    name = "casework"

    def __init__(self, policy: CaseworkPolicy) -> None:
        self.policy = policy

    def key(self, event: CaseworkInput) -> str:
        """The tile."""
        return tile_of_input(event)

    def step(self, state: CaseBook, event: CaseworkInput) -> Outcome:
        """Decide on one message."""
        if isinstance(event, LocatedReport):
            return self._reported(state, event)
        if isinstance(event, CaseAction):
            return self._acted(state, event)
        if isinstance(event, NeighbourNotice):
            return told(state, event, self.policy.duplicates)
        if isinstance(event, LinkNotice):
            return joined(state, event)
        if isinstance(event, MergeNotice):
            return absorbed(state, event)
        return unmerge_told(state, event, self._alone)

    def expire(self, state: CaseBook, day: int) -> Outcome:
        """Forget answers and ended cases whose time is over on ``day`` (days since 1970, by stream time)."""
        gone = [Change(space, key, None) for space, key in state.leaving(day) if not _stays(state, space, key, day)]
        return Outcome(changes=tuple(gone))

    # --- a report -------------------------------------------------------------------------------------------------

    def _reported(self, book: CaseBook, located: LocatedReport) -> Outcome:
        report = located.report
        origin = origin_number(report.origin.topic, report.origin.partition, report.origin.offset)
        seen = book.seen(report.report_id)
        if seen is not None:
            again = Outcome(settled=(_settlement(located, Fate.LOGGED, Logged.REDELIVERED),))
            return self._answered(located, verdict_of(seen), replayed=True) if seen.origin == origin else again
        # An exercise is part of no case, whatever lies at its place or whichever number it names.
        verdict = NEW if report.drill else _named(deduplicate(book, located, self.policy.duplicates), located)
        answer = self._answered(located, verdict, replayed=False)
        grown = (*_join(book, located, verdict), *kept_of(located)) if verdict.case_id else ()
        memory = remembered(located, verdict, origin, opened=bool(_opened(answer)))
        return Outcome(answer.facts, answer.messages, (*answer.changes, *grown, memory), answer.settled)

    def _answered(self, located: LocatedReport, verdict: Verdict, *, replayed: bool) -> Outcome:
        """All facts of one report: a pure function of the report and the verdict."""
        if verdict.case_id:
            return self._linked(located, verdict, replayed=replayed)
        filing = file(located, self.policy.reference)
        if filing.fate == Fate.LOGGED:
            settled = settled_fact(located, filing.fate, filing.outcome, filing.reason, filing.rule, "")
            facts = (settled, *in_grid(located, verdict, filing, self.policy.reference))
            return Outcome(facts, settled=(_settlement(located, filing.fate, filing.outcome),))
        return self._filed(located, verdict, filing, replayed=replayed)

    def _linked(self, located: LocatedReport, verdict: Verdict, *, replayed: bool) -> Outcome:
        facts = (
            settled_fact(located, Fate.LINKED, verdict.how, "", verdict.rule, verdict.case_id),
            linked_fact(located, verdict),
        )
        owner = verdict.case_id.partition("-")[0]
        messages: tuple[LinkNotice, ...] = ()
        if owner != located.place.tile and not replayed:
            report = located.report
            messages = (
                LinkNotice(
                    tile=owner, case_id=verdict.case_id, report_id=report.report_id, reporter_key=report.reporter_key,
                    source_system=report.source_system, source_ref=report.source_ref,
                    at=report.received_at, recorded=report.origin.offset,
                ),
            )  # fmt: skip
        return Outcome(facts, messages, settled=(_settlement(located, Fate.LINKED, verdict.how),))

    def _filed(self, located: LocatedReport, verdict: Verdict, filing: Filing, *, replayed: bool) -> Outcome:
        report, place = located.report, located.place
        case = case_id(place.tile, report.received_at, report.report_id)
        route = self._route(located, filing)
        about = located.classification
        tiles = self._neighbours(located)
        days = self.policy.duplicates.findable_days((about.standard, about.kind, about.code))
        entry = entry_of(located, case, filing, route, days, tiles)
        if not about.code:
            entry = replace(entry, likely=likely_of(about, self.policy.duplicates))
        if verdict.again is not None:
            entry = replace(entry, again=verdict.again)
        facts: list[Fact] = [
            settled_fact(located, filing.fate, filing.outcome, _reason(filing, verdict), filing.rule, case),
            filed_fact(located, case, filing, verdict, self.policy.reference.version),
            dispatched_fact(located, case, route),
        ]
        if place.border_flags:
            facts.append(boundary_fact(located, case, route.department, self._settle_due(report.received_at)))
        told = () if replayed else tiles
        messages = tuple(notice(entry, tile, report.received_at, report.origin.offset) for tile in told)
        changes = () if replayed else (Change("case", case, entry),)
        return Outcome(tuple(facts), messages, changes, (_settlement(located, filing.fate, filing.outcome),))

    def _settle_due(self, at: Millis) -> Millis | None:
        """When the lead of a border case must have settled it: the clock of stage ``border``."""
        limit = self.policy.reference.stage_limit(BORDER)
        return None if limit is None else self.policy.reference.calendar.add(at, limit.value, limit.clock)

    def _neighbours(self, located: LocatedReport) -> tuple[str, ...]:
        """The tiles in which somebody may search for this case: those within the reach of its own family."""
        report, near = located.report, located.place.neighbour_tiles
        if not near or report.lon is None or report.lat is None:
            return ()
        return neighbours_within(report.lon, report.lat, self.policy.duplicates.reach_of(located.classification.family))

    def _route(self, located: LocatedReport, filing: Filing) -> Route:
        """Only a case that may be dispatched goes to a department; whatever waits goes to people at once."""
        if filing.state != DISPATCHED:
            fallback = self.policy.router.fallback
            return Route(department=TRIAGE, reason=filing.reason, candidates=(TRIAGE, fallback))
        urgent = located.classification.case_class == "emergency"
        return self.policy.router.route(
            located, filing.limit_value, filing.clock, located.report.received_at, urgent=urgent
        )

    # --- an action ------------------------------------------------------------------------------------------------

    def _alone(self, located: LocatedReport) -> Outcome:
        """The case that a report would have opened; without changes when alone it would be no case."""
        filing = file(located, self.policy.reference)
        if filing.fate == Fate.LOGGED:
            return Outcome()
        return self._filed(located, Verdict(rule="D9-unmerged"), filing, replayed=False)

    def _acted(self, book: CaseBook, action: CaseAction) -> Outcome:
        if action.action == UNMERGE:
            return unmerge(book, action, self.policy.reference, self._alone)
        outcome = track(book, action, self.policy.reference)
        case = outcome.changes[0].value if outcome.changes else None
        if not isinstance(case, CaseEntry) or action.action not in HANDS_OVER:
            return outcome
        after, facts = self._handed_over(case, action)
        return Outcome(
            (*outcome.facts, *facts), outcome.messages, (Change("case", after.case_id, after),), outcome.settled
        )

    def _handed_over(self, case: CaseEntry, action: CaseAction) -> tuple[CaseEntry, tuple[Fact, ...]]:
        """A case is never without an owner: what is refused goes to the next candidate within the same step."""
        following, hop = self._following(case, action), case.hop + 1
        due = (
            case.due_at if case.due_at is not None else self.policy.router.due(action.at, case.limit_value, case.clock)
        )
        first = case.first_department or case.department
        after = replace(case, department=following, first_department=first, hop=hop, due_at=due, state=DISPATCHED)
        dispatched = redispatched_fact(after, case.department, action, designated=hop >= MAX_HOPS)
        if action.action != "refuse":
            return after, (dispatched,)
        verb = "designate" if hop >= MAX_HOPS else "reassign"
        return after, (system_move(case, action, verb, DISPATCHED, hop=hop), dispatched)

    def _following(self, case: CaseEntry, action: CaseAction) -> str:
        """Who the action names; else the next candidate that has not refused; the third dispatch is a designation."""
        left = [unit for unit in case.candidates if unit not in case.refused_by and unit != case.department]
        return action.to_department or (left[0] if left and case.hop + 1 < MAX_HOPS else self.policy.router.fallback)


def _join(book: CaseBook, located: LocatedReport, verdict: Verdict) -> tuple[Change, ...]:
    """The report joins a case of its own tile (a case of another tile hears of it by a notice)."""
    case = book.case(verdict.case_id)
    if case is None or case.tile != located.place.tile:
        return ()
    return (Change("case", case.case_id, joined_by(case, located)),)


def _opened(answer: Outcome) -> str:
    return next((change.key for change in answer.changes if change.space == "case"), "")


def _reason(filing: Filing, verdict: Verdict) -> str:
    """Why it was filed; where it may repeat a case after all, a person reads which and how likely."""
    if not verdict.suggested:
        return filing.reason
    maybe = f"may repeat {verdict.suggested} ({verdict.score:.0%})"
    return f"{filing.reason}; {maybe}" if filing.reason else maybe


def _named(verdict: Verdict, located: LocatedReport) -> Verdict:
    """A sensor that speaks again is no duplicate report of a person: it is counted by its own name."""
    again = verdict.how in (Linked.DUPLICATE, Linked.SAME_ORDER) and located.report.channel == Channel.ALARM
    return replace(verdict, how=Linked.SAME_ALARM) if again else verdict


def _settlement(located: LocatedReport, fate: str, outcome: str) -> Settlement:
    return Settlement(located.report.channel, fate, outcome, derived=located.report.channel == Channel.ALARM)


def _stays(book: CaseBook, space: str, key: str, day: int) -> bool:
    """An open case stays, and so does the ghost of one, however old; a ghost's time begins with the last it told."""
    entry = book.get(space, key)
    if entry is None or space in BY_REPORT:
        return entry is None
    if space == "case":
        return bool(entry.open)
    return bool(entry.open) or entry.at // DAY_MS + KEEP_SEEN_DAYS > day
