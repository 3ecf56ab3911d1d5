"""Repeat handling (重复处理): the same unit handles a place again, at each threshold, and said once.

The period is the one shipped (30 days) or one of ten days, so that its edge lies within that of recurrences.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.reference.model import Reference
from pipeline.domain.reference.rules import REPEAT_HANDLING
from pipeline.events.base import Logged
from pipeline.events.facts import CaseFiled, HandlingRepeated, ReportSettled
from pipeline.events.intake import LocatedReport
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import BINS, EAST, NOISE, STREET_E, STREET_W, WASTE, WEST, city, with_tables
from tests.town import Town

DAY = 24 * 60
UNIT, OTHER = f"street-{STREET_W}", f"street-{STREET_E}"
HANDLED = ("sign", "handle")
MS = 60_000


def with_period(days: int | None) -> Reference:
    """The small city with another period, or (``None``) with no row for it."""
    limits = city().tables.stage_limits
    (row,) = (one for one in limits if one.stage == REPEAT_HANDLING)
    others = tuple(one for one in limits if one.stage != REPEAT_HANDLING)
    return with_tables(stage_limits=others if days is None else (*others, replace(row, value=days)))


def opened(town: Town, ref: str, minute: float, category: Any = WASTE, *, unit: str = UNIT, **fields: Any) -> str:
    """A case of the place that is dispatched to ``unit``."""
    report = located(ref, minute, category, **fields)
    town.send(report)
    case = case_of(report)
    assert town.case(case).report_ids == (report.report.report_id,)
    if town.case(case).department != unit:
        town.act(case, "reassign", minute=minute, to_department=unit)
    return case


def closed(town: Town, ref: str, minute: float, category: Any = WASTE, *, unit: str = UNIT, **fields: Any) -> str:
    """The same, handled, checked and closed within the minute."""
    case = opened(town, ref, minute, category, unit=unit, **fields)
    town.act(case, *PATH, minute=minute)
    return case


def said(town: Town) -> list[HandlingRepeated]:
    return town.said(HandlingRepeated)


@pytest.mark.parametrize("person", ["same", "other"], ids=["a repeat complaint", "a recurrence"])
def test_the_same_unit_handles_the_place_again(person: str) -> None:
    town = Town()
    first = closed(town, "1", 0, reporter_key="same")
    second = opened(town, "2", 5 * DAY, reporter_key=person)
    assert said(town) == [], "filed again is not handled again"
    town.send(action := an_action(second, "handle", 6 * DAY, actor_person="p"))
    (fact,) = said(town)
    assert (fact.fact_id, fact.case_id, fact.earlier_case) == (f"{second}:repeat-handling", second, first)
    assert (fact.department, fact.number, fact.first_case, fact.gap_ms) == (UNIT, 2, first, 5 * DAY * MS)
    assert (fact.at, fact.recorded, fact.tile) == (action.at, action.origin.offset, WEST)
    assert fact.report_id == town.case(second).report_ids[0]


@pytest.mark.parametrize(
    ("days", "fields", "repeats"),
    [
        pytest.param(9.999, {}, True, id="within the period"),
        pytest.param(10.0, {}, True, id="at its last instant"),
        pytest.param(10.001, {}, False, id="after the period, a recurrence all the same"),
        pytest.param(0.0, {}, True, id="at the instant of the end"),
        pytest.param(1, {"xy": (-500.0, 29.9)}, True, id="within the radius"),
        pytest.param(1, {"xy": (-500.0, 30.1)}, False, id="outside the radius"),
        pytest.param(1, {"category": BINS}, False, id="another category of the family"),
        pytest.param(1, {"unit": OTHER}, False, id="another unit"),
    ],
)
def test_what_is_a_repeat_handling(days: float, fields: dict[str, Any], repeats: bool) -> None:
    town = Town(reference=with_period(10))
    closed(town, "1", 0)
    again = opened(town, "2", days * DAY, **fields)
    town.act(again, *HANDLED, minute=days * DAY + 60)
    assert [fact.case_id for fact in said(town)] == ([again] if repeats else [])


@pytest.mark.parametrize(("days", "repeats"), [(None, False), (1, True), (30, True)])
def test_the_period_is_data_and_without_it_none_is_looked_for(days: int | None, repeats: bool) -> None:
    town = Town(reference=with_period(days))
    closed(town, "1", 0)
    closed(town, "2", DAY)
    assert bool(said(town)) is repeats


@pytest.mark.parametrize(
    ("verbs", "repeats"),
    [
        pytest.param(("sign", "handle", "check_pass", "close"), True, id="handled and closed"),
        pytest.param(("sign", "cancel"), False, id="cancelled"),
        pytest.param(("sign", "handle", "cancel"), False, id="handled and cancelled"),
        pytest.param(("sign", "handle", "check_fail", "force_close"), False, id="closed by force"),
    ],
)
def test_only_a_case_that_was_handled_and_closed_counts_as_the_earlier(verbs: tuple[str, ...], repeats: bool) -> None:
    town = Town()
    town.act(opened(town, "1", 0), *verbs, minute=0)
    closed(town, "2", DAY)
    assert bool(said(town)) is repeats


@pytest.mark.parametrize("verb", ["cancel", "force_close"])
def test_what_ended_otherwise_in_between_hides_nothing(verb: str) -> None:
    town = Town()
    first = closed(town, "1", 0)
    between = opened(town, "2", DAY)
    town.act(between, verb, minute=DAY)
    third = closed(town, "3", 2 * DAY)
    assert town.said(CaseFiled)[-1].recurrence_of == between
    assert [(fact.case_id, fact.earlier_case, fact.number, fact.gap_ms) for fact in said(town)] == [
        (third, first, 2, 2 * DAY * MS)
    ]


def test_the_row_is_counted_from_the_first_case_of_the_unit() -> None:
    town = Town()
    cases = [closed(town, str(number), number * 3 * DAY) for number in range(4)]
    assert [(fact.number, fact.earlier_case, fact.first_case) for fact in said(town)] == [
        (2, cases[0], cases[0]), (3, cases[1], cases[0]), (4, cases[2], cases[0]),
    ]  # fmt: skip


def test_another_unit_begins_a_row_of_its_own() -> None:
    town = Town()
    closed(town, "1", 0)
    closed(town, "2", DAY, unit=OTHER)
    third = closed(town, "3", 2 * DAY, unit=OTHER)
    closed(town, "4", 3 * DAY)
    ((case, number, first),) = [(fact.case_id, fact.number, fact.first_case) for fact in said(town)]
    assert (case, number, first) == (third, 2, town.said(CaseFiled)[1].case_id)


def test_a_unit_that_became_part_of_another_is_the_same_unit() -> None:
    rows = city().tables.departments
    gone = tuple(replace(row, merged_into=UNIT) if row.id == OTHER else row for row in rows)
    town = Town(reference=with_tables(departments=gone))
    closed(town, "1", 0, unit=OTHER)
    second = closed(town, "2", DAY, unit=UNIT)
    assert [(fact.case_id, fact.department) for fact in said(town)] == [(second, UNIT)]


def test_rework_is_no_further_repeat_and_the_row_is_that_of_who_handled_last() -> None:
    town = Town()
    closed(town, "1", 0)
    second = opened(town, "2", DAY)
    town.act(second, "sign", "handle", "check_fail", "handle", "check_fail", minute=DAY)
    assert [fact.number for fact in said(town)] == [2]
    town.act(second, "reassign", minute=DAY, to_department=OTHER)
    town.act(second, *PATH, minute=DAY)
    closed(town, "3", 2 * DAY, unit=OTHER)
    assert [(fact.case_id, fact.number, fact.department) for fact in said(town)][1:] == [
        (town.said(CaseFiled)[2].case_id, 2, OTHER)
    ]


def test_a_case_that_turned_out_to_be_something_else_is_no_repeat() -> None:
    town = Town()
    closed(town, "1", 0)
    second = opened(town, "2", DAY)
    town.act(second, "reclassify", minute=DAY, to_category="|".join(NOISE))
    town.act(second, *HANDLED, minute=DAY)
    assert said(town) == []


def test_the_earlier_case_may_be_forgotten_before_the_later_is_handled() -> None:
    town = Town()
    first = closed(town, "1", 0)
    second = opened(town, "2", 29 * DAY)
    book = town.book(WEST)
    book.apply(town.stage.expire(book, town.case(second).filed_at // (DAY * MS) + 20).changes)
    assert town.case(first) is None
    town.act(second, *HANDLED, minute=60 * DAY)
    assert [(fact.earlier_case, fact.number) for fact in said(town)] == [(first, 2)]


@pytest.mark.parametrize("shared", [False, True], ids=["own books", "one book"])
def test_across_the_edge_of_two_tiles_the_row_goes_on(shared: bool) -> None:
    town = Town(shared=shared)
    first = closed(town, "1", 0, xy=(-4.0, 0.0))
    second = closed(town, "2", DAY, xy=(4.0, 0.0))
    third = closed(town, "3", 2 * DAY, xy=(-4.0, 0.0))
    assert [(fact.tile, fact.case_id, fact.number, fact.first_case) for fact in said(town)] == [
        (EAST, second, 2, first), (WEST, third, 3, first),
    ]  # fmt: skip


# -- the same action again, the same report again, and what was taken apart ------------------------------------------


def test_the_action_again_says_nothing_and_changes_nothing() -> None:
    town = Town()
    closed(town, "1", 0)
    second = opened(town, "2", DAY)
    action = an_action(second, "handle", DAY + 60)
    town.send(action)
    before = list(town.book(WEST).entries())
    again = town.send(action)
    assert (again.facts, again.changes) == ((), ())
    assert (len(said(town)), list(town.book(WEST).entries())) == (1, before)


def test_a_state_from_its_changelog_says_the_same() -> None:
    town, other = Town(), Town()
    closed(town, "1", 0)
    second = opened(town, "2", DAY)
    for entry in town.book(WEST).entries():
        other.book(WEST).restore(*entry)
    action = an_action(second, "handle", DAY + 60)
    assert town.send(action) == other.send(action)
    assert said(other) == said(town) != []


def test_a_report_taken_out_of_the_closed_case_is_no_recurrence_and_so_no_repeat() -> None:
    town = Town()
    first, joined = opened(town, "1", 0), located("2", 1)
    town.send(joined)
    town.act(first, *PATH, minute=10)
    town.act(first, "unmerge", minute=DAY, report="crm|2")
    town.act(case_of(joined), *HANDLED, minute=DAY)
    assert said(town) == []


def test_a_case_that_was_merged_and_goes_on_is_still_a_repeat() -> None:
    town = Town()
    earlier = closed(town, "0", 0, xy=(4.0, 0.0))
    west, east = located("w", DAY, xy=(-4.0, 0.0)), located("e", DAY + 1, xy=(4.0, 0.0))
    town.send(west, hold=True)
    town.send(east, hold=True)
    town.deliver()
    assert town.case(case_of(east)).merged_into == case_of(west)
    town.act(case_of(east), "unmerge", minute=DAY + 2)
    town.act(case_of(east), "reassign", minute=DAY + 3, to_department=UNIT)
    town.act(case_of(east), *HANDLED, minute=DAY + 3)
    assert [(fact.case_id, fact.earlier_case) for fact in said(town)] == [(case_of(east), earlier)]


# -- settled on the spot ---------------------------------------------------------------------------------------------


def on_the_spot(ref: str, minute: float, unit: str, **fields: Any) -> LocatedReport:
    """A report that its reporter has settled already."""
    return located(ref, minute, self_handled=True, reporter_unit=unit, channel="grid_worker", **fields)


@pytest.mark.parametrize(
    ("unit", "days", "repeats"),
    [
        pytest.param(UNIT, 10, True, id="own unit"),
        pytest.param(UNIT, 10.001, False, id="own unit, after the period"),
        pytest.param(OTHER, 1, False, id="another unit"),
        pytest.param("", 1, False, id="no unit given"),
    ],
)
def test_settling_on_the_spot_what_the_own_unit_had_handled(unit: str, days: float, repeats: bool) -> None:
    town = Town(reference=with_period(10))
    first = closed(town, "1", 0)
    town.send(report := on_the_spot("2", days * DAY, unit))
    assert town.said(ReportSettled)[-1].outcome == Logged.HANDLED_IN_GRID
    found = [(fact.fact_id, fact.case_id, fact.report_id, fact.earlier_case, fact.number) for fact in said(town)]
    name = report.report.report_id
    assert found == ([(f"{name}:repeat-handling", "", name, first, 2)] if repeats else [])


def test_the_replay_of_what_was_settled_on_the_spot_says_the_same_later_too() -> None:
    town = Town()
    closed(town, "1", 0)
    report = on_the_spot("2", DAY, UNIT)
    heard = town.send(report)
    closed(town, "3", 2 * DAY)
    again = town.send(report)
    assert (again.facts, again.changes) == (heard.facts, ())
    origin = replace(report.report.origin, offset=report.report.origin.offset + 10_000)
    redelivered = town.send(replace(report, report=replace(report.report, origin=origin)))
    assert redelivered.facts == ()
