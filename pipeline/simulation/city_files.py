"""The simulated city as an overlay of the reference set: areas, layers, components, devices, people and departments."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipeline.domain.reference.rows import GBT_47678_5
from pipeline.simulation import kinds
from pipeline.simulation.behaviour import Behaviour, behaviour_of
from pipeline.simulation.city import CITY_CODE, CITY_NAME, City
from pipeline.simulation.city_layers import OTHER_SYSTEMS, OtherGrids, above, other_grids, write_layers
from pipeline.simulation.city_places import gazetteer
from pipeline.simulation.lattice import Point, area_m2
from pipeline.simulation.sensors import devices
from pipeline.simulation.spoil import DEFAULT_POINT
from pipeline.simulation.switches import Switches

Row = dict[str, Any]
SOURCE = {"source": "simulated city", "confidence": "example"}


def write_city(folder: Path, city: City, switches: Switches, start: date, days: int) -> Behaviour:
    """Write the overlay. The same city gives the same bytes."""
    (folder / "layers").mkdir(parents=True, exist_ok=True)
    changed = start + timedelta(days=max(1, days // 2)) if switches.grid_redivision and days > 1 else None
    other = {system: list(other_grids(city, system)) for system, *_ in OTHER_SYSTEMS}
    (folder / "city.toml").write_text(_city_toml(city), encoding="utf-8")
    _table(folder / "areas.csv", _areas(city, switches, changed, other))
    _table(folder / "departments.csv", _departments(city))
    _table(folder / "persons.csv", _persons(city, other))
    _table(folder / "teams.csv", _teams(city))
    _table(folder / "components.csv", _components(city))
    _table(folder / "devices.csv", _devices(city))
    _table(folder / "gazetteer.csv", gazetteer(city, switches.gazetteer_missing))
    if switches.area_thresholds:
        _table(folder / "filing_standards.csv", _filing_standards())
    write_layers(folder / "layers", city, switches, changed, other)
    behaviour = behaviour_of(city, switches)
    (folder / "behaviour.json").write_bytes(behaviour.to_json())
    return behaviour


def _table(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer: Any = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(stream, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)


def _city_toml(city: City) -> str:
    lons, lats = zip(*_corners(city), strict=True)
    box = [
        round(min(lons) - 0.02, 4),
        round(min(lats) - 0.02, 4),
        round(max(lons) + 0.02, 4),
        round(max(lats) + 0.02, 4),
    ]
    return (
        "# A simulated district. Its division code belongs to nobody; roads, estates and people are invented.\n"
        f'name = "{CITY_NAME}"\ntime_zone = "Asia/Shanghai"\ndatum = "WGS84"\n'
        f"bounding_box = {box}\n"
        f"default_points = [[0.0, 0.0], [{DEFAULT_POINT[0]}, {DEFAULT_POINT[1]}]]\n"
    )


def _corners(city: City) -> Iterator[Point]:
    for cell in city.cells:
        yield city.lattice.at(cell, 0, 0)
        yield city.lattice.at(cell, 1, 1)


# --- tables ------------------------------------------------------------------------------------------------------


def _area(
    code: str, name: str, parent: str, tier: str, role: str, level: int, *, system: str = "unit",
    at: Point | None = None, households: int | str = "", area: float | str = "", kind: str = "",
    valid_from: str = "", valid_to: str = "", aliases: str = "",
) -> Row:  # fmt: skip
    return {
        "code": code, "name": name, "parent": parent, "tier": tier, "level_role": role, "local_level": level,
        "system": system, "lon": round(at[0], 6) if at else "", "lat": round(at[1], 6) if at else "",
        "households": households, "area_m2": area, "area_type": kind,
        "aliases": aliases, "valid_from": valid_from, "valid_to": valid_to,
        **SOURCE,
    }  # fmt: skip


def _areas(city: City, switches: Switches, changed: date | None, other: OtherGrids) -> Iterator[Row]:
    yield _area(CITY_CODE, CITY_NAME, "", "city", "city", 1)
    for district in city.districts:
        yield _area(district.code, district.name, CITY_CODE, "district", "district", 2)
    for street in city.streets:
        yield _area(
            street.code,
            street.name,
            street.district.code,
            "street",
            "street",
            3,
            kind="rural" if street.town else "urban",
        )
    again = city.redivided(switches.grid_redivision) if changed else frozenset()
    for community in city.communities:
        kind = "village" if community.village else "rural" if community.street.town else "urban"
        middle = community.cells[len(community.cells) // 2]
        yield _area(
            community.code, community.name, community.street.code, "community", "community", 4,
            at=city.lattice.at(middle, 0.5, 0.5), households=community.households, kind=kind,
            aliases="|".join(dict.fromkeys(community.estates)),
        )  # fmt: skip
        ends = changed.isoformat() if changed and community.street.code in again else ""
        for cell in community.cells:
            code = city.grid_codes[cell]
            yield _area(
                code, f"{community.name}{code[-3:]}", community.code, "grid", "unit", 5,
                at=city.lattice.at(cell, 0.5, 0.5), area=round(area_m2(city.lattice.outline([cell])[0])), kind=kind,
                valid_to=ends,
            )  # fmt: skip
        if ends:
            for code, ring in city.new_grids(community):
                yield _area(
                    code, f"{community.name}{code[-3:]}", community.code, "grid", "unit", 5, at=_middle(ring),
                    area=round(area_m2(ring)), kind=kind, valid_from=ends,
                )  # fmt: skip
    for grid in city.responsibilities:
        kind = "village" if grid.households < 300 else "rural" if grid.community.street.town else "urban"
        yield _area(
            grid.code, f"{grid.community.name}第{int(grid.code[-2:])}网格", grid.community.code, "grid",
            "community_grid", 5, system="community", households=grid.households, kind=kind,
        )  # fmt: skip
    for system, role, *_ in OTHER_SYSTEMS:
        for code, name, cells in other[system]:
            yield _area(code, name, above(city, system, cells), "grid", role, 3, system=system)


def _middle(ring: list[Point]) -> Point:
    return sum(x for x, _ in ring[:-1]) / (len(ring) - 1), sum(y for _, y in ring[:-1]) / (len(ring) - 1)


def _departments(city: City) -> Iterator[Row]:
    for street in city.streets:
        yield {
            "id": street.office,
            "name_zh": f"{street.name}{'人民政府' if street.town else '办事处'}",
            "name_en": f"{'Town government' if street.town else 'Street office'} {street.code}",
            "kind": "street",
            "level": "street",
            "has_enforcement_power": "",
            "parent": "",
            "area": street.code,
            **SOURCE,
        }


def _persons(city: City, other: OtherGrids) -> Iterator[Row]:
    for street in city.streets:
        yield _person(f"S{street.code}", f"{street.name}负责人", street.office, "street-head", [street.code])
        yield _person(f"K{street.code}", f"{street.name}受理人", street.office, "department-clerk", [street.code])
    vacant: dict[str, list[str]] = {}
    for grid in city.responsibilities:
        if not grid.worker:
            vacant.setdefault(grid.community.code, []).append(grid.code)
    for community in city.communities:
        areas = [community.code, *vacant.get(community.code, [])]
        yield _person(f"H{community.code}", f"{community.name}网格长", community.street.office, "grid-head", areas)
    for worker, grids in city.workers.items():
        office = grids[0].community.street.office
        yield _person(worker, f"网格员{worker[-5:]}", office, "grid-worker", [grid.code for grid in grids])
    for system, _, name, _, _, (department, post) in OTHER_SYSTEMS:
        for code, _, _ in other[system]:
            yield _person(f"P{code}", f"{name}负责人{code[-4:]}", department, post, [code])


def _person(id: str, name: str, department: str, post: str, areas: list[str]) -> Row:
    return {
        "id": id,
        "name": name,
        "department": department,
        "post": post,
        "areas": "|".join(areas),
        "team": "",
        **SOURCE,
    }


def _teams(city: City) -> Iterator[Row]:
    for street in city.streets:
        yield {
            "id": f"team-{street.code}",
            "name_zh": f"{street.name}应急处置队",
            "department": street.office,
            "kind": "general",
            "roster": "7x24",
            "areas": street.code,
            "families": "*",
            **SOURCE,
        }


def _components(city: City) -> Iterator[Row]:
    for cell in city.cells:
        for item in city.components_in(cell):
            yield {
                "code": item.code,
                "standard": GBT_47678_5,
                "category": item.category,
                "owner": item.owner,
                "lon": round(item.point[0], 7),
                "lat": round(item.point[1], 7),
                "grid_code": city.grid_codes[cell],
                "status": "in_use",
                "census_date": "2025-11-30",
                **SOURCE,
            }


def _devices(city: City) -> Iterator[Row]:
    for device in devices(city):
        yield {
            "device_id": device.id,
            "kind": device.kind,
            "metrics": "|".join(device.metrics),
            "lon": round(device.point[0], 7),
            "lat": round(device.point[1], 7),
            "zone": device.zone,
            "component_code": device.component,
            "reporting_period_s": device.period_s,
            "unit": "",
            "area_code": city.grid_codes[device.cell],
            **SOURCE,
        }


ZONED_RULES = {
    "rubbish": ("F-26i06010-1", "按区域确定的暴露垃圾立案面积", "清理", 4, "work_hour"),
    "pothole": ("F-26i06013-1", "按区域确定的路面破损立案面积", "修复", 5, "work_day"),
    "stall": ("F-26i09006-1", "按区域确定的占道经营立案面积", "取缔", 2, "urgent_hour"),
}


def _filing_standards() -> Iterator[Row]:
    """One threshold a zone for some matters: class 3 zones ask for more. The first row replaces the base set's row."""
    for key, (base, condition, closing, limit, clock) in ZONED_RULES.items():
        measured = kinds.BY_KEY[key].measured
        assert measured is not None
        for number, zone in enumerate(("1", "2", "3", "4")):
            yield {
                "id": base if not number else f"{base}-z{zone}",
                "standard": GBT_47678_5,
                "kind": "incident",
                "code": kinds.BY_KEY[key].code,
                "group": f"z{zone}",
                "operator": ">=",
                "measure": measured.measure,
                "threshold": measured.rural if zone == "3" else measured.threshold,
                "unit": measured.unit,
                "zone": zone,
                "period": "",
                "condition": condition,
                "closing": closing,
                "limit_value": limit,
                "limit_clock": clock,
                "version": "sim-1",
                **SOURCE,
            }
