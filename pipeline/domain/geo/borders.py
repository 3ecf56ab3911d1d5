"""What lies beside a point: its cell, the other cells its true place may lie in, and the flags that follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.probability import shares
from pipeline.domain.geo.projection import Floats, Ints

Bits = NDArray[np.uint8]
Pairs = tuple[Ints, Ints]
_TOUCHING_M = 0.001  # cells that overlap by less are neighbours drawn twice


class BorderFlag(IntFlag):
    """What a layer says of a point beside its cell; several may hold at once."""

    BORDER = 1
    """A border of the layer lies within reach."""
    OVERLAP = 2
    """Two or more cells hold the point, each by more than a millimetre."""
    GAP = 4
    """No cell holds the point."""
    LAYER_CONFLICT = 8
    """Two layers that ought to agree name different areas: see :func:`layer_conflicts`."""

    @classmethod
    def names_of(cls, bits: int) -> tuple[str, ...]:
        """The names of the flags set in ``bits``."""
        return _NAMES[bits]


_NAMES = tuple(tuple(str(flag.name) for flag in BorderFlag if flag & bits) for bits in range(16))


@dataclass(frozen=True, slots=True)
class BorderScan:
    """Per point: ``own`` cell (-1 none), ``border_m`` and ``flags``; and its candidates in one array for all.

    ``border_m`` is the distance to the border of the own cell, or of the nearest cell where none is the point's own;
    infinite where that is beyond reach. The candidates of point ``i`` are ``cells[starts[i]:starts[i + 1]]``, with
    ``distances_m`` (signed, negative inside; minus the reach where a cell holds the point farther inside than that)
    and ``probabilities``: the own cell first, then by distance. A point that nothing is near has no candidates.
    """

    own: Ints
    border_m: Floats
    flags: Bits
    starts: Ints
    cells: Ints
    distances_m: Floats
    probabilities: Floats

    def candidates(self, point: int) -> list[tuple[int, float, float]]:
        """(cell, signed distance, probability) for one point."""
        part = slice(int(self.starts[point]), int(self.starts[point + 1]))
        columns = self.cells[part].tolist(), self.distances_m[part].tolist(), self.probabilities[part].tolist()
        return list(zip(*columns, strict=True))


def scanned(
    cells: int, own: Ints, held: Pairs, near: Pairs, near_m: Floats, reach: Floats, error_m: Floats
) -> BorderScan:
    """The scan of points of a layer with so many ``cells``, from the pairs (point, cell) that hold and that are near.

    Both kinds of pairs come in order of point and cell; ``near_m`` is the distance to the border of a near cell.
    """
    held_keys, near_keys = held[0] * cells + held[1], near[0] * cells + near[1]
    crowded = np.bincount(held[0], minlength=len(own))[held[0]] > 1
    listed = crowded | _has(np.unique(near[0]), held[0])
    keys = np.union1d(near_keys, held_keys[listed])
    point, cell = keys // cells, keys % cells
    signed = reach[point].copy()
    signed[np.searchsorted(keys, near_keys)] = near_m
    signed[_has(held_keys, keys)] *= -1.0
    order = np.lexsort((cell, signed, cell != own[point], point))
    point, cell, signed = point[order], cell[order], signed[order]
    starts = np.zeros(len(own) + 1, np.int64)
    np.cumsum(np.bincount(point, minlength=len(own)), out=starts[1:])
    return BorderScan(
        own, _border_m(own, near, near_m), _flags(own, near[0], point, signed),
        starts, cell, signed, shares(signed, starts, error_m),
    )  # fmt: skip


def _has(keys: Ints, wanted: Ints) -> NDArray[np.bool_]:
    """Whether each wanted number is among ``keys``, which are in order."""
    if not len(keys):
        return np.zeros(len(wanted), np.bool_)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: NDArray[np.bool_] = keys[place] == wanted
    return found


def _border_m(own: Ints, near: Pairs, near_m: Floats) -> Floats:
    border = np.full(len(own), np.inf)
    mine = own[near[0]] == near[1]
    border[near[0][mine]] = near_m[mine]
    stray = own[near[0]] < 0
    np.minimum.at(border, near[0][stray], near_m[stray])
    return border


def _flags(own: Ints, near_points: Ints, point: Ints, signed: Floats) -> Bits:
    flags = np.where(own < 0, int(BorderFlag.GAP), 0).astype(np.uint8)
    flags[near_points] |= np.uint8(BorderFlag.BORDER)
    inside = np.bincount(point[signed < -_TOUCHING_M], minlength=len(own))
    flags[inside > 1] |= np.uint8(BorderFlag.OVERLAP)
    return flags


def layer_conflicts(a: Layer, b: Layer, own_a: Ints, own_b: Ints, agreed: dict[str, str]) -> NDArray[np.bool_]:
    """Whether the cells of each point in two layers contradict each other.

    ``agreed`` tells for a code of ``a`` which code of ``b`` it ought to lie in (:func:`audit.main_cells`, or a table of
    parents). A point without a cell in either layer, or whose cell has no agreed partner, is no conflict: it is a gap.
    """
    expected = np.array([b.number_of.get(agreed.get(code, ""), -1) for code in a.codes] + [-1], np.int64)[own_a]
    conflict: NDArray[np.bool_] = (expected >= 0) & (own_b >= 0) & (expected != own_b)
    return conflict
