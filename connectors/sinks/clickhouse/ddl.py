"""The numbered statements of ``schemas/clickhouse`` for one database of one server, or for a cluster.

On a cluster each table becomes a replicated ``<table>_local`` on every shard and a distributed ``<table>`` in front of
it; rows go to shards by their key, so that a replay meets its own rows. Views read the fronts: what they look up in
a second table is asked of all shards once (``GLOBAL``), for ClickHouse refuses to let every shard ask all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from pipeline.settings import ClickHouseSettings

_COMMENT = re.compile(r"--[^\n]*")
_END = re.compile(r";\s*(?:\n|$)")
_NAME = r"(?P<db>\w+)\.(?P<name>\w+)"
_TABLE = re.compile(rf"CREATE TABLE IF NOT EXISTS {_NAME}")
_ALTER = re.compile(rf"ALTER TABLE {_NAME}")
_VIEW = re.compile(rf"(?P<head>CREATE (?:OR REPLACE |MATERIALIZED )?VIEW (?:IF NOT EXISTS )?){_NAME}")
_ENGINE = re.compile(r"ENGINE = (\w*)MergeTree(?:\(([^)]*)\))?")
_ORDER = re.compile(r"ORDER BY \(([^)]*)\)")
_WINDOW = re.compile(r"MODIFY SETTING non_replicated_deduplication_window = (\d+)")
_LOOKED_UP = re.compile(r"\b(?P<how>(?:NOT )?IN)(?P<begin>\s*\(\s*SELECT)\b")
_WEEK = 604_800


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of statements."""

    number: int
    name: str
    checksum: str
    statements: tuple[str, ...]

    @property
    def repeatable(self) -> bool:
        """Whether it only replaces views, so that a changed file is simply run again."""
        return all(statement.startswith("CREATE OR REPLACE") for statement in self.statements)


def migrations(files: Iterable[Path], settings: ClickHouseSettings) -> list[Migration]:
    """The files as they are to be run, by number."""
    found = []
    for path in sorted(files):
        text = path.read_text("utf-8")
        checksum = blake2b(text.encode(), digest_size=8).hexdigest()
        rewritten = [one for statement in statements(text) for one in for_server(statement, settings)]
        found.append(Migration(int(path.name.partition("_")[0]), path.stem, checksum, tuple(rewritten)))
    return found


def statements(text: str) -> list[str]:
    """The statements of a file, without comments."""
    parts = (part.strip() for part in _END.split(_COMMENT.sub("", text)))
    return [part for part in parts if part]


def for_server(statement: str, settings: ClickHouseSettings) -> list[str]:
    """One statement as a single server or a cluster needs it."""
    own = re.sub(r"\bwangge\.(?=\w)", f"{settings.database}.", statement)
    return _clustered(own, settings.cluster) if settings.cluster else [own]


def _clustered(statement: str, cluster: str) -> list[str]:
    on = f"ON CLUSTER '{cluster}'"
    if (table := _TABLE.match(statement)) is not None:
        return _local_and_front(statement, table, cluster, on)
    if (alter := _ALTER.match(statement)) is not None:
        database, name = alter["db"], alter["name"]
        rest = _WINDOW.sub(_replicated_window, statement[alter.end() :])
        local = f"ALTER TABLE {database}.{name}_local {on}{rest}"
        return [local] if "MODIFY SETTING" in rest else [local, f"ALTER TABLE {database}.{name} {on}{rest}"]
    if (view := _VIEW.match(statement)) is not None:
        body = _LOOKED_UP.sub(r"GLOBAL \g<how>\g<begin>", statement[view.end() :])
        return [f"{statement[: view.end()]} {on}{body}"]
    return [statement]


def _local_and_front(statement: str, table: re.Match[str], cluster: str, on: str) -> list[str]:
    database, name = table["db"], table["name"]
    order = _ORDER.search(statement)
    key = order[1] if order else "rand()"
    body = _ENGINE.sub(lambda found: _replicated(found, database, f"{name}_local"), statement[table.end() :])
    local = f"CREATE TABLE IF NOT EXISTS {database}.{name}_local {on}{body}"
    front = (
        f"CREATE TABLE IF NOT EXISTS {database}.{name} {on} AS {database}.{name}_local\n"
        f"ENGINE = Distributed('{cluster}', '{database}', '{name}_local', cityHash64({key}))"
    )
    return [local, front]


def _replicated(found: re.Match[str], database: str, table: str) -> str:
    more = f", {found[2]}" if found[2] else ""
    path = f"/clickhouse/tables/{{shard}}/{database}/{table}"
    return f"ENGINE = Replicated{found[1]}MergeTree('{path}', '{{replica}}'{more})"


def _replicated_window(found: re.Match[str]) -> str:
    return (
        f"MODIFY SETTING replicated_deduplication_window = {found[1]}, "
        f"replicated_deduplication_window_seconds = {_WEEK}"
    )
