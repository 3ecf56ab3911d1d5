"""Look-up of many points in a layer: the cell of each, and the cells its true place may lie in.

Containment is exact in degrees (a point on a border lies in every cell it bounds); distances are metres in the layer's
local plane. A raster spares the points far from every border; answers are the same without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import ArrayLike

from pipeline.domain.geo.borders import BorderScan, scanned
from pipeline.domain.geo.layers import Layer, Shapes
from pipeline.domain.geo.projection import METRES_PER_DEGREE, Floats, Ints, LocalPlane
from pipeline.domain.geo.raster import UNSURE, Raster, Segments

SIDE_M = 40.0
BAND_M = 15.0
LARGEST_REACH_M = 500.0


class LayerIndex:
    """Immutable look-up over one layer. Building it takes about a second for 10,000 cells."""

    def __init__(self, layer: Layer, *, side_m: float = SIDE_M) -> None:
        self.layer = layer
        self._plane = layer.plane
        self.shapes = layer.shapes.copy()
        shapely.prepare(self.shapes)
        plane_shapes = in_metres(layer.shapes, layer.plane)
        shapely.prepare(plane_shapes)
        self._segments = Segments.of(plane_shapes)
        self.raster = Raster.over(plane_shapes, self._segments, side_m)

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
        x, y = self._plane.columns_to_metres(_somewhere(lons), _somewhere(lats))
        column, row = self.raster.squares(x, y)
        own = self.raster.labels[row * self.raster.columns + column].astype(np.int64)
        unsure = np.flatnonzero(own == UNSURE)
        own[unsure] = -1
        return own, unsure

    def _held(self, points: Ints, lons: Floats, lats: Floats) -> tuple[Ints, Ints]:
        """Pairs (point, cell) among ``points``, asked of the shapes themselves."""
        x, y = lons[points], lats[points]
        column, row = self.raster.squares(*self._plane.columns_to_metres(x, y))
        square = row * self.raster.columns + column
        asked, cell = self.raster.cells.between(square, square)
        inside = shapely.intersects_xy(self.shapes[cell], x[asked], y[asked])
        return points[asked[inside]], cell[inside]

    def _near(self, lons: Floats, lats: Floats, reach: Floats) -> tuple[Ints, Ints, Floats]:
        """(point, cell, distance to its border) for each cell with a border within reach; by point, then cell."""
        x, y = self._plane.columns_to_metres(lons, lats)
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        point, segment = self.raster.segments_near(x[known], y[known], reach[known])
        point = known[point]
        distance = self._segments.distances(segment, x[point], y[point])
        close = distance <= reach[point]
        key = point[close] * len(self.layer.cells) + self._segments.cell[segment[close]]
        order = np.lexsort((distance[close], key))
        key, distance = key[order], distance[close][order]
        first = np.ones(len(key), np.bool_)
        first[1:] = key[1:] != key[:-1]
        return key[first] // len(self.layer.cells), key[first] % len(self.layer.cells), distance[first]


class LayerStack:
    """Look-up of the same points in many layers at once.

    For few points an array operation costs the same however long the arrays are: so all layers share theirs.
    """

    def __init__(self, indexes: Sequence[LayerIndex]) -> None:
        self._rasters = [index.raster for index in indexes]
        self._shapes = np.concatenate([index.shapes for index in indexes]) if indexes else np.array([], object)
        counts = [len(index.shapes) for index in indexes]
        self._first = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        planes, rasters = [index.layer.plane for index in indexes], self._rasters
        self._lon, self._lat = _column(plane.lon for plane in planes), _column(plane.lat for plane in planes)
        self._per_lon = _column(plane.metres_per_lon for plane in planes)
        self._west, self._south = _column(one.west for one in rasters), _column(one.south for one in rasters)
        self._side = _column(one.side for one in rasters)
        self._columns, self._rows = _column(one.columns for one in rasters), _column(one.rows for one in rasters)

    def find(self, lons: ArrayLike, lats: ArrayLike) -> Ints:
        """A row for each layer, each what :meth:`LayerIndex.find` of that layer gives."""
        x, y = _columns(lons, lats)
        squares = self._squares(_somewhere(x), _somewhere(y))
        own = np.empty(squares.shape, np.int64)
        for number, raster in enumerate(self._rasters):
            own[number] = raster.labels[squares[number]]
        layers, points = np.nonzero(own == UNSURE)
        if len(points):
            own[layers, points] = -1
            self._ask(own, layers, points, squares[layers, points], (x, y))
        return own

    def _squares(self, lons: Floats, lats: Floats) -> Ints:
        """The square of each point in the raster of each layer, those beyond it moved to its margin."""
        x = ((lons - self._lon) * self._per_lon - self._west) / self._side
        y = ((lats - self._lat) * METRES_PER_DEGREE - self._south) / self._side
        column = np.minimum(np.maximum(x, 0), self._columns - 1).astype(np.int64)
        row = np.minimum(np.maximum(y, 0), self._rows - 1).astype(np.int64)
        squares: Ints = row * self._columns.astype(np.int64) + column
        return squares

    def _ask(self, own: Ints, layers: Ints, points: Ints, squares: Ints, at: tuple[Floats, Floats]) -> None:
        """Ask the shapes themselves for points that no raster is sure of; ``layers`` come in order."""
        asked, cells = list[Ints](), list[Ints]()
        ends = np.searchsorted(layers, np.arange(len(self._rasters) + 1))
        for number, (first, last) in enumerate(pairwise(ends.tolist())):
            if first < last:
                row, cell = self._rasters[number].cells.between(squares[first:last], squares[first:last])
                asked.append(row + first)
                cells.append(cell + self._first[number])
        pair, cell = np.concatenate(asked), np.concatenate(cells)
        layer, point = layers[pair], points[pair]
        inside = shapely.intersects_xy(self._shapes[cell], at[0][point], at[1][point])
        layer, point, cell = layer[inside][::-1], point[inside][::-1], cell[inside][::-1]
        # Pairs come by layer, point and cell: written backwards, the first cell of each point stays.
        own[layer, point] = cell - self._first[layer]


def in_metres(shapes: Shapes, plane: LocalPlane) -> Shapes:
    """Shapes in the metres of a plane."""
    moved: Shapes = shapely.transform(shapes, lambda points: np.column_stack(plane.columns_to_metres(*points.T)))
    return moved


def _somewhere(degrees: Floats) -> Floats:
    """NaN as a place that no layer holds."""
    return np.where(np.isnan(degrees), 1e3, degrees)


def _column(values: Iterable[float]) -> Floats:
    return np.array([*values], np.float64).reshape(-1, 1)


def _columns(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(lons, np.float64), np.asarray(lats, np.float64)
    return np.atleast_1d(x), np.atleast_1d(y)
