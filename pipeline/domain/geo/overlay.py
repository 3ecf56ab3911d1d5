"""Two layers laid over each other: the shared area of every pair of cells, and what follows for two grid systems."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import shapely

from pipeline.domain.geo.layers import Layer

TRACE_M2 = 1.0
"""Shared areas below this are lines drawn twice."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A pair of cells that share area, and which part of each it is."""

    code_a: str
    code_b: str
    area_m2: float
    share_a: float
    share_b: float


def overlay(a: Layer, b: Layer, trace_m2: float = TRACE_M2) -> tuple[Shared, ...]:
    """All pairs that share more than ``trace_m2``, in the order of ``a`` and then of ``b``."""
    if not a.cells or not b.cells:
        return ()
    first, second = shapely.STRtree(b.shapes).query(a.shapes, predicate="intersects")
    areas = shapely.area(shapely.intersection(a.shapes[first], b.shapes[second])) * a.plane.area_scale
    first, second, areas = (column[areas > trace_m2] for column in (first, second, areas))
    order = np.lexsort((second, first))
    own_a = shapely.area(a.shapes) * a.plane.area_scale
    own_b = shapely.area(b.shapes) * a.plane.area_scale
    return tuple(
        Shared(
            a.codes[i], b.codes[j], area, min(1.0, area / float(own_a[i])), min(1.0, area / float(own_b[j]))
        )
        for i, j, area in zip(first[order].tolist(), second[order].tolist(), areas[order].tolist(), strict=True)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CrossWalk:
    """How two grid systems lie on each other.

    ``disagreement_a`` is the share of the common area that lies outside the main cell of ``b`` of its cell of ``a``;
    ``disagreement_b`` the same from the other side. Both are 0 where the borders coincide; one of them is where each
    cell of one system lies in one cell of the other. ``only_a`` and ``only_b`` are the shares of each system's area
    that the other does not cover.
    """

    rows: tuple[Shared, ...]
    disagreement_a: float
    disagreement_b: float
    only_a: float
    only_b: float


def cross_walk(a: Layer, b: Layer) -> CrossWalk:
    """The cross-walk table of two systems; overlaps inside one system count as often as they occur."""
    rows = overlay(a, b)
    common = sum(row.area_m2 for row in rows)
    main_a, main_b = _main_areas(rows, of_a=True), _main_areas(rows, of_a=False)
    return CrossWalk(
        rows,
        disagreement_a=1.0 - main_a / common if common else 0.0,
        disagreement_b=1.0 - main_b / common if common else 0.0,
        only_a=_uncovered(common, float(a.areas_m2.sum())),
        only_b=_uncovered(common, float(b.areas_m2.sum())),
    )


def main_cells(rows: tuple[Shared, ...]) -> dict[str, str]:
    """For each code of ``a`` the code of ``b`` that has most of it (the smaller code where two have the same)."""
    best: dict[str, Shared] = {}
    for row in rows:
        held = best.get(row.code_a)
        if held is None or (-row.area_m2, row.code_b) < (-held.area_m2, held.code_b):
            best[row.code_a] = row
    return {code: row.code_b for code, row in best.items()}


def _main_areas(rows: tuple[Shared, ...], *, of_a: bool) -> float:
    largest: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        code = row.code_a if of_a else row.code_b
        largest[code] = max(largest[code], row.area_m2)
    return sum(largest.values())


def _uncovered(common: float, whole: float) -> float:
    return max(0.0, 1.0 - common / whole) if whole else 0.0
