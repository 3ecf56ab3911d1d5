"""Departments, inspectors and citizens answer by the lifecycle table, the same whatever the order of asking."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Reference
from pipeline.events.facts import CaseDispatched, CaseFiled, CaseMoved, Fact, FeedbackSent
from pipeline.simulation.behaviour import RATES, Behaviour, behaviour_of
from pipeline.simulation.city import City
from pipeline.simulation.responder import Responder, answers, temper
from pipeline.simulation.switches import Switches
from pipeline.wire.serde import encode

HOUR = 3_600_000
START = 1_773_590_400_000


@pytest.fixture(scope="module")
def reference() -> Reference:
    return load_reference(Path(__file__).parents[2] / "deploy" / "reference")


@pytest.fixture(scope="module")
def behaviour() -> Behaviour:
    return behaviour_of(City(5, 0.05), Switches())


def only(**rates: float) -> Behaviour:
    return Behaviour(seed=5, rates={name: 0.0 for name in RATES} | rates)


def dispatched(number: int, *, hop: int = 1, department: str = "sanitation", **more: Any) -> CaseDispatched:
    given: dict[str, Any] = {
        "fact_id": f"d{number}-{hop}", "at": START, "recorded": number, "case_id": f"t1-20260316-{number:012d}",
        "tile": "t1", "department": department, "assistants": (), "person": "", "team": "", "hop": hop,
        "urgent": False, "standard": "GB/T 30428.2-2013", "kind": "incident", "code": "0110", "case_class": "general",
        "due_at": START + 24 * HOUR, "limit_value": 1, "clock": "work_day", "duty": "", "reason": "", "candidates": (),
        "legal_basis": "", "law_overlap": False, "street": "310199001", "grid": "", "lon": None, "lat": None,
        "address": "", "summary": "",
    }  # fmt: skip
    return CaseDispatched(**(given | more))


def moved(case: CaseDispatched, body: dict[str, Any], from_state: str, to_state: str, hop: int, unit: str) -> CaseMoved:
    return CaseMoved(
        fact_id=body["source_ref"], at=body["at"], recorded=0, case_id=case.case_id, tile=case.tile,
        action=body["action"], from_state=from_state, to_state=to_state, actor_role=body["actor_role"],
        actor_unit=body["actor_unit"], actor_person=body["actor_person"], post=body["post"], department=unit,
        reason_code=body["reason_code"], reason=body["reason"], hop=hop, due_at=case.due_at,
    )  # fmt: skip


def lives(case: CaseDispatched, behaviour: Behaviour, reference: Reference) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every action of one case's life, played against the lifecycle table: (state before, action)."""
    state, hop, unit = "dispatched", 1, case.department
    pending = [body for _, body in answers(case, behaviour)]
    for _ in range(60):
        if not pending:
            return
        pending.sort(key=lambda body: body["received_at"])
        body = pending.pop(0)
        move = reference.transition(state, body["action"])
        yield state, body
        if move is None:
            return
        before, state = state, move.to_state
        fact = moved(case, body, before, state, hop, unit)
        pending += [later for _, later in answers(fact, behaviour)]
        if body["action"] in ("refuse", "reassign"):
            hop, unit = hop + 1, body["to_department"] or "urban-management"
            state, pending = "dispatched", []
            again = dispatched(int(case.case_id[-12:]), hop=hop, department=unit, at=body["at"], due_at=case.due_at)
            pending += [later for _, later in answers(again, behaviour)]


def test_every_verb_is_legal_in_its_state_with_its_role_and_reason(reference: Reference, behaviour: Behaviour) -> None:
    verbs: Counter[str] = Counter()
    for number in range(1500):
        case = dispatched(number, urgent=number % 20 == 0)
        for state, body in lives(case, behaviour, reference):
            move = reference.transition(state, body["action"])
            assert move is not None, (state, body["action"])
            assert body["actor_role"] in move.roles, body
            assert not move.reason_required or body["reason_code"] in move.reasons, body
            verbs[body["action"]] += 1
    assert verbs.keys() == {
        "sign", "refuse", "reassign", "handle", "check_pass", "check_fail", "close", "suspend", "resume", "extend",
    }  # fmt: skip


@pytest.mark.parametrize("state", ["pending_filing", "verifying", "waiting_information"])
def test_what_waits_for_a_person_is_filed_and_dispatched_or_declined_by_the_table(
    state: str, reference: Reference, behaviour: Behaviour
) -> None:
    ends: Counter[str] = Counter()
    for number in range(100):
        here = state
        for _, body in sorted(answers(filed(number, state), behaviour), key=lambda item: item[1]["received_at"]):
            move = reference.transition(here, body["action"])
            assert move is not None, (here, body["action"])
            assert body["actor_role"] in move.roles
            assert not move.reason_required or body["reason_code"] in move.reasons
            here = move.to_state
        ends[here] += 1
    assert ends["dispatched"] > 30
    assert set(ends) <= {"dispatched", "not_filed"}


def test_a_filed_case_that_waits_for_nobody_and_the_triage_desk_get_no_answer(behaviour: Behaviour) -> None:
    assert answers(filed(1, "dispatched"), behaviour) == ()
    assert answers(dispatched(1, department="manual-triage"), only()) == ()


