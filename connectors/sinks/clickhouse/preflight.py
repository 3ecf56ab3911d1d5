"""Before anything is written: is every table there with the right columns, and does it remember tokens?

Faults come all at once, each with the SQL that mends it. A server that knows no tokens is no fault: then the sink
probes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.sinks.clickhouse.blocks import columns_in
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.probe import Asks
from connectors.sinks.clickhouse.values import Fill, fills
from connectors.sinks.columns import ALL_TABLES, Column
from pipeline.errors import ConfigFaults, Fault

WINDOW = "non_replicated_deduplication_window"
LEAST_WINDOW = 1_000
WANTED = 10_000
_WINDOW = re.compile(WINDOW + r" = (\d+)")
_REPLICATED = re.compile(r"\breplicated_deduplication_window = (\d+)")
_TARGET = re.compile(r"MATERIALIZED VIEW \S+ TO (\S+)")
_BEHIND = re.compile(r"Distributed\('?([^,']+)'?, '?([^,']+)'?, '?([^,')]+)'?")
LATER_SETTINGS = (
    "insert_deduplicate",
    "deduplicate_insert",
    "deduplicate_blocks_in_dependent_materialized_views",
    "async_insert",
    "distributed_foreground_insert",
    "insert_distributed_sync",
)
_VALUES: dict[str, Any] = {
    "insert_deduplicate": 1,
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "async_insert": 0,
    "distributed_foreground_insert": 1,
    "insert_distributed_sync": 1,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What the sink found and goes by."""

    version: str
    mode: Mode
    settings: Mapping[str, Any]
    """Settings of every insert; only what this server knows."""
    types: Mapping[str, Mapping[str, str]]
    """Types of the columns of each table."""
    fill: Mapping[str, tuple[Fill, ...]]
    """How to fill the columns of each table, in the order of its block."""
    fed: frozenset[str] = field(default_factory=frozenset)
    """Tables that views are fed from."""


def preflight(server: Asks, database: str, *, longest: int = 25) -> Target:
    """What there is to write to; ``longest`` bounds an insert in seconds. Raises :class:`ConfigFaults`."""
    version = str(server.rows("SELECT version()")[0][0])
    known = {row[0] for row in server.rows("SELECT name FROM system.settings")}
    mode = Mode.TOKEN if "insert_deduplication_token" in known else Mode.PROBE
    types = _types(server, database)
    faults = list(_column_faults(database, types))
    made = _made(server)
    views = {name: text for name, text in made.items() if "MATERIALIZED VIEW" in text}
    if mode is Mode.TOKEN:
        faults += _window_faults(database, made)
        faults += _view_faults(database, made, views, _ids(server) if views else {})
    if faults:
        raise ConfigFaults(faults)
    settings = {name: _VALUES[name] for name in LATER_SETTINGS if name in known} | {"max_execution_time": longest}
    fed = {table for table in ALL_TABLES if any(_feeds(text, database, table, made) for text in views.values())}
    return Target(
        version, mode, settings, types, {table: _fill(table, types[table]) for table in ALL_TABLES}, frozenset(fed)
    )


def _types(server: Asks, database: str) -> dict[str, dict[str, str]]:
    sql = "SELECT table, name, type FROM system.columns WHERE database = %(database)s"
    types: dict[str, dict[str, str]] = {}
    for table, name, kind in server.rows(sql, {"database": database}):
        types.setdefault(table, {})[name] = kind
    return types


def _made(server: Asks) -> dict[str, str]:
    """The statement that makes each table, by ``database.table``."""
    columns = {
        row[0] for row in server.rows("SELECT name FROM system.columns WHERE database = 'system' AND table = 'tables'")
    }
    text = "create_table_query" if "create_table_query" in columns else "engine"
    return {
        f"{row[0]}.{row[1]}": str(row[2]) for row in server.rows(f"SELECT database, name, {text} FROM system.tables")
    }


