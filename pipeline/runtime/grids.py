"""Layers put into a city: imported from GeoJSON or cut from communities, with their areas; and versions compared.

Nothing is written while there is a fault. A version that was in force is never drawn over unless that is asked for:
open cases keep the version they were filed under, and the version has to stay readable.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from pipeline.domain.geo.cut import cut_unit_grids
from pipeline.domain.geo.datum import from_wgs84
from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import BEGIN, END, Cell, Layer, LayerFaults, LayerSpec
from pipeline.domain.geo.redivide import compare
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.grid_files import (
    AREAS,
    AreaRow,
    LayerFile,
    MergedAreas,
    about_of,
    files_of,
    layer_bytes,
    merged_areas,
    put,
    read_own,
    unpacked,
)
from pipeline.runtime.grid_files import ended as with_end

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


def city_reference(base: Path, city: Path) -> Reference:
    """The reference set with the city's tables, read but not checked as a whole: a city grows table by table."""
    return load_reference(base, city if city.is_dir() else None, checked=False)


def midnight(day: date, reference: Reference) -> int:
    """The first moment of a civil day of the city."""
    return round(datetime.combine(day, time(), ZoneInfo(reference.city.time_zone)).timestamp() * 1000)


def day_of(at: int, reference: Reference) -> str:
    """The civil day of a moment; "" for an open end."""
    if at in (BEGIN, END):
        return ""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(reference.city.time_zone)).date().isoformat()


def import_layer(
    base: Path, file: Path, spec: LayerSpec, days: tuple[date | None, date | None], named: Mapping[str, str],
    placing: Placing,
) -> Placed:  # fmt: skip
    """Read a layer of any source and put it into a city. Raises :class:`ConfigFaults` with every fault.

    ``named`` has the properties (option to name) that were asked for: each must occur in the file.
    """
    reference = city_reference(base, placing.city)
    begin, end = (midnight(day, reference) if day else open_ for day, open_ in zip(days, (BEGIN, END), strict=True))
    faults = list(_absent(file, named))
    if end <= begin:
        faults.append(Fault("arguments", "--valid-to", str(days[1]), f"name a day after --valid-from {days[0]}"))
    bounds = tuple(from_wgs84(*corner, spec.datum) for corner in _corners(reference))
    full = replace(spec, valid_from=begin, valid_to=end, bounds=(*bounds[0], *bounds[1]))
    try:
        layer = read_layer(file.read_bytes(), full)
    except LayerFaults as found:
        raise ConfigFaults([*faults, *found.faults, *_name_faults(spec.name)]) from found
    return _placed(layer, reference, placing, faults, source=file.name)


def cut_layer(
    base: Path, communities: Path, name: str, version: str, side_m: float, origin: tuple[float, float] | None,
    begin: date | None, placing: Placing,
) -> Placed:  # fmt: skip
    """Cut unit grids inside a layer of communities. Raises :class:`ConfigFaults` with every fault.

    The lattice lies at ``origin``, else where the unit grids of the city have it, else in the middle of the layer.
    """
    reference = city_reference(base, placing.city)
    layer = read_own(communities)
    origin = origin or _lattice(files_of(placing.city)) or (layer.plane.lon, layer.plane.lat)
    try:
        cut = cut_unit_grids(layer, side_m=side_m, version=version, origin=origin)
    except LayerFaults as found:
        raise ConfigFaults([*found.faults]) from found
    cut = replace(cut, name=name, valid_from=midnight(begin, reference) if begin else cut.valid_from)
    unknown = [cell.code for cell in layer.cells if reference.area(cell.code) is None]
    remark = ()
    if unknown:
        remark = (
            f"{AREAS} is left alone: it does not have {len(unknown)} of the communities ({', '.join(unknown[:3])} …); "
            "import them with --tier community and cut again, so that cases find their grid",
        )
        placing = replace(placing, tier="")
    found_here = _placed(cut, reference, placing, [], source=communities.name, origin=origin, side_m=side_m)
    return replace(found_here, remarks=(*remark, *found_here.remarks))


