"""Records to bytes and back: Avro single-object messages and Avro container files. The only user of fastavro.

A message is the marker ``C3 01``, the little-endian CRC-64-AVRO fingerprint of its writer's schema, and the record. Any
published writer version is resolved to the newest version of its schema, so the stages only ever see that one. Times
are integers (logical types are stripped; fingerprints do not contain them). Codecs are compiled once for each schema;
fastavro resolves older versions and checks schemas, and it is what the compiled codecs are tested against.

What cannot be read is an :class:`InvalidRecord`; nothing else leaves this module because of data that came in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from io import BytesIO
from itertools import chain
from typing import Any, BinaryIO, TypeVar

import fastavro
import msgspec
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Value
from pipeline.events.casework import CaseAction, LinkNotice, MergeNotice, NeighbourNotice, Tick, UnmergeNotice
from pipeline.events.facts import FACTS, Samples
from pipeline.events.intake import BorderCandidate, Candidate, Classification, LocatedReport, Place, ScreenedReport
from pipeline.events.records import Body, Evidence, Origin
from pipeline.events.status import CaseStatus
from pipeline.wire.avrocode import Reader, compile_reader
from pipeline.wire.avrowrite import Writer, compile_writer
from pipeline.wire.bulk import Read, read_all
from pipeline.wire.container import ContainerReader, ContainerWriter, unpack
from schemas.catalogue import MAX_BYTES, Schema, catalogue, newest, without_logical_types
from schemas.fingerprint import canonical_form

MARKER = b"\xc3\x01"
HEAD = len(MARKER) + 8
LONGEST = HEAD + MAX_BYTES
"""Most bytes of a message of a schema that states no bound, and of one that is not known."""
_FILE = "container"

STRUCTS: dict[str, type[Value]] = {cls.__name__: cls for cls in FACTS} | {
    "Samples": Samples,
    "LocatedReport": LocatedReport,
    "CaseActionTaken": CaseAction,
    "NeighbourNotice": NeighbourNotice,
    "LinkNotice": LinkNotice,
    "MergeNotice": MergeNotice,
    "UnmergeNotice": UnmergeNotice,
    "Tick": Tick,
    "CaseStatus": CaseStatus,
}
"""Schema name to its struct. ``CaseAction`` is the record as sent, ``CaseActionTaken`` the action as keyed by tile."""

NAMES: dict[type, str] = {cls: name for name, cls in STRUCTS.items()}
_NESTED: dict[str, type] = {
    cls.__name__: cls for cls in (ScreenedReport, Evidence, Origin, Classification, Candidate, Place, BorderCandidate)
}
_UNREADABLE = (
    ValueError,
    IndexError,
    KeyError,
    struct.error,
    EOFError,
    OverflowError,
    TypeError,
    SchemaResolutionError,
)
_UNWRITABLE = (KeyError, AttributeError, TypeError, ValueError, OverflowError, struct.error)
V = TypeVar("V", bound=Value)


# -- single-object messages ---------------------------------------------------------------------------------------


def encode(name: str, value: Body | Value) -> bytes:
    """One message of the newest version of ``name``. Fields a body leaves out take their defaults.

    Raises :class:`InvalidRecord` naming the field when the value does not keep its schema; ``KeyError`` for a name that
    is not published.
    """
    head, cap, write_body, write_struct = _writer(name)
    pieces = [head]
    try:
        (write_struct if isinstance(value, msgspec.Struct) else write_body)(pieces, value)
        out = b"".join(pieces)
    except _UNWRITABLE as fault:
        raise _unwritable(name, value, fault) from fault
    if len(out) > cap:
        raise InvalidRecord(Reason.OVERSIZE, name, f"{len(out)} bytes", f"send at most {cap} bytes in one record")
    return out


def encode_struct(value: Value) -> bytes:
    """One message of a fact, notice or located report; its class says the schema."""
    return encode(NAMES[type(value)], value)


def decode(data: bytes) -> tuple[str, Body]:
    """Schema name and fields of one message, in the newest version. Raises :class:`InvalidRecord`."""
    read = _readers().get(data[:HEAD])
    if read is None:
        raise _unknown(data)
    name, cap, body_of = read
    if len(data) > cap:
        raise InvalidRecord(Reason.OVERSIZE, name, f"{len(data)} bytes", f"send at most {cap} bytes in one record")
    try:
        body, end = body_of(data, HEAD)
    except _UNREADABLE as fault:
        raise _unreadable(name, data, str(fault) or type(fault).__name__) from fault
    if end != len(data):
        raise _unreadable(name, data, f"{abs(len(data) - end)} bytes {'left over' if end < len(data) else 'missing'}")
    return name, body


def decode_many(batch: Iterable[bytes]) -> list[Read]:
    """The messages of one poll in order; an unreadable one is its :class:`InvalidRecord` and stops nothing."""
    found: list[Read] = []
    for data in batch:
        try:
            found.append(decode(data))
        except InvalidRecord as fault:
            found.append((name_of(data) or "", fault))
    return found


def name_of(data: bytes) -> str | None:
    """The schema name of a message by its fingerprint alone; ``None`` when it is no message we know."""
    read = _readers().get(data[:HEAD])
    return read[0] if read else None


def decode_struct(data: bytes) -> Value:
    """The fact, notice or located report of one message. Raises :class:`InvalidRecord`."""
    read = _struct_readers().get(data[:HEAD])
    if read is None:
        name, body = decode(data)
        if name not in STRUCTS:
            raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", name, "send a fact or a casework message here")
        return to_struct(STRUCTS[name], body)
    name, value_of = read
    try:
        value, end = value_of(data, HEAD)
    except _UNREADABLE as fault:
        raise _unreadable(name, data, str(fault) or type(fault).__name__) from fault
    if end != len(data):
        raise _unreadable(name, data, f"{abs(len(data) - end)} bytes {'left over' if end < len(data) else 'missing'}")
    return value  # type: ignore[no-any-return]


def to_body(value: Value) -> Body:
    """A struct as nested dictionaries and lists: exactly what :func:`decode` gives for it."""
    return decode(encode_struct(value))[1]


def to_struct(cls: type[V], body: Body) -> V:
    """A body as the struct it stands for. Raises :class:`InvalidRecord` when a field has the wrong type."""
    try:
        return msgspec.convert(_origin_as_tuple(body), cls)
    except msgspec.ValidationError as fault:
        raise InvalidRecord(
            Reason.WRONG_TYPE, cls.__name__, str(fault), "send the record its schema describes"
        ) from fault


def _origin_as_tuple(body: Body) -> Body:
    if "report" in body and isinstance(body["report"], dict):
        return {**body, "report": _origin_as_tuple(body["report"])}
    origin = body.get("origin")
    return {**body, "origin": tuple(map(origin.get, Origin.__struct_fields__))} if isinstance(origin, dict) else body


# -- container files ----------------------------------------------------------------------------------------------


def write_container(stream: BinaryIO, name: str, bodies: Iterable[Body], codec: str = "deflate") -> int:
    """Write an Avro container file and return how many records it holds. The same bodies give the same bytes.

    The sync marker is derived from the schema instead of drawn by chance. ``codec`` is ``deflate`` or ``null``.
    """
    schema, write = newest(name), _body_writer(name)
    file = ContainerWriter(stream, schema.avro, codec, schema.fingerprint * 2)
    for body in bodies:
        pieces: list[bytes] = []
        try:
            write(pieces, body)
            record = b"".join(pieces)
        except _UNWRITABLE as fault:
            raise _unwritable(name, body, fault) from fault
        file.add(record)
    return file.close()


def read_container(stream: BinaryIO) -> Iterator[Read]:
    """The records of an Avro container file, in the newest version of their schema, by the file's own order.

    A corrupt block gives its readable head and one :class:`InvalidRecord` for the rest, and reading goes on at the next
    sync marker. A file that is no container or whose record is unknown raises :class:`InvalidRecord` at once.
    """
    return chain.from_iterable(read_blocks(stream))


def read_blocks(stream: BinaryIO) -> Iterator[list[Read]]:
    """The same, block by block: a list costs less than an iterator that is asked for each record."""
    name, read, file = _opened(stream)
    for block in file.blocks():
        if block is None:
            yield [(name, _unreadable(name, b"", "a block is broken: reading goes on at the next sync marker"))]
        else:
            yield _records(name, read, file.codec, *block)


def container_schema(stream: BinaryIO) -> str:
    """The schema name of a container file; reads its head only. Raises :class:`InvalidRecord`."""
    return _opened(stream)[0]


def _opened(stream: BinaryIO) -> tuple[str, Reader, ContainerReader]:
    try:
        file = ContainerReader(stream)
        name, read = _reader_of_file(file.schema)
    except (*_UNREADABLE, SchemaParseException) as fault:
        raise _unreadable(_FILE, b"", str(fault)) from fault
    return name, read, file


def _records(name: str, read: Reader, codec: str, count: int, packed: bytes) -> list[Read]:
    """The records of one block, then one fault for what could not be read."""
    found: list[Read] = []
    try:
        read_all(name, read, unpack(packed, codec), count, newest(name).max_bytes, found)
    except _UNREADABLE as fault:
        found.append((name, _unreadable(name, packed, f"rest of a block of {count} records: {fault}")))
    return found


def _reader_of_file(written: Any) -> tuple[str, Reader]:
    """A reader for the schema in a file's head: a published version, or any that resolves to the newest."""
    name = str(written.get("name", "")).rpartition(".")[2]
    if name not in catalogue():
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", name, "use a schema from schemas/avro")
    if canonical_form(written) == canonical_form(newest(name).avro):
        return name, _body_reader(name)
    return name, _resolving(without_logical_types(written), newest(name))


