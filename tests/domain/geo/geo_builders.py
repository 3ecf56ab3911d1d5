"""Small layers drawn for the tests: squares on a plane in the Yellow Sea, so that numbers are easy to check."""

from collections.abc import Sequence
from typing import Any

from pipeline.domain.geo.layers import Cell, Layer, polygon
from pipeline.domain.geo.projection import LocalPlane

ORIGIN = (121.5, 31.2)
PLANE = LocalPlane(*ORIGIN)

Point = tuple[float, float]


def at(x: float, y: float) -> Point:
    """Degrees of a point so many metres east and north of the origin."""
    return PLANE.to_degrees(x, y)


def ring(points: Sequence[Point]) -> Any:
    """A polygon through points in metres."""
    return polygon([at(*point) for point in points])


def box(west: float, south: float, east: float, north: float) -> Any:
    """A rectangle in metres."""
    return ring([(west, south), (east, south), (east, north), (west, north)])


def a_layer(shapes: dict[str, Any], **given: Any) -> Layer:
    """A layer of shapes by code."""
    named = {"name": "test", "system": "unit", "kind": "community", "version": "1"} | given
    return Layer(cells=tuple(Cell(code=code, shape=shape) for code, shape in shapes.items()), **named)


def two_squares() -> Layer:
    """``west`` and ``east``, 1,000 m each, with one border at x = 0."""
    return a_layer({"west": box(-1000, 0, 0, 1000), "east": box(0, 0, 1000, 1000)})