def sizes(layer: Layer) -> dict[str, Any]:
    """How many cells, their whole area and how it spreads (square metres)."""
    areas = layer.areas_m2
    points = np.quantile(areas, [0.0, 0.05, 0.5, 0.95, 1.0]).round(1).tolist() if len(areas) else [0.0] * 5
    return {
        "cells": len(areas), "area_m2": round(float(areas.sum()), 1),
        **dict(zip(("smallest_m2", "p05_m2", "median_m2", "p95_m2", "largest_m2"), points, strict=True)),
    }  # fmt: skip


def comparison(old_file: Path, new_file: Path) -> dict[str, Any]:
    """What a re-division did, with the mapping old to new by area. Raises :class:`ConfigFaults`."""
    faults: list[Fault] = []
    layers: list[Layer] = []
    for file in (old_file, new_file):
        try:
            layers.append(read_own(file))
        except ConfigFaults as found:
            faults += found.faults
    if faults:
        raise ConfigFaults(faults)
    old, new = layers
    found_ = compare(old, new)
    return {
        "old": _named(old), "new": _named(new),
        "counts": dict(Counter(change.change.value for change in found_.changes)),
        "changes": [{"change": c.change.value, "old": list(c.old), "new": list(c.new)} for c in found_.changes],
        "mapping": [
            {"old": row.code_a, "new": row.code_b, "area_m2": round(row.area_m2, 1),
             "share_of_old": round(row.share_a, 6), "share_of_new": round(row.share_b, 6)}
            for row in found_.rows
        ],
        "remarks": list(_version_remarks(old, new)),
    }  # fmt: skip


def _named(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name, "system": layer.system, "kind": layer.kind, "version": layer.version,
        "valid_from": None if layer.valid_from == BEGIN else layer.valid_from,
        "valid_to": None if layer.valid_to == END else layer.valid_to, **sizes(layer),
    }  # fmt: skip


def _version_remarks(old: Layer, new: Layer) -> list[str]:
    remarks = []
    if (old.system, old.kind) != (new.system, new.kind):
        remarks.append(f"{old.system}/{old.kind} and {new.system}/{new.kind} are no two versions of one layer")
    if old.version == new.version:
        remarks.append(f"both say version {old.version}: give the new one another")
    if old.valid_from < new.valid_to and new.valid_from < old.valid_to:
        remarks.append("both are in force at the same time: end the old one where the new one begins (--close-older)")
    return remarks


# --- putting a layer in -------------------------------------------------------------------------------------------


def _placed(
    layer: Layer, reference: Reference, placing: Placing, faults: list[Fault], *, source: str, **more: Any
) -> Placed:
    path = placing.city / "layers" / f"{layer.name}.geojson"
    data = layer_bytes(layer, **more)
    others = files_of(placing.city)
    faults += _name_faults(layer.name)
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
            put(file.path, with_end(file.path, layer.valid_from))
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


def _absent(file: Path, named: Mapping[str, str]) -> list[Fault]:
    """Properties that were asked for and that no feature has."""
    try:
        features = msgspec.json.decode(unpacked(file), type=_Collection).features
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []  # reading the layer tells it
    there = sorted({name for feature in features for name in feature.properties or {}})
    return [
        Fault("arguments", option, name, f"no feature has this property; there are {', '.join(there) or 'none'}")
        for option, name in named.items()
        if name and name not in there
    ]


class _Feature(msgspec.Struct):
    properties: dict[str, msgspec.Raw] | None = None


class _Collection(msgspec.Struct):
    features: list[_Feature] = []


def _corners(reference: Reference) -> tuple[tuple[float, float], tuple[float, float]]:
    west, south, east, north = reference.city.bounding_box
    return (west, south), (east, north)


def _lattice(files: list[LayerFile]) -> tuple[float, float] | None:
    return next((file.about.origin for file in files if file.about.kind == "unit" and file.about.origin), None)


def _name_faults(name: str) -> list[Fault]:
    if re.fullmatch(r"[\w-]+", name):
        return []
    return [Fault("arguments", "--name", name, "use letters, digits, _ and -: the layer's file has this name")]


def _same_name(path: Path, layer: Layer, data: bytes, others: list[LayerFile], placing: Placing) -> list[Fault]:
    there = next((file for file in others if file.path == path), None)
    if there is None or placing.replace or unpacked(there.path) == data:
        return []
    about = about_of(there.path)
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
