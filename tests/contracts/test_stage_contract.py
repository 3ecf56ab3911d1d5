"""One contract for all stages: pure, deterministic, identified, wired, replayable and restorable."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.domain.ids import tile_of_case
from pipeline.events.casework import LinkNotice, MergeNotice, NeighbourNotice, UnmergeNotice
from pipeline.events.facts import FACTS, CaseFiled, Fact, Samples
from pipeline.events.intake import LocatedReport
from pipeline.events.readings import Readings
from pipeline.stage import Outcome
from pipeline.topology import Topology
from pipeline.wire.serde import STRUCTS, decode_struct, encode_struct
from tests.builders import a_report, about
from tests.contracts.candidates import (
    CANDIDATES,
    EVERY,
    STATELESS,
    WIRED,
    Candidate,
    as_wired,
    entries,
    facts,
    parts,
    run,
)


def test_every_stage_of_the_topology_is_under_contract() -> None:
    made = {field.name for field in fields(Topology) if not field.init}
    assert made == set(CANDIDATES) | set(STATELESS)


@EVERY
def test_the_inputs_make_the_stage_say_and_change_much(candidate: Candidate) -> None:
    outcomes, book = run(candidate)
    kinds = Counter(type(fact).__name__ for fact in facts(outcomes))
    expected = {
        "intake": {"RecordQuarantined", "PatrolLogged", "TaskLogged", "StaffChanged", "SurveyAnswered",
                   "RatingReceived", "CallsCounted"},
        "detect": {"Samples", "AlarmChanged"},
        "casework": {"ReportSettled", "CaseFiled", "CaseDispatched", "CaseMoved", "CaseMerged", "CaseUnmerged",
                     "HandlingRepeated", "ReportLinked", "BoundaryFlagged", "FeedbackSent", "ActionRefused"},
    }[candidate.stage().name]  # fmt: skip
    assert set(kinds) == expected
    assert {space for space, _, _ in book.entries()} == {
        "intake": {"answered"}, "detect": {"series", "alarm", "stranger"},
        "casework": {"case", "seen", "ghost", "kept"},
    }[candidate.stage().name]  # fmt: skip


def test_between_them_the_stages_state_every_kind_of_fact_but_the_counts() -> None:
    said = {type(fact) for one in CANDIDATES.values() for fact in facts(run(one)[0])}
    assert {cls.__name__ for cls in (*FACTS, Samples)} - {cls.__name__ for cls in said} == {"OutcomesCounted"}


# -- pure and deterministic ---------------------------------------------------------------------------------------


@EVERY
def test_two_fresh_instances_say_and_change_the_same(candidate: Candidate) -> None:
    inputs = candidate.inputs()
    one, other = run(candidate, inputs=inputs), run(candidate, inputs=inputs)
    assert parts(one[0]) == parts(other[0])
    assert entries(one[1]) == entries(other[1])


@EVERY
def test_a_step_leaves_its_input_and_its_state_untouched(candidate: Candidate) -> None:
    stage, book = candidate.stage(), candidate.state()
    for event in candidate.inputs():
        before, kept = entries(book), _frozen(event)
        first, second = stage.step(book, event), stage.step(book, event)
        assert parts([first]) == parts([second])
        assert (entries(book), _frozen(event)) == (before, kept)
        book.apply(first.changes)


def _frozen(event: Any) -> Any:
    return copy.deepcopy(msgspec.to_builtins(event, builtin_types=(bytes,), enc_hook=repr))


@EVERY
def test_a_stage_keeps_nothing_outside_its_state(candidate: Candidate) -> None:
    """An instance that has seen everything answers on an empty state as a fresh one does."""
    used, inputs = candidate.stage(), candidate.inputs()
    run(Candidate(lambda: used, candidate.state, lambda: inputs))
    again = run(Candidate(lambda: used, candidate.state, lambda: inputs))
    assert parts(again[0]) == parts(run(candidate, inputs=inputs)[0])


# -- identity -----------------------------------------------------------------------------------------------------


@EVERY
def test_ids_are_derived_from_the_input_and_no_two_facts_share_one(candidate: Candidate) -> None:
    outcomes, _ = run(candidate)
    ids = [(type(fact).__name__, fact.fact_id) for fact in facts(outcomes) if isinstance(fact, Fact)]
    assert [one for one, count in Counter(ids).items() if count > 1] == []
    assert all(name for _, name in ids)


@EVERY
def test_facts_carry_the_place_of_their_cause_in_the_log_and_no_other_time(candidate: Candidate) -> None:
    inputs = candidate.inputs()
    orders = {_order(event) for event in inputs}
    for fact in facts(run(candidate, inputs=inputs)[0]):
        assert fact.recorded in orders


def _order(event: Any) -> int:
    if isinstance(event, LocatedReport):
        return event.report.origin.offset
    if isinstance(event, NeighbourNotice | LinkNotice | MergeNotice | UnmergeNotice):
        return event.recorded
    return int(event.order if hasattr(event, "order") else event.origin.offset)


def test_a_case_id_carries_the_tile_that_holds_the_case() -> None:
    for fact in facts(run(CANDIDATES["casework"])[0]):
        case = getattr(fact, "case_id", "")
        if case and isinstance(fact, CaseFiled):
            assert tile_of_case(case) == fact.tile


# -- wire ---------------------------------------------------------------------------------------------------------


@EVERY
def test_every_fact_and_message_is_equal_after_its_way_over_the_wire(candidate: Candidate) -> None:
    outcomes, _ = run(candidate)
    said = [*facts(outcomes), *[as_wired(message) for one in outcomes for message in one.messages]]
    travelling = [one for one in said if not isinstance(one, Readings)]
    assert travelling
    for one in travelling:
        assert type(one).__name__ in STRUCTS or isinstance(one, WIRED)
        assert decode_struct(encode_struct(one)) == one


def test_what_casework_hears_is_the_same_over_the_wire() -> None:
    candidate = CANDIDATES["casework"]
    inputs = candidate.inputs()
    wired = [decode_struct(encode_struct(event)) for event in inputs]
    assert parts(run(candidate, inputs=wired)[0]) == parts(run(candidate, inputs=inputs)[0])


# -- batches ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["intake", "detect"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_batches_of_any_size_give_what_single_records_give(name: str, data: st.DataObject) -> None:
    candidate = CANDIDATES[name]
    inputs = list(candidate.inputs())
    stage, book, batched = candidate.stage(), candidate.state(), list[Outcome]()
    rest = inputs
    while rest:
        size = data.draw(st.integers(1, 12))
        outcome = stage.steps(book, rest[:size])
        book.apply(outcome.changes)
        batched.append(outcome)
        rest = rest[size:]
    single, alone = run(candidate, inputs=inputs)
    assert facts(batched) == facts(single)
    assert [one for out in batched for one in out.messages] == [one for out in single for one in out.messages]
    assert [one for out in batched for one in out.settled] == [one for out in single for one in out.settled]
    assert sorted(entries(book)) == sorted(entries(alone))


@pytest.mark.parametrize("name", STATELESS)
def test_a_stateless_stage_gives_the_same_again_and_in_a_fresh_instance(name: str) -> None:
    reports = [a_report("1", text="井盖丢失了"), a_report("2", xy=None), a_report("3", xy=(-4.0, 0.0), text="燃气泄漏")]
    answers: list[Callable[[Any], Any]] = []
    for stage in (STATELESS[name](), STATELESS[name]()):
        if name == "classifier":
            answers += [stage.classify_many, stage.classify_many]
        else:
            places = topology_places(stage)
            answers += [places, places]
    first, *others = [answer(reports) for answer in answers]
    assert all(one == first for one in others)


def topology_places(stage: Any) -> Callable[[Any], Any]:
    return lambda reports: stage.locate_many(reports, [about()] * len(reports))
