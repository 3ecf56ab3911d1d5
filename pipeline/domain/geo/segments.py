"""Border segments of a layer: each pair of cells with a common line, how long it is, and which places lie along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike

from pipeline.domain.geo.index import LayerIndex, in_metres
from pipeline.domain.geo.layers import Layer

SHORTEST_M = 1.0
"""Cells that share less only touch in a corner, or were drawn twice."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The common line of two cells, their codes in order."""

    codes: tuple[str, str]
    length_m: float


def segments_of(layer: Layer) -> tuple[Segment, ...]:
    """All border segments, in order of the codes."""
    lines = shapely.boundary(in_metres(layer.shapes, layer.plane))
    first, second = shapely.STRtree(lines).query(lines, predicate="intersects")
    first, second = first[first < second], second[first < second]
    lengths = shapely.length(shapely.intersection(lines[first], lines[second]))
    found = [
        Segment((min(a, b), max(a, b)), float(length))
        for a, b, length in zip(
            [layer.codes[k] for k in first], [layer.codes[k] for k in second], lengths.tolist(), strict=True
        )
        if length >= SHORTEST_M
    ]
    return tuple(sorted(found, key=lambda one: one.codes))


def along(index: LayerIndex, lons: ArrayLike, lats: ArrayLike, strip_m: float) -> list[tuple[str, str] | None]:
    """For each point the border of its own and the nearest other cell, when that is within the strip; else ``None``."""
    scan, codes = index.borders(lons, lats, 0.0, strip_m), index.layer.codes
    found: list[tuple[str, str] | None] = []
    for number, own in enumerate(scan.own.tolist()):
        others = [(metres, cell) for cell, metres, _ in scan.candidates(number) if cell != own]
        near = min(others, default=(np.inf, -1))
        if own < 0 or near[1] < 0 or near[0] > strip_m:
            found.append(None)
        else:
            a, b = codes[own], codes[near[1]]
            found.append((min(a, b), max(a, b)))
    return found
