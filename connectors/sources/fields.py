"""Lines in, named fields out: JSON Lines and CSV, each record with the bytes it was read from.

A record that cannot be read is an :class:`InvalidRecord` in its place, so the next one is read as if nothing happened.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from connectors.sources.encoding import UTF8
from connectors.sources.lines import MAX_LINE
from pipeline.errors import InvalidRecord, Reason

Fields = dict[str, Any]
Read = tuple[Fields | InvalidRecord, bytes]
"""Fields, or why there are none, and the bytes of the record."""

csv.field_size_limit(MAX_LINE)  # an unclosed quote swallows no more than this before it is refused

DELIMITERS = ",\t;|"


def undecodable(value: object, why: str) -> InvalidRecord:
    """A record whose bytes have no meaning in the format and encoding of its file."""
    return InvalidRecord(Reason.UNDECODABLE, "record", value, why)


def json_lines(lines: Iterable[bytes], encoding: str) -> Iterator[Read]:
    """One JSON object a line (JSON Lines)."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for line in lines:
        try:
            if len(line) > MAX_LINE:
                raise too_long(line)
            yield decode(line if encoding == UTF8 else line.decode(encoding)), line
        except InvalidRecord as fault:
            yield fault, line
        except UnicodeDecodeError as error:
            yield _not_in(encoding, line, error), line
        except (msgspec.MsgspecError, RecursionError) as error:
            yield undecodable(line[:60], f"write one JSON object a line ({error})"), line


def too_long(line: bytes) -> InvalidRecord:
    """The refusal of a line that is longer than any record may be."""
    return InvalidRecord(Reason.OVERSIZE, "record", line[:60], f"keep a record below {MAX_LINE} bytes")


def _not_in(encoding: str, line: bytes, error: UnicodeDecodeError) -> InvalidRecord:
    bad = line[error.start : error.start + 8] if encoding != UTF8 else error.object[error.start : error.end]
    return undecodable(bad, f"write the file in one encoding, UTF-8 or GB18030; it was read as {encoding}")


def csv_rows(lines: Iterable[bytes], encoding: str, skip: int = 0) -> Iterator[Read | None]:
    """Rows of a table with a header line; ``None`` stands for each of the first ``skip`` rows.

    The delimiter is the one that the header has most of (comma, tab, semicolon, bar). A short row lacks its last
    fields; a row with more cells than the header is refused, for nobody knows which cell is too many.
    """
    feed = _Feed(lines, encoding)
    header = feed.header()
    if header is None:
        return
    reader = csv.reader(feed, delimiter=feed.delimiter)
    while True:
        feed.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found: Fields | InvalidRecord = undecodable(feed.raw()[:60], f"mend the quotes of this row ({error})")
        else:
            if not row:
                continue
            found = feed.fault or _named(header, row)
        if skip > 0:
            skip -= 1
            yield None
        else:
            yield found, feed.raw()


def _named(header: list[str], row: list[str]) -> Fields | InvalidRecord:
    if len(row) > len(header) and any(row[len(header) :]):
        remedy = f"the header names {len(header)} columns, this row has {len(row)} cells"
        return undecodable(row[len(header)], remedy)
    return dict(zip(header, row, strict=False))


class _Feed:
    """Decoded lines for ``csv.reader``, remembering the bytes of the row at hand and its first fault."""

    def __init__(self, lines: Iterable[bytes], encoding: str) -> None:
        self._lines, self._encoding = iter(lines), encoding
        self._taken: list[bytes] = []
        self.fault: InvalidRecord | None = None
        self.delimiter = ","

    def header(self) -> list[str] | None:
        """Names of the columns; ``None`` when there is no line."""
        line = next((line for line in self._lines if line.strip()), None)
        if line is None:
            return None
        text = line.decode(self._encoding, errors="replace")
        self.delimiter = max(DELIMITERS, key=text.count)
        return [name.strip() for name in next(csv.reader([text], delimiter=self.delimiter))]

    def begin(self) -> None:
        """A new row begins."""
        self._taken, self.fault = [], None

    def raw(self) -> bytes:
        """Bytes of the row at hand."""
        return b"\n".join(self._taken)

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken.append(line)
        try:
            if len(line) > MAX_LINE:
                raise too_long(line)
            return line.decode(self._encoding) + "\n"
        except InvalidRecord as fault:
            self.fault = self.fault or fault
        except UnicodeDecodeError as error:
            self.fault = self.fault or _not_in(self._encoding, line, error)
        return line[: MAX_LINE >> 1].decode("ascii", errors="replace") + "\n"
