"""Records written as text (JSON, CSV) whose fields are named as in a schema: text in, body out.

Times are ISO 8601 with a zone, or milliseconds since the epoch; a time without a zone is refused, never guessed.
Numbers and booleans may be text; blank and ``-`` mean "not known". Arrays and maps are JSON, or items parted by ``;``.
Fields that a schema does not know go to ``extra`` where the schema has it, else they are dropped, as Avro does. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.records import Body
from schemas.catalogue import newest
from schemas.converters import Convert, as_text, converter

VALUES = "values"
MISSING: Any = object()


class Shape(NamedTuple):
    """A schema compiled for text."""

    plain: frozenset[str]
    """Fields that are text already and may be empty: the common case, taken over as they are."""
    converters: dict[str, Convert]
    defaults: dict[str, Any]
    """All fields in wire order, so that bodies of the same record are alike; the required ones are ``MISSING``."""
    fresh: tuple[tuple[str, type], ...]
    """Fields whose default is an empty list or map: each body gets its own."""
    required: tuple[str, ...]
    has_extra: bool
    is_readings: bool


def body_from_text(schema_name: str, record: Mapping[str, Any]) -> Body:
    """The body of a record whose keys are the schema's fields.

    Raises :class:`InvalidRecord` naming field, value and remedy; ``KeyError`` for a schema that is not published.
    """
    shape = shape_of(schema_name)
    body = shape.defaults.copy()
    for field, empty in shape.fresh:
        body[field] = empty()
    plain, converters = shape.plain, shape.converters
    rest = False
    for field, value in record.items():
        if type(value) is str and field in plain:
            body[field] = value
        elif (convert := converters.get(field)) is not None:
            if (converted := convert(value)) is not None:
                body[field] = converted
        else:
            rest = True
    if rest and shape.has_extra:
        _keep_rest(body, record, converters)
    if shape.is_readings:
        _pair_samples(body)
    for field in shape.required:
        if body[field] is MISSING:
            raise InvalidRecord(Reason.MISSING_FIELD, field, None, "send the field")
    return body


@cache
def shape_of(schema_name: str) -> Shape:
    """The compiled schema. ``KeyError`` when the name is not published."""
    fields = newest(schema_name).fields
    defaults = {f["name"]: f.get("default", MISSING) for f in fields}
    return Shape(
        plain=frozenset(f["name"] for f in fields if f["type"] == "string" and "default" in f),
        converters={
            f["name"]: _required(f, converter(f["type"], f["name"], is_time(schema_name, f["name"]))) for f in fields
        },
        defaults=defaults,
        fresh=tuple((name, type(value)) for name, value in defaults.items() if isinstance(value, (list, dict))),
        required=tuple(name for name, value in defaults.items() if value is MISSING),
        has_extra=any(f["name"] == "extra" for f in fields),
        is_readings={"offsets_ms", "values"} <= {f["name"] for f in fields},
    )


def is_time(schema_name: str, field: str) -> bool:
    """Whether the field has a logical type: those are stripped from the compiled form."""
    (written,) = (f["type"] for f in newest(schema_name).avro["fields"] if f["name"] == field)
    branches = written if isinstance(written, list) else [written]
    return any(isinstance(branch, dict) and "logicalType" in branch for branch in branches)


def _required(field: dict[str, Any], convert: Convert) -> Convert:
    """A field without default must be there and, when it is a text, not blank."""
    name, is_text = field["name"], field["type"] == "string"
    if "default" in field:
        return convert

    def convert_required(value: Any) -> Any:
        found = convert(value)
        if found is None or (is_text and not found.strip()):
            raise InvalidRecord(Reason.MISSING_FIELD, name, value, "send the field")
        return found

    return convert_required


def _keep_rest(body: dict[str, Any], record: Mapping[str, Any], known: Mapping[str, Convert]) -> None:
    rest = {str(k): as_text(v) for k, v in record.items() if k not in known and v is not None and v != ""}
    body["extra"] = rest | body["extra"]


def _pair_samples(body: dict[str, Any]) -> None:
    """A missing reading is left out of both columns; a lone value stands at the start."""
    offsets, values = body["offsets_ms"], body["values"]
    if offsets is MISSING and values is not MISSING and len(values) == 1:
        body["offsets_ms"] = offsets = [0]
    if offsets is MISSING or values is MISSING or None not in values:
        return
    if len(offsets) != len(values):
        wanted = f"send one value for each of the {len(offsets)} offsets"
        raise InvalidRecord(Reason.WRONG_TYPE, VALUES, values, wanted)
    body["offsets_ms"] = [offset for offset, value in zip(offsets, values, strict=True) if value is not None]
    body["values"] = [value for value in values if value is not None]
