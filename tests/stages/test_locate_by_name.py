"""Reports without a point: at the point of their component, their unit grid or a place that they name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.reference.model import Area, Component
from pipeline.domain.reference.rows import NamedPlace
from pipeline.events.facts import CaseFiled, ReportSettled
from pipeline.events.intake import LocatedReport
from pipeline.stages.locate import Locator
from pipeline.stages.pins import COMPONENT_ERROR_M
from tests.builders import a_report, about
from tests.small_city import (
    CITY_CODE,
    COMMUNITY_E,
    COMMUNITY_W,
    COMPONENT,
    COVER,
    DISTRICT,
    EAST,
    GRID_E,
    GRID_W,
    NEW,
    NOBODYS,
    STREET_E,
    STREET_W,
    WEST,
    at,
    city,
    layers,
    with_tables,
)
from tests.town import Town


def named(name: str, x: float, error_m: float, *areas: str) -> NamedPlace:
    lon, lat = at(x)
    return NamedPlace(name=name, kind="public_place", lon=lon, lat=lat, error_m=error_m, areas=areas)


def component(code: str, x: float | None, **more: Any) -> Component:
    lon, lat = at(x) if x is not None else (None, None)
    return Component(code=code, standard=NEW, category="01002", lon=lon, lat=lat, **more)


def _with_middles() -> tuple[Area, ...]:
    """Areas whose unit grids have a middle and a size."""
    middles = {GRID_W: at(-100), GRID_E: at(100), COMMUNITY_E: at(400)}
    return tuple(
        replace(area, lon=middles[area.code][0], lat=middles[area.code][1], area_m2=40_000.0)
        if area.code in middles
        else area
        for area in city().tables.areas
    )


REFERENCE = with_tables(
    gazetteer=(named("老菜场", -100, 50.0), named("澄湾小区", 120, 170.0, COMMUNITY_E), named("新桥头", -10, 90.0)),
    components=(component(COMPONENT, -60, owner="telecom", grid_code=GRID_W), component(NOBODYS, None)),
)
LOCATOR = Locator(REFERENCE, layers())


def placed(locator: Locator = LOCATOR, **fields: Any) -> LocatedReport:
    return locator.located_many([a_report("1", xy=None, **fields)], [about()])[0]


@pytest.mark.parametrize(
    ("fields", "method", "name", "x", "error_m", "areas"),
    [
        pytest.param(
            {"component_code": COMPONENT, "text": "老菜场的井盖"}, "component", "", -60, COMPONENT_ERROR_M,
            (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W, GRID_W), id="its component first",
        ),
        pytest.param(
            {"text": "老菜场有垃圾"}, "gazetteer", "老菜场", -100, 50.0,
            (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W, GRID_W), id="a place in its text",
        ),
        pytest.param(
            {"address": "老菜场"}, "gazetteer", "老菜场", -100, 50.0,
            (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W, GRID_W), id="or in its address",
        ),
        pytest.param(
            {"text": "澄湾小区有垃圾"}, "gazetteer", "澄湾小区", 120, 170.0,
            (CITY_CODE, DISTRICT, STREET_E, COMMUNITY_E), id="no unit grid of a wide place",
        ),
        pytest.param(
            {"text": "新桥头有垃圾", "area_code": COMMUNITY_E}, "gazetteer", "新桥头", -10, 90.0,
            (CITY_CODE, DISTRICT, STREET_E, COMMUNITY_E), id="the area that the report gives holds it",
        ),
        pytest.param(
            {"text": "澄湾小区有垃圾", "area_code": COMMUNITY_W}, "area_code", "", None, None,
            (CITY_CODE, DISTRICT, STREET_W, COMMUNITY_W), id="a place elsewhere than the report says is none",
        ),
        pytest.param({"text": "这里有垃圾"}, "none", "", None, None, (), id="no name"),
        pytest.param({"component_code": NOBODYS}, "none", "", None, None, (), id="a component without a place"),
    ],
)  # fmt: skip
def test_a_table_of_the_city_gives_the_point(
    fields: Any, method: str, name: str, x: float | None, error_m: float | None, areas: Any
) -> None:
    found = placed(**fields)
    assert (found.place.method, found.place.named, found.place.areas) == (method, name, areas)
    assert found.report.error_m == error_m
    if x is None:
        assert found.report.lon is None
    else:
        assert found.report.lon is not None
        assert found.report.lat is not None
        assert distance_m(found.report.lon, found.report.lat, *at(x)) < 0.5
        assert found.place.tile == (WEST if x < 0 else EAST)
        assert found.place.neighbour_tiles == ((EAST,) if x < 0 else (WEST,))


def test_a_unit_grid_is_a_point_as_exact_as_it_is_small() -> None:
    found = placed(Locator(with_tables(areas=_with_middles()), layers()), area_code=GRID_E)
    assert (found.place.method, found.place.grid, found.place.border_flags) == ("area_code", GRID_E, ())
    assert found.report.error_m == pytest.approx((40_000 / 12) ** 0.5)
    assert found.place.tile == EAST


def test_a_community_is_no_point() -> None:
    found = placed(Locator(with_tables(areas=_with_middles()), layers()), area_code=COMMUNITY_E)
    assert found.report.lon is None
    assert found.place.tile == "a" + COMMUNITY_E


def test_flags_stay_and_a_point_of_its_own_is_never_replaced() -> None:
    flagged = a_report("1", xy=None, text="老菜场有垃圾", flags=("no_coordinates",))
    exact = a_report("2", xy=(300.0, 0.0), text="老菜场有垃圾", error_m=5.0)
    found = LOCATOR.located_many([flagged, exact], [about(), about()])
    assert found[0].report.flags == ("no_coordinates",)
    assert (found[1].report, found[1].place.method, found[1].place.named) == (exact, "point", "")


def test_a_name_near_a_border_is_a_border_case_where_no_area_is_known() -> None:
    assert "BORDER" in placed(text="新桥头有垃圾").place.border_flags
    assert "BORDER" not in placed(text="新桥头有垃圾", area_code=COMMUNITY_E).place.border_flags


def test_no_component_is_guessed_from_a_name() -> None:
    sewer = about(category=COVER)
    close = Locator(with_tables(gazetteer=REFERENCE.tables.gazetteer, components=(component("9", -101),)), layers())
    exact = a_report("1", xy=(-100.0, 0.0), error_m=5.0)
    told = a_report("2", xy=None, text="老菜场的井盖")
    found = [one.place.component_code for one in close.located_many([exact, told], [sewer, sewer])]
    assert found == ["9", ""]


def test_without_a_gazetteer_names_tell_nothing() -> None:
    assert placed(Locator(city(), layers()), text="老菜场有垃圾").place.method == "none"


def test_facts_tell_the_name_and_not_a_point_that_nobody_gave() -> None:
    town = Town(reference=REFERENCE)
    town.send(placed(text="老菜场有垃圾"))
    settled, filed = town.said(ReportSettled)[0], town.said(CaseFiled)[0]
    assert (settled.place_method, settled.place_named, settled.lon) == ("gazetteer", "老菜场", None)
    assert settled.error_m == 50.0
    assert filed.lon is not None


KINDS = st.sampled_from(
    [
        {"text": "老菜场"},
        {"text": "澄湾小区"},
        {"component_code": COMPONENT},
        {"area_code": COMMUNITY_W},
        {},
        {"xy": (5, 5)},
    ]
)


@given(st.lists(KINDS, max_size=6))
def test_many_at_once_equal_one_by_one(fields: list[dict[str, Any]]) -> None:
    reports = [a_report(str(number), **({"xy": None} | one)) for number, one in enumerate(fields)]
    many = LOCATOR.located_many(reports, [about() for _ in reports])
    assert many == [LOCATOR.located_many([report], [about()])[0] for report in reports]
