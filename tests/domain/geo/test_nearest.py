"""Nearest component: equal to measuring to every one of its kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.nearest import PointIndex
from pipeline.domain.geo.projection import distance_m
from tests.domain.geo.geo_builders import at

SPOTS = st.tuples(st.floats(-400, 400), st.floats(-400, 400), st.sampled_from(["lamp", "cover"]))
REPORTS = st.tuples(
    st.floats(-500, 500), st.floats(-500, 500), st.sampled_from(["lamp", "cover", "", "tree"]), st.floats(0, 300)
)


def index_of(spots: list[tuple[float, float, str]]) -> PointIndex:
    points = [at(x, y) for x, y, _ in spots]
    return PointIndex([lon for lon, _ in points], [lat for _, lat in points], [kind for *_, kind in spots])


@given(st.lists(SPOTS, max_size=12), st.lists(REPORTS, min_size=1, max_size=6))
def test_the_nearest_is_the_nearest(
    spots: list[tuple[float, float, str]], reports: list[tuple[float, float, str, float]]
) -> None:
    places = [at(x, y) for x, y, *_ in reports]
    kinds, radii = [kind for *_, kind, _ in reports], [radius for *_, radius in reports]
    found = index_of(spots).nearest([p[0] for p in places], [p[1] for p in places], kinds, radii)
    for number, (place, kind, radius) in enumerate(zip(places, kinds, radii, strict=True)):
        ways = [(distance_m(*place, *at(x, y)), k) for k, (x, y, of) in enumerate(spots) if kind in ("", of)]
        within = [way for way in ways if way[0] <= radius - 1e-6]
        if any(abs(way[0] - radius) <= 1e-6 for way in ways):
            continue
        assert found.within[number] == len(within)
        assert found.distance_m[number] == pytest.approx(min(within)[0] if within else np.inf, abs=1e-6)
        if not within:
            assert found.number[number] == -1
        else:
            x, y, of = spots[found.number[number]]
            assert kind in ("", of)
            assert distance_m(*place, *at(x, y)) == pytest.approx(found.distance_m[number], abs=1e-6)


@pytest.mark.parametrize(
    ("x", "number"),
    [
        pytest.param(9.99, 0, id="just within the radius"),
        pytest.param(10.01, -1, id="just beyond"),
    ],
)
def test_the_radius_is_a_limit(x: float, number: int) -> None:
    lon, lat = at(x, 0)
    assert index_of([(0, 0, "lamp")]).nearest([lon], [lat], ["lamp"], 10.0).number.tolist() == [number]


def test_of_two_equally_near_the_lower_number_is_taken() -> None:
    lon, lat = at(0, 0)
    assert index_of([(5, 5, "lamp"), (5, 5, "lamp")]).nearest([lon], [lat], ["lamp"], 50).number.tolist() == [0]


def test_no_place_and_an_unknown_kind_have_no_nearest() -> None:
    lon, lat = at(0, 0)
    found = index_of([(0, 0, "lamp")]).nearest([np.nan, lon, lon], [lat, lat, lat], ["lamp", "tree", "lamp"], 50)
    assert found.number.tolist() == [-1, -1, 0]
    assert found.within.tolist() == [0, 0, 1]


def test_far_from_the_register_nothing_is_near() -> None:
    found = index_of([(0, 0, "lamp")]).nearest([-71.06, 179.9], [42.36, -89.9], ["lamp", ""], 2000)
    assert found.number.tolist() == [-1, -1]


def test_a_register_without_places_is_refused() -> None:
    with pytest.raises(ValueError, match="finite coordinates"):
        PointIndex([np.nan], [31.0], ["lamp"])
