"""Records written as text (JSON, CSV) whose fields are named as in a schema: text in, body out.

Times are ISO 8601 with a zone, or milliseconds since the epoch; a time without a zone is refused, never guessed.
Numbers and booleans may be text; blank and ``-`` mean "not known". Arrays and maps are JSON, or items parted by ``;``. Fields
that a schema does not know go to ``extra`` where the schema has it and are dropped otherwise, as Avro does. A schema is
compiled once to one converter for each field. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.records import Body
from schemas.catalogue import newest

Convert = Callable[[Any], Any]
BLANK = frozenset(("", "-", "--", "null", "NULL", "None"))
"""What stands for "not known" where a number, time or choice is expected."""

TRUE = frozenset(("true", "1", "yes", "y", "t", "是"))
FALSE = frozenset(("false", "0", "no", "n", "f", "否"))
ZONED = "write the time with its zone, for example 2026-03-01T08:00:00+08:00"
MISSING: Any = object()
LIMITS = {"int": 31, "long": 63}


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


def millis(text: str, field: str) -> int:
    """An ISO 8601 time with a zone as milliseconds since the epoch; parts of a millisecond are cut off."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRecord(Reason.WRONG_TYPE, field, text, ZONED) from None
    if moment.tzinfo is None:
        raise InvalidRecord(Reason.NAIVE_TIME, field, text, ZONED)
    return int(moment.timestamp() // 1 * 1000) + moment.microsecond // 1000


# -- converters: each takes a value as it stands in the text; ``None`` means "not known" ---------------------------


def converter(kind: Any, field: str, is_time: bool = False) -> Convert:
    """The converter of one type; it raises :class:`InvalidRecord` in the name of ``field``."""
    if isinstance(kind, list):
        return converter(kind[1], field, is_time)
    if is_time:
        return _time(field)
    if isinstance(kind, str):
        return (
            {"string": _string, "double": _double, "boolean": _boolean}[kind](field)
            if kind not in LIMITS
            else _integer(field, LIMITS[kind])
        )
    build: Callable[[dict[str, Any], str], Convert] = {"enum": _enum, "array": _array, "map": _map, "record": _record}[
        kind["type"]
    ]
    return build(kind, field)


def _wrong(field: str, value: object, wanted: str) -> InvalidRecord:
    return InvalidRecord(Reason.WRONG_TYPE, field, value, f"send {wanted}")


def _string(field: str) -> Convert:
    def convert(value: Any) -> str | None:
        if value is None or type(value) is str:
            return value
        if type(value) is int or type(value) is float:
            return str(value)
        raise _wrong(field, value, "a text")

    return convert


def _time(field: str) -> Convert:
    def convert(value: Any) -> int | None:
        if type(value) is int:
            return _within(field, value, 63)
        if value is None:
            return None
        if type(value) is not str:
            raise _wrong(field, value, "a time as text with its zone, or milliseconds since the epoch")
        if value.strip() in BLANK:
            return None
        if value.isascii() and value.isdigit() and len(value) in (12, 13):
            return _within(field, int(value), 63)
        return millis(value.strip(), field)

    return convert


def _double(field: str) -> Convert:
    def convert(value: Any) -> float | None:
        if type(value) is float:
            return value
        if value is None or (type(value) is str and value.strip() in BLANK):
            return None
        if type(value) is str or type(value) is int:
            try:
                return float(value)
            except (ValueError, OverflowError):
                raise _wrong(field, value, "a number, or leave it blank") from None
        raise _wrong(field, value, "a number, or leave it blank")

    return convert


def _integer(field: str, bits: int) -> Convert:
    number = _double(field)

    def convert(value: Any) -> int | None:
        if type(value) is str and value.strip().lstrip("+-").isdecimal() and len(value) < 40:
            value = int(value)
        if type(value) is int:
            return _within(field, value, bits)
        found = number(value)
        if found is None:
            return None
        if not math.isfinite(found) or found != int(found):
            raise _wrong(field, value, "a whole number")
        return _within(field, int(found), bits)

    return convert


def _within(field: str, value: int, bits: int) -> int:
    if not -(1 << bits) <= value < 1 << bits:
        raise _wrong(field, value, f"a whole number of {bits + 1} bits")
    return value


def _boolean(field: str) -> Convert:
    def convert(value: Any) -> bool | None:
        if value is None or type(value) is bool:
            return value
        word = str(value).strip()
        if word in BLANK:
            return None
        if word.lower() in TRUE or word.lower() in FALSE:
            return word.lower() in TRUE
        raise _wrong(field, value, "true or false")

    return convert


def _enum(kind: dict[str, Any], field: str) -> Convert:
    """An unknown symbol becomes the type's default, as when an old reader meets a new writer."""
    exact = {symbol: symbol for symbol in kind["symbols"]}
    loose = {_letters(symbol): symbol for symbol in kind["symbols"]}

    def convert(value: Any) -> str | None:
        if type(value) is not str:
            if value is None:
                return None
            raise _wrong(field, value, "one of " + ", ".join(exact))
        if value in exact:
            return value
        if value.strip() in BLANK:
            return None
        found: str = loose.get(_letters(value), kind["default"])
        return found

    return convert


def _letters(symbol: str) -> str:
    """``GCJ-02`` and ``gcj02`` are the same symbol."""
    return "".join(filter(str.isalnum, symbol)).lower()


def _array(kind: dict[str, Any], field: str) -> Convert:
    one = converter(kind["items"], field)

    def convert(value: Any) -> list[Any] | None:
        if type(value) is str:
            value = _from_json(value, field) if value.lstrip()[:1] == "[" else _parts(value)
        if value is None:
            return None
        if type(value) is not list:
            value = [value]
        items = [one(item) for item in value]
        return items if field == "values" else [item for item in items if item is not None]

    return convert


def _parts(text: str) -> list[str] | None:
    return None if text.strip() in BLANK else [part.strip() for part in text.split(";")]


def _map(kind: dict[str, Any], field: str) -> Convert:
    def convert(value: Any) -> dict[str, str] | None:
        if type(value) is str:
            value = None if value.strip() in BLANK else _from_json(value, field)
        if value is None:
            return None
        if type(value) is not dict:
            raise _wrong(field, value, "an object of names and texts")
        return {str(key): as_text(item) for key, item in value.items() if item is not None}

    return convert


def _record(kind: dict[str, Any], field: str) -> Convert:
    parts = [(f, converter(f["type"], f"{field}.{f['name']}")) for f in kind["fields"]]

    def convert(value: Any) -> dict[str, Any] | None:
        if type(value) is not dict:
            raise _wrong(field, value, "an object of " + ", ".join(f["name"] for f, _ in parts))
        found = {f["name"]: _or_default(f, f"{field}.{f['name']}", one(value.get(f["name"]))) for f, one in parts}
        return found

    return convert


def _or_default(part: dict[str, Any], field: str, value: Any) -> Any:
    if value is None and "default" not in part:
        raise InvalidRecord(Reason.MISSING_FIELD, field, None, "send the field")
    return part["default"] if value is None else value


def as_text(value: Any) -> str:
    """A value of an unknown field as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _from_json(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong(field, text, "JSON, or items parted by ;") from None


# -- whole records ------------------------------------------------------------------------------------------------


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
        wanted = f"one value for each of the {len(offsets)} offsets"
        raise _wrong("values", values, wanted)
    body["offsets_ms"] = [offset for offset, value in zip(offsets, values, strict=True) if value is not None]
    body["values"] = [value for value in values if value is not None]
