"""Writers of Avro's binary encoding, compiled to straight-line Python once for each schema (see ``avrocode``).

A writer appends pieces to a list: on compiled code that costs half of what a growing buffer does, on plain Python about
the same. What a schema does not allow raises one of ``KeyError``, ``AttributeError``, ``TypeError``, ``ValueError``,
``OverflowError`` and ``struct.error``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, cast

from pipeline.wire.avrocode import Source, function, refuse

Writer = Callable[[list[bytes], Any], None]
"""Appends the pieces of one encoded value; joined they are its bytes."""


def _write_longs(numbers: Sequence[int]) -> bytes:
    out = bytearray()
    put = out.append
    for number in numbers:
        if 0 <= number < 64:
            put(number << 1)
        elif 64 <= number < 8192:
            put(number << 1 & 127 | 128)
            put(number >> 6)
        elif 8192 <= number < 1048576:
            out += bytes((number << 1 & 127 | 128, number >> 6 & 127 | 128, number >> 13))
        else:
            out += _write_long(number)
    return bytes(out)


def _write_ints(numbers: Sequence[int]) -> bytes:
    if not (min(numbers) >= -0x80000000 and max(numbers) <= 0x7FFFFFFF):
        refuse("a number has more than 32 bits")
    return _write_longs(numbers)


def _write_doubles(numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


_BULK_WRITE = {"int": _write_ints, "long": _write_longs, "double": _write_doubles}
"""Arrays of these are written by one call for the whole array."""


def _write_long(number: int) -> bytes:
    """A number of up to 64 bits with sign. Times and hashes are told again and again, so the last ones are kept."""
    coded = (number << 1) ^ (number >> 63)
    found = _WRITTEN.get(coded)
    if found is None:
        if not -0x8000000000000000 <= number <= 0x7FFFFFFFFFFFFFFF:
            refuse(f"{number} has more than 64 bits")
        if len(_WRITTEN) >= KEPT:
            _WRITTEN.clear()
        found = _WRITTEN[coded] = _varint(coded)
    return found


def _varint(coded: int) -> bytes:
    out = bytearray()
    while coded > 127:
        out.append(coded & 127 | 128)
        coded >>= 7
    out.append(coded)
    return bytes(out)


def _write_int(number: int) -> bytes:
    if not -0x80000000 <= number <= 0x7FFFFFFF:
        refuse(f"{number} has more than 32 bits")
    return _write_long(number)


KEPT = 4096
_WRITTEN: dict[int, bytes] = {}
"""Numbers written last, by their zigzag code."""
SMALL = tuple([_varint(number << 1) for number in range(1024)])
"""Numbers and lengths below 1024."""


def compile_writer(schema: Any, attributes: bool = False) -> Writer:
    """An encoder of mappings, where a missing field takes its default; or of objects with attributes."""
    source = _WriterSource(attributes)
    source.value(schema, 1, "v")
    source.lines.append(" return None")
    return cast(
        Writer, function("def write(o, v):", source.lines, source.names | {"_long": _write_long, "_int": _write_int})
    )


def _byte(value: int) -> str:
    """The expression of one byte."""
    return repr(bytes([value]))


class _WriterSource(Source):
    """Emits the encoder. ``o`` is the output; the target of a value is the expression or variable it is in."""

    def __init__(self, attributes: bool) -> None:
        super().__init__()
        self.names["_small"] = SMALL
        self.attributes = attributes

    def optional(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"if {target} is None: o.append({_byte(0)})", "else:", f" o.append({_byte(2)})")
        self.value(schema, depth + 1, target)

    def on_null(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"if {target} is not None: refuse('null expected')")

    def on_boolean(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"o.append({_byte(1)} if {target} else {_byte(0)})")

    def on_long(self, schema: Any, depth: int, target: str) -> None:
        self.number(target, depth, "_long")

    def on_int(self, schema: Any, depth: int, target: str) -> None:
        self.number(target, depth, "_int")

    def number(self, told: str, depth: int, more: str = "_long") -> None:
        """A number, or the length of what follows it."""
        self.say(depth, f"n = {told}", f"o.append(_small[n] if 0 <= n < {len(SMALL)} else {more}(n))")

    def on_double(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"o.append(_pack({target}))")

    def on_string(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"t = {target}", "e = t.encode()")
        self.number("len(e)", depth)
        self.say(depth, "o.append(e)")

    def on_bytes(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"e = {target}")
        self.number("len(e)", depth)
        self.say(depth, "o.append(e)")

    def on_enum(self, schema: Any, depth: int, target: str) -> None:
        symbols = self.name("s")
        self.names[symbols] = {symbol: SMALL[place] for place, symbol in enumerate(schema["symbols"])}
        self.say(depth, f"o.append({symbols}[{target}])")

    def on_array(self, schema: Any, depth: int, target: str) -> None:
        if isinstance(schema["items"], str) and schema["items"] in _BULK_WRITE:
            write = self.name("w")
            self.names[write] = _BULK_WRITE[schema["items"]]
            self.items(target, depth, lambda inner: self.say(inner, f"o.append({write}({target}))"))
            return
        item = self.name("i")

        def each(inner: int) -> None:
            self.say(inner, f"for {item} in {target}:")
            self.value(schema["items"], inner + 1, item)

        self.items(target, depth, each)

    def on_map(self, schema: Any, depth: int, target: str) -> None:
        key, item = self.name("k"), self.name("i")

        def each(inner: int) -> None:
            self.say(inner, f"for {key}, {item} in {target}.items():")
            self.value("string", inner + 1, key)
            self.value(schema["values"], inner + 1, item)

        self.items(target, depth, each)

    def items(self, target: str, depth: int, each: Callable[[int], None]) -> None:
        """One block of all items, and the end."""
        self.say(depth, f"if {target}:")
        self.number(f"len({target})", depth + 1)
        each(depth + 1)
        self.say(depth, f"o.append({_byte(0)})")

    def on_record(self, schema: Any, depth: int, target: str) -> None:
        for field in schema["fields"]:
            variable = self.name("f")
            self.say(depth, f"{variable} = {self.access(field, target)}")
            self.value(field["type"], depth, variable)

    def access(self, field: dict[str, Any], target: str) -> str:
        """The expression of a field; defaults are constants, shared and only read."""
        if self.attributes:
            return f"{target}.{field['name']}"
        if "default" not in field:
            return f"{target}[{field['name']!r}]"
        default = self.name("d")
        is_bytes = field["type"] == "bytes"  # whose default is written as text of code points 0 to 255
        self.names[default] = field["default"].encode("latin-1") if is_bytes else field["default"]
        return f"{target}.get({field['name']!r}, {default})"
