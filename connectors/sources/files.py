"""Files, folders and standard input as logs of records (see ``docs/sources.md``).

A file is one partition of a log: its topic is ``file:`` and its name, the offset of a record is its number in the file.
The name decides nothing else than where the file was found, so the same file read again gives the same origins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from connectors.sources.avro import container
from connectors.sources.encoding import UTF8 as UTF_8
from connectors.sources.encoding import is_utf8, majority
from connectors.sources.fields import Read, csv_rows, json_lines, undecodable
from connectors.sources.lines import BrokenStream, blocks, head, lines, unpacked
from connectors.sources.shapes import Shape, shape_of
from pipeline.errors import ConfigFaults, Fault, InvalidRecord
from pipeline.events.base import Millis
from pipeline.events.records import Arrival, Origin
from pipeline.wire.bulk import arrived

STDIN = Path("-")
AVRO_MAGIC = b"Obj\x01"


class Format(StrEnum):
    """What a file holds, packed with gzip or not."""

    AVRO = "avro"
    JSON_LINES = "jsonl"
    CSV = "csv"


SUFFIXES = {
    ".avro": Format.AVRO,
    ".jsonl": Format.JSON_LINES,
    ".ndjson": Format.JSON_LINES,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
}


class Progress(NamedTuple):
    """Bytes read and bytes in all, as they lie on the disk (0 in all: not known, as for standard input)."""

    read: int
    total: int


class FileSource:
    """The records of one file in file order; iterate once.

    Memory stays below a few blocks whatever the size of the file. A record that cannot be read is an ``Arrival`` with
    its ``fault`` and its bytes; reading goes on behind it. ``path`` ``-`` is standard input.
    """

    def __init__(
        self, path: Path, name: str, appended_at: Millis, schema: str | None = None, mapping: str | None = None
    ) -> None:
        self.path, self.name, self.topic = path, name, f"file:{name}"
        self._appended_at, self._skip = appended_at, 0
        self._shape = shape_of(name, schema, mapping)
        self._schema = schema or ""
        self._raw: BinaryIO | None = None
        self._read = 0
        self.bytes_total = 0 if path == STDIN else path.stat().st_size

    def skip(self, n: int) -> None:
        """Resume at record ``n`` (counted from 0). Call it before iterating."""
        self._skip = n

    @property
    def bytes_read(self) -> int:
        """Bytes taken from the file so far."""
        if self._raw is not None and self.path != STDIN:
            self._read = self._raw.tell()
        return self._read

    @property
    def progress(self) -> Progress:
        """How far reading is."""
        return Progress(self.bytes_read, self.bytes_total)

    def __iter__(self) -> Iterator[Arrival]:
        """Arrivals from the record asked for to the end."""
        with _opened(self.path) as raw:
            self._raw = raw
            try:
                yield from self._arrivals(unpacked(raw))
                self._read = self.bytes_total
            finally:
                self._raw = None

    def _arrivals(self, stream: BinaryIO) -> Iterator[Arrival]:
        number = -1
        avro = format_of((self.name, self.path.name), stream) is Format.AVRO
        try:
            if avro:
                for block in self._of_container(stream):
                    first, number = number + 1, number + len(block)
                    if number >= self._skip:
                        yield from block[max(0, self._skip - first) :]
            else:
                for number, one in enumerate(self._of_text(self._records(stream))):
                    if number >= self._skip and one is not None:
                        yield one
        except BrokenStream as error:
            if number + 1 < self._skip:
                return  # a run that goes on has this fault already
            fault = undecodable(self.name, f"send the file again, its packed bytes are damaged here ({error})")
            yield Arrival(self._schema, Origin(self.topic, 0, number + 1), self._appended_at, fault=fault)

    def _of_container(self, stream: BinaryIO) -> Iterator[list[Arrival]]:
        number = 0
        for block in container(stream):
            yield arrived(block, self.topic, number, self._appended_at)
            number += len(block)

    def _of_text(self, records: Iterator[Read | None]) -> Iterator[Arrival | None]:
        topic, appended_at, shape, schema = self.topic, self._appended_at, self._shape, self._schema
        for number, record in enumerate(records):
            if record is None:
                yield None
            else:
                yield arrival(record, Origin(topic, 0, number), appended_at, shape, schema)

    def _records(self, stream: BinaryIO) -> Iterator[Read | None]:
        first, source = _peeked(stream) if self.path == STDIN else (b"", blocks(stream))
        encoding = _encoding_of(self.path, first)
        if format_of((self.name, self.path.name), stream, first) is Format.CSV:
            return csv_rows(lines(source, keep_blank=True), encoding, self._skip)
        return _skipping(lines(source), encoding, self._skip)


def arrival(record: Read, origin: Origin, appended_at: Millis, shape: Shape, schema: str = "") -> Arrival:
    """What a read record arrives as: its body, or the fault of its bytes or of its fields."""
    fields, raw = record
    if isinstance(fields, InvalidRecord):
        return Arrival(schema, origin, appended_at, raw=raw, fault=fields)
    try:
        name, body = shape(fields)
    except InvalidRecord as fault:
        return Arrival(schema, origin, appended_at, raw=raw, fault=fault)
    return Arrival(name, origin, appended_at, body)


def _skipping(source: Iterator[bytes], encoding: str, skip: int) -> Iterator[Read | None]:
    for _ in islice(source, skip):
        yield None
    yield from json_lines(source, encoding)


def _opened(path: Path) -> BufferedReader:
    return cast("BufferedReader", sys.stdin.buffer if path == STDIN else path.open("rb"))


def format_of(names: Iterable[str], stream: BinaryIO, first: bytes = b"") -> Format:
    """By the suffix of a name, else by the first bytes: an Avro container, a JSON object, or a table."""
    for name in names:
        if (known := SUFFIXES.get(_suffix(name))) is not None:
            return known
    start = first or head(stream, 64)
    if start.startswith(AVRO_MAGIC):
        return Format.AVRO
    return Format.JSON_LINES if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else Format.CSV


def _suffix(name: str) -> str:
    """The suffix that tells the format: the last but ``.gz``."""
    return Path(name.casefold().removesuffix(".gz")).suffix


def _peeked(stream: BinaryIO) -> tuple[bytes, Iterator[bytes]]:
    source = blocks(stream)
    first = next(source, b"")

    def again() -> Iterator[bytes]:
        yield first
        yield from source

    return first, again()


def _encoding_of(path: Path, first: bytes) -> str:
    """By the whole file; of standard input, which is read only once, by its first block."""
    if path == STDIN:
        return UTF_8 if is_utf8([first[: first.rfind(b"\n") + 1]]) else majority(first.splitlines())
    try:
        with path.open("rb") as raw:
            if is_utf8(blocks(unpacked(raw))):
                return UTF_8
        with path.open("rb") as raw:
            return majority(lines(blocks(unpacked(raw))))
    except BrokenStream:
        return UTF_8


def discover(
    paths: Iterable[Path], appended_at: Millis, schema: str | None = None, mapping: str | None = None
) -> list[FileSource]:
    """One source for each file: files as named, folders recursively and sorted, ``-`` for standard input.

    A folder with ``inputs/`` and ``city/`` is an imported or simulated city: only ``inputs/`` is read. Otherwise files
    with a known suffix count, hidden ones do not. Two folders that hold files of one name are told apart by theirs.
    Raises ``ConfigFaults`` for a path that is not there or holds nothing to read.
    """
    roots = list(paths)
    if faults := [fault for root in roots for fault in _root_faults(root)]:
        raise ConfigFaults(faults)
    found = list(dict.fromkeys((path, name) for root in roots for path, name in _files(root)))
    return [FileSource(path, name, appended_at, schema, mapping) for path, name in _told_apart(found)]


def _root_faults(root: Path) -> Iterator[Fault]:
    if root != STDIN and not root.exists():
        yield Fault("input", "path", str(root), "name a file or folder that is there, or - for standard input")
    elif root.is_dir() and not _files(root):
        yield Fault("input", "path", str(root), f"put files in it that end in {', '.join(SUFFIXES)} or with .gz behind")


def _files(root: Path) -> list[tuple[Path, str]]:
    if root == STDIN:
        return [(root, "stdin")]
    if not root.is_dir():
        return [(root, root.name)]
    base = root / "inputs" if (root / "inputs").is_dir() and (root / "city").is_dir() else root
    files = (path for path in base.rglob("*") if path.is_file() and _wanted(path.relative_to(base)))
    return sorted(((path, path.relative_to(base).as_posix()) for path in files), key=lambda item: item[1])


def _wanted(path: Path) -> bool:
    return _suffix(path.name) in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _told_apart(found: list[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """Unique names: those that several paths share get as many of their parent folders as it takes."""
    names = [name for _, name in found]
    told = []
    for path, name in found:
        depth = len(Path(name).parts)
        full = path.absolute().parts
        rivals = [other.absolute().parts for other, label in found if label == name and other != path]
        while rivals and depth < len(full) and any(rival[-depth:] == full[-depth:] for rival in rivals):
            depth += 1
        told.append((path, name if names.count(name) == 1 else "/".join(full[-depth:])))
    return told
