"""The same record again, a state rebuilt from its entries, and what time lets go: the contract of all states."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from pipeline.events.casework import CaseAction, LinkNotice, NeighbourNotice
from pipeline.events.facts import AlarmChanged, CaseFiled
from pipeline.events.intake import LocatedReport
from pipeline.events.readings import Readings
from pipeline.stage import Outcome
from tests.contracts.candidates import (
    CANDIDATES,
    EVERY,
    Candidate,
    entries,
    facts,
    parts,
    run,
)
from tests.small_city import DAY, MONDAY

# -- replay, redelivery -------------------------------------------------------------------------------------------

SAYS_NOTHING_AGAIN = (
    "the state keeps that an action was taken and that a case was merged, not the case as it was before: a replay is "
    "recognised and answered with nothing; runners commit facts and state of a step together"
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("intake", object, id="intake"),
        pytest.param("detect", object, id="detect"),
        pytest.param("casework", LocatedReport, id="casework, reports"),
        pytest.param("casework", LinkNotice, id="casework, links"),
        pytest.param(
            "casework", CaseAction, id="casework, actions",
            marks=pytest.mark.xfail(strict=True, reason=SAYS_NOTHING_AGAIN),
        ),
        pytest.param(
            "casework", NeighbourNotice, id="casework, ghosts",
            marks=pytest.mark.xfail(strict=True, reason=SAYS_NOTHING_AGAIN),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("later", [False, True], ids=["at once", "at the end"])
def test_a_replay_on_the_state_it_left_says_the_same(name: str, kind: type, later: bool) -> None:
    candidate = CANDIDATES[name]
    for event, first, again in _replays(candidate, later=later and name != "detect"):
        if isinstance(event, kind):
            assert again.facts == first.facts


@EVERY
@pytest.mark.parametrize("later", [False, True], ids=["at once", "at the end"])
def test_a_replay_changes_nothing(candidate: Candidate, later: bool) -> None:
    stage, book = candidate.stage(), candidate.state()
    inputs = list(candidate.inputs())
    queue = [one for event in inputs for one in ([event] if later else [event, event])]
    for number, event in enumerate(queue if not later else inputs + inputs):
        outcome = stage.step(book, event)
        before = entries(book)
        book.apply(outcome.changes)
        is_replay = number >= len(inputs) if later else number % 2
        if is_replay:
            assert entries(book) == before, event


def _replays(candidate: Candidate, *, later: bool) -> list[tuple[Any, Outcome, Outcome]]:
    stage, book, found = candidate.stage(), candidate.state(), []
    inputs = candidate.inputs()
    for event in inputs:
        first = stage.step(book, event)
        book.apply(first.changes)
        found.append((event, first, stage.step(book, event)))
    return [(event, first, stage.step(book, event)) for event, first, _ in found] if later else found


@EVERY
def test_a_redelivery_from_another_place_of_the_log_opens_no_second_case(candidate: Candidate) -> None:
    inputs = list(candidate.inputs())
    outcomes, book = run(candidate)
    opened, alarms = _count(outcomes, CaseFiled), _count(outcomes, AlarmChanged)
    size = len(book)
    again, book = run(candidate, book, [_elsewhere(event) for event in inputs])
    assert (opened, alarms) != (0, 0) or candidate.stage().name == "intake"
    assert (_count(again, CaseFiled), _count(again, AlarmChanged), len(book)) == (0, 0, size)
    if candidate.stage().name == "intake":
        assert [message for one in again for message in one.messages if not isinstance(message, Readings)] == []


def _count(outcomes: list[Outcome], kind: type) -> int:
    return sum(isinstance(fact, kind) for fact in facts(outcomes))


def _elsewhere(event: Any) -> Any:
    """The same record once more, further on in the log."""
    if isinstance(event, LocatedReport):
        report = event.report
        moved = msgspec.structs.replace(
            report, origin=msgspec.structs.replace(report.origin, offset=report.origin.offset + 10_000)
        )
        return msgspec.structs.replace(event, report=moved)
    if hasattr(event, "order"):
        return _moved_arrival(event)
    if hasattr(event, "origin"):
        return msgspec.structs.replace(
            event, origin=msgspec.structs.replace(event.origin, offset=event.origin.offset + 10_000)
        )
    return event


def _moved_arrival(arrival: Any) -> Any:
    origin = msgspec.structs.replace(arrival.origin, offset=arrival.origin.offset + 10_000)
    return msgspec.structs.replace(arrival, origin=origin, order=arrival.order + 10_000)


# -- restored -----------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("order", ["as written", "backwards", "shuffled"])
def test_a_state_rebuilt_from_its_entries_behaves_as_before(candidate: Candidate, order: str) -> None:
    inputs = list(candidate.inputs())
    for half in (len(inputs) // 3, len(inputs) // 2, len(inputs) - 4):
        _, book = run(candidate, inputs=inputs[:half])
        kept = entries(book)
        if order != "as written":
            kept = kept[::-1] if order == "backwards" else random.Random(half).sample(kept, len(kept))
        restored = candidate.state()
        for space, key, data in kept:
            restored.restore(space, key, data)
        assert sorted(entries(restored)) == sorted(entries(book))
        rest = inputs[half:]
        before, after = run(candidate, book, rest), run(candidate, restored, rest)
        assert parts(before[0]) == parts(after[0])
        assert sorted(entries(after[1])) == sorted(entries(before[1]))


@EVERY
def test_an_entry_that_is_removed_leaves_nothing_behind(candidate: Candidate) -> None:
    inputs = list(candidate.inputs())
    _, book = run(candidate, inputs=inputs)
    for space, key, _ in entries(book):
        book.restore(space, key, None)
    assert (len(book), entries(book)) == (0, [])
    fresh = run(candidate, inputs=inputs)[0]
    assert parts(run(candidate, book, inputs)[0]) == parts(fresh)


# -- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["intake", "casework"])
def test_expiry_forgets_only_what_is_over(name: str) -> None:
    candidate = CANDIDATES[name]
    _, book = run(candidate)
    stage, today = candidate.stage(), MONDAY // DAY
    assert stage.expire(book, today + 30).changes == ()  # type: ignore[attr-defined]
    gone = stage.expire(book, today + 36).changes
    assert {change.value for change in gone} == {None}
    book.apply(gone)
    left = {(space, key) for space, key, _ in entries(book)}
    if name == "intake":
        assert left == set()
        return
    assert {space for space, _ in left} == {"case", "ghost"}
    assert all(book.case(key).open for space, key in left if space == "case")
    assert all(book.get("ghost", key).notice.open for space, key in left if space == "ghost")
    assert {change.space for change in gone} == {"seen", "case", "ghost", "kept"}
    assert stage.expire(book, today + 3650).changes == ()
