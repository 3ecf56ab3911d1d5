"""A raster over a layer that sends a point to the few borders and cells that can matter to it.

Each square of the raster knows the border segments that touch it and the cells that meet it. A square that no border
touches lies wholly inside or outside each cell: its answer holds for every point in it and no geometry is asked.
The raster only chooses what is computed exactly afterwards: it never decides a point near a border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.domain.geo.layers import Shapes
from pipeline.domain.geo.projection import Floats, Ints

Numbers = NDArray[np.int32]
OUTSIDE = -1
UNSURE = -2
"""Label of a square that a border touches, or that lies in several cells."""
_SQUARES = 4_000_000
_SLACK_M = 1e-6


@dataclass(frozen=True, slots=True)
class Segments:
    """Border segments in metres, and the cell each belongs to."""

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    cell: Ints

    @classmethod
    def of(cls, shapes: Shapes) -> Segments:
        """The rings of all shapes, one segment for each side."""
        parts, shape = shapely.get_parts(shapes, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        owners = shape[part].astype(np.int64)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        joined = np.flatnonzero(ring[1:] == ring[:-1])
        start, way = points[joined], points[joined + 1] - points[joined]
        return cls(start[:, 0].copy(), start[:, 1].copy(), way[:, 0].copy(), way[:, 1].copy(), owners[ring[joined]])

    def distances(self, numbers: Ints, xs: Floats, ys: Floats) -> Floats:
        """Distance of each point to the segment of the same place in ``numbers``."""
        x, y = xs - self.x[numbers], ys - self.y[numbers]
        dx, dy = self.dx[numbers], self.dy[numbers]
        square = dx * dx + dy * dy
        along = np.clip((x * dx + y * dy) / np.where(square > 0.0, square, 1.0), 0.0, 1.0)
        lengths: Floats = np.hypot(x - along * dx, y - along * dy)
        return lengths


@dataclass(frozen=True, slots=True)
class Lists:
    """Several lists of numbers in one array; list ``k`` is ``items[starts[k]:starts[k + 1]]``."""

    starts: Ints
    items: Ints

    @classmethod
    def of(cls, keys: Ints, items: Ints, count: int) -> Lists:
        """Items by key, without doubles, ascending."""
        pairs = np.unique(keys * (int(items.max(initial=0)) + 1) + items) if len(keys) else keys
        width = int(items.max(initial=0)) + 1
        starts = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(pairs // width, minlength=count), out=starts[1:])
        return cls(starts, pairs % width)

    def between(self, first: Ints, last: Ints) -> tuple[Ints, Ints]:
        """All items of the lists ``first`` to ``last`` (inclusive) of each row, with the number of the row."""
        begin, end = self.starts[first], self.starts[last + 1]
        row, place = ranges(begin, end - begin)
        return row, self.items[place]


def ranges(begin: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Whole numbers from each ``begin``, so many as ``lengths`` says, with the number of the row they come from."""
    row = np.repeat(np.arange(len(begin), dtype=np.int64), lengths)
    shift = begin - (np.cumsum(lengths) - lengths)
    return row, np.arange(len(row), dtype=np.int64) + shift[row]


