"""Levels, gap, overlap, border, conflict of layers; and places told by component, code or name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.intake import Place
from pipeline.stages.locate import Locator
from tests.builders import a_report, about
from tests.small_city import (
    CITY_CODE,
    COMMUNITY_E,
    COMMUNITY_W,
    COMPONENT,
    DISTRICT,
    EAST,
    GRID_E,
    GRID_W,
    MONDAY,
    NOBODYS,
    STREET_E,
    STREET_W,
    WEST,
    a_layer,
    box,
    city,
    layers,
)

LOCATOR = Locator(city(), layers())


def place(locator: Locator = LOCATOR, **fields: Any) -> Place:
    return locator.locate(a_report("1", **fields), about())


@pytest.mark.parametrize(
    ("xy", "areas", "zone", "tile"),
    [
        pytest.param(
            (-150, 50), (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W, GRID_W), "2", WEST, id="down to the grid"
        ),
        pytest.param((150, 50), (CITY_CODE, DISTRICT, STREET_E, COMMUNITY_E, GRID_E), "4", EAST, id="the other side"),
        pytest.param((-500, 0), (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W), "2", WEST, id="where there is no grid"),
        pytest.param((-950, 0), (), "", WEST, id="outside all"),
    ],
)
def test_a_point_has_a_tile_and_the_levels_of_the_finest_layer(xy: Any, areas: Any, zone: str, tile: str) -> None:
    found = place(xy=xy, error_m=1.0)
    assert (found.method, found.areas, found.zone, found.tile) == ("point", areas, zone, tile)
    assert found.grid_version == ("2026" if areas else "")


def test_a_point_outside_all_areas_is_a_gap() -> None:
    assert place(xy=(-950, 0)).border_flags == ("GAP",)


def test_the_border_between_two_grids_of_one_community_is_no_border_case() -> None:
    split = {GRID_W: box(-200, -100, -100, 100), "310199001001002": box(-100, -100, 0, 100)}
    locator = Locator(city(), (layers()[0], a_layer("unit", split)))
    assert place(locator, xy=(-101.0, 0.0)).border_flags == ()


def test_the_outer_edge_of_the_city_is_no_border_between_two() -> None:
    assert place(xy=(-899.0, 0.0)).border_flags == ()


def test_two_cells_that_hold_a_point_overlap() -> None:
    shapes = {COMMUNITY_W: box(-900, -900, 60, 900), COMMUNITY_E: box(0, -900, 900, 900)}
    found = place(Locator(city(), (a_layer("community", shapes),)), xy=(30.0, 0.0))
    assert "OVERLAP" in found.border_flags
    assert {one.code for one in found.border_candidates if one.layer == "community"} == {COMMUNITY_W, COMMUNITY_E}


@pytest.mark.parametrize(("x", "flags"), [(-250, ()), (250, ("LAYER_CONFLICT",)), (400, ())])
def test_a_grid_system_that_puts_a_point_under_another_street_conflicts(x: float, flags: Any) -> None:
    """Police district 1 belongs to the western street and reaches 300 m into the eastern one."""
    found = place(xy=(x, 0.0))
    assert found.border_flags == flags
    assert found.systems == (("police:P1",) if x < 300 else ())


@pytest.mark.parametrize("xy", [(-149.0, 0.0), (-151.0, 0.0)])
def test_neighbour_tiles_are_those_within_the_reach_of_notices(xy: Any) -> None:
    assert place(xy=xy).neighbour_tiles == ((EAST,) if xy[0] > -150 else ())


@pytest.mark.parametrize(
    ("fields", "method", "areas", "tile"),
    [
        pytest.param(
            {"component_code": COMPONENT, "area_code": STREET_E}, "component",
            (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W, GRID_W), "a" + GRID_W, id="component first",
        ),
        pytest.param(
            {"area_code": STREET_E, "place_name": "柳湾小区"}, "area_code", (CITY_CODE, DISTRICT, STREET_E),
            "a" + STREET_E, id="then the code of an area",
        ),
        pytest.param(
            {"area_code": "1", "place_name": "柳湾小区"}, "place_name", (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W),
            "a" + COMMUNITY_W, id="then the name of a place",
        ),
        pytest.param({"place_name": "同名村"}, "none", (), "nowhere", id="a name that two places have"),
        pytest.param({"component_code": NOBODYS}, "none", (), "nowhere", id="a component without a grid"),
        pytest.param({"component_code": "1", "area_code": "1", "place_name": "?"}, "none", (), "nowhere", id="unknown"),
        pytest.param({}, "none", (), "nowhere", id="nothing"),
    ],
)  # fmt: skip
def test_without_a_point_something_else_may_tell(fields: Any, method: str, areas: Any, tile: str) -> None:
    found = place(xy=None, **fields)
    assert (found.method, found.areas, found.tile) == (method, areas, tile)
    assert (found.component_owner, found.neighbour_tiles) == ("telecom" if method == "component" else "", ())


def test_a_point_comes_with_the_component_and_its_owner() -> None:
    found = place(xy=(-50.0, 0.0), component_code=COMPONENT)
    assert (found.method, found.component_code, found.component_owner) == ("point", COMPONENT, "telecom")
    assert place(xy=(-50.0, 0.0), component_code="1").component_code == ""


@pytest.mark.parametrize(
    ("received_at", "grid", "version"),
    [(MONDAY - 1, GRID_W, "old"), (MONDAY, GRID_E, "new")],
    ids=["until the change", "from the change on"],
)
def test_the_version_of_a_layer_that_was_in_force_is_asked(received_at: int, grid: str, version: str) -> None:
    square = box(-900, -900, 900, 900)
    old = a_layer("unit", {GRID_W: square}, version="old", valid_to=MONDAY)
    new = a_layer("unit", {GRID_E: square}, version="new", valid_from=MONDAY)
    locator = Locator(city(), (old, new))
    around = [a_report(str(at), received_at=at, xy=(300.0, 0.0)) for at in (MONDAY - 99, received_at, MONDAY + 99)]
    found = locator.locate_many(around, [about()] * 3)[1]
    assert (found.grid, found.grid_version) == (grid, version)
    assert place(locator, received_at=received_at, xy=(300.0, 0.0)).grid == grid


def test_a_city_without_layers_still_has_tiles() -> None:
    found = place(Locator(city(), ()), xy=(-50.0, 0.0))
    assert (found.tile, found.areas, found.border_flags) == (WEST, (), ())


SPOTS = st.one_of(st.none(), st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)))
CODES = st.sampled_from(["", COMPONENT, NOBODYS])


@given(st.lists(st.tuples(SPOTS, CODES, st.floats(0, 200)), max_size=8))
def test_a_batch_gives_what_its_reports_give_one_by_one(rows: list[Any]) -> None:
    reports = [
        a_report(str(number), xy=xy, component_code=code, error_m=error)
        for number, (xy, code, error) in enumerate(rows)
    ]
    found = LOCATOR.locate_many(reports, [about()] * len(reports))
    assert found == [LOCATOR.locate(report, about()) for report in reports]
