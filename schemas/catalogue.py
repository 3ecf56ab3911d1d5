"""All schemas by name and version, read once from ``schemas/avro/<group>/<Name>/v<version>.avsc``.

A schema is known by its short name; the name is unique over all groups. Besides what Avro defines, a schema states
``maxBytes`` (of one encoded record) and its fields ``maxLength`` (characters, or bytes of ``bytes``) or ``maxItems``
(of arrays and maps).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.fingerprint import fingerprint

FOLDER = Path(__file__).parent
MAX_BYTES = 1_000_000
"""Cap of a record whose schema states none: what a broker takes by default, less its own overhead."""


@dataclass(frozen=True, slots=True)
class Schema:
    """One published version of one schema. ``avro`` is as written; ``plain`` has logical types stripped."""

    name: str
    group: str
    version: int
    avro: dict[str, Any]
    plain: dict[str, Any]
    fingerprint: bytes

    @property
    def max_bytes(self) -> int:
        """Most bytes one encoded record may have, without marker and fingerprint."""
        return int(self.avro.get("maxBytes", MAX_BYTES))

    @property
    def fields(self) -> tuple[dict[str, Any], ...]:
        """The fields of ``plain`` in wire order."""
        return tuple(self.plain["fields"])


def without_logical_types(schema: Any) -> Any:
    """A copy whose times are plain integers; the fingerprint is the same."""
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: schema[key] for key in schema if key != "logicalType"}
    for key in ("type", "items", "values", "fields"):
        if key in kept:
            kept[key] = without_logical_types(kept[key])
    return kept["type"] if kept.keys() == {"type"} else kept


def read_schema(path: Path) -> Schema:
    """One schema file. The folder names say name and group, the file name says the version."""
    avro = json.loads(path.read_text("utf-8"))
    name, group = path.parent.name, path.parent.parent.name
    return Schema(name, group, int(path.stem[1:]), avro, without_logical_types(avro), fingerprint(avro))


def read_folder(folder: Path) -> dict[str, tuple[Schema, ...]]:
    """All versions of all names below a folder, oldest first."""
    found: dict[str, list[Schema]] = {}
    for path in sorted(folder.glob("*/*/v*.avsc")):
        found.setdefault(path.parent.name, []).append(read_schema(path))
    return {name: tuple(sorted(versions, key=lambda s: s.version)) for name, versions in found.items()}


@cache
def catalogue() -> dict[str, tuple[Schema, ...]]:
    """All published schemas: name to versions, oldest first."""
    return read_folder(FOLDER / "avro")


def newest(name: str) -> Schema:
    """The version that readers use and writers write. ``KeyError`` for a name that is not published."""
    return catalogue()[name][-1]


@cache
def limits(name: str) -> dict[str, int]:
    """Largest length or number of items of each capped field of the newest version; the screen refuses more."""
    caps = {f["name"]: f.get("maxLength", f.get("maxItems")) for f in newest(name).fields}
    return {field: cap for field, cap in caps.items() if cap is not None}
