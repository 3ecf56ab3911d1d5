"""Bytes in, lines out, in bounded memory. A file is read in blocks; a line without end is cut, never collected."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from connectors.sources.encoding import without_mark

BLOCK = 1 << 20
MAX_LINE = 1 << 20
"""Longest line in bytes. Of a longer one the first ``MAX_LINE + 1`` bytes are given, so that it can be refused."""

GZIP_MAGIC = b"\x1f\x8b"


def unpacked(raw: BinaryIO) -> BinaryIO:
    """The stream itself, or what gzip packed into it. Needs ``peek`` (any buffered stream has it)."""
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if head(raw, 2) == GZIP_MAGIC else raw


def head(raw: BinaryIO, size: int) -> bytes:
    """The next bytes without taking them (fewer when the stream gives fewer at once)."""
    peek = getattr(raw, "peek", None)
    return bytes(peek(size)[:size]) if peek is not None else b""


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks up to the end of the stream. Raises ``BrokenStream`` when packed bytes are damaged or cut short."""
    read = getattr(stream, "read1", stream.read)
    while True:
        try:
            block = read(BLOCK)
        except (EOFError, OSError, zlib.error) as error:
            raise BrokenStream(str(error)) from error
        if not block:
            return
        yield block


class BrokenStream(Exception):
    """The rest of a packed file cannot be unpacked."""


def lines(source: Iterator[bytes], *, keep_blank: bool = False) -> Iterator[bytes]:
    """Lines without their ends (LF or CRLF) and without a byte order mark; the last needs no end.

    LF never is part of a character in UTF-8 or GB18030, so lines are cut before they are decoded. Blank lines are left
    out unless asked for.
    """
    rest, first, dropping = b"", True, False
    for block in source:
        if first:
            block, first = without_mark(block), False
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            if dropping:
                dropping = False
            elif keep_blank or line.strip():
                yield line.rstrip(b"\r")[: MAX_LINE + 1]
        if dropping:
            rest = b""
        elif len(rest) > MAX_LINE:
            yield rest[: MAX_LINE + 1]
            rest, dropping = b"", True
    if rest.strip():
        yield rest.rstrip(b"\r")
