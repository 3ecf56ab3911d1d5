"""Shadow tables: the same tables in a database beside the live one, to be filled, compared and put in their place.

``Ours`` says which rows a backfill makes anew: those of its period that stood in the log it read. All others are taken
over from the live tables when they are swapped, those that came in meanwhile included.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.values import bare, reads
from connectors.sinks.columns import ALL_TABLES, ORIGIN, READINGS
from pipeline.errors import StopRun
from pipeline.events.base import Millis

SUFFIX = "_shadow"
CITY_OFFSET_MS, DAY_MS = 28_800_000, 86_400_000
"""Days are those of Chinese time, as everywhere in reports."""
OUTCOMES = "outcomes"
LEFT_OUT = frozenset({"recorded", *(column.name for column in ORIGIN)})
"""Columns that say where in a log a row came from, not what it says."""
PASSES, SETTLE_S = 20, 0.5
LONGEST_INSERT_S = 60
"""Longer than the sink gives an insert (``max_execution_time``, 25 s as a rule)."""


@dataclass(frozen=True)
class Ours:
    """Rows that a backfill makes anew: by the time of their fact, and by where in the log of facts they stood."""

    since: Millis | None = None
    until: Millis | None = None
    ranges: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    """Offsets of each partition of the facts' topics (whole names): rows outside of them are not made anew."""

    def condition(self, at: str) -> tuple[str, dict[str, Any]]:
        """SQL that is true for such a row, and its values. ``at`` gives the time of the row as milliseconds."""
        parts, values = ["1"], dict[str, Any]()
        if self.since is not None:
            parts.append(f"{at} >= %(since)s")
            values["since"] = self.since
        if self.until is not None:
            parts.append(f"{at} < %(until)s")
            values["until"] = self.until
        for number, ((topic, partition), (begin, end)) in enumerate(sorted(self.ranges.items())):
            parts.append(
                f"NOT (_topic = %(t{number})s AND _partition = {int(partition)} "
                f"AND (_offset < {int(begin)} OR _offset >= {int(end)}))"
            )
            values[f"t{number}"] = topic
        return " AND ".join(parts), values


@dataclass(frozen=True, slots=True)
class Difference:
    """One table on one day: rows of either side, and how they differ."""

    table: str
    day: str
    live: int
    shadow: int
    only_live: int
    only_shadow: int
    changed: int
    """Rows of the same id that say something else."""


