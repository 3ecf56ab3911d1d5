"""What can be wrong with a mapping file, told all at once before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import Fault, InvalidRecord
from schemas.catalogue import catalogue, newest
from schemas.text import is_time, shape_of

_TOP = {"name", "description", "schema", "blank", "fields", "keep"}
_SPEC = {"from", "value", "default", "join", "zone", "format", "lookup", "split", "measurements"}


def faults_of(where: str, text: Any) -> Iterator[Fault]:
    """Everything wrong with a mapping file."""
    if not isinstance(text, dict) or not isinstance(text.get("fields"), dict):
        yield Fault(where, "fields", str(text)[:40], "write name, schema and fields")
        return
    for key in sorted(text.keys() - _TOP):
        yield Fault(where, str(key), str(text[key])[:40], f"use only {', '.join(sorted(_TOP))}")
    if not text.get("name"):
        yield Fault(where, "name", "", "name the mapping")
    keep = text.get("keep", [])
    if keep != "rest" and not (isinstance(keep, list) and all(isinstance(path, str) for path in keep)):
        yield Fault(where, "keep", str(keep), "write 'rest' or a list of paths")
    schema = text.get("schema")
    if schema not in catalogue():
        yield Fault(where, "schema", str(schema), "name a schema of schemas/avro")
        return
    known = {f["name"]: f for f in newest(schema).fields}
    for field, spec in text["fields"].items():
        if field not in known:
            yield Fault(where, field, str(spec)[:40], f"{schema} has no such field; put it under keep")
        else:
            yield from _field_faults(where, schema, known[field], normal(spec))
    for name, field in known.items():
        if "default" not in field and name not in text["fields"]:
            yield Fault(where, name, "", f"say where this field of {schema} comes from; it has no default")


def _field_faults(where: str, schema: str, field: dict[str, Any], spec: Any) -> Iterator[Fault]:
    name = field["name"]
    if not isinstance(spec, dict) or not spec.keys() <= _SPEC:
        yield Fault(where, name, str(spec)[:60], f"write a path, or use only {', '.join(sorted(_SPEC))}")
        return
    if sum(key in spec for key in ("from", "value", "measurements")) != 1:
        yield Fault(where, name, str(spec)[:60], "write exactly one of from, value, measurements")
    if ("zone" in spec or "format" in spec) and not is_time(schema, name):
        yield Fault(where, name, str(spec)[:60], "zone and format belong to fields that are times")
    if "measurements" in spec:
        yield from _measurement_faults(where, name, spec["measurements"])
    elif not all(isinstance(path, str) and path for path in paths_of(spec)):
        yield Fault(where, name, str(spec.get("from")), "write a path or a list of paths")
    if "zone" in spec:
        yield from _zone_faults(where, name, spec["zone"])
    for value in _constants(spec):
        yield from _constant_faults(where, schema, field, value)


def _measurement_faults(where: str, name: str, specs: Any) -> Iterator[Fault]:
    if name != "evidence":
        yield Fault(where, name, "measurements", "measurements belong to evidence")
    for one in specs if isinstance(specs, list) else [specs]:
        if not isinstance(one, dict) or not {"measure", "from"} <= one.keys() <= {"measure", "from", "unit"}:
            yield Fault(where, name, str(one)[:60], "write measure, from and unit")


def _zone_faults(where: str, name: str, zone: Any) -> Iterator[Fault]:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        yield Fault(where, name, str(zone), "name a time zone, for example Asia/Shanghai")


def _constants(spec: dict[str, Any]) -> list[Any]:
    lookup = spec.get("lookup", {})
    looked_up = list(lookup.values()) if isinstance(lookup, dict) else [lookup]
    return [*looked_up, *(spec[key] for key in ("value", "default") if key in spec)]


def _constant_faults(where: str, schema: str, field: dict[str, Any], value: Any) -> Iterator[Fault]:
    name, kind = field["name"], field["type"]
    symbols = kind["symbols"] if isinstance(kind, dict) and kind["type"] == "enum" else None
    if symbols is not None and value not in symbols:
        yield Fault(where, name, str(value), "use one of " + ", ".join(symbols))
        return
    try:
        shape_of(schema).converters[name](value)
    except InvalidRecord as fault:
        yield Fault(where, name, str(value), fault.remedy)


def normal(spec: Any) -> dict[str, Any]:
    return {"from": spec} if isinstance(spec, str) else spec


def paths_of(spec: dict[str, Any]) -> list[str]:
    """The source paths a field is read from."""
    if "measurements" in spec:
        return [one["from"] for one in spec["measurements"]]
    paths = spec.get("from", [])
    return [paths] if isinstance(paths, str) else list(paths)
