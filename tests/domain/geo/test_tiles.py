"""Tiles: names, bounds, and the promise on which duplicates across an edge rest."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.geo.tiles import (
    NO_PLACE,
    area_tile,
    neighbours_of,
    neighbours_within,
    tile_bounds,
    tile_of,
    tiles_of,
)

LONS, LATS = st.floats(-180, 180), st.floats(-90, 90)
CITIES = st.sampled_from([(121.47, 31.23), (-71.06, 42.36), (-87.63, 41.88), (179.9999, -17.0), (-180.0, 65.0)])


def moved(lon: float, lat: float, metres: float, angle: float) -> tuple[float, float]:
    """The point so far away in a direction, by the great circle."""
    way, phi = metres / 6_371_008.8, math.radians(lat)
    north = math.asin(math.sin(phi) * math.cos(way) + math.cos(phi) * math.sin(way) * math.cos(angle))
    east = math.atan2(math.sin(angle) * math.sin(way) * math.cos(phi), math.cos(way) - math.sin(phi) * math.sin(north))
    return (lon + math.degrees(east) + 180.0) % 360.0 - 180.0, math.degrees(north)


@given(LONS, st.floats(-89.9, 89.9), st.floats(0, 20_000), st.floats(0, 1), st.floats(0, 6.3))
@example(lon=-180.0, lat=10.0, radius=100.0, share=0.9, angle=4.7)
@example(lon=0.0, lat=89.9, radius=3000.0, share=1.0, angle=0.0)
@example(lon=105.91043715946205, lat=-89.79424748102593, radius=17508.95973410932, share=0.99, angle=0.35)
def test_points_within_the_radius_share_a_tile_or_name_each_other(
    lon: float, lat: float, radius: float, share: float, angle: float
) -> None:
    other = moved(lon, lat, radius * share, angle)
    if distance_m(lon, lat, *other) <= radius:
        here, there = tile_of(lon, lat), tile_of(*other)
        assert here == there or there in neighbours_within(lon, lat, radius)
        assert here == there or here in neighbours_within(*other, radius)


@pytest.mark.parametrize("city", [(121.47, 31.23), (-71.06, 42.36), (179.9999, -17.0)])
@pytest.mark.parametrize("angle", [0.0, math.pi / 2, math.pi, -math.pi / 2])
@pytest.mark.parametrize("radius", [8.0, 150.0, 3000.0])
def test_an_edge_at_just_the_radius_is_seen(city: tuple[float, float], angle: float, radius: float) -> None:
    """Away from a side at a right angle: the tile left behind is a neighbour up to the radius, not much beyond."""
    west, south, east, north = tile_bounds(tile_of(*city))
    inside = (west + east) / 2, (south + north) / 2
    side = {0.0: (inside[0], north), math.pi / 2: (east, inside[1]), math.pi: (inside[0], south)}.get(
        angle, (west, inside[1])
    )
    assert tile_of(*city) in neighbours_within(*moved(*side, radius * 0.9999 + 0.02, angle), radius + 0.02)
    assert tile_of(*city) not in neighbours_within(*moved(*side, radius * 1.012 + 1.0, angle), radius)


@given(CITIES, st.integers(0, 3), st.floats(0, 6.3), st.floats(0.0, 8.0))
def test_points_on_two_sides_of_an_edge_name_each_other(
    city: tuple[float, float], corner: int, angle: float, metres: float
) -> None:
    bounds = tile_bounds(tile_of(*city))
    lon, lat = bounds[0 if corner & 1 else 2], bounds[1 if corner & 2 else 3]
    other = moved(lon, lat, metres, angle)
    assert {tile_of(*other)} <= {tile_of(lon, lat), *neighbours_within(lon, lat, 8.0)}


@given(CITIES, st.floats(0.0, 500.0), st.floats(-0.01, 0.01), st.floats(-0.01, 0.01))
def test_a_neighbour_lies_near_and_there_are_at_most_three(
    city: tuple[float, float], radius: float, east: float, north: float
) -> None:
    lon, lat = (city[0] + east + 180) % 360 - 180, city[1] + north
    near = neighbours_within(lon, lat, radius)
    assert len(near) <= 3
    assert list(near) == sorted(set(near) - {tile_of(lon, lat)})
    for tile in near:
        west, south, high_east, high_north = tile_bounds(tile)
        turned = lon + 360 * round(((west + high_east) / 2 - lon) / 360)
        nearest = min(max(turned, west), high_east), min(max(lat, south), high_north)
        assert distance_m(turned, lat, *nearest) <= radius * 1.01 + 0.5


@given(st.lists(st.tuples(LONS, LATS), min_size=1, max_size=4), st.floats(0, 5000))
def test_columns_equal_single_points(points: list[tuple[float, float]], radius: float) -> None:
    lons, lats = np.array(points).T
    assert tiles_of(lons, lats) == [tile_of(*point) for point in points]
    assert neighbours_of(lons, lats, radius) == [neighbours_within(*point, radius) for point in points]


@given(LONS, LATS)
@example(lon=179.99999999999997, lat=0.0)
@example(lon=0.0, lat=90.0)
def test_a_point_lies_in_the_bounds_of_its_tile(lon: float, lat: float) -> None:
    west, south, east, north = tile_bounds(tile_of(lon, lat))
    turned = lon - 360.0 if lon > 180.0 - 1e-7 else lon  # nearer to the antimeridian than a tile's unit
    assert west - 1e-7 <= turned <= east + 1e-7
    assert south - 1e-7 <= lat <= north + 1e-7


@given(LONS, st.floats(-80, 80))
def test_a_tile_is_about_two_kilometres_wide_and_high(lon: float, lat: float) -> None:
    west, south, east, north = tile_bounds(tile_of(lon, lat))
    assert distance_m(west, south, west, north) == pytest.approx(2001.5, rel=0.01)
    assert 1900 < distance_m(west, lat, east, lat) < 2100


@pytest.mark.parametrize(
    ("lon", "lat", "tile"),
    [
        pytest.param(121.47, 31.23, "t3neigf", id="Shanghai"),
        pytest.param(-71.06, 42.36, "t3zgcc7", id="Boston"),
        pytest.param(180.0, 10.0, "t30dgcg", id="the antimeridian is the western edge of the first column"),
        pytest.param(-180.0, 10.0, "t30dgcg", id="and the same from the west"),
        pytest.param(float("nan"), 31.0, NO_PLACE, id="no longitude"),
        pytest.param(121.0, float("nan"), NO_PLACE, id="no latitude"),
    ],
)
def test_names_are_for_ever(lon: float, lat: float, tile: str) -> None:
    assert tile_of(lon, lat) == tile
    assert tiles_of([lon, 121.47], [lat, 31.23]) == [tile, "t3neigf"]


@pytest.mark.parametrize(("lon", "lat"), [(180.1, 0.0), (-181.0, 0.0), (0.0, 90.5), (float("inf"), 0.0)])
def test_impossible_coordinates_are_refused(lon: float, lat: float) -> None:
    with pytest.raises(ValueError, match="give degrees"):
        tile_of(lon, lat)
    with pytest.raises(ValueError, match="give degrees"):
        tiles_of([lon], [lat])
    with pytest.raises(ValueError, match="give degrees"):
        neighbours_within(lon, lat, 10.0)


@pytest.mark.parametrize("radius", [-1.0, 20_001.0, float("nan")])
def test_an_impossible_radius_is_refused(radius: float) -> None:
    with pytest.raises(ValueError, match="radius_m"):
        neighbours_within(121.0, 31.0, radius)


@pytest.mark.parametrize(
    ("code", "tile"),
    [
        pytest.param("310101002001", "a310101002001", id="an area code is kept"),
        pytest.param("", NO_PLACE, id="no code"),
        pytest.param("-", "b965c6512ec128097", id="anything else becomes a digest"),
    ],
)
def test_area_tiles(code: str, tile: str) -> None:
    assert area_tile(code) == tile


@given(st.text())
def test_tile_names_have_letters_and_digits_only(code: str) -> None:
    assert area_tile(code).isascii()
    assert area_tile(code).isalnum()


@pytest.mark.parametrize("tile", ["", "nowhere", "a310101", "tzzzzzz", "t-00001", "t0000001"])
def test_only_a_place_has_bounds(tile: str) -> None:
    with pytest.raises(ValueError, match="no tile of a place"):
        tile_bounds(tile)
