"""What departments, inspectors and citizens answer, in a closed loop with the pipeline.

Every answer is derived by hashing (seed, case, hop, department) and the fact it answers: it depends on no clock and on
no order, so a replay is answered the same. Verbs, roles and reasons are those of ``lifecycle.csv``.
"""

from __future__ import annotations

from typing import Any

from pipeline.events.base import Millis
from pipeline.events.facts import CaseDispatched, CaseFiled, CaseMoved, Fact, FeedbackSent
from pipeline.simulation.behaviour import Behaviour
from pipeline.simulation.clock import DAY, HOUR, MINUTE
from pipeline.simulation.dice import chance

Answer = tuple[str, dict[str, Any]]
"""Name of the schema and the record; ``received_at`` says when it comes."""
TRIAGE = "manual-triage"
"""The department of cases that wait for a person, for information or for a value."""
NOT_THERE, NO_INFORMATION = 0.15, 0.4
"""Shares of cases that verification does not find, and whose information never comes (assumed)."""
MAX_HOPS = 3
"""From this dispatch on refusing is not allowed."""
REFUSALS = ("not_our_territory", "ownership_unclear", "duty_overlap", "beyond_authority")
FAULTS = ("still_there", "partly_done", "no_evidence")
EXTENSION, SUSPENSION = 0.03, 0.015
"""Shares of signed cases whose limit is extended or that are suspended (assumed)."""


