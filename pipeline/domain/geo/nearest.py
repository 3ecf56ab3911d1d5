"""The nearest of many known points (components) of a kind, for columns of reports: a hash of uniform squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

import numpy as np
from numpy.typing import ArrayLike

from pipeline.domain.geo.projection import METRES_PER_DEGREE, Floats, Ints, distances_m
from pipeline.domain.geo.raster import ranges

SIDE_M = 50.0
LARGEST_RADIUS_M = 2_000.0
ANY_KIND = ""
_COLUMN_BITS, _ROW_BITS = 23, 22
_SLACK = 1.01  # the square hash uses one scale of longitude for a whole city


@dataclass(frozen=True, slots=True)
class Nearest:
    """Per report: the number of the nearest point (-1 none), its distance (infinite) and how many lie within reach."""

    number: Ints
    distance_m: Floats
    within: Ints


class PointIndex:
    """Immutable look-up over points in WGS-84, each of a kind. Ties go to the lower number."""

    def __init__(self, lons: ArrayLike, lats: ArrayLike, kinds: Sequence[str]) -> None:
        x, y = np.asarray(lons, np.float64), np.asarray(lats, np.float64)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            message = "lons, lats: every point of the register needs finite coordinates"
            raise ValueError(message)
        self._lons, self._lats = x, y
        self._kinds = {kind: number for number, kind in enumerate(sorted(set(kinds) - {ANY_KIND}), start=1)}
        self._origin = (float(x.min()), float(y.min())) if len(x) else (0.0, 0.0)
        middle = float((y.min() + y.max()) / 2) if len(y) else 0.0
        self._steps = METRES_PER_DEGREE * cos(radians(middle)) / SIDE_M, METRES_PER_DEGREE / SIDE_M
        number = np.arange(len(x), dtype=np.int64)
        kind = np.array([self._kinds.get(kind, 0) for kind in kinds], np.int64)
        column, row = self._square(x, y)
        known = kind > 0
        keys = np.concatenate([_key(np.zeros_like(kind), row, column), _key(kind, row, column)[known]])
        numbers = np.concatenate([number, number[known]])
        order = np.lexsort((numbers, keys))
        self._keys, self._numbers = keys[order], numbers[order]

    def nearest(self, lons: ArrayLike, lats: ArrayLike, kinds: Sequence[str], radius_m: ArrayLike) -> Nearest:
        """The nearest point of each report's kind (``""`` for any kind) within its radius, at most 2 km.

        A report with NaN coordinates or of a kind that no point has gets none.
        """
        x, y = np.asarray(lons, np.float64), np.asarray(lats, np.float64)
        radius = np.clip(np.broadcast_to(np.asarray(radius_m, np.float64), x.shape), 0.0, LARGEST_RADIUS_M)
        kind = np.array([self._kinds.get(name, -1) if name else 0 for name in kinds], np.int64)
        asked = np.flatnonzero((kind >= 0) & np.isfinite(x) & np.isfinite(y) & np.isfinite(radius))
        report, number = self._around(x[asked], y[asked], kind[asked], radius[asked])
        report = asked[report]
        distance = distances_m(x[report], y[report], self._lons[number], self._lats[number])
        close = distance <= radius[report]
        return _first(len(x), report[close], number[close], distance[close])

    def _square(self, lons: Floats, lats: Floats) -> tuple[Ints, Ints]:
        column = np.clip((lons - self._origin[0]) * self._steps[0], -1, (1 << _COLUMN_BITS) - 2)
        row = np.clip((lats - self._origin[1]) * self._steps[1], -1, (1 << _ROW_BITS) - 2)
        return np.floor(column).astype(np.int64) + 1, np.floor(row).astype(np.int64) + 1

    def _around(self, lons: Floats, lats: Floats, kind: Ints, radius: Floats) -> tuple[Ints, Ints]:
        """Pairs (report, point) with every point of the kind within the radius, and some farther ones."""
        up = radius * _SLACK / METRES_PER_DEGREE
        # The narrowest degree of longitude within the radius bounds how many squares lie across.
        aside = up / np.cos(np.radians(np.minimum(np.abs(lats) + up, 89.0)))
        low_column, low_row = self._square(lons - aside, lats - up)
        high_column, high_row = self._square(lons + aside, lats + up)
        report, row = ranges(low_row, high_row - low_row + 1)
        begin = np.searchsorted(self._keys, _key(kind[report], row, low_column[report]), "left")
        end = np.searchsorted(self._keys, _key(kind[report], row, high_column[report]), "right")
        line, place = ranges(begin, end - begin)
        return report[line], self._numbers[place]


def _key(kind: Ints, row: Ints, column: Ints) -> Ints:
    return kind << (_COLUMN_BITS + _ROW_BITS) | row << _COLUMN_BITS | column


def _first(count: int, report: Ints, number: Ints, distance: Floats) -> Nearest:
    order = np.lexsort((number, distance, report))[::-1]
    found, distances = np.full(count, -1, np.int64), np.full(count, np.inf)
    # Written from the farthest to the nearest, so that the nearest stays.
    found[report[order]] = number[order]
    distances[report[order]] = distance[order]
    return Nearest(found, distances, np.bincount(report, minlength=count))
