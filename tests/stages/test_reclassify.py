"""A person changes category or class: what may be done, what is kept, who hears."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.ids import DAY_MS
from pipeline.events.casework import NeighbourNotice
from pipeline.events.facts import ActionRefused, CaseMoved
from pipeline.stage import Change
from pipeline.stages.casebook import CaseBook
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import COVER, MONDAY, WASTE
from tests.town import Town

FIRST = located("1", 0)
CASE = case_of(FIRST)
COVER_KEY, WASTE_KEY = "|".join(COVER), "|".join(WASTE)


@pytest.fixture
def town() -> Town:
    found = Town()
    found.send(located("1", 0, WASTE))
    found.facts.clear()
    return found


def test_both_sides_of_a_change_are_kept(town: Town) -> None:
    before = town.case(CASE)
    town.act(CASE, "reclassify", to_category=COVER_KEY, to_class="difficult")
    (moved,) = town.said(CaseMoved)
    assert (moved.from_category, moved.to_category) == (WASTE_KEY, COVER_KEY)
    assert (moved.from_class, moved.to_class) == ("general", "difficult")
    assert (moved.from_state, moved.to_state) == (before.state, before.state)
    after = town.case(CASE)
    assert (after.standard, after.kind, after.code) == COVER
    assert (after.family, after.case_class) == ("manhole", "difficult")
    assert (after.due_at, after.department) == (before.due_at, before.department)


def test_the_history_of_the_class_is_the_row_of_moves(town: Town) -> None:
    for minute, name in enumerate(["difficult", "emergency", "general"]):
        town.act(CASE, "reclassify", minute=60 + minute, to_class=name)
    sides = [(moved.from_class, moved.to_class) for moved in town.said(CaseMoved)]
    assert sides == [("general", "difficult"), ("difficult", "emergency"), ("emergency", "general")]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({}, "changes nothing", id="neither"),
        pytest.param({"to_class": "urgent"}, "not one of", id="no such class"),
        pytest.param({"to_category": "x|incident|1"}, "not known", id="no such category"),
        pytest.param({"to_category": "06010"}, "not known", id="a code alone"),
        pytest.param({"to_category": WASTE_KEY}, "already", id="the same category"),
        pytest.param({"to_class": "general"}, "already", id="the same class"),
        pytest.param({"to_class": "difficult", "actor_role": "handler"}, "may not", id="not by who handles"),
        pytest.param({"to_class": "difficult", "reason_code": ""}, "needs a reason", id="no reason"),
    ],
)
def test_what_is_refused_changes_nothing(town: Town, fields: dict[str, Any], says: str) -> None:
    before = town.case(CASE)
    town.act(CASE, "reclassify", **fields)
    (refused,) = town.said(ActionRefused)
    assert says in refused.reason
    assert town.case(CASE) == before


def test_an_ended_case_keeps_its_class(town: Town) -> None:
    town.act(CASE, "cancel")
    town.act(CASE, "reclassify", to_class="difficult")
    assert len(town.said(ActionRefused)) == 1


def test_neighbours_hear_what_the_case_is_about_now(town: Town) -> None:
    book = town.book(FIRST.place.tile)
    book.apply([Change("case", CASE, replace(town.case(CASE), neighbour_tiles=("t9x9",)))])
    outcome = town.send(an_action(CASE, "reclassify", to_category=COVER_KEY), hold=True)
    (notice,) = [message for message in outcome.messages if isinstance(message, NeighbourNotice)]
    assert (notice.tile, notice.code, notice.open) == ("t9x9", COVER[2], True)


def near(book: CaseBook, family: str) -> list[str]:
    """The cases found around the first report."""
    lon, lat = FIRST.report.lon, FIRST.report.lat
    assert lon is not None
    assert lat is not None
    return [case.case_id for case in book.cases_near(FIRST.place.tile, family, lon, lat, 50.0)]


def restored(book: CaseBook) -> CaseBook:
    """The same state after a restart."""
    other = CaseBook()
    for space, key, data in book.entries():
        other.restore(space, key, data)
    return other


def test_a_case_is_found_by_what_it_is_about_now_after_a_restart_too(town: Town) -> None:
    book, before = town.book(FIRST.place.tile), town.case(CASE).family
    town.act(CASE, "reclassify", to_category=COVER_KEY)
    for one in (book, restored(book)):
        assert (near(one, before), near(one, "manhole")) == ([], [CASE])


def test_a_case_of_another_family_leaves_nothing_behind_when_it_is_forgotten(town: Town) -> None:
    book, before = town.book(FIRST.place.tile), town.case(CASE).family
    town.act(CASE, "reclassify", minute=5, to_category=COVER_KEY)
    town.act(CASE, *PATH)
    book.apply(town.stage.expire(book, MONDAY // DAY_MS + 200).changes)
    assert town.case(CASE) is None
    assert (near(book, before), near(book, "manhole")) == ([], [])
    town.send(located("2", 3 * 24 * 60, WASTE))
    assert near(book, before) == [case_of(located("2", 3 * 24 * 60, WASTE))]
