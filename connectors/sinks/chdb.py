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
from typing import Any

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
        rows = 0
        for kind, values in facts.items():
            if values:
                self._insert_facts(kind, values)
                rows += len(values)
        if samples:
            block = _readings(samples)
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

    def _insert_facts(self, kind: type[Fact], values: Sequence[Fact]) -> None:
        """Rows go over as MessagePack in a file: packing costs a third of columns of Python objects, and ClickHouse
        unpacks without holding up the interpreter. A whole number in a column of floats it refuses; columns convert it.
        """
        table = TABLES[kind]
        columns, types = _listed(_COLUMNS[table]), _typed(_COLUMNS[table])
        try:
            with self._rows.open("wb") as file:
                file.writelines(_packed(kind, values))
            self._session.query(
                f"INSERT INTO wangge.{table} ({columns}) SELECT * FROM file({_text(str(self._rows))}, MsgPack, {types})"
            )
        except RuntimeError:
            self._insert(table, _table(kind, values))
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


def _packed(kind: type[Fact], values: Sequence[Fact]) -> Iterator[memoryview]:
    """The cells of all rows one after the other, as the format wants them: many rows as one array without its head."""
    columns = [column.name for column in columns_of(kind)]
    whole = len(columns) == len(kind.__struct_fields__)
    cells_of: Any = msgspec.structs.astuple if whole else attrgetter(*columns)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        cells = list(chain.from_iterable(map(cells_of, values[start : start + _ROWS_AT_ONCE])))
        yield memoryview(_pack(cells))[_head_size(len(cells)) :]


def _head_size(count: int) -> int:
    """Bytes that MessagePack spends on the length of an array."""
    return 1 if count < 16 else 3 if count < 65_536 else 5


def _escaped(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """ClickHouse reads a text parameter as a cell of a tab separated file, so a backslash must not stand alone."""
    return {name: value.translate(_CELL) if isinstance(value, str) else value for name, value in parameters.items()}


def _table(kind: type[Fact], values: Sequence[Fact]) -> Any:
    by_name = dict(zip(kind.__struct_fields__, zip(*map(msgspec.structs.astuple, values), strict=True), strict=True))
    return pa.table({column.name: _array(column, list(by_name[column.name])) for column in columns_of(kind)})


def _array(column: Column, cells: list[Any]) -> Any:
    return pa.array(cells, _ARROW[column.shape])


def _readings(samples: Sequence[Samples]) -> Any:
    """All samples as one block of columns. Each record is looked at once: there are too many to stay in the caches."""
    devices, metrics, units, flags, received, recorded, times, values = zip(*map(_PARTS, samples), strict=True)
    sizes = np.fromiter(map(len, times), dtype=np.int64, count=len(samples))
    total = int(sizes.sum())
    return pa.table(
        {
            "device_id": _spread(devices, sizes),
            "metric": _spread(metrics, sizes),
            "at": pa.array(_flat(times, np.int64, total), _TIME),
            "value": pa.array(_flat(values, np.float64, total)),
            "unit": _spread(units, sizes),
            "flags": _spread(flags, sizes),
            "received_at": pa.array(np.repeat(received, sizes), _TIME),
            "recorded": pa.array(np.repeat(recorded, sizes)),
        }
    )


_PARTS = attrgetter("device_id", "metric", "unit", "flags", "received_at", "recorded", "times", "values")


def _flat(parts: Iterable[Sequence[float]], kind: Any, total: int) -> Any:
    return np.fromiter(chain.from_iterable(parts), dtype=kind, count=total)


def _spread(texts: Sequence[str], sizes: Any) -> Any:
    """Each text repeated as often as its record has samples."""
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    indices = np.repeat(encoded.indices.to_numpy(), sizes)
    return pa.DictionaryArray.from_arrays(pa.array(indices), encoded.dictionary).cast(pa.string())


def _statements(ddl: Iterable[Path]) -> Iterator[str]:
    for path in ddl:
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        yield from (statement.strip() for statement in re.split(r";\s*\n", text) if statement.strip())
