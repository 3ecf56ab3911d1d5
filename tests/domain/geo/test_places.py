"""Decimals of coordinates as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.places import decimals


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
