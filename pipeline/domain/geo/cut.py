"""Unit grids of about 100 m cut inside community polygons (万米单元网格), with their 15-digit codes.

One lattice is laid over the whole layer; lattice lines and community lines are noded together, so that the cells share
their sides exactly: closed, without gap or overlap, none across a community line (GB/T 30428.1-2013). A piece smaller
than a fraction of a full cell, or than a square metre, joins the piece of its community with which it shares the
longest side. The code is the community's 12 digits and a serial of three, from west to east and from north to south
inside the community.
"""

from __future__ import annotations

from collections import defaultdict
from math import ceil, floor

import numpy as np
import shapely

from pipeline.domain.geo.layers import Cell, Layer, LayerFaults, Shape, Shapes
from pipeline.domain.geo.projection import METRES_PER_DEGREE, Floats, Ints, LocalPlane
from pipeline.errors import Fault

SIDE_M = 100.0
MIN_FRACTION = 0.25
LAST_SERIAL = 999
_SNAP_DEGREES = 1e-9  # 0.1 mm: lines nearer than this are one
_TRACE_M2 = 1.0  # an island below the accuracy of any survey is no cell
_OVERLAP_M2 = 100.0


def cut_unit_grids(
    communities: Layer,
    *,
    side_m: float = SIDE_M,
    min_fraction: float = MIN_FRACTION,
    version: str = "",
    origin: tuple[float, float] | None = None,
) -> Layer:
    """The unit grids of all communities as a layer of the same system, validity and (unless given) version.

    A crossing of the lattice lies at ``origin`` (lon, lat), by default in the middle of the layer. Give one origin for
    the whole city and for ever: then a new community leaves the lattice of the others where it was.

    Raises :class:`LayerFaults` with all faults: codes that are not 12 digits, communities that overlap by more than
    100 square metres or that would hold more than 999 grids. ``households`` and ``workers`` stay unknown.
    """
    faults = [*_code_faults(communities), *_overlap_faults(communities)]
    if faults:
        raise LayerFaults(faults)
    plane = LocalPlane(*origin) if origin else communities.plane
    pieces, owners = _pieces(communities, plane, side_m)
    groups = _merged(pieces, owners, plane, max(min_fraction * side_m * side_m, _TRACE_M2))
    shapes, places, owned = _joined(pieces, owners, groups, plane, side_m)
    order = np.lexsort((places[:, 0], -places[:, 1], owned))
    counts = np.bincount(owned, minlength=len(communities.cells))
    crowded = _serial_faults(communities, counts)
    if crowded:
        raise LayerFaults(crowded)
    serial = np.arange(len(order)) - (np.cumsum(counts) - counts)[owned[order]] + 1
    cells = []
    for place, number in zip(order.tolist(), serial.tolist(), strict=True):
        community = communities.cells[owned[place]]
        code = f"{community.code}{number:03d}"
        cells.append(Cell(code=code, shape=shapes[place], parent=community.code, area_type=community.area_type))
    return Layer(
        name=f"{communities.name} unit grids", system=communities.system, kind="unit",
        version=version or communities.version, valid_from=communities.valid_from, valid_to=communities.valid_to,
        cells=tuple(cells),
    )  # fmt: skip


def _code_faults(communities: Layer) -> list[Fault]:
    return [
        Fault(communities.name, "code", code, "a community code has 12 digits (6 division, 3 street, 3 community)")
        for code in communities.codes
        if not (len(code) == 12 and code.isascii() and code.isdigit())
    ]


def _overlap_faults(communities: Layer) -> list[Fault]:
    shapes, scale = communities.shapes, communities.plane.area_scale
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    areas = shapely.area(shapely.intersection(shapes[a], shapes[b])) * scale
    codes = communities.codes
    return [
        Fault(communities.name, f"{codes[a[k]]} and {codes[b[k]]}", f"{areas[k]:.0f} m2", "communities may not overlap")
        for k in np.flatnonzero(areas > _OVERLAP_M2)
    ]


def _serial_faults(communities: Layer, counts: Ints) -> list[Fault]:
    return [
        Fault(communities.name, communities.codes[k], f"{counts[k]} grids",
              f"the serial has three digits ({LAST_SERIAL} at most): divide the community or cut larger grids")
        for k in np.flatnonzero(counts > LAST_SERIAL)
    ]  # fmt: skip