def _column_faults(database: str, types: Mapping[str, Mapping[str, str]]) -> Iterator[Fault]:
    for table in ALL_TABLES:
        if table not in types:
            yield Fault("ClickHouse", f"{database}.{table}", "no such table", "run `wangge migrate`")
            continue
        for column in columns_in(table):
            there, place = types[table].get(column.name), f"{database}.{table}"
            if there is None:
                sql = f"ALTER TABLE {place} ADD COLUMN `{column.name}` {column.sql_type}"
                yield Fault("ClickHouse", f"{place}.{column.name}", "no such column", sql)
            elif _fill_of(column, there) is None:
                sql = f"ALTER TABLE {place} MODIFY COLUMN `{column.name}` {column.sql_type}"
                yield Fault("ClickHouse", f"{place}.{column.name}", there, sql)


def _fill_of(column: Column, there: str) -> Fill | None:
    return fills(column.shape, column.sql_type.startswith("Nullable("), there)


def _fill(table: str, types: Mapping[str, str]) -> tuple[Fill, ...]:
    return tuple(fill for column in columns_in(table) if (fill := _fill_of(column, types[column.name])))


def _window_faults(database: str, made: Mapping[str, str]) -> Iterator[Fault]:
    for table in ALL_TABLES:
        place = _stored(made, database, table)
        yield from _forgets(place, made.get(place, ""))


def _stored(made: Mapping[str, str], database: str, table: str) -> str:
    """Where the rows of a table lie: in itself, or in the one behind it."""
    behind = _BEHIND.search(made.get(f"{database}.{table}", ""))
    return f"{behind[2]}.{behind[3]}" if behind else f"{database}.{table}"


def _forgets(place: str, text: str) -> Iterator[Fault]:
    """A table that would ignore tokens, or forget them at once."""
    if "MergeTree" not in text:
        return
    replicated = "Replicated" in text
    found = (_REPLICATED if replicated else _WINDOW).search(text)
    usual = WANTED if replicated else 0
    if (int(found[1]) if found else usual) >= LEAST_WINDOW:
        return
    name = WINDOW.removeprefix("non_") if replicated else WINDOW
    sql = f"ALTER TABLE {place} MODIFY SETTING {name} = {WANTED}"
    yield Fault("ClickHouse", f"{place}: {name}", found[1] if found else "0", sql)


def _view_faults(
    database: str, made: Mapping[str, str], views: Mapping[str, str], ids: Mapping[str, str]
) -> Iterator[Fault]:
    """Targets of views that would count every attempt."""
    for name, text in views.items():
        if any(_feeds(text, database, table, made) for table in ALL_TABLES):
            target = _TARGET.search(text)
            place = target[1].replace("`", "") if target else _inner(name, ids.get(name, ""))
            yield from _forgets(_quoted(place), made.get(place, text))


def _ids(server: Asks) -> dict[str, str]:
    """The id of each view, by which newer servers call the table that it keeps for itself."""
    if not server.rows("SELECT 1 FROM system.columns WHERE database = 'system' AND table = 'tables' AND name = 'uuid'"):
        return {}
    found = server.rows("SELECT database, name, toString(uuid) FROM system.tables WHERE engine = 'MaterializedView'")
    return {f"{database}.{name}": str(uuid) for database, name, uuid in found}


def _inner(view: str, uuid: str) -> str:
    database, _, name = view.partition(".")
    return f"{database}..inner_id.{uuid}" if uuid.strip("0-") else f"{database}..inner.{name}"


def _quoted(place: str) -> str:
    database, _, name = place.partition(".")
    return f"{database}.`{name}`" if "." in name else place


def _feeds(text: str, database: str, table: str, made: Mapping[str, str]) -> bool:
    """Whether a view reads a table, or the one behind it: on a cluster views hang on what a shard has."""
    places = {f"{database}.{table}", _stored(made, database, table)}
    return any(_reads(text, *place.split(".", 1)) for place in places)


def _reads(text: str, database: str, table: str) -> bool:
    return bool(re.search(rf"\bFROM `?{re.escape(database)}`?\.`?{re.escape(table)}`?(?![\w.])", text))
