"""Parsing Canonical Form and CRC-64-AVRO fingerprint of a schema (Avro 1.11 specification, "Schema Fingerprints").

The canonical form leaves out documentation, defaults, aliases and logical types, so a schema with its logical types
stripped has the same fingerprint. The specification's CRC is little-endian on the wire.
"""

from __future__ import annotations

import json
from typing import Any

EMPTY = 0xC15D213AA4D7A795
"""Fingerprint of the empty text, and the polynomial of the table."""

_KEPT = ("name", "type", "fields", "symbols", "items", "values", "size")
_PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
_NAMED = frozenset(("record", "enum", "fixed"))


def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = (row >> 1) ^ (EMPTY & -(row & 1))
        rows.append(row)
    return tuple(rows)


_TABLE = _table()


def crc_64_avro(text: bytes) -> int:
    """The 64-bit Rabin fingerprint of the Avro specification."""
    crc = EMPTY
    for byte in text:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def canonical_form(schema: Any) -> str:
    """The Parsing Canonical Form: what decides how bytes are read, and nothing else."""
    return json.dumps(_canonical(schema, ""), ensure_ascii=False, separators=(",", ":"))


def fingerprint(schema: Any) -> bytes:
    """The eight bytes that follow the marker of a single-object message."""
    return crc_64_avro(canonical_form(schema).encode()).to_bytes(8, "little")


def full_name(name: str, namespace: str) -> str:
    """A name with its namespace; primitives and dotted names stay as they are."""
    return name if "." in name or not namespace or name in _PRIMITIVES else f"{namespace}.{name}"


def _canonical(schema: Any, namespace: str) -> Any:
    if isinstance(schema, str):
        return full_name(schema, namespace)
    if isinstance(schema, list):
        return [_canonical(branch, namespace) for branch in schema]
    kind = schema["type"]
    if kind in _NAMED:
        return _canonical_named(schema, namespace)
    if kind == "array":
        return {"type": "array", "items": _canonical(schema["items"], namespace)}
    if kind == "map":
        return {"type": "map", "values": _canonical(schema["values"], namespace)}
    return _canonical(kind, namespace)


def _canonical_named(schema: dict[str, Any], namespace: str) -> dict[str, Any]:
    name = full_name(schema["name"], schema.get("namespace", namespace))
    kept = {key: schema[key] for key in _KEPT if key in schema} | {"name": name}
    if "fields" in schema:
        inner = name.rpartition(".")[0]
        kept["fields"] = [{"name": f["name"], "type": _canonical(f["type"], inner)} for f in schema["fields"]]
    return kept