def filed(number: int, state: str) -> CaseFiled:
    given: dict[str, Any] = {item.name: "" for item in msgspec.structs.fields(CaseFiled) if item.type is str}
    return CaseFiled(
        **given | {"case_id": f"t1-20260316-{number:012d}", "state": state, "street": "310199001"},
        at=START, recorded=0, measured=None, begun_at=START, lon=None, lat=None, border_flags=(),
    )  # fmt: skip


def test_answers_are_records_of_their_schemas(behaviour: Behaviour) -> None:
    for number in range(200):
        for schema, body in answers(dispatched(number), behaviour):
            assert encode(schema, body)
        for schema, body in answers(feedback(number), behaviour):
            assert encode(schema, body)


def feedback(number: int, state: str = "closed") -> FeedbackSent:
    return FeedbackSent(
        fact_id=f"f{number}", at=START, recorded=0, case_id=f"t1-20260316-{number:012d}", tile="t1",
        report_id=f"r{number}", state=state, department="sanitation", message=state,
    )  # fmt: skip


def test_the_same_facts_are_answered_the_same_in_any_order(behaviour: Behaviour) -> None:
    facts: list[Fact] = [dispatched(number) for number in range(100)] + [feedback(number) for number in range(100)]
    first = {fact.fact_id: answers(fact, behaviour) for fact in facts}
    random.Random(1).shuffle(facts)
    responder = Responder(behaviour)
    assert {fact.fact_id: responder.answers(fact) for fact in facts} == first


def test_no_answer_comes_before_what_it_answers_and_identities_differ(behaviour: Behaviour) -> None:
    seen: set[tuple[str, str]] = set()
    for number in range(300):
        for hop in (1, 2, 3):
            for _, body in answers(dispatched(number, hop=hop), behaviour):
                assert body["received_at"] > START
                assert (body["source_system"], body["source_ref"]) not in seen
                seen.add((body["source_system"], body["source_ref"]))


def test_whoever_handles_never_checks_or_closes(reference: Reference, behaviour: Behaviour) -> None:
    for number in range(200):
        handlers: set[str] = set()
        for _, body in lives(dispatched(number), behaviour, reference):
            if body["action"] == "handle":
                handlers.add(body["actor_person"])
            elif body["action"] in ("check_pass", "check_fail", "close"):
                assert body["actor_person"] not in handlers


def test_nobody_refuses_the_third_dispatch() -> None:
    stubborn = only(buck_passing=1.0, return_loops=1.0, refusal=1.0)
    assert [body["action"] for _, body in answers(dispatched(1, hop=2), stubborn)] == ["refuse"]
    assert all(body["action"] != "refuse" for _, body in answers(dispatched(1, hop=3), stubborn))


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("refusal", {}),
        ("buck_passing", {}),
        ("push_down_deadlock", {}),
        ("silent_department", {}),
        ("late_handling", {}),
        ("emergency_bad_followup", {"urgent": True}),
        ("ownerless_idle", {"kind": "component", "department": "street-310199001"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_temper_is_absent_when_off_and_shows_when_on(name: str, case: dict[str, Any]) -> None:
    def share(rate: float) -> float:
        behaviour = only(**{name: rate})
        return sum(temper(dispatched(number, **case), behaviour) == name for number in range(400)) / 400

    assert share(0.0) == 0
    assert share(1.0) == 1
    if name != "ownerless_idle":  # its rate is a share of all problems and is raised twentyfold for unowned ones
        assert 0.2 < share(0.3) < 0.4


def test_return_loops_go_on_refusing_at_the_next_department() -> None:
    looping, once = only(buck_passing=1.0, return_loops=1.0), only(buck_passing=1.0)
    assert temper(dispatched(1, hop=2), looping) == "return_loops"
    assert temper(dispatched(1, hop=2), once) == ""


def test_late_handling_is_late_and_ordinary_handling_is_not() -> None:
    def handled(behaviour: Behaviour) -> list[int]:
        found = [answers(dispatched(number), behaviour) for number in range(100)]
        return [body["at"] for many in found for _, body in many if body["action"] == "handle"]

    due = START + 24 * HOUR
    assert all(at > due for at in handled(only(late_handling=1.0)))
    assert all(at <= due for at in handled(only()))


def test_rework_and_surveys_follow_their_rates() -> None:
    case = dispatched(1)
    body = next(body for _, body in answers(case, only()) if body["action"] == "handle")
    fact = moved(case, body, "handling", "pending_check", 1, case.department)
    assert answers(fact, only(rework=1.0))[0][1]["action"] == "check_fail"
    assert answers(fact, only())[0][1]["action"] == "check_pass"
    assert answers(feedback(1), only()) == ()
    assert answers(feedback(1), only(survey_answered=1.0))[0][1]["solved"] is True
    unhappy = answers(feedback(1), only(survey_answered=1.0, dissatisfied=1.0))[0][1]
    assert unhappy["satisfaction"].endswith("dissatisfied")
    assert answers(feedback(1, state="not_filed"), only(survey_answered=1.0)) == ()


def test_behaviour_is_read_back_as_it_was_written(behaviour: Behaviour, tmp_path: Path) -> None:
    (tmp_path / "behaviour.json").write_bytes(behaviour.to_json())
    assert Behaviour.load(tmp_path / "behaviour.json") == behaviour
