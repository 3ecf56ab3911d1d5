"""Batch look-up: equal to asking every shape, whatever the raster; distances, flags and candidates at their limits."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.geo.borders import BorderFlag, BorderScan, layer_conflicts
from pipeline.domain.geo.index import LayerIndex, LayerStack, in_metres
from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.probability import candidate_probabilities
from tests.domain.geo.geo_builders import PLANE, a_layer, at, box, ring, two_squares

SPAN = st.floats(-300, 300)
BOXES = st.tuples(SPAN, SPAN, st.floats(1, 400), st.floats(1, 400)).map(
    lambda b: box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)
STARS = st.tuples(SPAN, SPAN, st.lists(st.floats(5, 250), min_size=3, max_size=9)).map(
    lambda s: ring(
        [
            (s[0] + r * np.cos(2 * np.pi * k / len(s[2])), s[1] + r * np.sin(2 * np.pi * k / len(s[2])))
            for k, r in enumerate(s[2])
        ]
    )
)
RINGS = BOXES.map(lambda shape: shapely.difference(shape, shape.centroid.buffer(2e-4)))
LAYERS = st.lists(
    st.one_of(BOXES, STARS, RINGS).filter(lambda s: s.is_valid and not s.is_empty), min_size=1, max_size=5
)
POINTS = st.lists(st.tuples(st.floats(-800, 800), st.floats(-800, 800)), min_size=1, max_size=12)


def layer_of(shapes: list[Any]) -> Layer:
    """Overlaps, gaps, holes and several parts: whatever the draw gives."""
    if len(shapes) > 2:
        shapes = [shapely.union_all(shapes[:2]), *shapes[2:]]
    return a_layer({str(number): shape for number, shape in enumerate(shapes)})


def columns(points: list[tuple[float, float]]) -> tuple[Any, Any]:
    lons, lats = np.array([at(*point) for point in points]).T
    return lons, lats


def corners(layer: Layer) -> list[tuple[float, float]]:
    """Vertices of the shapes and a point on a side: where rounding would show."""
    vertices = shapely.get_coordinates(layer.shapes)[:6]
    return [PLANE.to_metres(*vertex) for vertex in [*vertices, vertices[:2].mean(axis=0)]]


@settings(max_examples=60)
@given(LAYERS, POINTS, st.sampled_from([7.0, 40.0, 333.0]))
def test_every_cell_that_holds_a_point_is_found(
    shapes: list[Any], points: list[tuple[float, float]], side: float
) -> None:
    layer = layer_of(shapes)
    lons, lats = columns(points + corners(layer))
    expected = [
        (number, cell)
        for number in range(len(lons))
        for cell, shape in enumerate(layer.shapes)
        if shapely.intersects_xy(shape, lons[number], lats[number])
    ]
    index = LayerIndex(layer, side_m=side)
    assert list(zip(*(column.tolist() for column in index.find_all(lons, lats)), strict=True)) == expected
    first = [next((cell for point, cell in expected if point == number), -1) for number in range(len(lons))]
    assert index.find(lons, lats).tolist() == first


@settings(max_examples=60)
@given(st.lists(st.tuples(LAYERS, st.sampled_from([7.0, 40.0, 333.0])), max_size=4), POINTS)
def test_many_layers_at_once_equal_each_layer_by_itself(
    drawn: list[tuple[list[Any], float]], points: list[tuple[float, float]]
) -> None:
    layers = [layer_of(shapes) for shapes, _ in drawn]
    indexes = [LayerIndex(layer, side_m=side) for layer, (_, side) in zip(layers, drawn, strict=True)]
    lons, lats = columns(points + [corner for layer in layers for corner in corners(layer)])
    lons, lats = np.append(lons, [np.nan, lons[0], np.nan]), np.append(lats, [lats[0], np.nan, np.nan])
    found = LayerStack(indexes).find(lons, lats)
    assert found.shape == (len(indexes), len(lons))
    assert found.tolist() == [index.find(lons, lats).tolist() for index in indexes]


@settings(max_examples=60)
@given(LAYERS, POINTS, st.floats(0, 120), st.floats(0, 60), st.sampled_from([9.0, 40.0]))
def test_borders_equal_the_distances_to_every_shape(
    shapes: list[Any], points: list[tuple[float, float]], error: float, band: float, side: float
) -> None:
    layer = layer_of(shapes)
    lons, lats = columns(points)
    scan = LayerIndex(layer, side_m=side).borders(lons, lats, error, band)
    reach = max(error, band)
    lines = shapely.boundary(in_metres(layer.shapes, layer.plane))
    for number, point in enumerate(zip(lons, lats, strict=True)):
        away = shapely.distance(lines, shapely.Point(layer.plane.to_metres(*point)))
        held = [cell for cell, shape in enumerate(layer.shapes) if shapely.intersects_xy(shape, *point)]
        near = [cell for cell, distance in enumerate(away) if distance <= reach]
        if any(abs(distance - reach) < 1e-6 for distance in away):
            continue
        told = {cell: distance for cell, distance, _ in scan.candidates(number)}
        assert set(told) == (set(near) | set(held) if near or len(held) > 1 else set())
        for cell, distance in told.items():
            sign = -1.0 if cell in held else 1.0
            assert distance == pytest.approx(sign * min(reach, away[cell]), abs=1e-6)
        if told:
            shares = candidate_probabilities(list(told.values()), error)
            assert [share for _, _, share in scan.candidates(number)] == pytest.approx(shares, abs=1e-9)


def scan_of(layer: Layer, *points: tuple[float, float], error: float = 0.0, band: float = 15.0) -> BorderScan:
    return LayerIndex(layer).borders(*columns(list(points)), error, band)


@pytest.mark.parametrize(
    ("x", "error", "candidates"),
    [
        pytest.param(-14.9, 5.0, ["west", "east"], id="inside the band"),
        pytest.param(-15.1, 5.0, [], id="outside the band"),
        pytest.param(-29.9, 30.0, ["west", "east"], id="inside the error"),
        pytest.param(-30.1, 30.0, [], id="outside the error"),
        pytest.param(6.0, 20.0, ["east", "west"], id="6 m beyond the line with an error of 20 m"),
        pytest.param(6.0, float("nan"), ["east", "west"], id="an unknown error counts as none"),
    ],
)
def test_a_point_near_a_border_names_both_cells_its_own_first(x: float, error: float, candidates: list[str]) -> None:
    layer = two_squares()
    scan = scan_of(layer, (x, 500.0), error=error)
    assert [layer.codes[cell] for cell, _, _ in scan.candidates(0)] == candidates
    assert BorderFlag.names_of(int(scan.flags[0])) == (("BORDER",) if candidates else ())
    assert scan.border_m[0] == (pytest.approx(abs(x), rel=1e-3) if candidates else np.inf)


def test_probabilities_favour_the_side_the_point_lies_on() -> None:
    scan = scan_of(two_squares(), (6.0, 500.0), error=20.0)
    assert [share for _, _, share in scan.candidates(0)] == pytest.approx([0.618, 0.382], abs=1e-3)


def test_a_point_on_the_line_belongs_to_the_first_cell_and_is_no_overlap() -> None:
    layer = two_squares()
    lons, lats = np.array([layer.shapes[1].bounds[0]]), np.array([31.204])
    index = LayerIndex(layer)
    assert index.find(lons, lats).tolist() == [0]
    assert index.find_all(lons, lats)[1].tolist() == [0, 1]
    assert BorderFlag.names_of(int(index.borders(lons, lats, 10.0).flags[0])) == ("BORDER",)


OVERLAPPING = a_layer({"a": box(0, 0, 1000, 1000), "b": box(500, 0, 1500, 1000)})


@pytest.mark.parametrize(
    ("x", "flags"),
    [
        pytest.param(250.0, (), id="in one cell only"),
        pytest.param(495.0, ("BORDER",), id="near the other"),
        pytest.param(505.0, ("BORDER", "OVERLAP"), id="just inside both"),
        pytest.param(750.0, ("OVERLAP",), id="deep inside both"),
        pytest.param(1505.0, ("BORDER", "GAP"), id="just outside the layer"),
        pytest.param(1600.0, ("GAP",), id="far outside"),
    ],
)
def test_overlap_and_gap_are_flagged(x: float, flags: tuple[str, ...]) -> None:
    scan = scan_of(OVERLAPPING, (x, 500.0))
    assert BorderFlag.names_of(int(scan.flags[0])) == flags
    assert len(scan.candidates(0)) == (2 if "OVERLAP" in flags or x == 495.0 else 1 if "BORDER" in flags else 0)


def test_a_point_in_an_overlap_has_both_cells_for_candidates() -> None:
    assert [share for _, _, share in scan_of(OVERLAPPING, (750.0, 500.0), error=5.0).candidates(0)] == [0.5, 0.5]


def test_the_own_cell_comes_first_even_where_another_holds_the_point_deeper() -> None:
    assert [cell for cell, _, _ in scan_of(OVERLAPPING, (995.0, 500.0)).candidates(0)] == [0, 1]


def test_a_hole_is_a_gap_with_the_cell_around_it_for_a_candidate() -> None:
    layer = a_layer({"a": shapely.difference(box(0, 0, 300, 300), box(140, 140, 160, 160))})
    scan = scan_of(layer, (150.0, 150.0))
    assert scan.own.tolist() == [-1]
    assert BorderFlag.names_of(int(scan.flags[0])) == ("BORDER", "GAP")
    assert scan.candidates(0) == [(0, pytest.approx(10.0, abs=0.05), 1.0)]


def test_no_place_lies_nowhere() -> None:
    index = LayerIndex(two_squares())
    assert index.find([np.nan, 121.501], [31.2, 31.204]).tolist() == [-1, 1]
    scan = index.borders([np.nan], [31.2], 10.0)
    assert scan.candidates(0) == []
    assert scan.border_m[0] == np.inf


def test_an_empty_batch_gives_empty_columns() -> None:
    index = LayerIndex(two_squares())
    assert index.find([], []).tolist() == []
    assert index.borders([], [], []).starts.tolist() == [0]


def test_the_nearest_border_is_told_however_far() -> None:
    index = LayerIndex(two_squares())
    assert index.nearest_border_m(*columns([(-400.0, 500.0), (10.0, 500.0)])) == pytest.approx([400, 10], rel=1e-2)


@settings(max_examples=20)
@given(POINTS)
def test_a_batch_equals_its_points_one_by_one(points: list[tuple[float, float]]) -> None:
    index = LayerIndex(OVERLAPPING)
    lons, lats = columns(points)
    scan = index.borders(lons, lats, 20.0)
    for number in range(len(points)):
        single = index.borders(lons[number : number + 1], lats[number : number + 1], 20.0)
        assert single.own[0] == scan.own[number]
        assert single.flags[0] == scan.flags[number]
        assert single.candidates(0) == scan.candidates(number)


def test_layers_that_ought_to_agree_and_do_not_are_a_conflict() -> None:
    police = a_layer({"p1": box(-1000, 0, 50, 1000), "p2": box(50, 0, 1000, 1000)})
    streets = two_squares()
    lons, lats = columns([(-500, 500), (20, 500), (500, 500), (5000, 500)])
    own_a, own_b = LayerIndex(streets).find(lons, lats), LayerIndex(police).find(lons, lats)
    agreed = {"west": "p1", "east": "p2"}
    assert layer_conflicts(streets, police, own_a, own_b, agreed).tolist() == [False, True, False, False]
    assert layer_conflicts(streets, police, own_a, own_b, {}).tolist() == [False, False, False, False]
