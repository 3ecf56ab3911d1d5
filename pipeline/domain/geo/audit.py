"""Faults of a layer's geometry and sizes: gaps, overlaps, cells in several parts, cells too large or too small.

The rules are arguments: 300 to 500 households for a community grid, about 10,000 square metres for a unit grid, and
what a city sets for its own kinds. Findings are for the people who mend the map: a layer with findings is usable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely

from pipeline.domain.geo.layers import Cell, Layer, Shape
from pipeline.domain.geo.overlay import TRACE_M2


class FindingKind(StrEnum):
    """What is wrong."""

    GAP = "gap"
    OVERLAP = "overlap"
    OUTSIDE = "outside"
    PARTS = "parts"
    OVERSIZE = "oversize"
    UNDERSIZE = "undersize"
    MANY_HOUSEHOLDS = "many_households"
    FEW_HOUSEHOLDS = "few_households"
    UNKNOWN_HOUSEHOLDS = "unknown_households"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the cells it is about (those around it for a gap), its measure and a point to look at.

    ``measure`` is square metres, a number of parts or a number of households, as the kind says.
    """

    kind: FindingKind
    codes: tuple[str, ...]
    measure: float
    lon: float
    lat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Bounds, themselves allowed, for cells of a kind and an area type (``*`` for all); None is no bound."""

    kind: str
    area_type: str = "*"
    min_m2: float | None = None
    max_m2: float | None = None
    min_households: int | None = None
    max_households: int | None = None


def audit_layer(
    layer: Layer, rules: Sequence[SizeRule] = (), within: Layer | None = None, trace_m2: float = TRACE_M2
) -> tuple[Finding, ...]:
    """All findings. Areas up to ``trace_m2`` are not told.

    Gaps are what ``within`` (the areas that the layer ought to fill) has and the layer has not; without it, the holes
    between cells.
    """
    if not layer.cells:
        return ()
    cover = shapely.union_all(layer.shapes)
    return (
        *_gaps(layer, cover, within, trace_m2), *_overlaps(layer, trace_m2), *_outside(layer, cover, within, trace_m2),
        *_parts(layer, trace_m2), *_sizes(layer, rules),
    )  # fmt: skip


def workload_gini(counts: Sequence[float]) -> float:
    """Gini coefficient of workload over grids: 0 where all have the same, near 1 where one has all; 0 without work.

    ValueError for a negative count.
    """
    ordered = np.sort(np.asarray(counts, np.float64))
    if len(ordered) and not ordered[0] >= 0.0:
        message = f"counts has {ordered[0]!r}: give work of 0 or more for each grid"
        raise ValueError(message)
    total = float(ordered.sum())
    if total == 0.0:
        return 0.0
    ranks = np.arange(1, len(ordered) + 1)
    return float(2.0 * (ranks * ordered).sum() / (len(ordered) * total) - (len(ordered) + 1) / len(ordered))


def _finding(kind: FindingKind, codes: tuple[str, ...], measure: float, shape: Shape) -> Finding:
    point = shapely.point_on_surface(shape)
    return Finding(kind, codes, measure, float(point.x), float(point.y))


def _gaps(layer: Layer, cover: Shape, within: Layer | None, trace_m2: float) -> Iterator[Finding]:
    whole = shapely.union_all(within.shapes) if within else _filled(cover)
    yield from _rests(FindingKind.GAP, layer, shapely.difference(whole, cover), 1e-7, trace_m2)


def _outside(layer: Layer, cover: Shape, within: Layer | None, trace_m2: float) -> Iterator[Finding]:
    if within is not None:
        rest = shapely.difference(cover, shapely.union_all(within.shapes))
        yield from _rests(FindingKind.OUTSIDE, layer, rest, -1e-7, trace_m2)


def _rests(kind: FindingKind, layer: Layer, rest: Shape, reach: float, trace_m2: float) -> Iterator[Finding]:
    """A finding for each part of a rest, with the cells that it meets when widened by ``reach`` degrees (1 cm)."""
    tree = shapely.STRtree(layer.shapes)
    for part in shapely.get_parts(rest):
        area = part.area * layer.plane.area_scale
        if part.geom_type == "Polygon" and area > trace_m2:
            met = tree.query(shapely.buffer(part, reach), predicate="intersects")
            yield _finding(kind, tuple(sorted(layer.codes[k] for k in met)), area, part)


def _filled(cover: Shape) -> Shape:
    return shapely.union_all(shapely.polygons(shapely.get_exterior_ring(shapely.get_parts(cover))))


def _overlaps(layer: Layer, trace_m2: float) -> Iterator[Finding]:
    a, b = shapely.STRtree(layer.shapes).query(layer.shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    common = shapely.intersection(layer.shapes[a], layer.shapes[b])
    areas = shapely.area(common) * layer.plane.area_scale
    for k in np.flatnonzero(areas > trace_m2):
        yield _finding(FindingKind.OVERLAP, (layer.codes[a[k]], layer.codes[b[k]]), float(areas[k]), common[k])


def _parts(layer: Layer, trace_m2: float) -> Iterator[Finding]:
    """Cells of several parts that do not share a side (parts that touch in a point count as apart)."""
    for cell in layer.cells:
        parts = shapely.get_parts(cell.shape)
        real = int((shapely.area(parts) * layer.plane.area_scale > trace_m2).sum())
        if real > 1:
            yield _finding(FindingKind.PARTS, (cell.code,), real, cell.shape)


def _sizes(layer: Layer, rules: Sequence[SizeRule]) -> Iterator[Finding]:
    for cell, area in zip(layer.cells, layer.areas_m2.tolist(), strict=True):
        for rule in rules:
            if rule.kind == layer.kind and rule.area_type in ("*", cell.area_type):
                for kind, measure in _breaches(cell, area, rule):
                    yield _finding(kind, (cell.code,), measure, cell.shape)


def _breaches(cell: Cell, area: float, rule: SizeRule) -> Iterator[tuple[FindingKind, float]]:
    if rule.max_m2 is not None and area > rule.max_m2:
        yield FindingKind.OVERSIZE, area
    if rule.min_m2 is not None and area < rule.min_m2:
        yield FindingKind.UNDERSIZE, area
    if cell.households is None:
        if rule.min_households is not None or rule.max_households is not None:
            yield FindingKind.UNKNOWN_HOUSEHOLDS, 0.0
        return
    if rule.max_households is not None and cell.households > rule.max_households:
        yield FindingKind.MANY_HOUSEHOLDS, cell.households
    if rule.min_households is not None and cell.households < rule.min_households:
        yield FindingKind.FEW_HOUSEHOLDS, cell.households