# -- compiled codecs ----------------------------------------------------------------------------------------------


@cache
def _body_reader(name: str) -> Reader:
    return compile_reader(newest(name).plain)


@cache
def _body_writer(name: str) -> Writer:
    return compile_writer(newest(name).plain)


@cache
def _writer(name: str) -> tuple[bytes, int, Writer, Writer]:
    """Head, size cap and both writers of a schema."""
    schema = newest(name)
    by_attribute = compile_writer(schema.plain, attributes=True)
    return MARKER + schema.fingerprint, HEAD + schema.max_bytes, _body_writer(name), by_attribute


@cache
def _readers() -> dict[bytes, tuple[str, int, Reader]]:
    """Every published version by the first bytes of its messages."""
    found: dict[bytes, tuple[str, int, Reader]] = {}
    for name, versions in catalogue().items():
        for schema in versions:
            read = _body_reader(name) if schema is versions[-1] else _resolving(schema.plain, versions[-1])
            found[MARKER + schema.fingerprint] = (name, HEAD + schema.max_bytes, read)
    return found


@cache
def _struct_readers() -> dict[bytes, tuple[str, Reader]]:
    """The newest versions of what has a struct: decoded straight to it."""
    return {MARKER + newest(name).fingerprint: (name, struct_reader(name)) for name in STRUCTS}


