"""Polygons of a city as layers of its reference overlay, and the areas they stand for."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from connectors.importers.overlay import Cell

Properties = dict[str, Any]
PROPERTIES = ("code", "name", "parent", "area_type")
"""Properties of a polygon that are kept, by the names that layers have in this project."""
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Layer:
    """How one file of polygons becomes a layer and areas.

    ``code``, ``name`` and ``parent`` read the properties of a polygon; a polygon without a code is left out.
    """

    file: str
    layer: str
    """Name of the layer and of its file."""
    system: str
    tier: str
    level_role: str
    local_level: int
    code: Callable[[Properties], str]
    name: Callable[[Properties], str]
    parent: Callable[[Properties], str]
    area_type: str = ""


def polygon_files(path: Path, pattern: str) -> list[Path]:
    """Files of polygons beside the set (``../polygons``) or within it (``polygons``), packed or not."""
    folders = (path / "polygons", path.resolve().parent / "polygons")
    return [file for folder in folders for file in sorted(folder.glob(pattern)) if file.is_file()]


def write_layers(path: Path, folder: Path, layers: Sequence[Layer]) -> list[dict[str, Cell]]:
    """Write ``layers/<layer>.geojson`` of each layer whose file is there, and give the rows of its areas."""
    areas: list[dict[str, Cell]] = []
    for layer in layers:
        for file in polygon_files(path, layer.file)[:1]:
            areas += _write_layer(file, folder / "layers" / f"{layer.layer}.geojson", layer)
    return areas


def _write_layer(file: Path, target: Path, layer: Layer) -> list[dict[str, Cell]]:
    packed = file.read_bytes()
    collection = msgspec.json.decode(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    found: dict[str, dict[str, Any]] = {}
    areas: dict[str, dict[str, Cell]] = {}
    for feature in collection["features"]:
        code = layer.code(feature["properties"])
        if not code or not feature.get("geometry"):
            continue
        area = _area(code, layer, feature["properties"])
        if code in found:
            found[code]["geometry"] = _joined(found[code]["geometry"], feature["geometry"])
        else:
            shown = {name: area[name] for name in PROPERTIES}
            found[code] = {"type": "Feature", "properties": shown, "geometry": feature["geometry"]}
            areas[code] = area
    target.parent.mkdir(parents=True, exist_ok=True)
    about = {"name": layer.layer, "system": layer.system, "kind": layer.level_role, "version": VERSION}
    body = {"type": "FeatureCollection", **about, "features": [found[code] for code in sorted(found)]}
    target.write_bytes(msgspec.json.encode(body))
    return [areas[code] for code in sorted(areas)]


def _area(code: str, layer: Layer, properties: Properties) -> dict[str, Cell]:
    return {
        "code": code,
        "name": layer.name(properties),
        "parent": layer.parent(properties),
        "tier": layer.tier,
        "level_role": layer.level_role,
        "local_level": layer.local_level,
        "system": layer.system,
        "area_type": layer.area_type,
    }


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two parts of one area as one geometry."""
    parts = [g["coordinates"] if g["type"] == "MultiPolygon" else [g["coordinates"]] for g in (one, other)]
    return {"type": "MultiPolygon", "coordinates": parts[0] + parts[1]}
