"""Avro object containers as a source, also packed with gzip or from a pipe."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from connectors.sources.lines import BrokenStream
from pipeline.errors import InvalidRecord
from pipeline.events.records import Body
from pipeline.wire.serde import read_blocks


def container(stream: BinaryIO) -> Iterator[list[tuple[str, Body | InvalidRecord]]]:
    """Schema name and body of each record, or the fault of one that cannot be read, block by block.

    A file whose head cannot be read is one fault. Raises ``BrokenStream`` when packed bytes are damaged.
    """
    try:
        yield from read_blocks(cast("BinaryIO", _Rewindable(stream)))
    except InvalidRecord as fault:
        yield [("", fault)]


class _Rewindable:
    """A stream that can go back within its first read, which holds the container's head: a pipe cannot seek."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._first, self._at = stream, b"", 0

    def tell(self) -> int:
        """Bytes given so far."""
        return self._at

    def seek(self, at: int) -> int:
        """Go to a place within the first read; the rest of it is given again."""
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        """What is left of the first read, else the next bytes."""
        if self._at < len(self._first):
            part = self._first[self._at :]
        else:
            part = self._fresh(size)
            if not self._first:
                self._first = part
            elif self._at >= len(self._first):
                self._at += len(part)
                return part
        self._at = len(self._first)
        return part

    def _fresh(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise BrokenStream(str(error)) from error
