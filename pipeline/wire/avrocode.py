"""Avro's binary encoding compiled to straight-line Python, once for each schema: the readers, and what writers share.

A general decoder looks up every field's type for every record; here that is done once and the result is a plain
function, about twice as fast as fastavro on the wide records of this project. Tests hold both to the same bytes.
Supported is what ``schemas/`` uses: primitives, records, enums of up to 64 symbols, arrays, maps and ``["null", T]``.

Readers refuse what the specification does not allow (negative lengths, numbers beyond 32 or 64 bits, unknown branches)
by ``ValueError`` or ``KeyError``; reading past the end gives ``IndexError`` or an end position beyond
the data, which the caller checks. Every item of an array takes at least one byte, so a wrong count cannot run away.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

from pipeline.wire.ready import Codec, ready_made

Reader = Callable[[bytes, int], tuple[Any, int]]
"""Decodes one value at a position: the value and the position after it."""

_DOUBLE = struct.Struct("<d")


def refuse(what: str) -> NoReturn:
    """Say what the specification forbids."""
    raise ValueError(what)


def _read_long(data: bytes, low: int, at: int) -> tuple[int, int]:
    """The rest of a variable-length number whose first byte was ``low`` (> 127), still zigzag coded.

    The first bytes are unrolled: the numbers that come by the million are times of six bytes and offsets of three.
    """
    byte = data[at]
    if byte < 128:
        return low & 127 | byte << 7, at + 1
    number = low & 127 | (byte & 127) << 7
    byte = data[at + 1]
    if byte < 128:
        return number | byte << 14, at + 2
    number |= (byte & 127) << 14 | (data[at + 2] & 127) << 21
    if data[at + 2] < 128:
        return number, at + 3
    number |= (data[at + 3] & 127) << 28
    if data[at + 3] < 128:
        return number, at + 4
    return _read_longest(data, number, at + 4)


def _read_longest(data: bytes, number: int, at: int) -> tuple[int, int]:
    """The sixth to the tenth byte of a number."""
    shift = 35
    while shift < 64:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            if number >> 64:
                break
            return number, at
        shift += 7
    refuse("number of more than 64 bits")


def _read_int(data: bytes, low: int, at: int) -> tuple[int, int]:
    number, at = _read_long(data, low, at)
    if number >> 32:
        refuse("int of more than 32 bits")
    return number, at


_LAST: dict[int, tuple[bytes, list[int]]] = {}
"""The bytes and numbers read last, by how many they were: devices sample at the same offsets over and over."""


def _read_longs(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """Many numbers in a row; callers copy them, for the same bytes are the same numbers and may be given again."""
    if count < 8:
        return _parse_longs(data, at, count)
    last = _LAST.get(count)
    if last is not None and data.startswith(last[0], at):
        return last[1], at + len(last[0])
    items, end = _parse_longs(data, at, count)
    if count <= 4096:
        if len(_LAST) > 256:
            _LAST.clear()
        _LAST[count] = (data[at:end], items)
    return items, end


def _parse_longs(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """The short forms inline, a call only for the long."""
    items: list[int] = []
    add = items.append
    for _ in range(count):
        number = data[at]
        if number < 128:
            at += 1
        elif (byte := data[at + 1]) < 128:
            number, at = number & 127 | byte << 7, at + 2
        elif (third := data[at + 2]) < 128:
            number, at = number & 127 | (byte & 127) << 7 | third << 14, at + 3
        else:
            number, at = _read_long(data, number, at + 1)
        add(number >> 1 ^ -(number & 1))
    return items, at


def _read_ints(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    items, at = _read_longs(data, at, count)
    if count == 1:
        if not -0x80000000 <= items[0] <= 0x7FFFFFFF:
            refuse("int of more than 32 bits")
    elif items and not (min(items) >= -0x80000000 and max(items) <= 0x7FFFFFFF):
        refuse("int of more than 32 bits")
    return items, at


def _read_doubles(data: bytes, at: int, count: int) -> tuple[list[float], int]:
    end = at + 8 * count
    if end > len(data):
        refuse("an item reaches past the end")
    if count == 1:
        return [_DOUBLE.unpack_from(data, at)[0]], end
    return list(struct.unpack_from(f"<{count}d", data, at)), end


_BULK_READ = {"int": _read_ints, "long": _read_longs, "double": _read_doubles}
"""Arrays of these are read by one call for a whole block."""


def compile_reader(schema: Any, classes: Mapping[str, type] | None = None) -> Reader:
    """A decoder of ``schema`` to dictionaries and lists, or to ``classes`` by record name and tuples."""
    source = _ReaderSource(classes or {})
    source.value(schema, 1, "out")
    source.lines.append(" return out, p")
    return cast(
        Reader, function("def read(d, p):", source.lines, source.names | {"_long": _read_long, "_int": _read_int})
    )


def function(head: str, lines: list[str], names: dict[str, Any]) -> Any:
    ready = ready_made(Codec(head, lines, names))
    if ready is not None:
        return ready
    space: dict[str, Any] = dict(names)
    exec("\n".join([head, *lines]), space)
    return space[head[4:].partition("(")[0]]


class Source:
    """Lines of generated code, the named types met so far, and fresh variable names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.named: dict[str, Any] = {}
        self.names: dict[str, Any] = {"_pack": _DOUBLE.pack, "_unpack": _DOUBLE.unpack_from, "refuse": refuse}
        self.fresh = 0

    def say(self, depth: int, *lines: str) -> None:
        self.lines.extend(" " * depth + line for line in lines)

    def name(self, stem: str) -> str:
        self.fresh += 1
        return f"{stem}{self.fresh}"

    def value(self, schema: Any, depth: int, target: str) -> None:
        """Emit the code of one value: dispatch on its type."""
        if isinstance(schema, str):
            schema = self.named.get(schema, {"type": schema})
        if isinstance(schema, list):
            if len(schema) != 2 or schema[0] != "null":
                refuse(f"only unions of null and one other type are supported: {schema}")
            self.optional(schema[1], depth, target)
            return
        if isinstance(schema["type"], (dict, list)):
            self.value(schema["type"], depth, target)
            return
        if "name" in schema:
            self.named[schema["name"]] = schema
        getattr(self, f"on_{schema['type']}")(schema, depth, target)

    def optional(self, schema: Any, depth: int, target: str) -> None:
        raise NotImplementedError


