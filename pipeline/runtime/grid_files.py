"""The files of a city's grids: layers that say of themselves what they are, and the rows of ``areas.csv``.

A layer file is a GeoJSON FeatureCollection in WGS-84 with name, system, kind, version and validity beside its features,
as ``pipeline.runtime.city`` reads it. Every write goes to a second file that then takes the place of the first.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import BEGIN, END, OWN_PROPERTIES, Layer, LayerFaults, LayerSpec, to_geojson
from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.city import layer_files

AREAS = "areas.csv"
AREA_COLUMNS = (
    "code", "name", "parent", "tier", "level_role", "local_level", "system", "lon", "lat", "households", "area_m2",
    "area_type", "aliases", "valid_from", "valid_to", "source", "confidence",
)  # fmt: skip

_TABLED_REPORTS = "SELECT report_id FROM reports WHERE place_method NOT IN ('point', '')"
TABLED = f"SELECT case_id FROM cases WHERE report_id IN ({_TABLED_REPORTS})"
"""The cases of a store whose first report came without a point: what they have was given by a table of the city."""

AreaRow = dict[str, str]


class About(msgspec.Struct):
    """What a layer file says of itself; ``origin`` is where the lattice of cut grids has a crossing."""

    name: str = ""
    system: str = "unit"
    kind: str = "unit"
    version: str = "1"
    valid_from: int = BEGIN
    valid_to: int = END
    origin: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LayerFile:
    """A layer file of a city."""

    path: Path
    about: About

    def meets(self, valid_from: int, valid_to: int) -> bool:
        """Whether it is in force at some time of ``[valid_from, valid_to)``."""
        return self.about.valid_from < valid_to and valid_from < self.about.valid_to


def unpacked(path: Path) -> bytes:
    """The text of a file, unzipped if it is gzip, without a byte order mark. Raises :class:`ConfigFaults`."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ConfigFaults([Fault(path.name, "file", str(error), "give a whole gzip file")]) from error
    return data.removeprefix(b"\xef\xbb\xbf")


def about_of(path: Path) -> About:
    """What a layer file says of itself. Raises :class:`ConfigFaults`."""
    try:
        about = msgspec.json.decode(unpacked(path), type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigFaults([Fault(path.name, "layer", str(error), "give a GeoJSON FeatureCollection")]) from error
    about.name = about.name or stem(path)
    return about


def stem(path: Path) -> str:
    """The name of a layer file without its endings."""
    return path.name.removesuffix(".gz").removesuffix(".geojson").removesuffix(".json")


def read_own(path: Path) -> Layer:
    """The layer of a file that says itself what it is. Raises :class:`ConfigFaults`."""
    about = about_of(path)
    spec = LayerSpec(
        name=about.name, system=about.system, kind=about.kind, version=about.version,
        valid_from=about.valid_from, valid_to=about.valid_to, mend=True,
    )  # fmt: skip
    try:
        return read_layer(unpacked(path), replace(spec, **OWN_PROPERTIES))  # type: ignore[arg-type]  # names only
    except LayerFaults as found:
        raise ConfigFaults(list(found.faults)) from found


def files_of(city: Path) -> list[LayerFile]:
    """The layer files of a city; the faults of all of them at once."""
    found, faults = [], []
    for path in layer_files(city):
        try:
            found.append(LayerFile(path, about_of(path)))
        except ConfigFaults as error:
            faults += error.faults
    if faults:
        raise ConfigFaults(faults)
    return found


def layer_bytes(layer: Layer, **more: Any) -> bytes:
    """A layer as the file that says of itself what it is; open ends of validity are left out."""
    about: dict[str, Any] = {
        "type": "FeatureCollection", "name": layer.name, "system": layer.system, "kind": layer.kind,
        "version": layer.version, "datum": "WGS-84",
    }  # fmt: skip
    if layer.valid_from != BEGIN:
        about["valid_from"] = layer.valid_from
    if layer.valid_to != END:
        about["valid_to"] = layer.valid_to
    features = msgspec.json.decode(to_geojson(layer), type=dict[str, msgspec.Raw])["features"]
    return msgspec.json.encode({**about, **more, "features": features}) + b"\n"


def ended(path: Path, at: int) -> bytes:
    """A layer file with another end of its validity; its features stay as they stand."""
    members = msgspec.json.decode(unpacked(path), type=dict[str, msgspec.Raw])
    features = members.pop("features", msgspec.Raw(b"[]"))
    text = msgspec.json.encode({**members, "valid_to": at, "features": features}) + b"\n"
    return gzip.compress(text, mtime=0) if path.name.endswith(".gz") else text


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    partial.write_bytes(data)
    partial.replace(path)


# --- areas.csv ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MergedAreas:
    """A table of areas with rows put in: its text, and how many rows are new, changed or ended."""

    text: str
    added: int
    changed: int
    ended: int


def merged_areas(city: Path, rows: Sequence[AreaRow], closed: Mapping[str, str]) -> MergedAreas:
    """``areas.csv`` of a city with ``rows`` in it by code, and the codes of ``closed`` ended on their day.

    Of a code that is there already, what ``rows`` leaves blank stays as it was, as does the day it began; it is in
    force until the day that ``rows`` says (blank: for good). Comments stay.
    """
    comments, header, held = _table(city / AREAS)
    columns = [*header, *(name for name in AREA_COLUMNS if name not in header)]
    added = changed = over = 0
    for row in rows:
        old = held.get(row["code"])
        new = row if old is None else {**old, **_said(row, old), "valid_to": row["valid_to"]}
        added += old is None
        changed += old is not None and any(new.get(name, "") != old.get(name, "") for name in columns)
        held[row["code"]] = new
    for code, day in closed.items():
        if code in held and not held[code].get("valid_to"):
            held[code] = {**held[code], "valid_to": day}
            over += 1
    return MergedAreas(_text(comments, columns, held.values()), added, changed, over)


def _said(row: AreaRow, old: AreaRow) -> AreaRow:
    return {name: value for name, value in row.items() if value and not (name == "valid_from" and name in old)}


def _table(path: Path) -> tuple[list[str], list[str], dict[str, AreaRow]]:
    if not path.is_file():
        return [], list(AREA_COLUMNS), {}
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    comments = [line for line in lines if line.startswith("#")]
    cells = [next(csv.reader([line])) for line in lines if not line.startswith("#")]
    header = [name.strip() for name in cells[0]] if cells else list(AREA_COLUMNS)
    rows = [dict(zip(header, (text.strip() for text in line), strict=True)) for line in cells[1:]]
    return comments, header, {row["code"]: row for row in rows}


def _text(comments: Sequence[str], columns: Sequence[str], rows: Iterable[AreaRow]) -> str:
    stream = io.StringIO()
    stream.writelines(f"{line}\n" for line in comments)
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
