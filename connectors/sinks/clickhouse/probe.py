"""Which rows of a block are in their table already: asked by the key of the table, so it costs what the block costs.

A row counts as there when its key is there with an offset of the same block: a later record of the block that says the
same key again stands for the earlier one, as the table would keep the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from connectors.sinks.clickhouse.blocks import Part
from connectors.sinks.clickhouse.values import keeps, reads
from connectors.sinks.columns import READING_COLUMNS, READINGS

CHUNK = 1000
"""Keys in one query: short enough for the largest query text a server takes by default."""


class Asks(Protocol):
    """What is asked of a server."""

    def rows(self, sql: str, values: Any = None, **settings: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""


def present(server: Asks, database: str, part: Part, types: dict[str, str]) -> set[int]:
    """Places of the rows of ``part`` that are in the table. Raises as the server does."""
    origin = {
        "topic": part.values[-3][0],
        "partition": part.values[-2][0],
        "first": min(part.offsets),
        "last": max(part.offsets),
    }
    keys = keys_as_read(part, types)
    there: set[Any] = set()
    for chunk in _chunks(keys):
        there.update(_there(server, f"`{database}`.`{part.table}`", part.table, chunk, origin, types))
    return {row for row, key in enumerate(keys) if key in there}


def keys_as_read(part: Part, types: Mapping[str, str]) -> list[Any]:
    """What each row is known by when it is read back: where times are kept in seconds its key is cut to them."""
    if part.table != READINGS:
        return part.keys()
    devices, metrics, times = part.values[:3]
    return list(zip(devices, metrics, keeps("time", _type_of_at(types))(times), strict=True))


def _type_of_at(types: Mapping[str, str]) -> str:
    return types.get("at", READING_COLUMNS[2].sql_type)


def _chunks(keys: Sequence[Any]) -> Iterator[list[Any]]:
    distinct = sorted(set(keys))
    for at in range(0, len(distinct), CHUNK):
        yield distinct[at : at + CHUNK]


_ORIGIN = "_topic = %(topic)s AND _partition = %(partition)s AND _offset >= %(first)s AND _offset <= %(last)s"


def _there(
    server: Asks, table: str, name: str, keys: list[Any], origin: dict[str, Any], types: dict[str, str]
) -> Iterator[Any]:
    if name != READINGS:
        sql = f"SELECT fact_id FROM {table} WHERE fact_id IN %(keys)s AND {_ORIGIN}"
        yield from (row[0] for row in server.rows(sql, {"keys": tuple(keys), **origin}))
        return
    at = reads("at", "time", _type_of_at(types))
    sql = (
        f"SELECT device_id, metric, {at} FROM {table} "
        f"WHERE device_id IN %(devices)s AND {at} >= %(from)s AND {at} <= %(until)s AND {_ORIGIN}"
    )
    times = [key[2] for key in keys]
    values = {"devices": tuple({key[0] for key in keys}), "from": min(times), "until": max(times), **origin}
    yield from ((row[0], row[1], row[2]) for row in server.rows(sql, values))
