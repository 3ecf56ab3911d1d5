"""The frame of Avro object container files: head, blocks, sync markers. What is in the blocks is not its business.

Written here rather than taken from fastavro for two reasons: a file of the same records has the same bytes (no random
sync marker), and a broken block costs that block only, for reading goes on at the next sync marker.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.wire.avrocode import compile_reader, refuse
from pipeline.wire.avrowrite import compile_writer

BLOCK_BYTES = 64_000
"""A block is closed when it holds this many bytes."""
LARGEST_BLOCK = 64_000_000
"""A block that claims or unpacks to more is refused: memory stays bounded."""
LARGEST_HEAD = 1_000_000
CODECS = ("deflate", "null")
MAGIC = b"Obj\x01"
SYNC = 16

_META = {"type": "map", "values": "bytes"}
_read_long, _put_long = compile_reader("long"), compile_writer("long")
_read_meta, _put_meta = compile_reader(_META), compile_writer(_META)


class ContainerWriter:
    """Writes a container file of encoded records, block by block."""

    def __init__(self, stream: BinaryIO, schema: Any, codec: str, sync: bytes) -> None:
        if codec not in CODECS:
            refuse(f"codec {codec!r}: use one of {', '.join(CODECS)}")
        self._block = bytearray()
        self._stream, self._codec, self._sync = stream, codec, sync
        self._held = self._total = 0
        text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        head = [MAGIC]
        _put_meta(head, {"avro.codec": codec.encode(), "avro.schema": text.encode()})
        stream.write(b"".join([*head, sync]))

    def add(self, record: bytes) -> None:
        """Append one record."""
        self._block += record
        self._held += 1
        if len(self._block) >= BLOCK_BYTES:
            self._flush()

    def close(self) -> int:
        """Write what is left, leave the stream open, and tell how many records the file holds."""
        if self._held:
            self._flush()
        return self._total

    def _flush(self) -> None:
        packed = pack(self._block, self._codec)
        frame: list[bytes] = []
        _put_long(frame, self._held)
        _put_long(frame, len(packed))
        self._stream.write(b"".join([*frame, packed, self._sync]))
        self._total += self._held
        self._held = 0
        self._block.clear()


class ContainerReader:
    """Reads a container file from any stream. Raises ``ValueError`` or ``KeyError`` when it is none."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._held = stream, b""
        self._fill(LARGEST_HEAD)
        head = self._held
        if head[:4] != MAGIC:
            refuse("no Avro container: the first bytes are not Obj 01")
        meta, at = _read_meta(head, 4)
        self.codec = meta.get("avro.codec", b"null").decode()
        if self.codec not in CODECS:
            refuse(f"codec {self.codec!r} is not supported: use one of {', '.join(CODECS)}")
        self.schema = json.loads(meta["avro.schema"])
        if not isinstance(self.schema, dict):
            refuse("the file's schema is no record")
        self._sync = head[at : at + SYNC]
        if len(self._sync) < SYNC:
            refuse("the head is cut short")
        self._held = head[at + SYNC :]

    def blocks(self) -> Iterator[tuple[int, bytes] | None]:
        """How many records and their packed bytes, for each block; ``None`` for a broken one."""
        while self._fill(1):
            block = self._next()
            yield block
            if block is None:
                self._skip()

    def _fill(self, size: int) -> bool:
        """Whether that many bytes are at hand, reading on when they are not."""
        while len(self._held) < size:
            more = self._stream.read(max(size - len(self._held), 1 << 18))
            if not more:
                return False
            self._held += more
        return True

    def _next(self) -> tuple[int, bytes] | None:
        """The block at hand when it is whole and followed by the sync marker; nothing is taken otherwise."""
        self._fill(20)
        try:
            count, at = _read_long(self._held, 0)
            size, at = _read_long(self._held, at)
        except (ValueError, IndexError):
            return None
        if count < 0 or not 0 <= size <= LARGEST_BLOCK or not self._fill(at + size + SYNC):
            return None
        end = at + size
        if self._held[end : end + SYNC] != self._sync:
            return None
        packed = self._held[at:end]
        self._held = self._held[end + SYNC :]
        return count, packed

    def _skip(self) -> None:
        """Drop everything up to and with the next sync marker, or to the end."""
        while (found := self._held.find(self._sync)) < 0:
            self._held = self._held[-SYNC + 1 :]
            if not self._fill(len(self._held) + 1):
                self._held = b""
                return
        self._held = self._held[found + SYNC :]


def pack(data: bytearray, codec: str) -> bytes:
    """A block's records as they stand in the file."""
    if codec == "null":
        return bytes(data)
    deflate = zlib.compressobj(4, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush()


def unpack(packed: bytes, codec: str) -> bytes:
    """A block's records as they were encoded. Raises ``ValueError`` when they are damaged or too many."""
    if codec == "null":
        return packed
    inflate = zlib.decompressobj(-15)
    try:
        data = inflate.decompress(packed, LARGEST_BLOCK)
    except zlib.error as fault:
        refuse(f"the block does not unpack: {fault}")
    if inflate.unconsumed_tail or not inflate.eof:
        refuse("the block is cut short or unpacks to too much")
    return data
