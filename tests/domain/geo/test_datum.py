"""Datum conversion: known shifts, round trips, and the identity outside China."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.datum import Datum, columns_from_wgs84, columns_to_wgs84, from_wgs84, to_wgs84
from pipeline.domain.geo.projection import distance_m

# Well inside the rectangle and over land: the formula is meant for maps of China.
IN_CHINA = st.tuples(st.floats(75.0, 134.0), st.floats(18.0, 53.0))
SHIFTING = st.sampled_from([Datum.GCJ02, Datum.BD09])


@given(IN_CHINA, SHIFTING)
def test_there_and_back_is_less_than_a_decimetre(point: tuple[float, float], datum: Datum) -> None:
    assert distance_m(*to_wgs84(*from_wgs84(*point, datum), datum), *point) < 0.1


@given(st.tuples(st.floats(105.0, 122.0), st.floats(22.0, 42.0)))
def test_the_shift_in_the_east_of_china_is_100_to_700_metres(point: tuple[float, float]) -> None:
    assert 100.0 < distance_m(*from_wgs84(*point, Datum.GCJ02), *point) < 700.0


@given(IN_CHINA)
def test_the_shift_is_nowhere_much_larger(point: tuple[float, float]) -> None:
    assert distance_m(*from_wgs84(*point, Datum.GCJ02), *point) < 710.0


@pytest.mark.parametrize(
    ("lon", "lat", "least", "most"),
    [
        pytest.param(121.4737, 31.2304, 450, 550, id="Shanghai"),
        pytest.param(116.4074, 39.9042, 500, 620, id="Beijing"),
        pytest.param(114.0579, 22.5431, 550, 640, id="Shenzhen"),
    ],
)
def test_the_shift_of_a_city(lon: float, lat: float, least: float, most: float) -> None:
    assert least < distance_m(*from_wgs84(lon, lat, Datum.GCJ02), lon, lat) < most


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        pytest.param(-71.06, 42.36, id="Boston"),
        pytest.param(0.0, 0.0, id="the origin"),
        pytest.param(72.0039, 31.0, id="just west of the rectangle"),
        pytest.param(121.0, 55.8272, id="just north of the rectangle"),
    ],
)
def test_outside_china_gcj02_is_the_same(lon: float, lat: float) -> None:
    assert from_wgs84(lon, lat, Datum.GCJ02) == (lon, lat)
    assert to_wgs84(lon, lat, Datum.GCJ02) == (lon, lat)


@pytest.mark.parametrize("datum", [Datum.WGS84, Datum.CGCS2000])
def test_cgcs2000_is_taken_for_wgs84(datum: Datum) -> None:
    assert to_wgs84(121.4, 31.2, datum) == (121.4, 31.2)


@given(st.lists(IN_CHINA, min_size=1, max_size=5), st.sampled_from(list(Datum)))
def test_columns_equal_single_points(points: list[tuple[float, float]], datum: Datum) -> None:
    lons, lats = np.array(points).T
    for columns, single in ((columns_to_wgs84, to_wgs84), (columns_from_wgs84, from_wgs84)):
        expected = [single(*point, datum) for point in points]
        assert np.column_stack(columns(lons, lats, datum)) == pytest.approx(np.array(expected), abs=2e-8)


@pytest.mark.parametrize(
    ("text", "datum"),
    [
        pytest.param("gcj02", Datum.GCJ02, id="without a dash"),
        pytest.param("GCJ-02", Datum.GCJ02, id="as written here"),
        pytest.param("EPSG:4490", Datum.CGCS2000, id="by its number"),
        pytest.param("wgs 84", Datum.WGS84, id="with a blank"),
    ],
)
def test_a_datum_is_known_by_several_spellings(text: str, datum: Datum) -> None:
    assert Datum.named(text) is datum


def test_an_unknown_datum_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"Beijing54.*WGS-84"):
        Datum.named("Beijing54")
