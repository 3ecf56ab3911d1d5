"""Look-up of many points in a layer: the cell of each, and the cells its true place may lie in.

Containment is exact in degrees (a point on a border lies in every cell it bounds); distances are metres in the layer's
local plane. A raster spares the points far from every border; answers are the same without it.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike

from pipeline.domain.geo.borders import BorderScan, scanned
from pipeline.domain.geo.layers import Layer, Shapes
from pipeline.domain.geo.projection import Floats, Ints, LocalPlane
from pipeline.domain.geo.raster import UNSURE, Raster, Segments

SIDE_M = 40.0
BAND_M = 15.0
LARGEST_REACH_M = 500.0


class LayerIndex:
    """Immutable look-up over one layer. Building it takes about a second for 10,000 cells."""

    def __init__(self, layer: Layer, *, side_m: float = SIDE_M) -> None:
        self.layer = layer
        self._plane = layer.plane
        self._degrees = layer.shapes.copy()
        shapely.prepare(self._degrees)
        plane_shapes = in_metres(layer.shapes, layer.plane)
        shapely.prepare(plane_shapes)
        self._segments = Segments.of(plane_shapes)
        self._raster = Raster.over(plane_shapes, self._segments, side_m)

    def find(self, lons: ArrayLike, lats: ArrayLike) -> Ints:
        """The number of each point's cell, -1 for none; the lowest number where several hold it. NaN lies nowhere."""
        x, y = _columns(lons, lats)
        own, unsure = self._from_raster(x, y)
        point, cell = self._held(unsure, x, y)
        # Pairs come by point, then by cell: written backwards, the first of each point stays.
        own[point[::-1]] = cell[::-1]
        return own

    def find_all(self, lons: ArrayLike, lats: ArrayLike) -> tuple[Ints, Ints]:
        """Pairs (point, cell) of all cells that hold each point, by point and then by cell."""
        x, y = _columns(lons, lats)
        own, unsure = self._from_raster(x, y)
        point, cell = self._held(unsure, x, y)
        sure = np.flatnonzero(own >= 0)
        points, cells = np.concatenate([sure, point]), np.concatenate([own[sure], cell])
        order = np.argsort(points, kind="stable")
        return points[order], cells[order]

    def borders(
        self, lons: ArrayLike, lats: ArrayLike, error_m: ArrayLike, band_m: float = BAND_M, spread: float = 1.0
    ) -> BorderScan:
        """The cell of each point and all cells within its reach.

        The reach is the larger of the band and ``spread`` times the point's error, at most 500 m. ``error_m`` (one
        number, or one for each point; NaN counts as 0) is the standard deviation of the position on each axis and
        gives the candidates their probabilities.
        """
        x, y = _columns(lons, lats)
        error = np.broadcast_to(np.nan_to_num(np.asarray(error_m, np.float64), nan=0.0), x.shape)
        reach = np.clip(error * spread, band_m, LARGEST_REACH_M)
        held_point, held_cell = self.find_all(x, y)
        own = np.full(len(x), -1, np.int64)
        own[held_point[::-1]] = held_cell[::-1]
        point, cell, distance = self._near(x, y, reach)
        count = len(self.layer.cells)
        return scanned(count, own, (held_point, held_cell), (point, cell), distance, reach, error)

    def nearest_border_m(self, lons: ArrayLike, lats: ArrayLike) -> Floats:
        """Distance of each point to the nearest border of any cell, however far; for reports, not for the stream."""
        x, y = self._plane.columns_to_metres(*_columns(lons, lats))
        lines = shapely.union_all(shapely.boundary(in_metres(self.layer.shapes, self._plane)))
        shapely.prepare(lines)
        lengths: Floats = shapely.distance(lines, shapely.points(x, y))
        return lengths

    def _from_raster(self, lons: Floats, lats: Floats) -> tuple[Ints, Ints]:
        """What the raster knows of each point, and the points of which it does not."""
        x, y = self._plane.columns_to_metres(np.nan_to_num(lons, nan=1e3), np.nan_to_num(lats, nan=1e3))
        column, row = self._raster.squares(x, y)
        own = self._raster.labels[row * self._raster.columns + column].astype(np.int64)
        unsure = np.flatnonzero(own == UNSURE)
        own[unsure] = -1
        return own, unsure

    def _held(self, points: Ints, lons: Floats, lats: Floats) -> tuple[Ints, Ints]:
        """Pairs (point, cell) among ``points``, asked of the shapes themselves."""
        x, y = lons[points], lats[points]
        column, row = self._raster.squares(*self._plane.columns_to_metres(x, y))
        square = row * self._raster.columns + column
        asked, cell = self._raster.cells.between(square, square)
        inside = shapely.intersects_xy(self._degrees[cell], x[asked], y[asked])
        return points[asked[inside]], cell[inside]

    def _near(self, lons: Floats, lats: Floats, reach: Floats) -> tuple[Ints, Ints, Floats]:
        """(point, cell, distance to its border) for each cell with a border within reach; by point, then cell."""
        x, y = self._plane.columns_to_metres(lons, lats)
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        point, segment = self._raster.segments_near(x[known], y[known], reach[known])
        point = known[point]
        distance = self._segments.distances(segment, x[point], y[point])
        close = distance <= reach[point]
        key = point[close] * len(self.layer.cells) + self._segments.cell[segment[close]]
        order = np.lexsort((distance[close], key))
        key, distance = key[order], distance[close][order]
        first = np.ones(len(key), np.bool_)
        first[1:] = key[1:] != key[:-1]
        return key[first] // len(self.layer.cells), key[first] % len(self.layer.cells), distance[first]


def in_metres(shapes: Shapes, plane: LocalPlane) -> Shapes:
    """Shapes in the metres of a plane."""
    moved: Shapes = shapely.transform(shapes, lambda points: np.column_stack(plane.columns_to_metres(*points.T)))
    return moved


def _columns(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(lons, np.float64), np.asarray(lats, np.float64)
    return np.atleast_1d(x), np.atleast_1d(y)
