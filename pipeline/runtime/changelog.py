"""The changelog of the local runner: what a compacted Kafka topic is to a worker.

A file of frames, each one commit: how far the log was read, the counts, and every entry of state that changed since the
commit before. A frame is written after the facts of the commit are in the store; a frame cut short by a crash is
dropped on opening, and the records it would have covered are read again. When most of the file is history it is
rewritten from the live entries (so the cost per record stays flat) and put in place with one rename.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

Entry = tuple[str, str, str, bytes | None]
"""(store, space, key, encoded value or ``None``); ``store`` names the stage and partition."""

_HEAD = struct.Struct("<II")
_SNAPSHOT_ENTRIES = 10_000


class Commit(msgspec.Struct, kw_only=True):
    """How far a run has come: plain data of the runner, replaced whole by every commit."""

    number: int = 0
    position: dict[str, int] = {}
    """Records read of each kept input."""
    order: int = 0
    """Records of the whole log so far; the next record gets this number."""
    read_to: int = 0
    """Time up to which the inputs at hand were merged (see :class:`pipeline.runtime.merge.Merged`)."""
    stream_time: int = 0
    counts: dict[str, int] = {}
    """``channel|fate|outcome|derived`` to records; samples under ``samples|...``."""
    done: list[str] = []
    """Groups of inputs that were read to their end."""


class Frame(msgspec.Struct, kw_only=True, array_like=True):
    """One record of the file. Snapshot frames carry no commit until the last one."""

    commit: Commit | None
    entries: list[Entry]


class Changelog:
    """Frames in one file; one process at a time."""

    def __init__(self, path: Path, *, compact_bytes: int = 64_000_000) -> None:
        self._path, self._compact_bytes = path, compact_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._encode = msgspec.msgpack.Encoder().encode
        self._file: Any = None
        self._live_bytes = 0

    def recover(self) -> Iterator[Frame]:
        """All whole frames in order; whatever a crash left behind them is cut off."""
        if not self._path.exists():
            return
        good = 0
        with self._path.open("rb") as file:
            for frame, end in _frames(file):
                good = end
                yield frame
        if good < self._path.stat().st_size:
            os.truncate(self._path, good)

    def append(self, commit: Commit, entries: Iterable[Entry]) -> None:
        """Write one commit and wait until the disk has it."""
        if self._file is None:
            self._file = self._path.open("ab")
        self._file.write(_packed(self._encode(Frame(commit=commit, entries=list(entries)))))
        self._file.flush()
        os.fsync(self._file.fileno())

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._path.stat().st_size if self._path.exists() else 0

    def wants_compaction(self) -> bool:
        """Whether the file is large and mostly history."""
        return self.size > max(self._compact_bytes, 3 * self._live_bytes)

    def compact(self, commit: Commit, entries: Iterable[Entry]) -> None:
        """Rewrite the file from the live entries; a crash in between leaves the old file as it was."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for part in _parts(entries):
                file.write(_packed(self._encode(Frame(commit=None, entries=part))))
            file.write(_packed(self._encode(Frame(commit=commit, entries=[]))))
            file.flush()
            os.fsync(file.fileno())
        self.close()
        fresh.replace(self._path)
        self._live_bytes = self.size

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _packed(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _frames(file: Any) -> Iterator[tuple[Frame, int]]:
    decode = msgspec.msgpack.Decoder(Frame).decode
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        payload = file.read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield decode(payload), file.tell()


def _parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    part: list[Entry] = []
    for entry in entries:
        part.append(entry)
        if len(part) == _SNAPSHOT_ENTRIES:
            yield part
            part = []
    if part:
        yield part
