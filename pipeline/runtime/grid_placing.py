"""A layer goes into a city: its file, the end of the version before it, and its rows in ``areas.csv``.

Nothing is written while there is a fault. A version that was in force is never drawn over unless that is asked for:
open cases keep the version they were filed under, and the version has to stay readable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.domain.geo.layers import BEGIN, END, Cell, Layer
from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.grid_files import (
    AREAS,
    AreaRow,
    LayerFile,
    MergedAreas,
    ended,
    files_of,
    layer_bytes,
    merged_areas,
    put,
    read_own,
    unpacked,
)

TIERS = ("city", "district", "street", "community", "grid")


@dataclass(frozen=True, kw_only=True)
class Placing:
    """How a layer goes into a city. ``tier`` puts its cells into ``areas.csv`` as well ("" leaves the table alone)."""

    city: Path
    tier: str = ""
    level_role: str = ""
    local_level: int | None = None
    close_older: bool = False
    replace: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Placed:
    """What was (or with a dry run would be) written."""

    path: Path
    layer: Layer
    closed: tuple[str, ...]
    areas: MergedAreas | None
    remarks: tuple[str, ...]


def midnight(day: date, reference: Reference) -> int:
    """The first moment of a civil day of the city."""
    return round(datetime.combine(day, time(), ZoneInfo(reference.city.time_zone)).timestamp() * 1000)


def day_of(at: int, reference: Reference) -> str:
    """The civil day of a moment; "" for an open end."""
    if at in (BEGIN, END):
        return ""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(reference.city.time_zone)).date().isoformat()


def placed(
    layer: Layer, reference: Reference, placing: Placing, faults: list[Fault], *, source: str, **more: Any
) -> Placed:
    path = placing.city / "layers" / f"{layer.name}.geojson"
    data = layer_bytes(layer, **more)
    others = files_of(placing.city)
    faults += name_faults(layer.name)
    faults += _same_name(path, layer, data, others, placing)
    older, clashes = _older(path, layer, others, placing)
    faults += clashes
    rows = _area_rows(layer, reference, placing, source, faults) if placing.tier else []
    if faults:
        raise ConfigFaults(faults)
    day = day_of(layer.valid_from, reference)
    dropped = {code for file in older for code in read_own(file.path).codes} - set(layer.codes)
    areas = merged_areas(placing.city, rows, dict.fromkeys(sorted(dropped), day)) if placing.tier else None
    if not placing.dry_run:
        # Areas first: a cell without its area would be no place, an area without its cell does no harm.
        if areas is not None:
            put(placing.city / AREAS, areas.text.encode())
        for file in older:
            put(file.path, ended(file.path, layer.valid_from))
        put(path, data)
    return Placed(path, layer, tuple(file.about.name for file in older), areas, _remarks(layer, reference, placing))


def _remarks(layer: Layer, reference: Reference, placing: Placing) -> tuple[str, ...]:
    remarks = list(layer.notes)
    unknown = [cell for cell in layer.cells if reference.area(cell.code) is None]
    if unknown and not placing.tier and layer.system == "unit":
        remarks.append(f"{len(unknown)} of {len(layer.cells)} codes are not in {AREAS}: --tier puts them there")
    needing = {kind.id for kind in reference.tables.grid_kinds if kind.needs_person}
    idle = sum(not cell.responsible and not reference.persons_of(cell.code) for cell in layer.cells)
    if layer.kind in needing and idle:
        remarks.append(f"{idle} grids have no responsible person: name them in persons.csv")
    return tuple(remarks)


def name_faults(name: str) -> list[Fault]:
    if re.fullmatch(r"[\w-]+", name):
        return []
    return [Fault("arguments", "--name", name, "use letters, digits, _ and -: the layer's file has this name")]


def _same_name(path: Path, layer: Layer, data: bytes, others: list[LayerFile], placing: Placing) -> list[Fault]:
    there = next((file for file in others if file.path == path), None)
    if there is None or placing.replace or unpacked(there.path) == data:
        return []
    about = there.about
    remedy = (
        f"the city has this layer ({about.system}/{about.kind} version {about.version}) with other cells: give another "
        "--name and --version with --valid-from and --close-older, or --replace if no case was ever filed under it"
    )
    return [Fault("arguments", "--name", layer.name, remedy)]


def _older(
    path: Path, layer: Layer, others: list[LayerFile], placing: Placing
) -> tuple[list[LayerFile], list[Fault]]:  # fmt: skip
    """Other versions in force at the same time: those to be ended where this one begins, and those in the way."""
    clashing = [
        file for file in others
        if file.path != path and (file.about.system, file.about.kind) == (layer.system, layer.kind)
        and file.about.version != layer.version and file.meets(layer.valid_from, layer.valid_to)
    ]  # fmt: skip
    older = [file for file in clashing if placing.close_older and file.about.valid_from < layer.valid_from]
    remedy = "in force at the same time: give --valid-from and --close-older, so that it ends where the new one begins"
    faults = [Fault(file.path.name, "version", file.about.version, remedy) for file in clashing if file not in older]
    return older, faults


# --- areas --------------------------------------------------------------------------------------------------------


def _area_rows(
    layer: Layer, reference: Reference, placing: Placing, source: str, faults: list[Fault]
) -> list[AreaRow]:  # fmt: skip
    role = placing.level_role or layer.kind
    systems = {system.id: system.roles for system in reference.tables.grid_systems}
    if layer.system not in systems:
        remedy = f"areas belong to a grid system of grid_systems.csv: {', '.join(sorted(systems))}"
        faults.append(Fault("arguments", "--system", layer.system, remedy))
    elif role not in systems[layer.system]:
        remedy = f"no level of grid system {layer.system}; its levels are {', '.join(systems[layer.system])}"
        faults.append(Fault("arguments", "--level-role", role, remedy))
    levels: dict[str, int] = {}
    for cell in layer.cells:
        faults += _tree_faults(cell, layer, reference)
        levels[cell.code] = placing.local_level or _level(cell, reference)
    return [_area_row(cell, layer, reference, placing, role, levels[cell.code], source) for cell in layer.cells]


def _tree_faults(cell: Cell, layer: Layer, reference: Reference) -> list[Fault]:
    faults = []
    if cell.parent and reference.area(cell.parent) is None:
        remedy = f"no area of this code in {AREAS}: import the layer above first"
        faults.append(Fault(f"{layer.name} {cell.code}", "parent", cell.parent, remedy))
    there = reference.area(cell.code)
    if there is not None and there.system != layer.system:
        remedy = f"the code belongs to an area of system {there.system}: codes are one for all systems, give another"
        faults.append(Fault(f"{layer.name} {cell.code}", "code", cell.code, remedy))
    return faults


def _level(cell: Cell, reference: Reference) -> int:
    """One below the parent; an area without a parent keeps the level it has, or stands at the top."""
    above = reference.area(cell.parent) if cell.parent else None
    there = reference.area(cell.code)
    if above is None:
        return there.local_level if there is not None else 1
    return above.local_level + 1


def _area_row(
    cell: Cell, layer: Layer, reference: Reference, placing: Placing, role: str, level: int, source: str
) -> AreaRow:
    middle = cell.shape.representative_point()
    there = reference.area(cell.code)
    return {
        "code": cell.code, "name": cell.name or (there.name if there else cell.code), "parent": cell.parent,
        "tier": placing.tier, "level_role": role, "local_level": str(level), "system": layer.system,
        "lon": f"{middle.x:.6f}", "lat": f"{middle.y:.6f}",
        "households": "" if cell.households is None else str(cell.households),
        "area_m2": f"{cell.shape.area * layer.plane.area_scale:.0f}", "area_type": cell.area_type, "aliases": "",
        "valid_from": day_of(layer.valid_from, reference), "valid_to": day_of(layer.valid_to, reference),
        "source": source, "confidence": "sourced",
    }  # fmt: skip
