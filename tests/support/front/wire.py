"""ClickHouse's native protocol from the server's side, out of the driver's own readers and writers.

Revision 54429 keeps it small: settings are texts already, blocks have no per-column flags yet. Blocks are passed on as
the bytes they came in, so no type of column needs to be understood twice. Parameters are those the driver puts into
the text; compression and external tables are not spoken.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_driver.block import BlockInfo
from clickhouse_driver.bufferedreader import BufferedReader
from clickhouse_driver.bufferedwriter import BufferedSocketWriter
from clickhouse_driver.columns.service import read_column
from clickhouse_driver.connection import ServerInfo
from clickhouse_driver.context import Context
from clickhouse_driver.defines import DBMS_MIN_REVISION_WITH_BLOCK_INFO
from clickhouse_driver.protocol import ServerPacketTypes as Answer
from clickhouse_driver.reader import read_binary_str, read_binary_uint8
from clickhouse_driver.varint import read_varint, write_varint
from clickhouse_driver.writer import write_binary_int32, write_binary_str, write_binary_uint8

REVISION = 54_429
NO_BLOCK_INFO = 1
"""A revision before blocks had a head of their own: that is how the Native format of files is."""
BLOCK_INFO_BYTES = 8
CHUNK = 1 << 20


class Recorder(BufferedReader):  # type: ignore[misc]
    """A reader that also keeps the bytes it gave out, until they are taken."""

    def __init__(self, source: Callable[[], bytes]) -> None:
        super().__init__(CHUNK)
        self._source, self._kept = source, bytearray()

    def read_into_buffer(self) -> None:
        """Called by the driver's reader when it has nothing left."""
        chunk = self._source()
        if not chunk:
            raise EOFError
        self._kept += chunk
        self.buffer, self.current_buffer_size = bytearray(chunk), len(chunk)

    def taken(self) -> bytes:
        """The bytes given out since the last call."""
        end = len(self._kept) - (self.current_buffer_size - self.position)
        given = bytes(self._kept[:end])
        del self._kept[:end]
        return given


def context(revision: int) -> Any:
    """What the driver's block reader wants to know; texts stay bytes."""
    made = Context()
    made.server_info = ServerInfo("ClickHouse", 0, 0, 0, revision, "UTC", "front", revision)
    made.settings = {}
    made.client_settings = {
        "strings_as_bytes": True, "strings_encoding": "utf-8", "use_numpy": False, "namedtuple_as_json": True,
        "input_format_null_as_default": False,
    }  # fmt: skip
    return made


Columns = Sequence[tuple[str, str]]
"""Names and types."""
_TIMES = re.compile(r"DateTime64\([^)]*\)")


def read_block(source: Recorder, asked: Any) -> tuple[Columns, int]:
    """Columns and number of rows of the next block, whose values nobody wants. Raises EOFError behind the last one.

    Times are passed as the whole numbers that they are on the wire: as objects they cost more than all the rest.
    """
    if asked.server_info.used_revision >= DBMS_MIN_REVISION_WITH_BLOCK_INFO:
        BlockInfo().read(source)
    count, rows = read_varint(source), read_varint(source)
    columns = []
    for _ in range(count):
        column, kind = read_binary_str(source), read_binary_str(source)
        columns.append((column, kind))
        if rows:
            read_column(asked, _TIMES.sub("Int64", kind), rows, source)
    return columns, rows


def blocks_of(native: bytes) -> Iterator[tuple[Columns, bytes]]:
    """The single blocks of a result in the format Native, each with its columns."""
    pieces = [native]
    recorder = Recorder(lambda: pieces.pop() if pieces else b"")
    asked = context(NO_BLOCK_INFO)
    while True:
        try:
            columns, _ = read_block(recorder, asked)
        except EOFError:
            return
        yield columns, recorder.taken()


@dataclass(frozen=True)
class Query:
    """A query as it came."""

    sql: str
    settings: dict[str, str]
    compressed: bool


class Line:
    """One connection: packets in, packets out. Reading raises EOFError or OSError when the client is gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._in = Recorder(lambda: connection.recv(CHUNK))
        self._out = BufferedSocketWriter(connection, CHUNK)
        self._context = context(REVISION)

    def kind(self) -> int:
        """The type of the next packet."""
        self._in.taken()
        found: int = read_varint(self._in)
        return found

    def hello(self) -> str:
        """The database a client asks for; who it says to be is not looked at."""
        read_binary_str(self._in)
        for _ in range(3):
            read_varint(self._in)
        database: str = read_binary_str(self._in)
        read_binary_str(self._in)
        read_binary_str(self._in)
        return database

    def query(self) -> Query:
        """The query packet, with the end of its external tables."""
        read_binary_str(self._in)
        self._skip_client_info()
        settings: dict[str, str] = {}
        while key := read_binary_str(self._in):
            read_binary_uint8(self._in)
            settings[key] = read_binary_str(self._in)
        read_varint(self._in)
        compressed = bool(read_varint(self._in))
        sql: str = read_binary_str(self._in)
        if not compressed:
            self.block()
        return Query(sql, settings, compressed)

    def block(self) -> bytes:
        """The next block as the Native format has it; empty when it ends the data."""
        read_varint(self._in)
        read_binary_str(self._in)
        self._in.taken()
        _, rows = read_block(self._in, self._context)
        raw = self._in.taken()[BLOCK_INFO_BYTES:]
        return raw if rows else b""

    def send_hello(self, version: tuple[int, int, int]) -> None:
        """Who answers."""
        write_varint(Answer.HELLO, self._out)
        write_binary_str("ClickHouse", self._out)
        for number in (*version[:2], REVISION):
            write_varint(number, self._out)
        write_binary_str("UTC", self._out)
        write_binary_str("front", self._out)
        write_varint(version[2], self._out)
        self._out.flush()

    def send_pong(self) -> None:
        write_varint(Answer.PONG, self._out)
        self._out.flush()

    def send_block(self, raw: bytes) -> None:
        """A block of a result."""
        self._head()
        self._out.write(raw)

    def send_columns(self, columns: Columns) -> None:
        """A block without rows: what the client is to send, or what will come. It stands before every result."""
        self._head()
        write_varint(len(columns), self._out)
        write_varint(0, self._out)
        for pair in columns:
            for text in pair:
                write_binary_str(text, self._out)
        self._out.flush()

    def send_end(self) -> None:
        write_varint(Answer.END_OF_STREAM, self._out)
        self._out.flush()

    def send_refusal(self, code: int, message: str) -> None:
        write_varint(Answer.EXCEPTION, self._out)
        write_binary_int32(code, self._out)
        for text in ("DB::Exception", message, ""):
            write_binary_str(text, self._out)
        write_binary_uint8(0, self._out)
        self._out.flush()

    def _head(self) -> None:
        write_varint(Answer.DATA, self._out)
        write_binary_str("", self._out)
        BlockInfo().write(self._out)

    def _skip_client_info(self) -> None:
        if not read_binary_uint8(self._in):
            return
        for _ in range(3):
            read_binary_str(self._in)
        read_binary_uint8(self._in)
        for _ in range(3):
            read_binary_str(self._in)
        for _ in range(3):
            read_varint(self._in)
        read_binary_str(self._in)
        read_varint(self._in)
