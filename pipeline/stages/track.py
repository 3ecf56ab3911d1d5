"""Follow a case to its end: the state machine as data, by the lifecycle table of the reference set.

An action that the table does not allow, or that breaks the separation of powers (who handles does not check or close,
who dispatches does not handle), changes nothing and is answered by an ``ActionRefused`` fact. The first receiver stays
accountable while a refusal is settled: a refused case goes to the next candidate, the third dispatch is a designation
by the fall-back department, which may not be refused.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.ids import report_of
from pipeline.domain.reference.model import ClockKind, Reference, Transition
from pipeline.events.base import Fate, Logged, Millis
from pipeline.events.casework import CaseAction, NeighbourNotice
from pipeline.events.facts import ActionRefused, CaseMoved, Fact, FeedbackSent
from pipeline.stage import Change, Outcome, Settlement
from pipeline.stages.authority import unauthorised
from pipeline.stages.casebook import CaseBook
from pipeline.stages.entries import CaseEntry
from pipeline.stages.reclassify import RECLASSIFY, fault_of, reclassified, with_sides
from pipeline.stages.repeat_handling import handled, row_of

CHANNEL = "action"
MAX_HOPS = 3
BEFORE_CLOSING = "pending_close"
"""The state in which feedback goes out: the check was passed and nothing but closing is left."""
KEEP_ACTIONS = 32
MAX_EXTENSIONS = 2


def track(book: CaseBook, action: CaseAction, reference: Reference) -> Outcome:
    """Apply one action to its case."""
    case = book.case(action.case_id)
    if case is None:
        return refused(action, "", "unknown case: it is not open here, check case_id")
    if action.action_id in case.acted:
        return Outcome(settled=(Settlement(CHANNEL, Fate.LOGGED, Logged.REDELIVERED),))
    move = reference.transition(case.state, action.action)
    fault = _fault(case, action, move, reference) or fault_of(case, action, reference)
    if move is None or fault:
        return refused(action, case.state, fault)
    return _moved(case, action, move, reference)


def _fault(case: CaseEntry, action: CaseAction, move: Transition | None, reference: Reference) -> str:
    if move is None:
        return f"{action.action!r} is not possible in state {case.state!r}"
    if fault := not_permitted(case, action, move, reference):
        return fault
    if action.action in ("check_pass", "check_fail", "close") and case.handler and action.actor_person == case.handler:
        return "who handled a case may not check or close it (separation of powers)"
    if action.action in ("dispatch", "designate") and not action.to_department:
        return f"{action.action!r} names no department: give to_department"
    if action.action == "extend" and case.extensions >= MAX_EXTENSIONS:
        return f"a case may be extended {MAX_EXTENSIONS} times at most"
    if action.action == "extend" and case.due_at is not None and action.at > case.due_at:
        return "a limit can only be extended before it is over"
    if action.action == "refuse" and case.hop >= MAX_HOPS:
        return "the third dispatch is a designation and may not be refused"
    return ""


def not_permitted(case: CaseEntry, action: CaseAction, move: Transition, reference: Reference) -> str:
    """Why the actor or the reason does not allow the move; "" when they do."""
    if move.roles and action.actor_role not in move.roles:
        return f"role {action.actor_role!r} may not {action.action!r}: only {', '.join(move.roles)}"
    if move.reason_required and not (action.reason_code or action.reason):
        return f"{action.action!r} needs a reason"
    if move.reasons and action.reason_code and action.reason_code not in move.reasons:
        return f"reason {action.reason_code!r} is not one of {', '.join(move.reasons)}"
    return unauthorised(case, action, reference)


def refused(action: CaseAction, state: str, reason: str) -> Outcome:
    """An action that changed nothing, and why."""
    fact = ActionRefused(
        fact_id=f"{action.action_id}:refused", at=action.at, recorded=action.origin.offset, action_id=action.action_id,
        case_id=action.case_id, tile=action.tile, action=action.action, state=state, actor_role=action.actor_role,
        actor_unit=action.actor_unit, reason=reason,
    )  # fmt: skip
    return Outcome(facts=(fact,), settled=(Settlement(CHANNEL, Fate.LOGGED, Logged.ACTION_REFUSED),))


def _moved(case: CaseEntry, action: CaseAction, move: Transition, reference: Reference) -> Outcome:
    after = replace(
        case, state=move.to_state,
        handler=action.actor_person if action.action == "handle" else case.handler,
        told=0 if action.action == "reopen" else case.told,
        refused_by=(*case.refused_by, case.department) if action.action == "refuse" else case.refused_by,
        acted=(*case.acted, action.action_id)[-KEEP_ACTIONS:],
    )  # fmt: skip
    after = _clocked(reclassified(after, action, reference), action, reference)
    moved = moved_fact(case, action, move.to_state, after.due_at)
    after, repeated = handled(after, action, reference)
    facts: list[Fact] = [with_sides(moved, case, after) if action.action == RECLASSIFY else moved, *repeated]
    return _told_and_ended(after, action, facts, reference)


def _clocked(case: CaseEntry, action: CaseAction, reference: Reference) -> CaseEntry:
    """An extension (延时) adds a limit to the due time; a suspension (挂账) keeps what is left, in its own clock."""
    calendar = reference.calendar
    if not case.clock:
        return case
    clock = ClockKind(case.clock)
    if action.action == "extend" and case.due_at is not None:
        due_at = calendar.add(case.due_at, case.limit_value, clock)
        return replace(case, due_at=due_at, extensions=case.extensions + 1)
    if action.action == "suspend" and case.due_at is not None:
        return replace(case, due_at=None, left_ms=max(0, calendar.elapsed_ms(action.at, case.due_at, clock)))
    if action.action == "resume" and case.left_ms is not None:
        return replace(case, due_at=calendar.add_ms(action.at, case.left_ms, clock), left_ms=None)
    return case


def _told_and_ended(case: CaseEntry, action: CaseAction, facts: list[Fact], reference: Reference) -> Outcome:
    """Every reporter hears the outcome before the case ends; its end is told to the neighbour tiles.

    Usually all hear when the check is passed. Whoever joined since then, or whose case ends without a check, hears in
    the step that ends it: the feedback is said before the end.
    """
    state = reference.state(case.state)
    ended = state is not None and state.terminal
    after = case
    if ended or case.state == BEFORE_CLOSING:
        said = feedback(case, action.action_id, action.at, action.origin.offset)
        facts = [*said, *facts] if ended else [*facts, *said]
        after = replace(case, told=len(case.members), ended_at=action.at if ended else None)
    changed = ended or action.action == RECLASSIFY
    notices = farewell(after, action.at, action.origin.offset) if changed else ()
    settled = (Settlement(CHANNEL, Fate.LOGGED, Logged.ACTION),)
    return Outcome(tuple(facts), notices, (Change("case", case.case_id, after),), settled)


def system_move(case: CaseEntry, action: CaseAction, verb: str, to_state: str, *, hop: int) -> CaseMoved:
    """What the system does by itself after an action of a person: pass a refused case on."""
    return CaseMoved(
        fact_id=f"{case.case_id}:{action.action_id}:{verb}", at=action.at, recorded=action.origin.offset,
        case_id=case.case_id, tile=case.tile, action=verb, from_state=case.state, to_state=to_state,
        actor_role="system", actor_unit="", actor_person="", post="", department=case.department,
        reason_code="", reason="", hop=hop, due_at=case.due_at,
    )  # fmt: skip


def moved_fact(case: CaseEntry, action: CaseAction, to_state: str, due_at: Millis | None) -> CaseMoved:
    """The fact of a move; ``department`` is who was responsible when it happened, ``due_at`` what holds after it."""
    return CaseMoved(
        fact_id=f"{case.case_id}:{action.action_id}", at=action.at, recorded=action.origin.offset, case_id=case.case_id,
        tile=case.tile, action=action.action, from_state=case.state, to_state=to_state, actor_role=action.actor_role,
        actor_unit=action.actor_unit, actor_person=action.actor_person, post=action.post, department=case.department,
        reason_code=action.reason_code, reason=action.reason, hop=case.hop, due_at=due_at,
    )  # fmt: skip


def feedback(case: CaseEntry, cause: str, at: Millis, recorded: int) -> list[Fact]:
    """One feedback (反馈) for every report of the case that was not told yet, merged ones included."""
    return [
        FeedbackSent(
            fact_id=f"{case.case_id}:feedback:{report}:{cause}",
            at=at,
            recorded=recorded,
            case_id=case.case_id,
            tile=case.tile,
            report_id=report,
            state=case.state,
            department=case.department,
            message=case.state,
        )
        for report in map(report_of, case.members[case.told :])
    ]


def farewell(case: CaseEntry, at: Millis, recorded: int) -> tuple[NeighbourNotice, ...]:
    """Tell the neighbour tiles what the case is now: that it has ended, or what it is about."""
    return tuple(notice(case, tile, at, recorded) for tile in case.neighbour_tiles)


def notice(case: CaseEntry, tile: str, at: Millis, recorded: int) -> NeighbourNotice:
    """What a neighbour tile keeps of a case as its ghost."""
    handled_by, row, row_first = row_of(case)
    return NeighbourNotice(
        tile=tile, case_id=case.case_id, report_id=report_of(case.members[0]), family=case.family,
        standard=case.standard, kind=case.kind, code=case.code, case_class=case.case_class, lon=case.lon or 0.0,
        lat=case.lat or 0.0, error_m=float(case.error_m), filed_at=case.filed_at, begun_at=case.begun_at,
        signature=case.signature, address_key=case.address_key, component_code=case.component_code,
        reporter_key=case.reporter_key, open=case.open, at=at, recorded=recorded,
        revived=case.unmerged, handled_by=handled_by, row=row, row_first=row_first,
        mentions=case.mentions, likely=case.likely,
    )  # fmt: skip
