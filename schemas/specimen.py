"""A record as the source of a mapping would write it, made up from the mapping file alone.

It says the given words and the time, in the places and the way of writing that the mapping states, and nothing else:
what is not given is left out as a source leaves out what it does not know. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping as Words
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.mapping import Mapping
from schemas.mapping_faults import paths_of
from schemas.text import is_time, shape_of

IDENTITY = "source_ref"


def specimen(mapping: Mapping, words: Words[str, Any], at: int) -> dict[str, Any]:
    """A source record that ``mapping`` makes a record of ``words`` (field to value) and of the time ``at`` (ms) of.

    Where the mapping has a word of its own for a field that does not come, it is left to say it; the identity is
    always given, because a default there would make all records the same one.
    """
    record: dict[str, Any] = {}
    for field in _in_order(mapping):
        spec = mapping.specs[field]
        for path in paths_of(spec):
            if is_time(mapping.schema, field):
                _put(record, path, _time(mapping, spec, path, at))
            elif field in words and (field == IDENTITY or "default" not in spec):
                _put(record, path, words[field])
    return record


def _in_order(mapping: Mapping) -> list[str]:
    """Required fields come first: where two fields read one place, what a record cannot do without stands there."""
    required = shape_of(mapping.schema).required
    return sorted(mapping.specs, key=lambda field: field not in required)


def _put(record: dict[str, Any], path: str, value: Any) -> None:
    """Write a value at a path, unless something stands there. A place in a list is a name like any other."""
    *above, last = path.split(".")
    for step in above:
        record = record.setdefault(step, {})
        if not isinstance(record, dict):
            return
    record.setdefault(last, value)


def _time(mapping: Mapping, spec: dict[str, Any], path: str, at: int) -> Any:
    wanted = _format(mapping, path)
    if wanted in ("epoch_s", "epoch_ms"):
        return at / 1000 if wanted == "epoch_s" else at
    moment = datetime.fromtimestamp(at / 1000, ZoneInfo(spec["zone"]) if "zone" in spec else UTC)
    return moment.isoformat(timespec="milliseconds") if wanted == "iso" else moment.strftime(wanted)


def _format(mapping: Mapping, path: str) -> str:
    """The way of writing that every time read from this place understands, else that of the first."""
    specs = [mapping.specs[field] for field in _in_order(mapping) if is_time(mapping.schema, field)]
    uses = [_formats(spec) for spec in specs if path in paths_of(spec)]
    shared = [one for one in uses[0] if all(one in use for use in uses)]
    return (shared or uses[0])[0]


def _formats(spec: dict[str, Any]) -> list[str]:
    found = spec.get("format", "iso")
    return [found] if isinstance(found, str) else list(found)
