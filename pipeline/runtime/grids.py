"""Layers imported from GeoJSON or cut from communities and put into a city; and two versions compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline.domain.geo.cut import cut_unit_grids
from pipeline.domain.geo.datum import from_wgs84
from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import BEGIN, END, Layer, LayerFaults, LayerSpec
from pipeline.domain.geo.redivide import compare
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.grid_files import AREAS, LayerFile, files_of, read_own, unpacked
from pipeline.runtime.grid_placing import Placed, Placing, midnight, name_faults, placed


def city_reference(base: Path, city: Path) -> Reference:
    """The reference set with the city's tables, read but not checked as a whole: a city grows table by table."""
    return load_reference(base, city if city.is_dir() else None, checked=False)


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
        raise ConfigFaults([*faults, *found.faults, *name_faults(spec.name)]) from found
    return placed(layer, reference, placing, faults, source=file.name)


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
    remark: tuple[str, ...] = ()
    if unknown:
        remark = (
            f"{AREAS} is left alone: it does not have {len(unknown)} of the communities ({', '.join(unknown[:3])} …); "
            "import them with --tier community and cut again, so that cases find their grid",
        )
        placing = replace(placing, tier="")
    done = placed(cut, reference, placing, [], source=communities.name, origin=origin, side_m=side_m)
    return replace(done, remarks=remark or done.remarks)


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
    told = compare(old, new)
    return {
        "old": _named(old), "new": _named(new),
        "counts": dict(Counter(change.change.value for change in told.changes)),
        "changes": [{"change": c.change.value, "old": list(c.old), "new": list(c.new)} for c in told.changes],
        "mapping": [
            {"old": row.code_a, "new": row.code_b, "area_m2": round(row.area_m2, 1),
             "share_of_old": round(row.share_a, 6), "share_of_new": round(row.share_b, 6)}
            for row in told.rows
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
