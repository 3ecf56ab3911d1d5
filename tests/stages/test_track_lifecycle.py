"""The state machine, every state with every action; who may not do what; who hears of the end."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.reference.model import Transition
from pipeline.events.facts import ActionRefused, CaseDispatched, CaseMoved, FeedbackSent
from pipeline.stage import Change
from pipeline.stages.track import KEEP_ACTIONS
from tests.builders import PATH, REASONS, an_action, case_of, located
from tests.small_city import COVER, WASTE, city
from tests.town import Town

TABLES = city().tables
STATES = {row.state: row for row in TABLES.states}
ACTIONS = sorted({row.action for row in TABLES.lifecycle})
MOVES: dict[tuple[str, str], Transition] = {}
for row in sorted(TABLES.lifecycle, key=lambda row: row.from_state != "*"):
    for name in STATES if row.from_state == "*" else (row.from_state,):
        if not STATES[name].terminal:
            MOVES[name, row.action] = row
FIRST = located("1", 0)
CASE = case_of(FIRST)


def a_town(state: str = "dispatched", category: Any = WASTE, **fields: Any) -> Town:
    """A town with one case in a state."""
    town = Town()
    town.send(located("1", 0, category))
    book = town.book(FIRST.place.tile)
    book.apply([Change("case", CASE, replace(book.case(CASE), state=state, **fields))])
    town.facts.clear()
    return town


def entries(town: Town) -> list[Any]:
    return sorted(town.book(FIRST.place.tile).entries())


def allowed(move: Transition, **fields: Any) -> Any:
    """An action that keeps every rule of its move."""
    reason = move.reasons[0] if move.reasons else "x" if move.reason_required else ""
    given = {
        "actor_role": move.roles[0],
        "reason_code": reason,
        "to_department": "water",
        "to_class": "difficult",
    } | fields
    return an_action(CASE, move.action, **given)


TABLE = [pair for pair in product(STATES, ACTIONS) if pair != ("merged", "unmerge")]
"""A merged case goes on in the state it had, which no row can name: ``test_unmerge.py`` has it."""


@pytest.mark.parametrize(("state", "action"), TABLE)
def test_every_action_in_every_state_moves_as_the_table_says_or_changes_nothing(state: str, action: str) -> None:
    town, move = a_town(state), MOVES.get((state, action))
    before = entries(town)
    sent = allowed(move) if move else an_action(CASE, action, reason="x", to_department="water")
    outcome = town.send(sent)
    if move is None:
        assert [type(fact) for fact in outcome.facts] == [ActionRefused]
        assert (outcome.changes, entries(town), outcome.settled[0].outcome) == ((), before, "action_refused")
        assert state in outcome.facts[0].reason
        return
    (moved, *_) = [fact for fact in outcome.facts if isinstance(fact, CaseMoved)]
    assert (moved.from_state, moved.to_state, moved.action) == (state, move.to_state, action)
    assert town.case(CASE).state == ("dispatched" if action == "refuse" else move.to_state)
    assert town.case(CASE).open is not STATES[move.to_state].terminal
    assert outcome.settled[0].outcome == "action"


@pytest.mark.parametrize("move", MOVES.values(), ids=lambda move: f"{move.from_state}-{move.action}")
def test_only_the_named_roles_and_reasons_are_taken(move: Transition) -> None:
    state = "dispatched" if move.from_state == "*" else move.from_state
    wrong: list[dict[str, Any]] = [{"actor_role": "passer-by"}, {"actor_role": ""}]
    if move.reason_required:
        wrong.append({"reason_code": "", "reason": ""})
    if move.reasons:
        wrong.append({"reason_code": "because"})
    for fields in wrong:
        town = a_town(state)
        outcome = town.send(allowed(move, **fields))
        assert [type(fact) for fact in outcome.facts] == [ActionRefused], fields
        assert outcome.changes == ()


def test_a_reason_in_words_is_a_reason() -> None:
    assert a_town().send(an_action(CASE, "refuse", reason_code="", reason="不在辖区")).changes


def test_the_table_covers_every_state_and_verbs_of_the_builders() -> None:
    assert {state for state, _ in MOVES} == {name for name, row in STATES.items() if not row.terminal}
    assert set(REASONS) <= set(ACTIONS)


@pytest.mark.parametrize("verb", ["check_pass", "check_fail"])
@pytest.mark.parametrize(("person", "moves"), [("h1", False), ("h2", True)], ids=["handler", "another"])
def test_who_handled_may_not_check(verb: str, person: str, moves: bool) -> None:
    town = a_town()
    town.act(CASE, "handle", actor_person="h1")
    assert bool(town.send(an_action(CASE, verb, actor_person=person)).changes) is moves


@pytest.mark.parametrize(("person", "moves"), [("h1", False), ("h2", True)], ids=["handler", "another"])
def test_who_handled_may_not_close(person: str, moves: bool) -> None:
    town = a_town()
    town.act(CASE, "handle", actor_person="h1")
    town.act(CASE, "check_pass", actor_person="c1")
    assert bool(town.send(an_action(CASE, "close", actor_person=person)).changes) is moves


def test_an_unnamed_checker_is_not_taken_for_an_unnamed_handler() -> None:
    town = a_town()
    town.act(CASE, *PATH)
    assert town.case(CASE).state == "closed"


@pytest.mark.parametrize(("state", "verb"), [("pending_dispatch", "dispatch"), ("refused", "designate")])
def test_a_dispatch_names_a_department(state: str, verb: str) -> None:
    role = MOVES[state, verb].roles[0]
    reason = "arbitration" if verb == "designate" else ""
    refused = a_town(state).send(an_action(CASE, verb, actor_role=role, reason_code=reason))
    assert "to_department" in refused.facts[0].reason  # type: ignore[union-attr]  # an ActionRefused


def test_an_action_on_an_unknown_case_is_answered() -> None:
    town = a_town()
    outcome = town.send(an_action(CASE[:-1] + "x", "sign"))
    assert [type(fact) for fact in outcome.facts] == [ActionRefused]


# -- refusals -----------------------------------------------------------------------------------------------------


def test_a_refused_case_goes_to_the_next_candidate_in_the_same_step_and_the_third_dispatch_is_binding() -> None:
    town = Town()
    first = located("1", 0, COVER)
    town.send(first)
    case = case_of(first)
    assert (town.case(case).department, town.case(case).candidates) == ("street-310199001", ("water",))
    town.act(case, "refuse", actor_unit="street-310199001")
    assert (town.case(case).department, town.case(case).hop, town.case(case).state) == ("water", 2, "dispatched")
    town.act(case, "refuse", actor_unit="water")
    assert (town.case(case).department, town.case(case).hop, town.case(case).state) == ("grid-centre", 3, "dispatched")
    refused = town.send(an_action(case, "refuse", actor_unit="grid-centre"))
    assert "may not be refused" in refused.facts[0].reason  # type: ignore[union-attr]  # an ActionRefused
    assert [fact.action for fact in town.said(CaseMoved)] == ["refuse", "reassign", "refuse", "designate"]
    assert [fact.hop for fact in town.said(CaseDispatched)] == [1, 2, 3]
    assert town.case(case).first_department == "street-310199001"
    assert town.case(case).refused_by == ("street-310199001", "water")


def test_who_refused_is_not_asked_again() -> None:
    town = a_town(candidates=("a", "b", "c"), department="b", refused_by=("a",))
    town.act(CASE, "refuse")
    assert town.case(CASE).department == "c"


@pytest.mark.parametrize(("hop", "department"), [(1, "b"), (2, "grid-centre")], ids=["second", "third"])
def test_the_third_dispatch_goes_to_the_fall_back_and_not_to_one_more_candidate(hop: int, department: str) -> None:
    town = a_town(candidates=("a", "b", "c"), department="a", hop=hop)
    town.act(CASE, "refuse")
    (dispatched,) = town.said(CaseDispatched)
    assert (town.case(CASE).department, dispatched.reason.startswith("designated")) == (department, hop == 2)


def test_the_dispatcher_names_who_gets_a_case_that_is_handed_over() -> None:
    town = a_town("handling")
    town.act(CASE, "reassign", to_department="water")
    (dispatched,) = town.said(CaseDispatched)
    assert (town.case(CASE).department, dispatched.department, dispatched.hop) == ("water", "water", 2)


def test_the_limit_goes_on_when_a_case_is_handed_over() -> None:
    town = a_town()
    due = town.case(CASE).due_at
    town.act(CASE, "refuse")
    assert (due is not None, town.case(CASE).due_at) == (True, due)


def test_every_dispatch_has_an_id_of_its_own() -> None:
    town = Town()
    first = located("1", 0, COVER)
    town.send(first)
    for verb in ("refuse", "reassign", "refuse", "reassign"):
        town.act(case_of(first), verb)
    ids = [fact.fact_id for fact in town.facts]
    assert len(ids) == len(set(ids))


# -- redelivery ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["sign", "handle", "refuse"])
def test_an_action_that_comes_twice_acts_once(verb: str) -> None:
    town, action = a_town(), an_action(CASE, verb)
    town.send(action)
    before = entries(town)
    outcome = town.send(action)
    assert (outcome.facts, outcome.changes, outcome.messages) == ((), (), ())
    assert (outcome.settled[0].outcome, entries(town)) == ("redelivered", before)


def test_an_action_is_known_again_after_many_others() -> None:
    town = a_town("handling")
    first = an_action(CASE, "extend")
    town.send(first)
    town.act(CASE, *["extend"] * (KEEP_ACTIONS - 1))
    assert town.send(first).settled[0].outcome == "redelivered"


# -- feedback -----------------------------------------------------------------------------------------------------


def test_every_reporter_hears_before_the_case_is_closed_and_hears_once() -> None:
    town = a_town()
    town.send(located("2", 1, reporter_key="p"))
    town.act(CASE, "sign", "handle")
    assert town.said(FeedbackSent) == []
    town.act(CASE, "check_pass")
    assert [fact.report_id for fact in town.said(FeedbackSent)] == list(town.case(CASE).report_ids)
    assert len(town.case(CASE).report_ids) == 2
    town.act(CASE, "close")
    assert len(town.said(FeedbackSent)) == 2
    order = [type(fact).__name__ for fact in town.facts]
    assert order.index("FeedbackSent") < len(order) - 1
    assert town.facts[-1].to_state == "closed"


def test_a_report_that_joins_after_the_check_hears_at_the_closing() -> None:
    town = a_town()
    town.act(CASE, "sign", "handle", "check_pass")
    late = located("2", 70)
    town.send(late)
    town.act(CASE, "close")
    assert [fact.report_id for fact in town.said(FeedbackSent)][-1] == late.report.report_id
    assert len(town.said(FeedbackSent)) == 2
    assert [type(fact).__name__ for fact in town.facts[-2:]] == ["FeedbackSent", "CaseMoved"], "first told, then closed"


@pytest.mark.parametrize("verb", ["cancel", "force_close", "merge"])
def test_reporters_hear_whichever_way_a_case_ends(verb: str) -> None:
    town = a_town()
    town.act(CASE, verb, **({"actor_role": "acceptor"} if verb == "merge" else {}))
    (told,) = town.said(FeedbackSent)
    assert town.facts[-2:-1] == [told], "first told, then ended"
    assert told.state == MOVES["dispatched", verb].to_state
    assert town.case(CASE).ended_at is not None
