"""How values go into columns of a server's types: what the tables should have, and what old servers have instead.

Facts hold times as milliseconds, tuples of texts and numbers, and ``None`` where a column may be null. A type that
nothing here can fill is a fault that :mod:`preflight` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Fill = Callable[[list[Any]], list[Any]]
"""Makes the values of a column what the driver takes for its type; gives a list of its own."""

_WRAPPED = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)$")
_INNER = {
    "text": re.compile(r"String$"),
    "texts": re.compile(r"Array\((?:LowCardinality\()?String\)?\)$"),
    "int": re.compile(r"Int64$"),
    "float": re.compile(r"Float64$"),
    "floats": re.compile(r"Array\(Float64\)$"),
    "bool": re.compile(r"(?:Bool|U?Int8)$"),
    "time": re.compile(r"(?:DateTime64\(3(?:, *'UTC')?\)|Int64|DateTime(?:\('UTC'\))?)$"),
}


def fills(shape: str, nullable: bool, server_type: str) -> Fill | None:
    """How to fill a column of this type with values of this shape; ``None`` when it cannot hold them."""
    inner = bare(server_type)
    if not _INNER[shape].match(inner) or (nullable and "Nullable(" not in server_type):
        return None
    if shape == "time" and inner.startswith("DateTime") and not inner.startswith("DateTime64"):
        return _seconds
    if shape == "bool" and inner != "Bool":
        return _numbers
    return list


def bare(server_type: str) -> str:
    """A type without what only says how it is stored or that it may be null."""
    while found := _WRAPPED.match(server_type):
        server_type = found[1]
    return server_type


def reads(name: str, shape: str, server_type: str) -> str:
    """The expression that gives a column back as facts have it: times as milliseconds, flags as numbers."""
    inner = bare(server_type)
    if shape == "time" and inner.startswith("DateTime64"):
        return f"toUnixTimestamp64Milli(`{name}`)"
    if shape == "time" and inner.startswith("DateTime"):
        return f"toInt64(toUnixTimestamp(`{name}`)) * 1000"
    if shape == "bool":
        return f"toUInt8(`{name}`)"
    return f"`{name}`"


def keeps(shape: str, server_type: str) -> Fill:
    """What :func:`reads` gives back of values that a column of this type was filled with."""
    if fills(shape, False, server_type) is not _seconds:
        return list
    return lambda values: [None if value is None else value * 1000 for value in _seconds(values)]


def _seconds(values: list[Any]) -> list[Any]:
    return [None if value is None else value // 1000 for value in values]


def _numbers(values: list[Any]) -> list[Any]:
    return [None if value is None else int(value) for value in values]
