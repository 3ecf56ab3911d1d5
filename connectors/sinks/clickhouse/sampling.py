"""The hash sample: digests of rows as their records would write them, against the rows that the tables have.

Both sides are digested here, so that a server of any age is asked for nothing but columns. Which rows are taken follows
from the range alone: the same log gives the same sample.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from connectors.sinks.clickhouse.blocks import Part
from connectors.sinks.clickhouse.probe import Asks, keys_as_read
from connectors.sinks.clickhouse.values import keeps, reads
from connectors.sinks.columns import READINGS

LEAST = 100
"""As many rows of each table are sampled in a range at least; all of them where there are no more."""
SHARE = 50
"""At least one of so many rows is sampled."""
CHUNK = 500
"""Keys in one query, which gives back whole rows."""
Pair = tuple[Any, int]
"""The key of a row and the offset of its record."""


@dataclass(slots=True)
class Sample:
    """What was compared of one table in one range."""

    rows: int = 0
    """Rows of the table that were compared."""
    differing: list[int] = field(default_factory=list)
    """The offset of each row that is not what its record says."""


def spread(rows: int, *, whole: bool = False) -> list[int]:
    """Places of the rows that are sampled: as far apart as they can be, the first among them; ``whole``: all."""
    count = rows if whole else max(min(rows, LEAST), -(-rows // SHARE))
    return [number * rows // count for number in range(count)]


def sample(
    server: Asks, database: str, part: Part, types: Mapping[str, str], aside: Collection[int], *, whole: bool = False
) -> Sample:
    """Compare some rows of ``part``, without those of records that were set ``aside``. Raises as the server does.

    A row that is not there is not compared: whether it is missing, or a later record stands for it, is asked by key.
    """
    found = Sample()
    expected = _expected(part, types, aside, whole=whole)
    for row in _rows(server, database, part, types, expected):
        wanted = expected.get((_key(part, row), row[-1]))
        if wanted is None:
            continue
        found.rows += 1
        if digest_of_row(row) not in wanted:
            found.differing.append(row[-1])
    return found


def _expected(part: Part, types: Mapping[str, str], aside: Collection[int], *, whole: bool) -> dict[Pair, set[bytes]]:
    """Digests by key and offset: several where a record says a key more than once, as with times kept in seconds."""
    pairs = list(zip(keys_as_read(part, types), part.offsets, strict=True))
    rows = [row for row, (_, offset) in enumerate(pairs) if offset not in aside]
    chosen = {pairs[rows[place]] for place in spread(len(rows), whole=whole)}
    taken = [row for row, pair in enumerate(pairs) if pair in chosen]
    expected: dict[Pair, set[bytes]] = defaultdict(set)
    some = part.only(taken)
    kept = [keeps(one.shape, types[one.name])(cells) for one, cells in zip(some.columns, some.values, strict=True)]
    for row, values in zip(taken, zip(*kept, strict=True), strict=True):
        expected[pairs[row]].add(digest_of_row(values))
    return expected


def _rows(
    server: Asks, database: str, part: Part, types: Mapping[str, str], expected: Collection[Pair]
) -> Iterator[tuple[Any, ...]]:
    """Whole rows of the table that come from the same range and have one of the keys."""
    listed = ", ".join(reads(column.name, column.shape, types[column.name]) for column in part.columns)
    origin = {
        "topic": part.values[-3][0],
        "partition": part.values[-2][0],
        "first": min(part.offsets),
        "last": max(part.offsets),
    }
    keys = sorted({key for key, _ in expected})
    for at in range(0, len(keys), CHUNK):
        condition, values = _among(part.table, keys[at : at + CHUNK], types)
        sql = (
            f"SELECT {listed} FROM `{database}`.`{part.table}` WHERE {condition} AND _topic = %(topic)s "
            "AND _partition = %(partition)s AND _offset >= %(first)s AND _offset <= %(last)s"
        )
        yield from server.rows(sql, {**values, **origin})


def _among(table: str, keys: Sequence[Any], types: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """SQL that is true for rows with these keys, and its values; of readings also what their table is ordered by."""
    if table != READINGS:
        return "fact_id IN %(keys)s", {"keys": tuple(keys)}
    at = reads("at", "time", types["at"])
    times = [key[2] for key in keys]
    condition = (
        f"device_id IN %(devices)s AND {at} >= %(from)s AND {at} <= %(until)s AND (device_id, metric, {at}) IN %(keys)s"
    )
    devices = tuple({key[0] for key in keys})
    return condition, {"keys": tuple(keys), "devices": devices, "from": min(times), "until": max(times)}


def _key(part: Part, row: Sequence[Any]) -> Any:
    return tuple(row[:3]) if part.table == READINGS else row[0]


def digest_of_row(values: Sequence[Any]) -> bytes:
    """A digest that differs when any value does; flags and lists count alike in whatever type they came."""
    plain = [int(value) if isinstance(value, bool) else value for value in values]
    return blake2b(msgspec.msgpack.encode(plain), digest_size=8).digest()