def _lattice(communities: Layer, plane: LocalPlane, side_m: float) -> Shapes:
    """Lattice lines over the layer at whole multiples of the side from the origin of the plane."""
    west, south, east, north = communities.bounds
    (x0, y0), (x1, y1) = plane.to_metres(west, south), plane.to_metres(east, north)
    columns: Floats = np.arange(floor(x0 / side_m), ceil(x1 / side_m) + 1, dtype=np.float64) * side_m
    rows: Floats = np.arange(floor(y0 / side_m), ceil(y1 / side_m) + 1, dtype=np.float64) * side_m
    lons, _ = plane.columns_to_degrees(columns, columns)
    _, lats = plane.columns_to_degrees(rows, rows)
    low, high = np.full(len(lons), lats[0]), np.full(len(lons), lats[-1])
    left, right = np.full(len(lats), lons[0]), np.full(len(lats), lons[-1])
    upright = np.stack([np.column_stack([lons, low]), np.column_stack([lons, high])], axis=1)
    level = np.stack([np.column_stack([left, lats]), np.column_stack([right, lats])], axis=1)
    lines: Shapes = shapely.linestrings(np.concatenate([upright, level]))
    return lines


def _pieces(communities: Layer, plane: LocalPlane, side_m: float) -> tuple[Shapes, Ints]:
    """All faces of lattice and community lines that lie in a community, and its number (the lowest of several)."""
    lines = np.concatenate([shapely.boundary(communities.shapes), _lattice(communities, plane, side_m)])
    noded = shapely.union_all(lines, grid_size=_SNAP_DEGREES)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    middle = shapely.point_on_surface(faces)
    shapes = communities.shapes.copy()
    shapely.prepare(shapes)
    face, owner = shapely.STRtree(shapes).query(middle)
    inside = shapely.intersects_xy(shapes[owner], shapely.get_x(middle[face]), shapely.get_y(middle[face]))
    kept, first = np.unique(face[inside], return_index=True)
    return faces[kept], owner[inside][first]


def _merged(pieces: Shapes, owners: Ints, plane: LocalPlane, least_m2: float) -> Ints:
    """The group of each piece: slivers join the neighbour of their community with the longest shared side."""
    areas = (shapely.area(pieces) * plane.area_scale).tolist()
    shared = _shared_sides(pieces, owners, plane)
    parent = list(range(len(pieces)))
    for piece in sorted((k for k in range(len(pieces)) if areas[k] < least_m2), key=lambda k: (areas[k], k)):
        if parent[piece] != piece or areas[piece] >= least_m2 or not shared[piece]:
            continue
        into = max(shared[piece], key=lambda other: (shared[piece][other], -other))
        parent[piece] = into
        areas[into] += areas[piece]
        for other, length in shared.pop(piece).items():
            del shared[other][piece]
            if other != into:
                shared[other][into] = shared[into][other] = shared[into].get(other, 0.0) + length
    return np.array([_root(parent, piece) for piece in range(len(pieces))], np.int64)


def _root(parent: list[int], piece: int) -> int:
    while parent[piece] != piece:
        piece = parent[piece]
    return piece


def _shared_sides(pieces: Shapes, owners: Ints, plane: LocalPlane) -> defaultdict[int, dict[int, float]]:
    """Metres of side that pieces of one community share. Noded faces share whole segments, so equal ends find them."""
    points, piece = shapely.get_coordinates(pieces, return_index=True)
    # Rings follow one another; the step from one ring's end to the next begin matches no other face's segment twice.
    joined = np.flatnonzero(piece[1:] == piece[:-1])
    a, b = points[joined], points[joined + 1]
    swap = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    ends = np.where(swap[:, None], np.hstack([b, a]), np.hstack([a, b]))
    order = np.lexsort(ends.T[::-1])
    ends, piece = ends[order], piece[joined][order]
    twice = np.flatnonzero((ends[1:] == ends[:-1]).all(axis=1) & (piece[1:] != piece[:-1]))
    first, second = piece[twice], piece[twice + 1]
    lengths = np.hypot(
        (ends[twice, 2] - ends[twice, 0]) * plane.metres_per_lon,
        (ends[twice, 3] - ends[twice, 1]) * METRES_PER_DEGREE,
    )
    one = owners[first] == owners[second]
    shared: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for p, q, length in zip(first[one].tolist(), second[one].tolist(), lengths[one].tolist(), strict=True):
        shared[p][q] = shared[q][p] = shared[p].get(q, 0.0) + length
    return shared


def _joined(
    pieces: Shapes, owners: Ints, groups: Ints, plane: LocalPlane, side_m: float
) -> tuple[Shapes, Floats, Ints]:
    """One shape a group, with where its main piece lies (metres to the east, lattice row) and its community."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for piece, group in enumerate(groups.tolist()):
        members[group].append(piece)
    scale = plane.area_scale
    kept = [group for group, parts in members.items() if shapely.area(pieces[parts]).sum() * scale >= _TRACE_M2]
    shapes = np.empty(len(kept), np.object_)
    shapes[:] = [_union(pieces[members[group]]) for group in kept]
    middle = shapely.point_on_surface(pieces[kept])
    x, y = plane.columns_to_metres(shapely.get_x(middle), shapely.get_y(middle))
    return shapes, np.column_stack([x, np.floor(y / side_m)]), owners[kept]


def _union(parts: Shapes) -> Shape:
    return parts[0] if len(parts) == 1 else shapely.coverage_union_all(parts)
