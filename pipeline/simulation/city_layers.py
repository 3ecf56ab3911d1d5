"""Layers of the simulated city as GeoJSON: all areas of the unit tree, the other grid systems and the noise zones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.simulation.city import CITY_CODE, City
from pipeline.simulation.clock import epoch
from pipeline.simulation.lattice import Cell, Point
from pipeline.simulation.switches import Switches

Row = dict[str, Any]
OtherGrids = dict[str, list[tuple[str, str, list[Cell]]]]
"""Code, name and cells of the grids of each other system."""

OTHER_SYSTEMS = (
    ("management", "responsibility", "管理责任网格", "R", (10, 9, 0, 0), ("grid-centre", "inspector")),
    ("police", "police", "警务网格", "J", (13, 11, 4, 5), ("police", "handler")),
    ("zongzhi", "zongzhi", "综治网格", "Z", (8, 8, 3, 2), ("political-legal", "grid-head")),
    ("party", "party", "党建网格", "D", (11, 7, 6, 4), ("street-office", "grid-head")),
)
"""Grid systems that do not coincide with communities: (system, role, name, letter, block, (department, post))."""


def other_grids(city: City, system: str) -> Iterator[tuple[str, str, list[Cell]]]:
    """Code, name and cells of the grids of another system, each within one district."""
    _, _, name, letter, block, _ = next(item for item in OTHER_SYSTEMS if item[0] == system)
    for number, (_, cells) in enumerate(city.blocks_of(*block), 1):
        district = city.community_of[cells[0]].street.district.code
        yield f"{letter}{district}{number:04d}", f"{name}{number}", cells


def above(city: City, system: str, cells: list[Cell]) -> str:
    """Parent of a grid: the district, or for 综治 and Party grids the street that has most of it (and not all)."""
    streets = [city.community_of[cell].street for cell in cells]
    if system in ("zongzhi", "party"):
        return max(sorted({street.code for street in streets}), key=[street.code for street in streets].count)
    return streets[0].district.code


def write_layers(
    folder: Path, city: City, switches: Switches, changed: date | None,
    other: OtherGrids,
) -> None:  # fmt: skip
    """GeoJSON of every layer; each file says of itself what it is and when it holds (milliseconds UTC)."""

    def layer(file: str, system: str, kind: str, features: Iterable[Row], **more: int | str) -> None:
        about = {"name": file, "system": system, "kind": kind, "version": "1", **more}
        _collection(folder / f"{file}.geojson", about, features)

    by_street: dict[str, list[Cell]] = {}
    by_district: dict[str, list[Cell]] = {}
    for community in city.communities:
        by_street.setdefault(community.street.code, []).extend(community.cells)
        by_district.setdefault(community.street.district.code, []).extend(community.cells)
    layer("district", "unit", "district", (
        _union(city, by_district[item.code], item.code, item.name, CITY_CODE) for item in city.districts))  # fmt: skip
    layer("street", "unit", "street", (
        _union(city, by_street[item.code], item.code, item.name, item.district.code,
               area_type="rural" if item.town else "urban") for item in city.streets))  # fmt: skip
    layer("community", "unit", "community", (
        _union(city, item.cells, item.code, item.name, item.street.code, households=item.households,
               area_type="village" if item.village else "rural" if item.street.town else "urban")
        for item in city.communities))  # fmt: skip
    again = city.redivided(switches.grid_redivision) if changed else frozenset()
    layer("unit", "unit", "unit", _unit_grids(city, frozenset()), **({"valid_to": epoch(changed)} if changed else {}))
    if changed:
        layer("unit-2", "unit", "unit", _unit_grids(city, again), valid_from=epoch(changed), version="2")
    layer("community_grid", "community", "community_grid", (
        _union(city, item.cells, item.code, f"{item.community.name}第{int(item.code[-2:])}网格", item.community.code,
               households=item.households, workers=1 if item.worker else 0,
               responsible=item.worker or f"H{item.community.code}")
        for item in city.responsibilities))  # fmt: skip
    for system, role, *_ in OTHER_SYSTEMS:
        layer(role, system, role, (
            _union(city, cells, code, name, above(city, system, cells), responsible=f"P{code}")
            for code, name, cells in other[system]))  # fmt: skip
    layer("noise_zone", "noise_zone", "noise_zone", _zones(city))


def _collection(path: Path, about: Row, features: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({"type": "FeatureCollection", **about}, ensure_ascii=False)[:-1] + ', "features":[')
        for number, feature in enumerate(features):
            stream.write(",\n" if number else "\n")
            stream.write(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
        stream.write("\n]}\n")


def _union(city: City, cells: Iterable[Cell], code: str, name: str, parent: str, **more: Any) -> Row:
    return _feature(city.lattice.outline(cells), code, name, parent, **more)


def _feature(rings: list[list[Point]], code: str, name: str, parent: str, **more: Any) -> Row:
    """A feature from rings: outer ones counter-clockwise, holes clockwise; holes belong to the ring they lie in."""
    outer = [ring for ring in rings if _turns_left(ring)]
    holes = [ring for ring in rings if not _turns_left(ring)]
    polygons = [[ring, *(hole for hole in holes if _within(hole[0], ring))] for ring in outer]
    geometry = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    properties = {"code": code, "name": name, "parent": parent, **more}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _turns_left(ring: list[Point]) -> bool:
    return sum((b[0] - a[0]) * (b[1] + a[1]) for a, b in pairwise(ring)) < 0


def _within(point: Point, ring: list[Point]) -> bool:
    x, y = point
    inside = False
    for a, b in pairwise(ring):
        if (a[1] > y) != (b[1] > y) and x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]:
            inside = not inside
    return inside


def _unit_grids(city: City, again: frozenset[str]) -> Iterator[Row]:
    for community in city.communities:
        kind = "village" if community.village else "rural" if community.street.town else "urban"
        if community.street.code in again:
            for code, ring in city.new_grids(community):
                yield _feature([ring], code, f"{community.name}{code[-3:]}", community.code, area_type=kind)
            continue
        for cell in community.cells:
            code = city.grid_codes[cell]
            yield _union(city, [cell], code, f"{community.name}{code[-3:]}", community.code, area_type=kind)


def _zones(city: City) -> Iterator[Row]:
    """Noise zones, one connected piece each; the code begins with the class."""
    left = dict.fromkeys(city.cells)
    number = 0
    while left:
        first = next(iter(left))
        del left[first]
        zone, piece, open_ = city.zone(first), [first], [first]
        while open_:
            i, j = open_.pop()
            for cell in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if cell in left and city.zone(cell) == zone:
                    del left[cell]
                    piece.append(cell)
                    open_.append(cell)
        number += 1
        yield _union(city, piece, f"{zone}-{number:04d}", f"{zone}类声环境功能区", "")
