"""A range of records as columns of tables: the same records give the same columns in every process.

Samples become one row a reading. What cannot be decoded, or is no fact, is set aside with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import msgspec

from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.columns import ORIGIN, READING_COLUMNS, READINGS, TABLES, Column, columns_of
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.facts import Fact, RecordQuarantined, Samples
from pipeline.wire import serde


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one table out of one range of one partition, as columns."""

    table: str
    columns: tuple[Column, ...]
    values: tuple[list[Any], ...]

    @property
    def offsets(self) -> list[int]:
        """The offset of the record of each row."""
        return self.values[-1]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.values[-1])

    def keys(self) -> list[Any]:
        """What each row is known by in its table."""
        if self.table != READINGS:
            return self.values[0]
        return list(zip(*self.values[:3], strict=True))

    def only(self, rows: Sequence[int]) -> Part:
        """These rows alone."""
        if len(rows) == self.rows:
            return self
        return Part(self.table, self.columns, tuple([column[row] for row in rows] for column in self.values))

    def halves(self) -> tuple[Part, Part] | None:
        """The rows of the first and of the second half of the records; ``None`` for a single record."""
        offsets = sorted(set(self.offsets))
        if len(offsets) < 2:
            return None
        middle = offsets[len(offsets) // 2]
        first = [row for row, offset in enumerate(self.offsets) if offset < middle]
        second = [row for row, offset in enumerate(self.offsets) if offset >= middle]
        return self.only(first), self.only(second)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that has no rows, and why."""

    offset: int
    schema: str
    fault: InvalidRecord


@dataclass(frozen=True, slots=True)
class Block:
    """What a range holds: its rows by table, in a fixed order, and what was set aside."""

    parts: tuple[Part, ...]
    rejects: tuple[Reject, ...]


def columns_in(table: str) -> tuple[Column, ...]:
    """All columns that the sink writes to a table."""
    return _COLUMNS[table]


_COLUMNS = {table: (*columns_of(kind), *ORIGIN) for kind, table in TABLES.items()} | {
    READINGS: (*READING_COLUMNS, *ORIGIN)
}


def build(taken: Range) -> Block:
    """The block of a range."""
    facts: dict[type[Fact], tuple[list[Fact], list[int]]] = {}
    samples: tuple[list[Samples], list[int]] = ([], [])
    rejects: list[Reject] = []
    for offset, _, data in taken.records:
        try:
            value = serde.decode_struct(data)
            if isinstance(value, Samples):
                found: Any = samples
            elif isinstance(value, Fact):
                found = facts.setdefault(type(value), ([], []))
            else:
                raise _no_fact(type(value).__name__)
        except InvalidRecord as fault:
            rejects.append(Reject(offset, serde.name_of(data) or "", fault))
            continue
        found[0].append(value)
        found[1].append(offset)
    parts = [_facts_part(kind, *found, taken) for kind, found in facts.items()]
    if samples[0]:
        parts.append(_readings_part(*samples, taken))
    return Block(tuple(sorted((part for part in parts if part.rows), key=lambda part: part.table)), tuple(rejects))


def _no_fact(name: str) -> InvalidRecord:
    return InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", name, "send facts to topics of facts")


def _facts_part(kind: type[Fact], facts: list[Fact], offsets: list[int], taken: Range) -> Part:
    table = TABLES[kind]
    cells = dict(zip(kind.__struct_fields__, zip(*map(msgspec.structs.astuple, facts), strict=True), strict=True))
    own = [list(cells[column.name]) for column in columns_of(kind)]
    return Part(table, _COLUMNS[table], (*own, *_origin(taken, offsets)))


def _readings_part(samples: list[Samples], offsets: list[int], taken: Range) -> Part:
    sizes = [len(part.times) for part in samples]

    def spread(values: list[Any]) -> list[Any]:
        return list(chain.from_iterable(map(repeat, values, sizes)))

    own = [
        spread([part.device_id for part in samples]),
        spread([part.metric for part in samples]),
        list(chain.from_iterable(part.times for part in samples)),
        list(chain.from_iterable(part.values for part in samples)),
        spread([part.unit for part in samples]),
        spread([part.flags for part in samples]),
        spread([part.received_at for part in samples]),
        spread([part.recorded for part in samples]),
    ]
    return Part(READINGS, _COLUMNS[READINGS], (*own, *_origin(taken, spread(offsets))))


def _origin(taken: Range, offsets: list[int]) -> tuple[list[Any], list[Any], list[Any]]:
    return [taken.topic] * len(offsets), [taken.partition] * len(offsets), offsets


def quarantined(taken: Range, record: Record, reject: Reject) -> RecordQuarantined:
    """The fact that a record was set aside; a second attempt gives the same fact."""
    fault = reject.fault
    return RecordQuarantined(
        fact_id=f"sink:{taken.topic}:{taken.partition}:{record.offset}", at=max(record.timestamp, 0),
        recorded=record.offset, topic=taken.topic, partition=taken.partition, offset=record.offset,
        schema=reject.schema, reason=fault.reason.value, field=fault.field, value=fault.value, remedy=fault.remedy,
        raw=record.value, attempts=1,
    )  # fmt: skip
