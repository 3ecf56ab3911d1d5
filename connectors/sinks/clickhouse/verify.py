"""Does ClickHouse have what Kafka has? Each partition of the sink's topics, record by record, against the rows.

Kafka is read as every reader reads it (``read_committed``) from the beginning of the log to where the sink has
committed; what lies behind is pending. A record is accounted for when its rows are there, when a later record with the
same id stands for it, or when the sink has set it aside. Of some rows the values are compared as well
(:mod:`sampling`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors.sinks.clickhouse.blocks import Block, Part, build
from connectors.sinks.clickhouse.plan import Range
from connectors.sinks.clickhouse.probe import Asks, keys_as_read
from connectors.sinks.clickhouse.sampling import sample
from connectors.sinks.clickhouse.values import reads
from connectors.sinks.columns import ALL_TABLES, READINGS

NAMED = 5
"""Offsets of a partition that are named of what is missing, and of what differs."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A row that is not what its record says: its table, and the offset of the record."""

    table: str
    offset: int


@dataclass(slots=True)
class Account:
    """What became of one partition."""

    topic: str
    partition: int
    records: int = 0
    """Visible records from the beginning of the log to the committed position."""
    pending: int = 0
    """Offsets behind it that may be read (an upper bound of records not written yet)."""
    rows: int = 0
    """Rows that the records make."""
    found: int = 0
    superseded: int = 0
    """Rows whose id came again later: the later row stands for them."""
    quarantined: int = 0
    """Records that the sink set aside."""
    missing: int = 0
    doubled: int = 0
    sampled: int = 0
    """Rows whose values were compared."""
    differing: int = 0
    """Rows of the sample that are not what the record says."""
    stray: int = 0
    """Rows with an offset of the partition that no record explains."""
    missing_at: list[int] = field(default_factory=list)
    differing_at: list[Differing] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Nothing is missing, doubled, different or from nowhere."""
        return not (self.missing or self.doubled or self.differing or self.stray)

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self) | {"right": self.right}

    def told(self) -> list[str]:
        """A line for each offset that is named."""
        place = f"{self.topic}/{self.partition}"
        missing = [f"{place} offset {offset}: missing" for offset in self.missing_at]
        return missing + [f"{place} offset {one.offset}: differs in {one.table}" for one in self.differing_at]


COUNTED = (
    "records",
    "pending",
    "rows",
    "found",
    "superseded",
    "quarantined",
    "missing",
    "doubled",
    "sampled",
    "differing",
    "stray",
)
"""What is counted of each partition, in the order of a report."""


def totals_of(accounts: Sequence[Account]) -> dict[str, int]:
    """All partitions together."""
    return {name: sum(getattr(account, name) for account in accounts) for name in COUNTED}


class Auditor:
    """Compares ranges of records with the rows of a database; with ``whole`` the values of every row."""

    def __init__(self, server: Asks, database: str, *, whole: bool = False) -> None:
        self._server, self._database, self._whole = server, database, whole
        sql = "SELECT table, name, type FROM system.columns WHERE database = %(database)s"
        self._types: dict[str, dict[str, str]] = {}
        for table, name, kind in server.rows(sql, {"database": database}):
            self._types.setdefault(table, {})[name] = kind

    def compare(self, taken: Range, account: Account) -> None:
        """Add what is found for one range."""
        block = build(taken)
        aside = self._aside(taken)
        account.records += len(taken.records)
        account.quarantined += len(aside)
        self._rejects(block, aside, account)
        for part in block.parts:
            self._part(part, taken, aside, account)
            self._sample(part, aside, account)

    def _rejects(self, block: Block, aside: set[int], account: Account) -> None:
        lost = [reject.offset for reject in block.rejects if reject.offset not in aside]
        _lose(account, lost)

    def _aside(self, taken: Range) -> set[int]:
        """Offsets of the range that the sink set aside."""
        sql = (
            f"SELECT DISTINCT offset FROM `{self._database}`.quarantine WHERE fact_id LIKE %(by)s "
            "AND topic = %(topic)s AND `partition` = %(partition)s AND offset >= %(start)s AND offset < %(end)s"
        )
        values = {"by": "sink:%", "topic": taken.topic, "partition": taken.partition}
        return {row[0] for row in self._server.rows(sql, values | {"start": taken.start, "end": taken.end})}

    def _part(self, part: Part, taken: Range, aside: set[int], account: Account) -> None:
        wanted = Counter(
            (offset, key) for offset, key in zip(part.offsets, self._keys(part), strict=True) if offset not in aside
        )
        account.rows += sum(wanted.values())
        there, elsewhere = self._there(part, taken)
        account.found += sum((wanted & there).values())
        left = wanted - there
        later = Counter({one: n for one, n in left.items() if one[1] in elsewhere})
        account.superseded += sum(later.values())
        _lose(account, sorted(offset for offset, _ in (left - later).elements()))
        account.doubled += sum((there - wanted).values())

    def _keys(self, part: Part) -> list[Any]:
        return keys_as_read(part, self._types[part.table])

    def _there(self, part: Part, taken: Range) -> tuple[Counter[tuple[int, Any]], set[Any]]:
        """Rows of this partition by offset and key within the range, and keys that are there with other coordinates."""
        here: Counter[tuple[int, Any]] = Counter()
        elsewhere: set[Any] = set()
        for key, topic, partition, offset in self._rows_of(part):
            if (topic, partition) == (taken.topic, taken.partition) and taken.start <= offset < taken.end:
                here[offset, key] += 1
                elsewhere.add(key)
            else:
                elsewhere.add(key)
        return here, elsewhere

    def _rows_of(self, part: Part) -> Iterator[tuple[Any, str, int, int]]:
        keys = sorted(set(self._keys(part)))
        table = f"`{self._database}`.`{part.table}`"
        at = reads("at", "time", self._types[part.table]["at"])
        for first in range(0, len(keys), 1_000):
            chunk = keys[first : first + 1_000]
            if part.table == READINGS:
                sql = (
                    f"SELECT device_id, metric, {at}, _topic, _partition, _offset FROM {table} "
                    f"WHERE device_id IN %(keys)s AND {at} >= %(from)s AND {at} <= %(until)s"
                )
                times = [key[2] for key in chunk]
                values = {"keys": tuple({key[0] for key in chunk}), "from": min(times), "until": max(times)}
                known = set(chunk)
                found = self._server.rows(sql, values)
                yield from (((r[0], r[1], r[2]), *r[3:]) for r in found if (r[0], r[1], r[2]) in known)
            else:
                sql = f"SELECT fact_id, _topic, _partition, _offset FROM {table} WHERE fact_id IN %(keys)s"
                yield from ((r[0], r[1], r[2], r[3]) for r in self._server.rows(sql, {"keys": tuple(chunk)}))

    def _sample(self, part: Part, aside: set[int], account: Account) -> None:
        found = sample(self._server, self._database, part, self._types[part.table], aside, whole=self._whole)
        account.sampled += found.rows
        account.differing += len(found.differing)
        room = max(NAMED - len(account.differing_at), 0)
        account.differing_at += [Differing(part.table, offset) for offset in found.differing[:room]]

    def totals(self, topics: Sequence[str]) -> Counter[tuple[str, int]]:
        """How many rows there are of each partition, in all tables: one pass over each."""
        found: Counter[tuple[str, int]] = Counter()
        for table in ALL_TABLES:
            sql = (
                f"SELECT _topic, _partition, count() FROM `{self._database}`.`{table}` WHERE _topic IN %(topics)s "
                "GROUP BY _topic, _partition"
            )
            for topic, partition, count in self._server.rows(sql, {"topics": tuple(topics)}):
                found[topic, partition] += count
        return found

    def between(self, topic: str, partition: int, begin: int, end: int) -> int:
        """How many rows say an offset of the range."""
        rows = 0
        for table in ALL_TABLES:
            sql = (
                f"SELECT count() FROM `{self._database}`.`{table}` WHERE _topic = %(topic)s "
                "AND _partition = %(partition)s AND _offset >= %(begin)s AND _offset < %(end)s"
            )
            values = {"topic": topic, "partition": partition, "begin": begin, "end": end}
            rows += self._server.rows(sql, values)[0][0]
        return rows


def _lose(account: Account, offsets: Sequence[int]) -> None:
    account.missing += len(offsets)
    room = NAMED - len(account.missing_at)
    account.missing_at += list(dict.fromkeys(offsets))[: max(room, 0)]