@cache
def struct_reader(name: str) -> Reader:
    """What decodes the newest version of a schema straight to its struct."""
    return compile_reader(newest(name).plain, {**_NESTED, name: STRUCTS[name]})


def _resolving(written: Any, reader: Schema) -> Reader:
    """A reader of another writer version, by the specification's schema resolution."""
    parsed, target = fastavro.parse_schema(written), fastavro.parse_schema(reader.plain)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        stream = BytesIO(data)
        stream.seek(at)
        body = fastavro.schemaless_reader(stream, parsed, target)
        return body, stream.tell()

    return read


# -- faults -------------------------------------------------------------------------------------------------------


def _unknown(data: bytes) -> InvalidRecord:
    if data[:2] != MARKER or len(data) < HEAD:
        return InvalidRecord(
            Reason.UNDECODABLE, "marker", data[:HEAD], "send an Avro single-object message (C3 01 ...)"
        )
    if len(data) > LONGEST:
        return InvalidRecord(
            Reason.OVERSIZE, "record", f"{len(data)} bytes", f"send at most {LONGEST} bytes in one record"
        )  # fmt: skip
    return InvalidRecord(Reason.UNKNOWN_SCHEMA, "fingerprint", data[2:HEAD].hex(), "publish the schema version first")


def _unreadable(name: str, data: bytes, why: str) -> InvalidRecord:
    return InvalidRecord(Reason.UNDECODABLE, name, data[:64], f"{why}; encode the record with the schema it names")


def _unwritable(name: str, value: object, fault: Exception) -> InvalidRecord:
    """Say which field is at fault; only now is the time spent to look."""
    body = msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value
    for field in newest(name).fields:
        if not isinstance(body, Mapping) or field["name"] not in body:
            if "default" not in field:
                return InvalidRecord(Reason.MISSING_FIELD, f"{name}.{field['name']}", None, "send the field")
            continue
        try:
            one = {"type": "record", "name": "One", "fields": [field]}
            compile_writer(one, attributes=isinstance(value, msgspec.Struct))([], value)
        except _UNWRITABLE:
            kind = json.dumps(field["type"], ensure_ascii=False)[:120]
            return InvalidRecord(Reason.WRONG_TYPE, f"{name}.{field['name']}", body[field["name"]], f"send a {kind}")
    return InvalidRecord(Reason.WRONG_TYPE, name, value, str(fault))


__all__ = [
    "STRUCTS",
    "container_schema",
    "decode",
    "decode_many",
    "decode_struct",
    "encode",
    "encode_struct",
    "name_of",
    "read_blocks",
    "read_container",
    "to_body",
    "to_struct",
    "write_container",
]
