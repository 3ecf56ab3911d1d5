"""The embedded store: ClickHouse inside the process (chdb), written as whole columns.

The only module that imports chdb and pyarrow. One process owns a store folder at a time. Rows written again by a replay
have the same ids and collapse; every read goes through ``FINAL`` (``final = 1`` is set for all queries). Values never
become part of SQL text: queries take named parameters (``{name:Type}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from chdb.session import Session

from connectors.sinks.columns import ALL_TABLES, READING_COLUMNS, READINGS, TABLES, Column, columns_of
from pipeline.events.facts import Fact, Samples

_TIME = pa.timestamp("ms", tz="UTC")
_ARROW = {
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "int": pa.int64(),
    "float": pa.float64(),
    "floats": pa.list_(pa.float64()),
    "bool": pa.bool_(),
    "time": _TIME,
}


class Readings(NamedTuple):
    """Samples of some records: texts by record, ``sizes`` of its samples, and numbers by sample."""

    texts: tuple[Sequence[str], Sequence[str], Sequence[str], Sequence[str]]
    """Devices, metrics, units and flags."""
    sizes: Any
    at: Any
    values: Any
    received: Any
    recorded: Any


class Part(NamedTuple):
    """Facts of a poll as they will be written: rows of each kind and how many, and the samples."""

    rows: dict[type[Fact], tuple[int, list[bytes]]]
    readings: Readings | None


_COLUMNS = {table: columns_of(kind) for kind, table in TABLES.items()} | {READINGS: READING_COLUMNS}
_ROWS_AT_ONCE = 500
_pack = msgspec.msgpack.Encoder().encode
_CELL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


class RefusedQuery(Exception):
    """ClickHouse does not run a statement; the message is its own."""


class ChdbStore:
    """Tables of all facts in a folder. Writing is idempotent; the folder is created when it is missing."""

    def __init__(self, folder: Path, ddl: Iterable[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rows = folder.resolve() / "rows.msgpack"
        self._session = Session(str(folder))
        self._session.query("CREATE DATABASE IF NOT EXISTS wangge")
        for statement in _statements(ddl):
            self._session.query(statement)
        self._session.query("USE wangge")
        self._session.query("SET final = 1")
        # equal blocks are written on purpose here (a replay), and what was written last counts
        self._session.query("SET deduplicate_insert = 'disable'")

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int:
        """Insert one block a table and give back how many rows there were. Returns when ClickHouse has them."""
        return self.write_packed([self.packed(facts, samples)])

    def packed(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples]) -> Part:
        """The rows of facts as MessagePack, the samples as columns."""
        rows = {kind: (len(values), _packed(kind, values)) for kind, values in facts.items() if values}
        return Part(rows, _columns(samples) if samples else None)

    def write_packed(self, parts: Sequence[Part]) -> int:
        """Insert all parts, one block a table, and give back how many rows there were."""
        rows = 0
        for kind in dict.fromkeys(kind for part in parts for kind in part.rows):
            found = [part.rows[kind] for part in parts if kind in part.rows]
            self._insert_facts(kind, [packed for _, some in found for packed in some])
            rows += sum(count for count, _ in found)
        if some := [part.readings for part in parts if part.readings is not None]:
            block = _readings(some)
            self._insert(READINGS, block)
            rows += block.num_rows
        return rows

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None, form: str = "JSONEachRow") -> bytes:
        """Run one statement and give back its result in a ClickHouse format, as bytes. Raises :class:`RefusedQuery`."""
        try:
            result = self._session.query(sql, form, params=_escaped(parameters) if parameters else None)
        except RuntimeError as error:
            raise RefusedQuery(str(error)) from error
        answer: bytes = result.bytes()
        return answer

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries."""
        lines = self.query(sql, parameters).splitlines()
        return [msgspec.json.decode(line) for line in lines]

    def dump(self, table: str) -> bytes:
        """All rows of a table in the order of its key, tab separated with a header: equal data gives equal bytes.

        Only what the facts say: where in Kafka a row came from is left out.
        """
        if table not in ALL_TABLES:
            message = f"no table {table!r}: choose one of {', '.join(ALL_TABLES)}"
            raise KeyError(message)
        order = "device_id, metric, at" if table == READINGS else "fact_id"
        columns = _listed(_COLUMNS[table])
        return self.query(f"SELECT {columns} FROM wangge.{table} ORDER BY {order}", form="TSVWithNames")

    def close(self) -> None:
        """Let go of the folder."""
        self._session.close()

    def _insert_facts(self, kind: type[Fact], rows: Sequence[bytes]) -> None:
        """Rows go over as MessagePack in a file: packing costs a third of columns of Python objects, and ClickHouse
        unpacks without holding up the interpreter. A whole number in a column of floats it refuses; columns convert it.
        """
        table = TABLES[kind]
        columns, types = _listed(_COLUMNS[table]), _typed(_COLUMNS[table])
        try:
            with self._rows.open("wb") as file:
                file.writelines(memoryview(row)[_head_size(row) :] for row in rows)
            self._session.query(
                f"INSERT INTO wangge.{table} ({columns}) SELECT * FROM file({_text(str(self._rows))}, MsgPack, {types})"
            )
        except RuntimeError:
            self._insert(table, _table(kind, rows))
        finally:
            self._rows.unlink(missing_ok=True)

    def _insert(self, table: str, block: Any) -> None:
        # chdb finds ``block`` by its name in this frame; a table name cannot be a parameter and comes from our own list
        columns = _listed(_COLUMNS[table])
        self._session.query(f"INSERT INTO wangge.{table} ({columns}) SELECT {columns} FROM Python(block)")