@dataclass(frozen=True, slots=True)
class Raster:
    """Squares of ``side`` metres in rows from the south-west corner, with a margin of one square around the layer."""

    west: float
    south: float
    side: float
    columns: int
    rows: int
    labels: Numbers
    segments: Lists
    cells: Lists

    @classmethod
    def over(cls, shapes: Shapes, segments: Segments, side_m: float) -> Raster:
        """The raster of shapes in metres; squares grow where a layer would need more than four million."""
        west, south, east, north = shapely.total_bounds(shapes).tolist()
        side = max(side_m, ((east - west) * (north - south) / _SQUARES) ** 0.5, (east - west + north - south) / 1e5)
        columns, rows = int((east - west) / side) + 3, int((north - south) / side) + 3
        west, south = west - side, south - side
        keys, items = _touched(segments, west, south, side, columns)
        by_square = Lists.of(keys, items, columns * rows)
        blank = np.diff(by_square.starts) == 0
        labels = _labels(shapes, blank.reshape(rows, columns), west, south, side)
        unsure = np.flatnonzero(labels == UNSURE)
        x, y = west + (unsure % columns + 0.5) * side, south + (unsure // columns + 0.5) * side
        asked, found = holding(shapes, x, y)
        # A cell meets a square when its border touches it or, without a border there, when it holds the middle.
        meeting = np.concatenate([keys, unsure[asked]]), np.concatenate([segments.cell[items], found])
        return cls(west, south, side, columns, rows, labels, by_square, Lists.of(*meeting, columns * rows))

    def squares(self, xs: Floats, ys: Floats) -> tuple[Ints, Ints]:
        """Column and row of each point, those beyond the raster moved to its margin."""
        column = np.clip((xs - self.west) / self.side, 0, self.columns - 1).astype(np.int64)
        row = np.clip((ys - self.south) / self.side, 0, self.rows - 1).astype(np.int64)
        return column, row

    def segments_near(self, xs: Floats, ys: Floats, reach: Floats) -> tuple[Ints, Ints]:
        """Pairs (point, segment) with every segment within ``reach`` of its point; some farther ones, some twice."""
        low_x, low_y = self.squares(xs - reach - _SLACK_M, ys - reach - _SLACK_M)
        high_x, high_y = self.squares(xs + reach + _SLACK_M, ys + reach + _SLACK_M)
        point, row = ranges(low_y, high_y - low_y + 1)
        base = row * self.columns
        line, segment = self.segments.between(base + low_x[point], base + high_x[point])
        return point[line], segment


def _touched(segments: Segments, west: float, south: float, side: float, columns: int) -> tuple[Ints, Ints]:
    """Pairs (square, segment) for every square a segment touches; long ones are taken in pieces of one side."""
    pieces = (np.hypot(segments.dx, segments.dy) / side).astype(np.int64) + 1
    segment, piece = ranges(np.zeros(len(pieces), np.int64), pieces)
    ends = []
    for step in (piece, piece + 1):
        share = step / pieces[segment]
        x, y = segments.x[segment], segments.y[segment]
        ends.append((x + share * segments.dx[segment], y + share * segments.dy[segment]))
    (x0, y0), (x1, y1) = ends
    low_x, high_x = _span(x0, x1, west, side)
    low_y, high_y = _span(y0, y1, south, side)
    wide = high_x - low_x + 1
    of_piece, place = ranges(np.zeros(len(wide), np.int64), wide * (high_y - low_y + 1))
    squares = (low_y[of_piece] + place // wide[of_piece]) * columns + low_x[of_piece] + place % wide[of_piece]
    return squares, segment[of_piece]


def _span(a: Floats, b: Floats, origin: float, side: float) -> tuple[Ints, Ints]:
    low = (np.minimum(a, b) - origin - _SLACK_M) / side
    high = (np.maximum(a, b) - origin + _SLACK_M) / side
    return low.astype(np.int64), high.astype(np.int64)


def _labels(shapes: Shapes, blank: NDArray[np.bool_], west: float, south: float, side: float) -> Numbers:
    """The cell of each blank square. Neighbours in a row without a border between have one answer: one is asked."""
    labels = np.full(blank.shape, UNSURE, np.int32)
    first = blank.copy()
    first[:, 1:] &= ~blank[:, :-1]
    row, column = np.nonzero(first)
    x: Floats = west + (column.astype(np.float64) + 0.5) * side
    y: Floats = south + (row.astype(np.float64) + 0.5) * side
    asked, found = holding(shapes, x, y)
    answers = np.full(len(row), OUTSIDE, np.int32)
    answers[asked] = found
    answers[np.bincount(asked, minlength=len(row)) > 1] = UNSURE
    run = np.cumsum(first.reshape(-1)) - 1
    flat = labels.reshape(-1)
    inside = blank.reshape(-1)
    flat[inside] = answers[run[inside]]
    return flat


def holding(shapes: Shapes, xs: Floats, ys: Floats) -> tuple[Ints, Ints]:
    """Pairs (point, shape) of points in or on shapes, by point; quick when the shapes are prepared."""
    asked, found = shapely.STRtree(shapes).query(shapely.points(xs, ys))
    inside = shapely.intersects_xy(shapes[found], xs[asked], ys[asked])
    return asked[inside], found[inside]
