"""The tables for Debian's ClickHouse 18.16, so that the sink meets a real server: types it lacks become ones it has.

Times become milliseconds as numbers, flags become 0 and 1, small sets become plain text. There are no views, no
comments and no window of tokens: the sink looks before it writes again. Test support only; the product's statements are
for a current server. ``OldServers`` lets `wangge migrate` itself bring a cluster of them to the numbered statements.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from connectors.sinks.clickhouse.ddl import statements
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.columns import ORIGIN
from schemas.catalogue import FOLDER

TYPES = (
    (re.compile(r"LowCardinality\((\w+)\)"), r"\1"),
    (re.compile(r"DateTime64\(3, 'UTC'\)"), "Int64"),
    (re.compile(r"\bBool\b"), "UInt8"),
    (re.compile(r"\s*COMMENT '[^']*'"), ""),
    (re.compile(r"ADD COLUMN IF NOT EXISTS"), "ADD COLUMN"),
)
_UNKNOWN = re.compile(r"CREATE OR REPLACE VIEW|ALTER TABLE \S+ ON CLUSTER '\w+' MODIFY SETTING")
_FRONT = re.compile(r"ALTER TABLE \w+\.\w+(?<!_local) ON CLUSTER")
_ON = re.compile(r" ON CLUSTER '\w+'")


def tables_for_18(database: str) -> list[str]:
    """The statements that make all tables of facts with their origin, then those that give them later columns."""
    files = [statements(path.read_text("utf-8")) for path in sorted((FOLDER / "clickhouse").glob("*.sql"))]
    tables = [one for file in files for one in file if one.startswith("CREATE TABLE")]
    columns = [one for file in files for one in file if _adds_columns(one)]
    return [for_18(one, database) for one in (*tables, *columns)]


def _adds_columns(statement: str) -> bool:
    """Columns of facts; those of the origin are in the tables already, and settings of a table 18.16 does not know."""
    return statement.startswith("ALTER TABLE") and "ADD COLUMN" in statement and "_topic" not in statement


def for_18(statement: str, database: str) -> str:
    """One CREATE TABLE or ALTER TABLE as 18.16 takes it, a new table with the columns of the origin."""
    origin = "".join(f",\n    {column.name} {column.sql_type}" for column in ORIGIN)
    text = statement.replace("wangge.", f"{database}.", 1).replace("\n)\nENGINE", f"{origin}\n)\nENGINE", 1)
    return _typed(text)


def _typed(text: str) -> str:
    for pattern, other in TYPES:
        text = pattern.sub(other, text)
    return text


class OldServers:
    """Servers of one cluster, as :func:`migrate` knows one; the first is the one that it speaks to.

    What 18.16 has no word for is left out and told in ``left_out``. It also refuses to alter a front ``ON CLUSTER``
    where shards are replicated, which later releases allow: each server is told that by itself.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers, self.settings = servers, servers[0].settings
        self.ran, self.left_out = list[str](), list[str]()

    def rows(self, sql: str, values: dict[str, object] | None = None) -> list[tuple[object, ...]]:
        """The rows of a query."""
        return self._servers[0].rows(sql, values)

    def run(self, sql: str, **settings: Any) -> None:
        """Run one statement, as far as there is room for it."""
        if _UNKNOWN.match(sql):
            self.left_out.append(sql)
            return
        text, front = _typed(sql), _FRONT.match(sql)
        self.ran.append(text)
        for server in self._servers if front else self._servers[:1]:
            server.run(_ON.sub("", text, count=1) if front else text, **settings)
