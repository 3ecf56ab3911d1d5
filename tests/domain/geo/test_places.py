"""Judging coordinates: each oddity alone, all in one batch, and which have no location."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.places import NO_LOCATION, PlaceFlag, PlaceRules, decimals, rounding_m
from tests.domain.geo.geo_builders import at, box

BOUNDS = (121.0, 31.0, 122.0, 32.0)
RULES = PlaceRules(bounds=BOUNDS, default_points=[(121.473701, 31.230416)])
NAN = float("nan")


@pytest.mark.parametrize(
    ("lon", "lat", "flags"),
    [
        pytest.param(121.512345, 31.212345, (), id="nothing odd"),
        pytest.param(NAN, 31.2, ("MISSING",), id="no longitude"),
        pytest.param(0.0, 0.0, ("MISSING",), id="the origin"),
        pytest.param(121.473701, 31.230416, ("DEFAULT_POINT",), id="on a default point"),
        pytest.param(121.473709, 31.230416, ("DEFAULT_POINT",), id="0.8 m beside it"),
        pytest.param(121.473714, 31.230416, (), id="1.2 m beside it"),
        pytest.param(31.212345, 121.512345, ("SWAPPED",), id="axes exchanged"),
        pytest.param(114.057868, 22.543099, ("OUTSIDE",), id="another city"),
        pytest.param(121.5123, 31.2123, ("COARSE",), id="four decimals"),
        pytest.param(121.5123, 31.21234, (), id="five decimals on one axis"),
        pytest.param(31.2123, 121.5123, ("SWAPPED", "COARSE"), id="exchanged and coarse"),
        pytest.param(122.0, 31.512345, (), id="exactly on the bounds"),
        pytest.param(float("inf"), 31.2, ("MISSING",), id="infinite"),
    ],
)
def test_each_oddity_is_flagged(lon: float, lat: float, flags: tuple[str, ...]) -> None:
    found = RULES.review([lon], [lat])
    assert PlaceFlag.names_of(int(found.flags[0])) == flags
    lost = bool(found.flags[0] & NO_LOCATION)
    assert math.isnan(found.lons[0]) == lost
    if not lost:
        assert BOUNDS[0] <= found.lons[0] <= BOUNDS[2]


def test_the_input_stays_as_it_was() -> None:
    lons, lats = np.array([31.2, 0.0]), np.array([121.5, 0.0])
    RULES.review(lons, lats)
    assert (lons.tolist(), lats.tolist()) == ([31.2, 0.0], [121.5, 0.0])


def test_a_point_in_the_bounds_but_not_in_the_polygon_is_outside() -> None:
    rules = PlaceRules(bounds=BOUNDS, city=box(0, 0, 1000, 1000))
    found = rules.review(*np.array([at(500.3, 500.7), at(1500.3, 500.7)]).T)
    assert [PlaceFlag.names_of(int(bits)) for bits in found.flags] == [(), ("OUTSIDE",)]


def test_a_coarse_place_tells_its_rounding() -> None:
    found = RULES.review([121.51, 121.512345], [31.2, 31.212345])
    assert found.rounding_m.tolist() == pytest.approx([556, 0], rel=1e-3)


@pytest.mark.parametrize(
    ("lon", "lat", "places"),
    [
        pytest.param(121.0, 31.0, 0, id="whole degrees"),
        pytest.param(121.5, 31.25, 2, id="the finer of the two"),
        pytest.param(-71.0589, 42.3601, 4, id="west of Greenwich"),
        pytest.param(1e-7, 0.0, 7, id="written with an exponent"),
        pytest.param(1.5e-7, 0.0, 8, id="an exponent and a fraction"),
        pytest.param(121.1234567891, 31.0, 10, id="many"),
    ],
)
def test_decimals(lon: float, lat: float, places: int) -> None:
    assert decimals(lon, lat) == places


@given(st.integers(-1_799_999, 1_799_999), st.integers(1, 6))
def test_a_rounded_number_never_has_more_decimals(number: int, places: int) -> None:
    assert decimals(round(number / 10_007, places), 0.0) <= places


def test_rounding_is_half_a_step() -> None:
    assert rounding_m(4) == pytest.approx(5.56, abs=0.01)
