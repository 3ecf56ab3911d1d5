"""Unit grids: a coverage without gap or overlap inside each community, numbered west to east and north to south."""

from typing import Any

import numpy as np
import pytest
import shapely
import shapely.ops
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.domain.geo.cut import cut_unit_grids
from pipeline.domain.geo.layers import Layer, LayerFaults
from tests.domain.geo.geo_builders import a_layer, at, box, ring

ONE, TWO, THREE = "310101001001", "310101001002", "310101001003"


def communities(line: list[tuple[float, float]], ragged: float = 0.0) -> Layer:
    """Two communities of an area of about 800 by 600 m on two sides of a line from south to north."""
    whole = ring([(0, 0), (800, 40 * ragged), (800, 600), (350, 600 + 90 * ragged), (0, 600)])
    cut = shapely.LineString([at(400, -100), *(at(*point) for point in line), at(400, 800)])
    parts = sorted(shapely.ops.split(whole, cut).geoms, key=lambda part: part.centroid.x)
    return a_layer(dict(zip((ONE, TWO, THREE), parts, strict=False)))


@settings(max_examples=40)
@example(line=[], ragged=0.001, fraction=0.0)  # a side 4 cm off the lattice: traces below a square metre
@given(
    line=st.lists(st.tuples(st.floats(250, 550), st.floats(100, 500)), max_size=4).map(
        lambda points: sorted(points, key=lambda point: point[1])
    ),
    ragged=st.floats(-1, 1),
    fraction=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
)
def test_cells_cover_each_community_exactly(line: list[tuple[float, float]], ragged: float, fraction: float) -> None:
    layer = communities(line, ragged)
    grids = cut_unit_grids(layer, min_fraction=fraction)
    assert shapely.coverage_is_valid(grids.shapes)
    assert all(cell.shape.geom_type == "Polygon" and cell.shape.is_valid for cell in grids.cells)
    for community in layer.cells:
        own = shapely.union_all([cell.shape for cell in grids.cells if cell.parent == community.code])
        assert shapely.symmetric_difference(own, community.shape).area * layer.plane.area_scale < 1.0
    # Only a community that is itself a sliver has nothing to join.
    small = [cell.parent for cell, area in zip(grids.cells, grids.areas_m2, strict=True) if area < fraction * 9_990]
    assert all(sum(cell.parent == parent for cell in grids.cells) == 1 for parent in small)


def test_a_community_on_the_lattice_gets_full_squares() -> None:
    grids = cut_unit_grids(a_layer({ONE: box(0, 0, 400, 300)}), origin=at(0, 0))
    assert grids.areas_m2 == pytest.approx(np.full(12, 10_000.0), rel=1e-3)


def test_with_an_origin_a_new_community_leaves_the_others_as_they_were() -> None:
    before = cut_unit_grids(a_layer({ONE: box(30, 10, 470, 390)}), origin=at(0, 0))
    after = cut_unit_grids(a_layer({ONE: box(30, 10, 470, 390), TWO: box(470, 0, 999, 777)}), origin=at(0, 0))
    assert before.codes == tuple(code for code in after.codes if code.startswith(ONE))
    assert all(
        shapely.symmetric_difference(cell.shape, after.cells[after.number_of[cell.code]].shape).area < 1e-12
        for cell in before.cells
    )


def test_serials_run_west_to_east_then_north_to_south_in_each_community() -> None:
    grids = cut_unit_grids(a_layer({TWO: box(0, 0, 400, 400), ONE: box(400, 0, 800, 400)}))
    for code in (ONE, TWO):
        cells = [cell for cell in grids.cells if cell.parent == code]
        assert [cell.code for cell in cells] == [f"{code}{number:03d}" for number in range(1, len(cells) + 1)]
        middles = [cell.shape.centroid for cell in cells]
        rows = [round(-(middle.y - 31.2) * 1112) for middle in middles]
        assert rows == sorted(rows)
        for a, b, row_a, row_b in zip(middles, middles[1:], rows, rows[1:], strict=False):
            assert row_a < row_b or a.x < b.x


