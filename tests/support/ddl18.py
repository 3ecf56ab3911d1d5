"""The tables for Debian's ClickHouse 18.16, so that the sink meets a real server: types it lacks become ones it has.

Times become milliseconds as numbers, flags become 0 and 1, small sets become plain text. There are no views, no
comments and no window of tokens: the sink looks before it writes again. Test support only; the product's statements are
for a current server.
"""

from __future__ import annotations

import re

from connectors.sinks.clickhouse.ddl import statements
from connectors.sinks.columns import ORIGIN
from schemas.catalogue import FOLDER

TYPES = (
    (re.compile(r"LowCardinality\((\w+)\)"), r"\1"),
    (re.compile(r"DateTime64\(3, 'UTC'\)"), "Int64"),
    (re.compile(r"\bBool\b"), "UInt8"),
    (re.compile(r"\s*COMMENT '[^']*'"), ""),
    (re.compile(r"ADD COLUMN IF NOT EXISTS"), "ADD COLUMN"),
)


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
    for pattern, other in TYPES:
        text = pattern.sub(other, text)
    return text