def _listed(columns: Iterable[Column]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _typed(columns: Iterable[Column]) -> str:
    """Names and types of columns as one text literal."""
    return _text(", ".join(f"`{column.name}` {column.sql_type}" for column in columns))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _packed(kind: type[Fact], values: Sequence[Fact]) -> list[bytes]:
    """The cells of all rows one after the other, many rows as one array. The format wants them without its head."""
    columns = [column.name for column in columns_of(kind)]
    whole = len(columns) == len(kind.__struct_fields__)
    cells_of: Any = msgspec.structs.astuple if whole else attrgetter(*columns)
    packed = []
    for start in range(0, len(values), _ROWS_AT_ONCE):
        cells = list(chain.from_iterable(map(cells_of, values[start : start + _ROWS_AT_ONCE])))
        packed.append(_pack(cells))
    return packed


def _head_size(array: bytes) -> int:
    """Bytes that MessagePack spends on the length of an array, by the first of them."""
    return {0xDC: 3, 0xDD: 5}.get(array[0], 1)


def _escaped(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """ClickHouse reads a text parameter as a cell of a tab separated file, so a backslash must not stand alone."""
    return {name: value.translate(_CELL) if isinstance(value, str) else value for name, value in parameters.items()}


def _table(kind: type[Fact], rows: Sequence[bytes]) -> Any:
    """The same rows as columns."""
    columns = columns_of(kind)
    unpacked = msgspec.msgpack.Decoder().decode
    cells = [cell for row in rows for cell in unpacked(row)]
    return pa.table({one.name: pa.array(cells[n :: len(columns)], _ARROW[one.shape]) for n, one in enumerate(columns)})


def _columns(samples: Sequence[Samples]) -> Readings:
    """Each record is looked at once."""
    devices, metrics, units, flags, received, recorded, times, values = zip(*map(_PARTS, samples), strict=True)
    count = len(samples)
    sizes = np.fromiter(map(len, times), dtype=np.int64, count=count)
    total = int(sizes.sum())
    return Readings(
        (devices, metrics, units, flags),
        sizes,
        np.fromiter(chain.from_iterable(times), np.int64, total),
        np.fromiter(chain.from_iterable(values), np.float64, total),
        np.fromiter(received, np.int64, count),
        np.fromiter(recorded, np.int64, count),
    )


_PARTS = attrgetter("device_id", "metric", "unit", "flags", "received_at", "recorded", "times", "values")


def _readings(parts: Sequence[Readings]) -> Any:
    """All samples as one block of columns."""
    texts = zip(*(part.texts for part in parts), strict=True)
    sizes, at, values, received, recorded = (np.concatenate(column) for column in list(zip(*parts, strict=True))[1:])
    device, metric, unit, flags = (_spread(list(chain.from_iterable(column)), sizes) for column in texts)
    return pa.table(
        {
            "device_id": device,
            "metric": metric,
            "at": pa.array(at, _TIME),
            "value": pa.array(values),
            "unit": unit,
            "flags": flags,
            "received_at": pa.array(np.repeat(received, sizes), _TIME),
            "recorded": pa.array(np.repeat(recorded, sizes)),
        }
    )


def _spread(texts: Sequence[str], sizes: Any) -> Any:
    """Each text repeated as often as its record has samples. There are few different ones: each is converted once."""
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    codes = np.fromiter(map(numbers.__getitem__, texts), dtype=np.int32, count=len(texts))
    return pa.DictionaryArray.from_arrays(pa.array(np.repeat(codes, sizes)), pa.array(numbers)).cast(pa.string())


def _statements(ddl: Iterable[Path]) -> Iterator[str]:
    for path in ddl:
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        yield from (statement.strip() for statement in re.split(r";\s*\n", text) if statement.strip())
