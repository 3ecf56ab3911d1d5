"""Limits of a case: extensions add one limit each, a suspension keeps what was left."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.domain.calendar import HOUR, ClockKind
from pipeline.events.facts import ActionRefused, CaseMoved
from tests.small_city import city
from tests.stages.test_track_lifecycle import CASE, MOVES, a_town, allowed

DUE = 1_773_630_000_000  # 2026-03-16 11:00 in Shanghai, a Monday
LIMIT = {"due_at": DUE, "limit_value": 4, "clock": "work_hour"}


@dataclass(frozen=True)
class Sent:
    """An action at a time."""

    action: str
    at: int


def due_after(state: str, *sent: Sent, **fields: object) -> int | None:
    town = a_town(state, **(LIMIT | fields))
    for number, one in enumerate(sent):
        move = MOVES[town.case(CASE).state, one.action]
        town.send(allowed(move, at=one.at, action_id=f"limit-{number}"))
    return town.case(CASE).due_at


def test_an_extension_adds_one_limit_in_its_own_clock() -> None:
    expected = city().calendar.add(DUE, 4, ClockKind.WORK_HOUR)
    assert (
        due_after("handling", Sent("extend", DUE - HOUR)) == expected == DUE + 6 * HOUR
    )  # the noon break is no work time


def test_a_suspension_stops_the_limit_and_resuming_gives_what_was_left() -> None:
    assert due_after("handling", Sent("suspend", DUE - HOUR)) is None
    assert due_after("handling", Sent("suspend", DUE - HOUR), Sent("resume", DUE + 24 * HOUR)) == DUE + 25 * HOUR


def test_an_extension_survives_a_suspension() -> None:
    extended = due_after(
        "handling", Sent("extend", DUE - 2 * HOUR), Sent("suspend", DUE - HOUR), Sent("resume", DUE - HOUR)
    )
    assert extended == due_after("handling", Sent("extend", DUE - 2 * HOUR))


@pytest.mark.parametrize(
    ("at", "extensions", "refused"),
    [
        pytest.param(DUE, 0, False, id="at the due time"),
        pytest.param(DUE + 1, 0, True, id="a moment after it"),
        pytest.param(DUE - HOUR, 1, False, id="the second"),
        pytest.param(DUE - HOUR, 2, True, id="the third"),
    ],
)
def test_extensions_are_few_and_come_before_the_due_time(at: int, extensions: int, refused: bool) -> None:
    town = a_town("handling", **LIMIT, extensions=extensions)
    outcome = town.send(allowed(MOVES["handling", "extend"], at=at))
    assert isinstance(outcome.facts[0], ActionRefused if refused else CaseMoved)
    assert (town.case(CASE).due_at == DUE) is refused


def test_the_fact_of_a_move_tells_the_due_time_after_it() -> None:
    town = a_town("handling", **LIMIT)
    outcome = town.send(allowed(MOVES["handling", "extend"], at=DUE - HOUR))
    (moved,) = [fact for fact in outcome.facts if isinstance(fact, CaseMoved)]
    assert moved.due_at == town.case(CASE).due_at != DUE
