"""Which encoding a file is in: UTF-8 (with or without byte order mark) or GB18030 (which contains GBK and GB 2312)."""

from __future__ import annotations

from codecs import BOM_UTF8, getincrementaldecoder
from collections.abc import Iterable

UTF8 = "utf-8"
GB18030 = "gb18030"


def is_utf8(blocks: Iterable[bytes]) -> bool:
    """Whether all blocks together are strict UTF-8. Characters may be cut between two blocks."""
    decoder = getincrementaldecoder(UTF8)()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def majority(lines: Iterable[bytes]) -> str:
    """The encoding of most lines that are not plain ASCII, for text that is not UTF-8 as a whole.

    One damaged line must not turn the rest of a UTF-8 file into other characters, so the lines vote. A tie is GB18030:
    Chinese text in it is almost never valid UTF-8 by chance.
    """
    votes = {UTF8: 0, GB18030: 0}
    for line in lines:
        if not line.isascii():
            votes[UTF8 if _decodes(line) else GB18030] += 1
    return UTF8 if votes[UTF8] > votes[GB18030] else GB18030


def _decodes(line: bytes) -> bool:
    try:
        line.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True


def without_mark(block: bytes) -> bytes:
    """The first block of a file without its byte order mark."""
    return block.removeprefix(BOM_UTF8)