@pytest.mark.parametrize(
    ("width", "cells"),
    [
        pytest.param(224, 2, id="24 m more than two squares: below the fraction, joined"),
        pytest.param(226, 3, id="26 m more: a cell of its own"),
    ],
)
def test_a_sliver_joins_its_neighbour(width: float, cells: int) -> None:
    grids = cut_unit_grids(a_layer({ONE: box(0, 0, width, 100)}), origin=at(0, 0))
    assert len(grids.cells) == cells


def test_a_sliver_joins_where_the_shared_side_is_longest() -> None:
    # The piece east of x = 100 shares 20 m with the square below it and 60 m with the one to its west.
    shape = ring([(0, 0), (120, 0), (120, 160), (0, 160)])
    grids = cut_unit_grids(a_layer({ONE: shape}), origin=at(0, 0), min_fraction=0.15)
    assert sorted(grids.areas_m2) == pytest.approx([2_000, 7_200, 10_000], rel=1e-3)


def test_slivers_of_slivers_join_on() -> None:
    grids = cut_unit_grids(a_layer({ONE: box(0, 0, 120, 120)}), origin=at(0, 0))
    assert grids.areas_m2 == pytest.approx([14_400], rel=1e-3)


def test_no_sliver_joins_across_a_community_line() -> None:
    grids = cut_unit_grids(a_layer({ONE: box(0, 0, 110, 100), TWO: box(110, 0, 200, 100)}), origin=at(0, 0))
    assert grids.areas_m2 == pytest.approx([11_000, 9_000], rel=1e-3)


def test_a_community_smaller_than_a_sliver_is_one_cell() -> None:
    grids = cut_unit_grids(a_layer({ONE: box(10, 10, 30, 30), TWO: box(200, 0, 600, 400)}))
    assert [cell.code for cell in grids.cells if cell.parent == ONE] == [f"{ONE}001"]


def test_an_exclave_is_cut_on_its_own() -> None:
    parts = shapely.union_all([box(0, 0, 100, 100), box(300, 0, 400, 100)])
    grids = cut_unit_grids(a_layer({ONE: parts}))
    assert {cell.shape.geom_type for cell in grids.cells} == {"Polygon"}
    assert grids.areas_m2.sum() == pytest.approx(20_000, rel=1e-3)


def test_a_hole_in_a_community_stays_a_hole() -> None:
    shape = shapely.difference(box(0, 0, 600, 600), box(150, 150, 420, 380))
    grids = cut_unit_grids(a_layer({ONE: shape}))
    assert shapely.union_all(grids.shapes).contains(shapely.Point(at(300, 300))) is False
    assert shapely.symmetric_difference(shapely.union_all(grids.shapes), shape).area < 1e-10


def test_the_same_communities_give_the_same_cells_in_any_order() -> None:
    shapes: dict[str, Any] = {ONE: box(0, 0, 333, 421), TWO: box(333, 0, 800, 421)}
    forth = cut_unit_grids(a_layer(shapes))
    back = cut_unit_grids(a_layer(dict(reversed(shapes.items()))))
    assert {c.code: c.shape.normalize().wkb for c in forth.cells} == {
        c.code: c.shape.normalize().wkb for c in back.cells
    }


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        pytest.param({"12": box(0, 0, 100, 100)}, ["12 digits"], id="a code that is too short"),
        pytest.param(
            {ONE: box(0, 0, 200, 100), TWO: box(150, 0, 300, 100)}, ["may not overlap", "m2"], id="communities overlap"
        ),
        pytest.param({ONE: box(0, 0, 5000, 5000)}, ["three digits", "999"], id="more grids than serials"),
        pytest.param(
            {"1": box(0, 0, 200, 100), TWO: box(150, 0, 300, 100)}, ["12 digits", "may not overlap"], id="both at once"
        ),
    ],
)
def test_faults_come_at_once(shapes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(LayerFaults) as caught:
        cut_unit_grids(a_layer(shapes))
    assert all(word in str(caught.value) for word in words)