class Shadow:
    """The tables of a database and those beside it. ``same_ids``: facts keep their ids, counts of outcomes included."""

    def __init__(self, server: Server, ours: Ours, *, same_ids: bool) -> None:
        self._server, self.ours, self._same_ids = server, ours, same_ids
        self.live = server.settings.database
        self.name = self.live + SUFFIX
        self._types = self._columns(self.live)

    # -- making and dropping ------------------------------------------------------------------------------------

    def make(self) -> None:
        """Empty tables as the live ones are. Raises :class:`StopRun` where that cannot be."""
        if self._server.settings.cluster or self._fronts():
            message = "tables of a cluster are not filled anew by this release"
            raise StopRun(message)
        missing = [table for table in ALL_TABLES if table not in self._types]
        if missing:
            message = f"{self.live} has no tables {', '.join(missing)}: run `wangge migrate`"
            raise StopRun(message)
        self._server.run(f"CREATE DATABASE IF NOT EXISTS `{self.name}`")
        for table in ALL_TABLES:
            self._server.run(f"CREATE TABLE IF NOT EXISTS `{self.name}`.`{table}` AS `{self.live}`.`{table}`")

    def _fronts(self) -> bool:
        """Whether the tables only hand rows on: copies of them would write into the live ones."""
        sql = "SELECT count() FROM system.tables WHERE database = %(database)s AND engine = 'Distributed'"
        ((found,),) = self._server.rows(sql, {"database": self.live})
        return bool(found)

    def exists(self) -> bool:
        """Whether there is anything of it."""
        return bool(self._columns(self.name))

    def drop(self) -> None:
        """Let go of it."""
        self._server.run(f"DROP DATABASE IF EXISTS `{self.name}`")

    # -- comparing ----------------------------------------------------------------------------------------------

    def differences(self) -> Iterator[Difference]:
        """Every table and day of the period, alike or not; where sums differ the rows are looked at one by one."""
        for table in ALL_TABLES:
            live, shadow = self._sums(self.live, table), self._sums(self.name, table)
            for day in sorted(live.keys() | shadow.keys()):
                here, there = live.get(day, (0, 0)), shadow.get(day, (0, 0))
                apart = (0, 0, 0) if here == there else self._apart(table, day)
                yield Difference(table, _day(day), here[0], there[0], *apart)

    def _sums(self, database: str, table: str) -> dict[int, tuple[int, int]]:
        inner, values = self._rows(database, table)
        sql = f"SELECT day, count(), sum(hash) FROM ({inner}) GROUP BY day"
        return {int(row[0]): (int(row[1]), int(row[2])) for row in self._server.rows(sql, values)}

    def _apart(self, table: str, day: int) -> tuple[int, int, int]:
        """Rows only in the live table, only in the shadow, and in both with other content."""
        live, values = self._rows(self.live, table)
        shadow, _ = self._rows(self.name, table)
        sql = (
            "SELECT sum(l > 0 AND s = 0), sum(l = 0 AND s > 0), sum(l > 0 AND s > 0 AND hl != hs) FROM ("
            "SELECT id, sum(here) AS l, sum(1 - here) AS s, sum(if(here = 1, hash, 0)) AS hl, "
            "sum(if(here = 0, hash, 0)) AS hs FROM ("
            f"SELECT id, hash, 1 AS here FROM ({live}) WHERE day = %(day)s "
            f"UNION ALL SELECT id, hash, 0 AS here FROM ({shadow}) WHERE day = %(day)s) GROUP BY id)"
        )
        ((a, b, c),) = self._server.rows(sql, {**values, "day": day})
        return int(a), int(b), int(c)

    def _rows(self, database: str, table: str) -> tuple[str, dict[str, Any]]:
        """A query of id, day and digest of every row that is ours; counts of outcomes by what they count."""
        at = self._at(table)
        condition, values = self.ours.condition(at)
        day = f"intDiv({at} + {CITY_OFFSET_MS}, {DAY_MS})"
        source = f"FROM `{database}`.`{table}` FINAL WHERE {condition}"
        if table == OUTCOMES and not self._same_ids:
            return (
                f"SELECT concat(channel, '|', fate, '|', outcome) AS id, {day} AS day, "
                f"toUInt64(sum(records) * 1000003 + sum(samples)) AS hash {source} GROUP BY id, day"
            ), values
        cells = ", ".join(self._text(table, name) for name in self._said(table))
        return f"SELECT {self._id(table)} AS id, {day} AS day, cityHash64({cells}) AS hash {source}", values

    def _said(self, table: str) -> list[str]:
        return [name for name in self._types[table] if name not in LEFT_OUT]

    def _text(self, table: str, name: str) -> str:
        kind = bare(self._types[table][name])
        if kind.startswith("Array(Float"):
            return f"arrayStringConcat(arrayMap(x -> toString(x), `{name}`), '\\n')"
        if kind.startswith("Array("):
            return f"arrayStringConcat(`{name}`, '\\n')"
        return f"ifNull(toString(`{name}`), '\\\\N')"

    def _id(self, table: str) -> str:
        if table != READINGS:
            return "fact_id"
        return f"concat(device_id, '|', metric, '|', toString({self._at(table)}))"

    def _at(self, table: str) -> str:
        return reads("at", "time", self._types[table]["at"])

    # -- swapping -----------------------------------------------------------------------------------------------

    def take_over(self, table: str) -> int:
        """Copy the live rows that are not ours into the shadow; gives back how many there were."""
        return self._carry(table, f"`{self.live}`.`{table}`", f"`{self.name}`.`{table}`")

    def _carry(self, table: str, source: str, target: str) -> int:
        """Copy the rows that are not ours and not there yet."""
        condition, values = self.ours.condition(self._at(table))
        columns, key = ", ".join(f"`{name}`" for name in self._types[table]), self._id(table)
        rest = f"FROM {source} FINAL WHERE NOT ({condition}) AND {key} NOT IN (SELECT {key} FROM {target})"
        ((rows,),) = self._server.rows(f"SELECT count() {rest}", values)
        if rows:
            self._server.rows(f"INSERT INTO {target} ({columns}) SELECT {columns} {rest}", values)
        return int(rows)

    def marks(self) -> dict[str, str]:
        """What tells the shadow tables from the live ones for ever: their uuid, "" where a server has none."""
        has = self._server.rows(
            "SELECT count() FROM system.columns WHERE database = 'system' AND table = 'tables' AND name = 'uuid'"
        )
        if not has[0][0]:
            return dict.fromkeys(ALL_TABLES, "")
        sql = "SELECT name, toString(uuid) FROM system.tables WHERE database = %(database)s"
        return {name: uuid for name, uuid in self._server.rows(sql, {"database": self.name}) if name in ALL_TABLES}

    def is_swapped(self, table: str, mark: str) -> bool:
        """Whether the table that was the shadow's is in the place of the live one."""
        if mark:
            sql = "SELECT toString(uuid) FROM system.tables WHERE database = %(database)s AND name = %(table)s"
            return bool(self._server.rows(sql, {"database": self.live, "table": table}) == [(mark,)])
        there = self._columns(self.name)
        return f"{table}_old" in there and table not in there

    def swap(self, table: str, mark: str) -> None:
        """Put a shadow table in the place of the live one; the old one stays in the shadow. Twice changes nothing."""
        if self.is_swapped(table, mark):
            return
        live, shadow = f"`{self.live}`.`{table}`", f"`{self.name}`.`{table}`"
        if mark:
            self._server.run(f"EXCHANGE TABLES {live} AND {shadow}")
            return
        old = f"`{self.name}`.`{table}_old`"
        if table in self._columns(self.live):
            self._server.run(f"RENAME TABLE {live} TO {old}, {shadow} TO {live}")
        else:  # cut off between the two
            self._server.run(f"RENAME TABLE {shadow} TO {live}")

    def catch_up(self, table: str, mark: str) -> int:
        """Take over what a sink wrote into the old table until it met the new one; gives back how many rows.

        Raises :class:`StopRun` when an insert that began before does not end.
        """
        old = table if mark else f"{table}_old"
        rows = 0
        for _ in range(PASSES):
            self._settled(table)
            found = self._carry(table, f"`{self.name}`.`{old}`", f"`{self.live}`.`{table}`")
            rows += found
            if not found:
                break
        return rows

    def _settled(self, table: str) -> None:
        """Wait until none of the inserts that run now is left: any of them may have begun before the swap.

        Raises :class:`StopRun` when one does not end: nobody would see what it writes. The swap may be called again.
        """
        running = self._inserts(table)
        for _ in range(int(LONGEST_INSERT_S / SETTLE_S)):
            if not running:
                return
            time.sleep(SETTLE_S)
            running &= self._inserts(table)
        if running:
            message = (
                f"an insert into {table} runs for over {LONGEST_INSERT_S} s: see system.processes, then swap again"
            )
            raise StopRun(message)

    def _inserts(self, table: str) -> set[str]:
        """The ids of the inserts into a live table that run now."""
        sql = "SELECT query_id FROM system.processes WHERE query LIKE %(insert)s AND query NOT LIKE %(select)s"
        values = {"insert": f"INSERT INTO `{self.live}`.`{table}`%", "select": "%SELECT%"}
        return {query for (query,) in self._server.rows(sql, values)}

    def _columns(self, database: str) -> dict[str, dict[str, str]]:
        sql = "SELECT table, name, type FROM system.columns WHERE database = %(database)s"
        found: dict[str, dict[str, str]] = {}
        for table, name, kind in self._server.rows(sql, {"database": database}):
            found.setdefault(table, {})[name] = kind
        return found


def _day(number: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(number * DAY_MS / 1000))


def alike(found: Sequence[Difference]) -> bool:
    """Whether nothing differs."""
    return not any(one.only_live or one.only_shadow or one.changed for one in found)
