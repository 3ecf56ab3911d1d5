"""Converters of text to the types of a schema: one function for each field, compiled once.

A converter takes a value as it stands in JSON or in a cell, and gives what goes on the wire, or ``None`` for "not
known"; it raises :class:`InvalidRecord` naming its field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pipeline.errors import InvalidRecord, Reason

Convert = Callable[[Any], Any]
BLANK = frozenset(("", "-", "--", "null", "NULL", "None"))
"""What stands for "not known" where a number, time or choice is expected."""

TRUE = frozenset(("true", "1", "yes", "y", "t", "是"))
FALSE = frozenset(("false", "0", "no", "n", "f", "否"))
ZONED = "write the time with its zone, for example 2026-03-01T08:00:00+08:00"
LIMITS = {"int": 31, "long": 63}


def millis(text: str, field: str) -> int:
    """An ISO 8601 time with a zone as milliseconds since the epoch; parts of a millisecond are cut off."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRecord(Reason.WRONG_TYPE, field, text, ZONED) from None
    if moment.tzinfo is None:
        raise InvalidRecord(Reason.NAIVE_TIME, field, text, ZONED)
    return int(moment.timestamp() // 1 * 1000) + moment.microsecond // 1000


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
