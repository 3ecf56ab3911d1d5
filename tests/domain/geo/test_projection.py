"""Distances: known lengths, and how far the local plane may be from the great circle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.projection import LocalPlane, distance_m, distances_m

LONS, LATS = st.floats(-180, 180), st.floats(-89, 89)


@pytest.mark.parametrize(
    ("a", "b", "metres"),
    [
        pytest.param((0.0, 0.0), (0.0, 1.0), 111_195.08, id="a degree of latitude"),
        pytest.param((0.0, 60.0), (1.0, 60.0), 55_595.4, id="a degree of longitude at 60 north"),
        pytest.param((179.5, 0.0), (-179.5, 0.0), 111_195.08, id="across the antimeridian"),
        pytest.param((10.0, 10.0), (10.0, 10.0), 0.0, id="the same point"),
    ],
)
def test_known_distances(a: tuple[float, float], b: tuple[float, float], metres: float) -> None:
    assert distance_m(*a, *b) == pytest.approx(metres, rel=1e-4)


@given(LONS, LATS, LONS, LATS)
def test_columns_equal_single_points(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> None:
    columns = distances_m(np.array([lon_a]), np.array([lat_a]), np.array([lon_b]), np.array([lat_b]))
    assert columns[0] == pytest.approx(distance_m(lon_a, lat_a, lon_b, lat_b), abs=1e-3, rel=1e-9)


@given(LONS, st.floats(-60, 60), st.floats(-700, 700), st.floats(-700, 700))
def test_the_plane_is_true_to_a_decimetre_within_a_kilometre(lon: float, lat: float, x: float, y: float) -> None:
    plane = LocalPlane(lon, lat)
    assert distance_m(lon, lat, *plane.to_degrees(x, y)) == pytest.approx(np.hypot(x, y), abs=0.15)


@given(st.floats(-60, 60), st.floats(-35_000, 35_000), st.floats(-35_000, 35_000), st.floats(0, 6.28))
def test_a_short_way_anywhere_in_a_city_is_true_to_1_5_percent(lat: float, x: float, y: float, angle: float) -> None:
    plane = LocalPlane(100.0, lat)
    here, there = plane.to_degrees(x, y), plane.to_degrees(x + 100 * np.cos(angle), y + 100 * np.sin(angle))
    assert distance_m(*here, *there) == pytest.approx(100.0, rel=0.015)


@given(st.floats(-60, 60), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_metres_come_back(lat: float, x: float, y: float) -> None:
    plane = LocalPlane(121.0, lat)
    assert plane.to_metres(*plane.to_degrees(x, y)) == pytest.approx((x, y), abs=1e-6)
