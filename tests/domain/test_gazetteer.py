"""Which place a text names: the longest name, the one its areas and other places allow, or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.gazetteer import Gazetteer, Spot
from pipeline.domain.geo.datum import Datum, from_wgs84
from pipeline.domain.geo.projection import distance_m
from pipeline.domain.reference.rows import Area, NamedPlace
from tests.small_city import COMMUNITY_E, COMMUNITY_W, DISTRICT, STREET_E, STREET_W, at

NOW = 1_000
PARENTS = {STREET_W: DISTRICT, STREET_E: DISTRICT, COMMUNITY_W: STREET_W, COMMUNITY_E: STREET_E}


def path(code: str) -> tuple[str, ...]:
    """From the district down."""
    if code == DISTRICT:
        return (code,)
    return (*path(PARENTS[code]), code) if code in PARENTS else ()


def row(name: str, x: float, y: float = 0.0, kind: str = "estate", error_m: float = 60.0, **more: Any) -> NamedPlace:
    lon, lat = at(x, y)
    return NamedPlace(name=name, kind=kind, lon=lon, lat=lat, error_m=error_m, **more)


def area(code: str, name: str, tier: str) -> Area:
    return Area(code=code, name=name, tier=tier, level_role=tier, local_level=1)


AREAS = (
    area(COMMUNITY_W, "柳岸社区", "community"),
    area(COMMUNITY_E, "桂亭社区", "community"),
    area(STREET_W, "晴川街道", "street"),
    area("g", "柳岸社区001", "grid"),
)
WEST_SIDE, EAST_SIDE = {"areas": (COMMUNITY_W,)}, {"areas": (COMMUNITY_E,)}
CROSSING = {"kind": "crossing", "error_m": 40.0, "roads": ("墨桥路", "霁川街")}
ROWS = (
    row(
        "墨桥路霁川街路口", -300, aliases=("霁川街墨桥路路口", "老菜场口"), areas=(COMMUNITY_W, COMMUNITY_E), **CROSSING
    ),
    row("墨桥路", -600, kind="road", error_m=140.0, **WEST_SIDE),
    row("墨桥路", 600, kind="road", error_m=140.0, **EAST_SIDE),
    row("霁川街", -300, 700, kind="road", error_m=140.0, **WEST_SIDE),
    row("澄湾小区", -500, 100, **WEST_SIDE),
    row("澄湾小区", 500, 100, **EAST_SIDE),
    row("桐汀公寓", -620, 40, error_m=30.0, **WEST_SIDE),
    row("鹭洲花苑", -700, -300, valid_to=NOW, **WEST_SIDE),
    row("新鹭洲", 0, 0, valid_from=NOW + 1),
    row("沁源广场", -100, kind="public_place"),
    row("沁源广场", 100, kind="public_place"),
)
GAZETTEER = Gazetteer(ROWS, AREAS, path)


def found(*texts: str, code: str = "") -> Spot | None:
    return GAZETTEER.find(texts, code, NOW)


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        pytest.param("墨桥路霁川街路口积水", "", (-300, 0), id="the longest name, not the roads in it"),
        pytest.param("老菜场口的垃圾", "", (-300, 0), id="another name"),
        pytest.param("墨桥路近霁川街菜场旁", "", (-300, 0), id="two roads one after the other"),
        pytest.param("霁川街与墨桥路交汇处", "", (-300, 0), id="in either order"),
        pytest.param(
            "墨桥路很脏，离这里很远的地方是霁川街", "", (-600, 0), id="two roads far apart in a text are no crossing"
        ),
        pytest.param("墨桥路上有坑", "", None, id="a road that runs through two communities"),
        pytest.param("墨桥路上有坑", COMMUNITY_E, (600, 0), id="narrowed by the code of an area"),
        pytest.param("墨桥路上有坑", STREET_W, (-600, 0), id="by an area above"),
        pytest.param("墨桥路上有坑", "no such", None, id="a code that nobody knows narrows nothing"),
        pytest.param("柳岸社区澄湾小区[门牌]", "", (-500, 100), id="narrowed by the name of an area"),
        pytest.param("晴川街道澄湾小区", "", (-500, 100), id="by the name of one above"),
        pytest.param("墨桥路桐汀公寓门口", "", (-620, 40), id="the most exact of two that agree"),
        pytest.param("澄湾小区，墨桥路，桐汀公寓后面", "", (-620, 40), id="other places narrow the ambiguous ones"),
        pytest.param("桐汀公寓", COMMUNITY_E, None, id="not where the report says"),
        pytest.param("柳岸社区和桂亭社区之间的桐汀公寓", "", None, id="in two areas at once"),
        pytest.param("鹭洲花苑", "", None, id="a place that is no more"),
        pytest.param("新鹭洲", "", None, id="a place that is not yet"),
        pytest.param("沁源广场", "", (0, 0), id="two of one name close together"),
        pytest.param("沁源廣场", "", None, id="another name"),
        pytest.param("柳岸社区001", "", None, id="an area is no place"),
        pytest.param("", "", None, id="no words"),
    ],
)
def test_a_text_means_the_place_that_all_it_says_allows(text: str, code: str, where: Any) -> None:
    spot = found(text, code=code)
    if where is None:
        assert spot is None
    else:
        assert spot is not None
        assert distance_m(spot.lon, spot.lat, *at(*where)) < 0.5


def test_two_certain_places_far_apart_contradict_each_other() -> None:
    assert found("桐汀公寓") is not None
    assert found("从桐汀公寓到墨桥路", code=COMMUNITY_W) is not None
    apart = Gazetteer([row("甲小区", -800, error_m=20.0), row("乙小区", 800, error_m=20.0)], AREAS, path)
    assert apart.find(["甲小区", "乙小区"], "", NOW) is None


def test_places_told_as_one_are_as_inexact_as_they_lie_apart() -> None:
    spot = found("沁源广场")
    assert spot is not None
    assert spot.error_m == pytest.approx((60.0**2 + 100.0**2) ** 0.5, rel=0.01)


@pytest.mark.parametrize(("text", "area"), [("桐汀公寓", COMMUNITY_W), ("墨桥路霁川街路口", ""), ("沁源广场", "")])
def test_the_area_is_told_where_the_table_knows_one(text: str, area: str) -> None:
    spot = found(text)
    assert spot is not None
    assert spot.area == area


def test_address_name_and_text_are_read_together() -> None:
    spot = found("墨桥路", "", "在霁川街附近", "柳岸社区的事")
    assert spot is not None
    assert spot.name in ("墨桥路", "霁川街")
    assert spot.area == COMMUNITY_W


def test_what_stands_for_personal_data_is_no_name() -> None:
    assert Gazetteer([row("门牌", 0.0)], (), path).find(["路口[门牌]"], "", NOW) is None


def test_points_of_other_datums_are_brought_to_wgs84() -> None:
    lon, lat = from_wgs84(*at(0), Datum.GCJ02)
    place = NamedPlace(name="桐汀公寓", kind="estate", lon=lon, lat=lat, datum="gcj02", error_m=30.0)
    spot = Gazetteer([place], (), path).find(["桐汀公寓"], "", NOW)
    assert spot is not None
    assert distance_m(spot.lon, spot.lat, *at(0)) < 0.5


def test_without_a_table_nothing_is_found() -> None:
    empty = Gazetteer((), AREAS, path)
    assert not empty
    assert empty.find(["柳岸社区墨桥路"], COMMUNITY_W, NOW) is None


@given(st.permutations(ROWS), st.sampled_from(["墨桥路近霁川街", "柳岸社区澄湾小区", "沁源广场", "墨桥路，桐汀公寓"]))
def test_the_order_of_the_rows_does_not_matter(rows: list[NamedPlace], text: str) -> None:
    one, other = Gazetteer(rows, AREAS, path).find([text], "", NOW), found(text)
    assert one is not None
    assert other is not None
    assert (one.name, one.area) == (other.name, other.area)
    assert (one.lon, one.lat, one.error_m) == pytest.approx((other.lon, other.lat, other.error_m))


@given(
    st.text(alphabet="的了在很多水abc123，。 ", max_size=12), st.text(alphabet="的了在很多水abc123，。", max_size=12)
)
def test_words_that_are_no_names_change_nothing(before: str, after: str) -> None:
    assert found(f"{before}墨桥路霁川街路口{after}") == found("墨桥路霁川街路口")
