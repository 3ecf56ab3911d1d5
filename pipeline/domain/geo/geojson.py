"""Reading a layer from GeoJSON (plain or gzip), with every fault at once.

A FeatureCollection of Polygon and MultiPolygon features in longitude and latitude (RFC 7946), in the datum that the
:class:`LayerSpec` states. Faults: no polygons, missing or doubled codes, invalid rings, swapped axes, projected metres,
places outside the world or outside the city.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import shapely

from pipeline.domain.geo.layers import Cell, Layer, LayerFaults, LayerSpec, Shape, Shapes, transformed
from pipeline.errors import Fault

LARGEST_BYTES = 1 << 30
_MENDED_SHARE = 0.01
_WORLD = (-180.0, -90.0, 180.0, 90.0)

Bounds = tuple[float, float, float, float]


class _Feature(msgspec.Struct):
    geometry: msgspec.Raw = msgspec.Raw(b"null")
    properties: dict[str, Any] | None = None


class _Collection(msgspec.Struct):
    type: str
    features: list[_Feature]
    crs: Any = None


def read_layer(data: bytes, spec: LayerSpec) -> Layer:
    """The layer in ``data``; raises :class:`LayerFaults` with all faults."""
    collection = _decoded(data, spec)
    faults = _crs_faults(collection.crs, spec)
    shapes = _shapes(collection)
    codes = [_text(feature, spec.code_property) for feature in collection.features]
    labels = [f"{spec.name} feature {number} ({code or '?'})" for number, code in enumerate(codes)]
    faults += _code_faults(codes, labels, spec)
    notes: list[str] = []
    cells: list[Cell] = []
    for feature, code, label, shape in zip(collection.features, codes, labels, shapes, strict=True):
        shape, found = _checked(shape, label, spec, notes)
        counts, more = _counts(feature, label, spec)
        faults += found + more
        cells.append(_cell(feature, code, shape, counts, spec))
    if not cells:
        faults.append(Fault(spec.name, "features", "[]", "give at least one polygon"))
    if faults:
        raise LayerFaults(faults)
    moved = transformed(np.array([*(cell.shape for cell in cells), None], np.object_)[:-1], spec.datum)
    return Layer(
        name=spec.name, system=spec.system, kind=spec.kind, version=spec.version,
        valid_from=spec.valid_from, valid_to=spec.valid_to, notes=tuple(notes),
        cells=tuple(replace(cell, shape=shape) for cell, shape in zip(cells, moved, strict=True)),
    )  # fmt: skip


def _decoded(data: bytes, spec: LayerSpec) -> _Collection:
    try:
        text = _unzipped(data) if data[:2] == b"\x1f\x8b" else data
        collection = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=_Collection)
    except (msgspec.DecodeError, UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        fault = Fault(spec.name, "file", str(error)[:120], "give a GeoJSON FeatureCollection in UTF-8, plain or gzip")
        raise LayerFaults([fault]) from error
    if collection.type != "FeatureCollection":
        raise LayerFaults([Fault(spec.name, "type", collection.type, "give a FeatureCollection")])
    return collection


def _unzipped(data: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    text = unzip.decompress(data, LARGEST_BYTES)
    if not unzip.eof:
        message = f"the file is cut off or unpacks to more than {LARGEST_BYTES} bytes"
        raise EOFError(message)
    return text


def _crs_faults(crs: Any, spec: LayerSpec) -> list[Fault]:
    """GeoJSON knows only longitude and latitude; older files name something else in ``crs``."""
    if crs is None:
        return []
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = str(properties.get("name", "")) if isinstance(properties, dict) else ""
    if name.endswith(("CRS84", "EPSG::4326", "EPSG:4326", "EPSG::4490", "EPSG:4490")):
        return []
    return [Fault(spec.name, "crs", name or repr(crs)[:80], "export as EPSG:4326 or EPSG:4490 (longitude, latitude)")]


def _shapes(collection: _Collection) -> Shapes:
    texts = np.array([bytes(feature.geometry) for feature in collection.features] + [None], np.object_)[:-1]
    shapes: Shapes = shapely.from_geojson(texts, on_invalid="ignore")
    return shapes


def _text(feature: _Feature, name: str) -> str:
    value = (feature.properties or {}).get(name) if name else None
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _code_faults(codes: list[str], labels: list[str], spec: LayerSpec) -> list[Fault]:
    faults = [
        Fault(label, spec.code_property, "", "every feature needs a code in this property")
        for code, label in zip(codes, labels, strict=True)
        if not code
    ]
    return faults + [
        Fault(spec.name, spec.code_property, code, f"{times} features have this code: keep one, or join them")
        for code, times in Counter(codes).items()
        if code and times > 1
    ]


def _checked(shape: Shape, label: str, spec: LayerSpec, notes: list[str]) -> tuple[Shape, list[Fault]]:
    if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty:
        kind = "none" if shape is None else shape.geom_type
        return shape, [Fault(label, "geometry", kind, "give a Polygon or MultiPolygon that is not empty")]
    shape = shapely.force_2d(shape)
    misplaced = _misplaced(shape.bounds, label, spec)
    if misplaced or shape.is_valid:
        return shape, misplaced
    reason = shapely.is_valid_reason(shape)
    mended = _mended(shape) if spec.mend else None
    if mended is None:
        return shape, [Fault(label, "geometry", reason, "mend the rings, or allow mending below 1 % of the area")]
    notes.append(f"{label}: mended: {reason}")
    return mended, []


def _mended(shape: Shape) -> Shape | None:
    valid = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    if valid.geom_type not in ("Polygon", "MultiPolygon") or valid.is_empty:
        return None
    return valid if abs(valid.area - abs(shape.area)) <= _MENDED_SHARE * valid.area else None


def _misplaced(bounds: Bounds, label: str, spec: LayerSpec) -> list[Fault]:
    city = spec.bounds or _WORLD
    in_world = _lies_in(bounds, _WORLD)
    swapped = (bounds[1], bounds[0], bounds[3], bounds[2])
    if in_world and _meet(bounds, city):
        return []
    if _lies_in(swapped, _WORLD) and _meet(swapped, city):
        remedy = "the axes look swapped: write longitude first, then latitude"
    elif not in_world and max(map(abs, bounds)) > 400.0:
        remedy = "these look like projected metres: export as longitude and latitude"
    else:
        remedy = f"outside the city's bounds {city}" if in_world else "outside the world: give degrees"
    return [Fault(label, "coordinates", ", ".join(f"{value:.6g}" for value in bounds), remedy)]


def _meet(a: Bounds, b: Bounds) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _lies_in(a: Bounds, b: Bounds) -> bool:
    return b[0] <= a[0] and a[2] <= b[2] and b[1] <= a[1] and a[3] <= b[3]


def _counts(feature: _Feature, label: str, spec: LayerSpec) -> tuple[tuple[int | None, ...], list[Fault]]:
    counts: list[int | None] = []
    faults = []
    for name in (spec.households_property, spec.workers_property):
        text = _text(feature, name)
        counts.append(int(text) if text.isascii() and text.isdigit() else None)
        if text and counts[-1] is None:
            faults.append(Fault(label, name, text, "give a whole number of 0 or more, or null"))
    return tuple(counts), faults


def _cell(feature: _Feature, code: str, shape: Shape, counts: tuple[int | None, ...], spec: LayerSpec) -> Cell:
    return Cell(
        code=code, shape=shape, households=counts[0], workers=counts[1],
        name=_text(feature, spec.name_property), parent=_text(feature, spec.parent_property),
        area_type=_text(feature, spec.area_type_property), responsible=_text(feature, spec.responsible_property),
    )  # fmt: skip
