"""The gazetteer of the simulated city: the crossings, roads and estates that its people name, with their points.

It knows what the surveyors of a city know: where a place is and how far it reaches. A caller names the place his
problem is in or nearest to, so the reach of a name is its error. Where anything happened stands nowhere here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import hypot, sqrt
from typing import Any

from pipeline.simulation.city import City
from pipeline.simulation.dice import chance
from pipeline.simulation.grammar import home
from pipeline.simulation.lattice import CELL_M, LAT_M, LON_M, Cell, Point

BLOCK = 3
"""Cells between two roads that run the same way."""
Row = dict[str, Any]
Cells = dict[tuple[str, ...], list[Cell]]
"""The cells that a name reaches, by name (and community)."""


def gazetteer(city: City, missing: float) -> Iterator[Row]:
    """The rows of ``gazetteer.csv``. ``missing`` is the share of places that the table lacks."""
    for (along, across), cells in _crossings(city).items():
        names = (f"{along}{across}路口", f"{across}{along}路口")
        if chance(city.seed, "no place", "crossing", *names) >= missing:
            yield _row(city, names, "crossing", cells, (along, across))
    for kind, named in (("road", _roads(city)), ("estate", _estates(city))):
        for (name, community), cells in named.items():
            if chance(city.seed, "no place", kind, name, community) >= missing:
                yield _row(city, (name,), kind, cells)


def _crossings(city: City) -> Cells:
    """The cells around each crossing by its two roads: half way to the next crossing. Of two of one name, the first."""
    blocks: dict[Cell, list[Cell]] = {}
    for cell in city.cells:
        blocks.setdefault((cell[0] // BLOCK, cell[1] // BLOCK), []).append(cell)
    found: Cells = {}
    for cells in blocks.values():
        along, across = city.roads(cells[0])
        if along != across and (across, along) not in found:
            found.setdefault((along, across), cells)
    return found


def _roads(city: City) -> Cells:
    """The section of each road in each community."""
    found: Cells = {}
    for community in city.communities:
        for cell in community.cells:
            for road in dict.fromkeys(city.roads(cell)):
                found.setdefault((road, community.code), []).append(cell)
    return found


def _estates(city: City) -> Cells:
    found: Cells = {}
    for community in city.communities:
        for cell in community.cells:
            found.setdefault((home(community, cell), community.code), []).append(cell)
    return found


def _row(city: City, names: tuple[str, ...], kind: str, cells: list[Cell], roads: Iterable[str] = ()) -> Row:
    point, error = _reach(city, cells)
    return {
        "name": names[0],
        "aliases": "|".join(names[1:]),
        "kind": kind,
        "lon": round(point[0], 6),
        "lat": round(point[1], 6),
        "datum": "WGS-84",
        "error_m": round(error),
        "areas": "|".join(dict.fromkeys(city.community_of[cell].code for cell in cells)),
        "roads": "|".join(roads),
        "source": "simulated city",
        "confidence": "example",
    }


def _reach(city: City, cells: list[Cell]) -> tuple[Point, float]:
    """The middle of cells, and 1 sigma on each axis of what lies anywhere in them, in metres."""
    points = [city.lattice.at(cell, 0.5, 0.5) for cell in cells]
    lon, lat = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    squares = [hypot((x - lon) * LON_M, (y - lat) * LAT_M) ** 2 for x, y in points]
    return (lon, lat), sqrt(sum(squares) / len(squares) / 2 + CELL_M**2 / 12)
