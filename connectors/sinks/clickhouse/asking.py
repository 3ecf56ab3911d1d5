"""The tables of a server asked as the store of one process is: the same statements, the same kind of rows.

Statements name tables ``wangge.<table>``, wherever the server keeps them. A named parameter (``{name:Type}``, a type of
one word) becomes a value in the text, as the driver writes it: not every server takes parameters of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.sinks.clickhouse.ddl import for_server
from connectors.sinks.clickhouse.server import Server
from pipeline.settings import ClickHouseSettings

_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")


class ServerTables:
    """What the sink has written. As in the store, rows that were written again count once."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries. Raises :class:`ServerAway`, :class:`StopRun`."""
        return self._server.named_rows(statement_of(sql, self._server.settings), parameters or {}, final=1)


def statement_of(sql: str, settings: ClickHouseSettings) -> str:
    """A statement with the server's database, its parameters as the driver wants them."""
    (own,) = for_server(sql, ClickHouseSettings(database=settings.database))
    return _PARAMETER.sub(r"CAST(%(\1)s AS \2)", own.replace("%", "%%"))