class Responder:
    """:func:`answers` with a city's behaviour bound, for the local runner."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def answers(self, fact: Fact) -> tuple[Answer, ...]:
        """Later records that a fact brings about; most facts bring none."""
        return answers(fact, self.behaviour)


def answers(message: Fact, behaviour: Behaviour) -> tuple[Answer, ...]:
    """Actions and survey answers that follow from a filing, an assignment, a move or a feedback."""
    if isinstance(message, CaseFiled):
        return _held(message, behaviour)
    if isinstance(message, CaseDispatched):
        return _assigned(message, behaviour)
    if isinstance(message, CaseMoved):
        return _moved(message, behaviour)
    if isinstance(message, FeedbackSent):
        return _surveyed(message, behaviour)
    return ()


def temper(message: CaseDispatched, behaviour: Behaviour) -> str:
    """What the department does with an assignment; the truth of the closed loop, by the names of the switches.

    ``''`` is honest work. A case-wide draw comes first, so that a case passed on stays one that is passed on.
    """
    seed, case, hop, unit = behaviour.seed, message.case_id, message.hop, message.department
    loop = chance(seed, "buck", case) < behaviour.rate("buck_passing")
    if loop and hop < MAX_HOPS and (hop <= 1 or chance(seed, "loop", case) < behaviour.rate("return_loops")):
        return "buck_passing" if hop <= 1 else "return_loops"
    if chance(seed, "push", case) < behaviour.rate("push_down_deadlock"):
        return "push_down_deadlock"
    if message.urgent and chance(seed, "follow", case) < behaviour.rate("emergency_bad_followup"):
        return "emergency_bad_followup"
    unowned = message.kind == "component" and unit.startswith("street")
    if unowned and chance(seed, "idle", case) < min(1.0, 20 * behaviour.rate("ownerless_idle")):
        return "ownerless_idle"
    draw = chance(seed, "temper", case, hop, unit)
    for name in ("silent_department", "refusal", "late_handling"):
        rate = behaviour.rate(name, unit)
        if draw < rate and not (name == "refusal" and hop >= MAX_HOPS):
            return name
        draw -= rate
    return ""


def _held(message: CaseFiled, behaviour: Behaviour) -> tuple[Answer, ...]:
    """An acceptor settles what waits: verified, filed and dispatched to the owner or the street, or declined."""
    seed, case, state = behaviour.seed, message.case_id, message.state
    if state not in ("pending_filing", "verifying", "waiting_information"):
        return ()

    def act(action: str, after: float, role: str, reason: str = "", to: str = "") -> Answer:
        at = message.at + round((after + 0.5 * chance(seed, action, case)) * HOUR)
        return _action(case, action, at, role, "grid-centre", "0", reason=reason, to=to)

    to = message.component_owner or (f"street-{message.street}" if message.street else "grid-centre")
    filed = act("file", 4, "acceptor"), act("dispatch", 5, "dispatcher", to=to)
    draw = chance(seed, "held", case)
    if state == "verifying" and draw < NOT_THERE:
        return act("not_found", 2, "inspector", "not_there"), act("decline", 4, "acceptor", "not_there")
    if state == "verifying":
        return act("verified", 2, "inspector"), *filed
    if state == "waiting_information" and draw < NO_INFORMATION:
        return (act("decline", 48, "acceptor", "information_missing"),)
    return (act("accept", 2, "acceptor"), *filed) if state == "waiting_information" else filed


def _assigned(message: CaseDispatched, behaviour: Behaviour) -> tuple[Answer, ...]:
    seed, case, hop, unit = behaviour.seed, message.case_id, message.hop, message.department
    manner = temper(message, behaviour)

    def draw(purpose: str) -> float:
        return chance(seed, purpose, case, hop, unit, message.at)

    if unit == TRIAGE or manner in ("silent_department", "ownerless_idle"):
        return ()  # what waits for a person is answered when it is filed
    if manner in ("buck_passing", "return_loops", "refusal"):
        at = message.at + round((0.2 + 3 * draw("refuse after")) * HOUR)
        reason = REFUSALS[int(draw("refuse reason") * len(REFUSALS))]
        return (_action(case, "refuse", at, "department-clerk", unit, f"{hop}", reason=reason),)
    street = f"street-{message.street}"
    if manner == "push_down_deadlock":
        if unit == street or hop > 1:
            return ()
        at = message.at + round((1 + 5 * draw("push after")) * HOUR)
        return (_action(case, "reassign", at, "dispatcher", "grid-centre", f"{hop}", reason="relief", to=street),)
    lead = 12 * MINUTE if message.urgent else 90 * MINUTE
    signed = _action(case, "sign", message.at + round((0.1 + draw("sign")) * lead), "department-clerk", unit, f"{hop}")
    if manner == "emergency_bad_followup":
        return (signed,)
    held = draw("suspend")
    if held < SUSPENSION and not message.urgent:
        at = signed[1]["at"] + 2 * HOUR
        return signed, _action(case, "suspend", at, "dispatcher", "grid-centre", f"{hop}", reason="legal_procedure")
    return signed, *_extension(message, draw("extend"), signed[1]["at"]), _handling(message, draw, manner)


def _extension(message: CaseDispatched, draw: float, signed_at: Millis) -> tuple[Answer, ...]:
    if draw >= EXTENSION or message.due_at is None or message.due_at - signed_at < 4 * HOUR:
        return ()
    at = signed_at + HOUR
    return (_action(message.case_id, "extend", at, "dispatcher", "grid-centre", f"{message.hop}", reason="materials"),)


def _handling(message: CaseDispatched, draw: Any, manner: str) -> Answer:
    """When and by whom it is handled: within the limit, or an hour to two days after it."""
    earliest = message.at + (20 * MINUTE if message.urgent else 2 * HOUR)
    due = message.due_at or message.at + DAY
    at = round(message.at + (0.15 + 0.75 * draw("handle")) * (due - message.at))
    if manner == "late_handling":
        at = due + round((1 + 47 * draw("late")) * HOUR)
    return _action(
        message.case_id,
        "handle",
        max(at, earliest),
        "handler",
        message.department,
        f"{message.hop}",
        said="现场已处置，附照片",
    )


def _moved(message: CaseMoved, behaviour: Behaviour) -> tuple[Answer, ...]:
    """Checks after handling, closing after the check, handling again after a failed check or a suspension."""
    seed, case, unit = behaviour.seed, message.case_id, message.department
    stamp = f"{message.hop}-{message.at}"

    def draw(purpose: str) -> float:
        return chance(seed, purpose, case, unit, stamp)

    if message.to_state == "pending_check":
        at = message.at + round((0.2 + 3.5 * draw("check after")) * HOUR)
        if draw("check") < behaviour.rate("rework", unit):
            reason = FAULTS[int(draw("check reason") * len(FAULTS))]
            return (_action(case, "check_fail", at, "inspector", "grid-centre", stamp, reason=reason),)
        return (_action(case, "check_pass", at, "inspector", "grid-centre", stamp),)
    if message.to_state == "pending_close":
        at = message.at + round((5 + 90 * draw("close after")) * MINUTE)
        return (_action(case, "close", at, "acceptor", "grid-centre", stamp),)
    if message.to_state == "suspended":
        at = message.at + round((2 + 8 * draw("resume after")) * DAY)
        return (_action(case, "resume", at, "dispatcher", "grid-centre", stamp),)
    if message.to_state == "handling" and message.action in ("check_fail", "resume", "reopen"):
        at = message.at + round((2 + 20 * draw("again after")) * HOUR)
        return (_action(case, "handle", at, "handler", unit, stamp, said="已重新处置"),)
    return ()


def _surveyed(message: FeedbackSent, behaviour: Behaviour) -> tuple[Answer, ...]:
    """A citizen's answer some hours to two days after the feedback; silence from the others."""
    seed, report = behaviour.seed, message.report_id
    if message.state not in ("closed", "pending_close") or chance(seed, "survey", report) >= behaviour.rate(
        "survey_answered"
    ):
        return ()
    at = message.at + round((2 + 44 * chance(seed, "survey after", report)) * HOUR)
    bad = chance(seed, "satisfied", report) < behaviour.rate("dissatisfied")
    level = chance(seed, "level", report)
    happy = ("very_satisfied", "satisfied", "basically_satisfied")[int(level * 3)]
    body = {
        "source_system": "hotline-12345",
        "source_ref": f"SV-{message.case_id}-{report}-{message.state}",
        "received_at": at,
        "case_id": message.case_id,
        "contacted": level < 0.9,
        "solved": not bad,
        "satisfaction": ("dissatisfied", "very_dissatisfied")[int(level * 2)] if bad else happy,
        "comment": "问题没有真正解决" if bad else "",
        "answered_at": at,
    }
    return (("SurveyAnswer", body),)


def _action(
    case: str, action: str, at: Millis, role: str, unit: str, stamp: str, *, reason: str = "", to: str = "",
    said: str = "",
) -> Answer:  # fmt: skip
    """One record. Whoever handles never is the one who checks or closes."""
    body = {
        "source_system": f"department-{unit}",
        "source_ref": f"{case}:{stamp}:{action}",
        "received_at": at + 1000,
        "at": at,
        "case_id": case,
        "action": action,
        "actor_role": role,
        "actor_unit": unit,
        "actor_person": f"{unit}:{role}",
        "post": role,
        "reason_code": reason,
        "reason": said,
        "to_department": to,
    }
    return "CaseAction", body