class _ReaderSource(Source):
    """Emits the decoder. ``d`` is the data, ``p`` the position, ``n`` the number at hand."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        super().__init__()
        self.classes = classes

    def optional(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, "n = d[p]", "p += 1", f"if n == 0: {target} = None", "elif n == 2:")
        self.value(schema, depth + 1, target)
        self.say(depth, "else: refuse('unknown branch of a union')")

    def on_null(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"{target} = None")

    def on_boolean(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, "n = d[p]", "p += 1", "if n > 1: refuse('boolean is neither 0 nor 1')", f"{target} = n == 1")

    def on_long(self, schema: Any, depth: int, target: str, more: str = "_long") -> None:
        self.say(depth, "n = d[p]", "p += 1", f"if n > 127: n, p = {more}(d, n, p)", f"{target} = n >> 1 ^ -(n & 1)")

    def on_int(self, schema: Any, depth: int, target: str) -> None:
        self.on_long(schema, depth, target, "_int")

    def on_double(self, schema: Any, depth: int, target: str) -> None:
        self.say(depth, f"{target}, = _unpack(d, p)", "p += 8")

    def on_string(self, schema: Any, depth: int, target: str, decode: str = ".decode()", empty: str = "''") -> None:
        self.say(depth, "n = d[p]", "p += 1", "if n:", " if n > 127: n, p = _long(d, n, p)")
        self.say(depth + 1, "if n & 1: refuse('negative length')", "q = p + (n >> 1)")
        self.say(depth + 1, f"{target} = d[p:q]{decode}", "p = q")
        self.say(depth, f"else: {target} = {empty}")

    def on_bytes(self, schema: Any, depth: int, target: str) -> None:
        self.on_string(schema, depth, target, "", "b''")

    def on_enum(self, schema: Any, depth: int, target: str) -> None:
        symbols = self.name("s")
        self.names[symbols] = {2 * place: symbol for place, symbol in enumerate(schema["symbols"])}
        if len(schema["symbols"]) > 64:
            refuse(f"{schema['name']}: enums of up to 64 symbols are supported")
        self.say(depth, f"{target} = {symbols}[d[p]]", "p += 1")

    def blocks(self, depth: int, body: Callable[[int], None]) -> None:
        """Arrays and maps are blocks of items; a negative count is followed by the block's size in bytes."""
        self.say(depth, "n = d[p]", "p += 1", "while n:", " if n > 127: n, p = _long(d, n, p)")
        self.say(depth + 1, "c = n + 1 >> 1", "if n & 1:", " n = d[p]", " p += 1")
        self.say(depth + 2, "if n > 127: n, p = _long(d, n, p)")
        body(depth + 1)
        self.say(depth + 1, "if p > len(d): refuse('an item reaches past the end')", "n = d[p]", "p += 1")

    def bulk(self, kind: str, depth: int, target: str) -> None:
        """An array of numbers, by one call for each block."""
        read, items = self.name("b"), self.name("l")
        self.names[read] = _BULK_READ[kind]
        self.say(depth, f"{items} = []")
        self.blocks(depth, lambda inner: self.say(inner, f"b, p = {read}(d, p, c)", f"{items} += b"))
        self.say(depth, f"{target} = tuple({items})" if self.classes else f"{target} = {items}")

    def on_array(self, schema: Any, depth: int, target: str) -> None:
        if isinstance(schema["items"], str) and schema["items"] in _BULK_READ:
            return self.bulk(schema["items"], depth, target)
        item, items = self.name("i"), self.name("l")
        self.say(depth, f"{items} = []")

        def one(inner: int) -> None:
            self.say(inner, "for _ in range(c):")
            self.value(schema["items"], inner + 1, item)
            self.say(inner + 1, f"{items}.append({item})")

        self.blocks(depth, one)
        self.say(depth, f"{target} = tuple({items})" if self.classes else f"{target} = {items}")

    def on_map(self, schema: Any, depth: int, target: str) -> None:
        key, item, items = self.name("k"), self.name("i"), self.name("m")
        self.say(depth, f"{items} = {{}}")

        def entry(inner: int) -> None:
            self.say(inner, "for _ in range(c):")
            self.value("string", inner + 1, key)
            self.value(schema["values"], inner + 1, item)
            self.say(inner + 1, f"{items}[{key}] = {item}")

        self.blocks(depth, entry)
        self.say(depth, f"{target} = {items}")

    def on_record(self, schema: Any, depth: int, target: str) -> None:
        parts = [(field["name"], self.name("f")) for field in schema["fields"]]
        for field, (_, variable) in zip(schema["fields"], parts, strict=True):
            self.value(field["type"], depth, variable)
        cls = self.classes.get(schema["name"])
        if cls is None:
            self.say(depth, f"{target} = {{{', '.join(f'{name!r}: {variable}' for name, variable in parts)}}}")
        else:
            self.names[f"C{schema['name']}"] = cls
            listed = ", ".join(f"{name}={variable}" for name, variable in parts)
            self.say(depth, f"{target} = C{schema['name']}({listed})")
