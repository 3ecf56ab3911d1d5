"""Reports of a place that is known by a wide name: how far they look, what they join, and what that leaves as it was.

``WASTE`` has a radius of 30 m; an error of 75 m is the last that is not wide.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.pairmodel import PairWeights
from pipeline.stages.decisions import Verdict
from pipeline.stages.deduplicate import deduplicate
from pipeline.stages.duplicate_policy import DuplicatePolicy
from pipeline.stages.pairing import centre_of
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import WASTE
from tests.town import Town

TEXT = "花坛边堆了很多垃圾没有人清理"


def told(ref: str, minute: float, metres: float, error_m: float, **fields: Any) -> Any:
    """A report some metres north of a point deep in a tile."""
    return located(ref, minute, WASTE, xy=(-500.0, metres), error_m=error_m, text=TEXT, **fields)


def verdict(first: Any, second: Any) -> Verdict:
    town = Town()
    town.send(first)
    return deduplicate(town.book(second.place.tile), second, town.stage.policy.duplicates)


@pytest.mark.parametrize(
    ("metres", "error_m", "linked"),
    [
        pytest.param(129.0, 75.0, True, id="an error that is not wide"),
        pytest.param(131.0, 75.0, False, id="reaches as far as ever"),
        pytest.param(150.0, 80.0, True, id="a wide one"),
        pytest.param(161.0, 80.0, False, id="reaches as far as twice itself"),
        pytest.param(295.0, 170.0, True, id="of an estate"),
        pytest.param(301.0, 170.0, False, id="and no further than 300 m"),
    ],
)
def test_a_wide_place_looks_as_far_as_it_reaches(metres: float, error_m: float, linked: bool) -> None:
    assert bool(verdict(told("1", 0, 0.0, 5.0), told("2", 1, metres, error_m)).case_id) is linked


@pytest.mark.parametrize(("minute", "linked"), [(1, True), (30, True), (24 * 60, False)])
def test_a_wide_place_takes_in_strangers_so_time_must_be_short(minute: float, linked: bool) -> None:
    assert bool(verdict(told("1", 0, 0.0, 5.0), told("2", minute, 100.0, 170.0)).case_id) is linked


def test_strangers_grow_with_the_area_of_the_error_once_it_is_wide() -> None:
    weights = PairWeights(spread_m=0.0)

    def odds(error_m: float) -> float:
        chance = weights.probability(0.0, error_m * error_m, 0.0, 0.0, -10.0)
        return chance / (1.0 - chance)

    assert odds(100.0) / odds(200.0) == pytest.approx(2.0**weights.wide_crowd)
    assert odds(20.0) / odds(40.0) == pytest.approx(2.0**weights.crowd)
    assert odds(weights.wide_m - 1e-9) == pytest.approx(odds(weights.wide_m + 1e-9))


def test_a_later_exact_report_joins_the_case_of_a_name_and_says_where_it_is() -> None:
    town, first = Town(), told("1", 0, 0.0, 170.0)
    exact, again = told("2", 10, 90.0, 5.0), told("3", 20, 95.0, 5.0)
    town.send(first)
    town.send(exact)
    case = town.case(case_of(first))
    assert [member.split("|")[0] for member in case.report_ids] == [first.report.report_id, exact.report.report_id]
    lon, lat, square = centre_of(case, 12.0)
    assert lon is not None
    assert lat is not None
    assert distance_m(lon, lat, exact.report.lon, exact.report.lat) < 2.0
    assert square < 12.0**2
    town.send(again)
    assert len(town.case(case_of(first)).report_ids) == 3


def test_a_name_leaves_the_middle_of_an_exact_case_where_it_was() -> None:
    town, first = Town(), told("1", 0, 0.0, 5.0)
    town.send(first)
    before = centre_of(town.case(case_of(first)), 12.0)
    town.send(told("2", 1, 200.0, 170.0))
    case = town.case(case_of(first))
    lon, lat, square = centre_of(case, 12.0)
    assert len(case.report_ids) == 2
    assert None not in (lon, lat, *before)
    assert distance_m(lon, lat, before[0], before[1]) < 2.0  # type: ignore[arg-type]
    assert square <= before[2]


@pytest.mark.parametrize(("error_m", "recurs"), [(5.0, True), (170.0, False)])
def test_a_name_does_not_say_that_a_problem_is_back_at_its_place(error_m: float, recurs: bool) -> None:
    town, first = Town(), told("1", 0, 0.0, 5.0)
    town.send(first)
    for verb in PATH:
        town.send(an_action(case_of(first), verb))
    second = told("2", 3 * 24 * 60, 0.0, error_m)
    found = deduplicate(town.book(second.place.tile), second, town.stage.policy.duplicates)
    assert bool(found.recurrence_of) is recurs


def test_how_far_a_report_looks_hangs_on_its_own_error_only_where_that_is_wide() -> None:
    policy = DuplicatePolicy(widest={"waste": 30.0})
    assert [policy.look("waste", error) for error in (None, 0.0, 75.0, 80.0, 900.0)] == [130, 130, 130, 160, 300]
