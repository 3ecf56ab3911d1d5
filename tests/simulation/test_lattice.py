"""The ground plan: shared borders, whole areas, and the way back from a place to its cell."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.simulation.city import City
from pipeline.simulation.lattice import Lattice, area_m2, distance_m, trace

unit = st.floats(0.01, 0.99)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 50), st.integers(-30, 60), st.integers(-30, 60), unit, unit)
def test_a_place_is_located_in_the_cell_it_was_made_in(seed: int, i: int, j: int, u: float, v: float) -> None:
    lattice = Lattice(seed)
    cell, east, north = lattice.locate(lattice.at((i, j), u, v))
    assert cell == (i, j)
    assert (east, north) == pytest.approx((u, v), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1))
def test_an_outline_has_the_area_of_its_cells_whatever_their_shape(cells: set[tuple[int, int]]) -> None:
    lattice = Lattice(1)
    rings = lattice.outline(cells)
    signed = sum(signed_m2(ring) for ring in rings)
    assert signed == pytest.approx(sum(area_m2(lattice.outline([cell])[0]) for cell in cells), rel=1e-6)
    assert all(ring[0] == ring[-1] and len(set(ring[:-1])) == len(ring) - 1 for ring in rings)


def signed_m2(ring: list[tuple[float, float]]) -> float:
    turn = sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in pairwise(ring))
    return area_m2(ring) if turn < 0 else -area_m2(ring)


def test_two_cells_that_touch_at_a_corner_are_two_rings() -> None:
    assert len(trace([(0, 0), (1, 1)])) == 2


def test_unit_grids_are_about_a_hundred_metres_wide_and_codes_run_west_to_east_north_to_south() -> None:
    city = City(2, 0.2)
    community = city.communities[3]
    codes = [city.grid_codes[cell] for cell in community.cells]
    assert codes == [f"{community.code}{number:03d}" for number in range(1, len(codes) + 1)]
    assert [cell[1] for cell in community.cells] == sorted((cell[1] for cell in community.cells), reverse=True)
    widths = [distance_m(city.lattice.corner(i, j), city.lattice.corner(i + 1, j)) for i, j in city.cells]
    assert 70 < min(widths) <= max(widths) < 130
    assert all(len(code) == 15 and code.startswith("310199") for code in city.grid_codes.values())


def test_households_a_grid_are_three_to_five_hundred_except_in_small_villages() -> None:
    for grid in City(2, 1.0).responsibilities:
        small = grid.community.village and grid.community.households < 300
        assert 300 <= grid.households <= 500 or small


@pytest.mark.parametrize("scale", [0.05, 0.5, 1.0, 3.0])
def test_cities_of_any_scale_are_whole(scale: float) -> None:
    city = City(4, scale)
    assert len(set(city.grid_codes.values())) == len(city.cells)
    assert len(city.lattice.outline(city.cells)) == 1
    assert len({grid.code for grid in city.responsibilities}) == len(city.responsibilities)
    assert sum(len(community.cells) for community in city.communities) == len(city.cells)


def test_a_redivision_gives_new_grids_that_fill_the_community() -> None:
    city = City(4, 0.1)
    for community in city.communities[:4]:
        grids = list(city.new_grids(community))
        assert len({code for code, _ in grids}) == len(grids) < len(community.cells)
        whole = area_m2(city.lattice.outline(community.cells)[0])
        assert sum(area_m2(ring) for _, ring in grids) == pytest.approx(whole, rel=1e-4)
        assert {city.new_grid(cell, 0.5) for cell in community.cells} <= {code for code, _ in grids}


def test_components_have_seventeen_digits_and_are_unique() -> None:
    city = City(4, 0.2)
    codes = [item.code for cell in city.cells for item in city.components_in(cell)]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 17 and code.isdigit() for code in codes)
