"""Ground plan of the simulated district: a distorted lattice of cells of about 100 m.

Every area, from the unit grid to the district, is a union of whole cells and takes its outline from the lattice's own
corners. Neighbours therefore share their border corner by corner: no gap and no overlap at any level, by construction.
Lengths are metres, places degrees WGS-84.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import cos, pi, radians, sin

from pipeline.simulation.dice import chance

Cell = tuple[int, int]
Point = tuple[float, float]
"""Longitude, latitude."""

CELL_M = 100.0
"""Side of a unit grid; the texts state about 10,000 m2."""
LAT_M = 110_900.0
ORIGIN = (121.40, 31.20)
LON_M = 111_320.0 * cos(radians(ORIGIN[1]))


@dataclass(frozen=True)
class Lattice:
    """Corners of the cells: a regular lattice, bent by slow waves and shaken a little at each corner."""

    seed: int

    @cached_property
    def _corners(self) -> dict[Cell, Point]:
        return {}

    @cached_property
    def _phases(self) -> tuple[float, float, float, float]:
        a, b, c, d = (2 * pi * chance(self.seed, "wave", n) for n in range(4))
        return a, b, c, d

    def corner(self, i: int, j: int) -> Point:
        """Place of corner (i east, j north), rounded to seven decimals (about 1 cm)."""
        found = self._corners.get((i, j))
        if found is None:
            found = self._corners[i, j] = self._bend(i, j)
        return found

    def _bend(self, i: int, j: int) -> Point:
        a, b, c, d = self._phases
        east = 70 * sin(2 * pi * j / 23 + a) + 25 * sin(2 * pi * (i + j) / 11 + b)
        north = 60 * sin(2 * pi * i / 19 + c) + 25 * sin(2 * pi * (i - j) / 13 + d)
        east += 14 * (chance(self.seed, "east", i, j) - 0.5)
        north += 14 * (chance(self.seed, "north", i, j) - 0.5)
        return (
            round(ORIGIN[0] + (i * CELL_M + east) / LON_M, 7),
            round(ORIGIN[1] + (j * CELL_M + north) / LAT_M, 7),
        )

    def at(self, cell: Cell, u: float, v: float) -> Point:
        """The place inside a cell at u (0 west .. 1 east) and v (0 south .. 1 north)."""
        i, j = cell
        (ax, ay), (bx, by) = self.corner(i, j), self.corner(i + 1, j)
        (cx, cy), (dx, dy) = self.corner(i, j + 1), self.corner(i + 1, j + 1)
        return (
            (1 - v) * ((1 - u) * ax + u * bx) + v * ((1 - u) * cx + u * dx),
            (1 - v) * ((1 - u) * ay + u * by) + v * ((1 - u) * cy + u * dy),
        )

    def locate(self, point: Point) -> tuple[Cell, float, float]:
        """The cell a place lies in, with u and v: the inverse of :meth:`at`, by Newton's steps."""
        cell = (int((point[0] - ORIGIN[0]) * LON_M / CELL_M), int((point[1] - ORIGIN[1]) * LAT_M / CELL_M))
        u = v = 0.5
        for _ in range(40):
            here, east, north = self.at(cell, u, v), self.at(cell, u + 1e-3, v), self.at(cell, u, v + 1e-3)
            ax, ay, bx, by = (east[0] - here[0], east[1] - here[1], north[0] - here[0], north[1] - here[1])
            dx, dy, det = point[0] - here[0], point[1] - here[1], ax * by - ay * bx
            u, v = u + (dx * by - dy * bx) / det * 1e-3, v + (dy * ax - dx * ay) / det * 1e-3
            step = (int(u // 1), int(v // 1))
            if step == (0, 0) and abs(dx) + abs(dy) < 1e-9:
                break
            cell = (cell[0] + max(-2, min(2, step[0])), cell[1] + max(-2, min(2, step[1])))
            u, v = (u % 1, v % 1) if step != (0, 0) else (u, v)
        return cell, u, v

    def outline(self, cells: Iterable[Cell]) -> list[list[Point]]:
        """Rings of the union of cells, the outer one first, closed, the outer counter-clockwise."""
        rings = [[self.corner(*corner) for corner in ring] for ring in trace(cells)]
        return sorted(rings, key=lambda ring: -abs(_area(ring)))


def trace(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Border of a union of cells as closed rings of lattice corners, cells to the left."""
    follow: dict[Cell, list[Cell]] = {}
    inside = set(cells)
    for i, j in sorted(inside):
        if (i, j - 1) not in inside:
            follow.setdefault((i, j), []).append((i + 1, j))
        if (i + 1, j) not in inside:
            follow.setdefault((i + 1, j), []).append((i + 1, j + 1))
        if (i, j + 1) not in inside:
            follow.setdefault((i + 1, j + 1), []).append((i, j + 1))
        if (i - 1, j) not in inside:
            follow.setdefault((i, j + 1), []).append((i, j))
    rings: list[list[Cell]] = []
    while follow:
        start = here = next(iter(follow))
        ring, came = [start], (0, 0)
        while True:
            step = _leftmost(follow[here], here, came)
            follow[here].remove(step)
            if not follow[here]:
                del follow[here]
            came, here = (step[0] - here[0], step[1] - here[1]), step
            ring.append(here)
            if here == start:
                break
        rings.extend(_simple(ring))
    return rings


def _simple(ring: list[Cell]) -> Iterator[list[Cell]]:
    """A closed ring cut at corners it passes twice: a hole that touches the border becomes a ring of its own."""
    path: list[Cell] = []
    passed: set[Cell] = set()
    for corner in ring[:-1]:
        if corner in passed:
            at = path.index(corner)
            yield [*path[at:], corner]
            passed.difference_update(path[at:])
            del path[at:]
        path.append(corner)
        passed.add(corner)
    yield [*path, path[0]]


def _leftmost(choices: list[Cell], here: Cell, came: Cell) -> Cell:
    """Where two cells touch at a corner, turn left, so that rings do not cross themselves."""
    if len(choices) == 1:
        return choices[0]
    left = (here[0] - came[1], here[1] + came[0])
    return left if left in choices else choices[0]


def _area(ring: list[Point]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def area_m2(ring: list[Point]) -> float:
    """Area of a ring in square metres (flat, good to a few parts in ten thousand at this size)."""
    x0, y0 = ring[0]
    return abs(_area([((x - x0) * LON_M, (y - y0) * LAT_M) for x, y in ring]))


def shifted(point: Point, east_m: float, north_m: float) -> Point:
    """A place moved by metres."""
    return (point[0] + east_m / LON_M, point[1] + north_m / LAT_M)


def distance_m(a: Point, b: Point) -> float:
    """Flat distance in metres."""
    return float((((a[0] - b[0]) * LON_M) ** 2 + ((a[1] - b[1]) * LAT_M) ** 2) ** 0.5)
