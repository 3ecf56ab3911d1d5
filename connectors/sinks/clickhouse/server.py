"""A ClickHouse server over its native protocol: the only module that imports clickhouse-driver.

A client belongs to one thread and one query at a time; every thread has its own. After any fault the connection is
dropped, for what is left in it belongs to a query that nobody waits for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_driver import Client
from clickhouse_driver.columns.exceptions import ColumnException
from clickhouse_driver.errors import Error, ServerException, SocketTimeoutError, TooLargeStringSize, TypeMismatchError

from connectors.sinks.clickhouse.faults import Fate, cause_of, fate_of
from connectors.sinks.clickhouse.lane import RowsRefused
from pipeline.errors import Fault, NeighbourAway, Refused, StopRun
from pipeline.settings import ClickHouseSettings

Row = tuple[Any, ...]
REMEDY = "check user and password, or have this user granted what ClickHouse refuses"
_UNFIT = (ColumnException, TypeMismatchError, TooLargeStringSize, TypeError, ValueError, AttributeError, OverflowError)
"""What the driver raises for a value that does not fit its column."""


class ServerAway(NeighbourAway):
    """The server did not answer, or not now; ``cause`` is one of a closed list."""

    def __init__(self, told: str, cause: str) -> None:
        self.cause = cause
        super().__init__(told)


class Server:
    """Queries and inserts, from any thread."""

    def __init__(self, settings: ClickHouseSettings, *, patience: float = 30.0) -> None:
        """``patience`` is how many seconds a query may take before it counts as failed."""
        self.settings, self._patience = settings, patience
        self._local = threading.local()
        self._clients: list[Client] = []
        self._closed = False

    def rows(self, sql: str, values: Mapping[str, Any] | None = None, **settings: Any) -> list[Row]:
        """The rows of a query. ``%(name)s`` stands for a value. Raises :class:`ServerAway`, :class:`StopRun`,
        :class:`Refused` when the user may not."""
        found: list[Row] = self._asked(sql, values or None, settings=settings or None)
        return found

    def named_rows(self, sql: str, values: Mapping[str, Any], **settings: Any) -> list[dict[str, Any]]:
        """The rows of a query by the names of their columns; a ``%`` that stands for itself is doubled. Raises as
        :meth:`rows` does."""
        found, columns = self._asked(sql, values, settings=settings or None, with_column_types=True)
        names = [name for name, _ in columns]
        return [dict(zip(names, row, strict=True)) for row in found]

    def run(self, sql: str, **settings: Any) -> None:
        """Run one statement that gives nothing back."""
        self.rows(sql, None, **settings)

    def insert(
        self,
        table: str,
        columns: Sequence[str],
        values: Sequence[list[Any]],
        query_id: str,
        settings: Mapping[str, Any],
    ) -> None:
        """Insert whole columns, all or nothing. Raises as :meth:`rows` does, and :class:`RowsRefused`."""
        listed = ", ".join(f"`{name}`" for name in columns)
        sql = f"INSERT INTO `{self.settings.database}`.`{table}` ({listed}) VALUES"
        try:
            self._client().execute(sql, values, columnar=True, query_id=query_id, settings=dict(settings))
        except Exception as error:
            self._forget()
            raise _meant(error, self.settings.user, rows=True) from error

    def _asked(self, sql: str, values: Mapping[str, Any] | None, **options: Any) -> Any:
        try:
            return self._client().execute(sql, values, **options)
        except Exception as error:
            self._forget()
            raise _meant(error, self.settings.user, rows=False) from error

    def close(self) -> None:
        """Cut every connection; a query that waits in another thread fails at once."""
        self._closed = True
        for client in list(self._clients):
            client.disconnect()
        self._clients.clear()

    def _client(self) -> Client:
        if self._closed:
            message = "the connection was closed"
            raise ServerAway(message, "other")
        found: Client | None = getattr(self._local, "client", None)
        if found is None:
            found = self._local.client = _client(self.settings, self._patience)
            self._clients.append(found)
        return found

    def _forget(self) -> None:
        client = getattr(self._local, "client", None)
        self._local.client = None
        if client is not None:
            if client in self._clients:
                self._clients.remove(client)
            client.disconnect()


def _client(settings: ClickHouseSettings, patience: float) -> Client:
    return Client(
        settings.host, port=settings.port, user=settings.user, password=settings.password, secure=settings.secure,
        ca_certs=settings.ca_file or None, client_name="wangge", connect_timeout=5, send_receive_timeout=patience,
        sync_request_timeout=5, compression=False,
    )  # fmt: skip


def _meant(error: Exception, user: str, *, rows: bool) -> Exception:
    """What an error of the driver means to whoever asked as ``user``."""
    if isinstance(error, NeighbourAway):
        return error
    if isinstance(error, ServerException):
        fate, told = fate_of(error.code), _first_line(error)
        if fate is Fate.ROWS and rows:
            return RowsRefused(told)
        if fate is Fate.REFUSED:
            return Refused([Fault("ClickHouse", "WANGGE_CLICKHOUSE_USER", user, f"{REMEDY} ({told})")])
        if fate is not Fate.AGAIN:
            return StopRun(f"ClickHouse: {told}")
        return ServerAway(told, cause_of(error.code))
    if isinstance(error, SocketTimeoutError | TimeoutError):
        return ServerAway(str(error) or "no answer in time", "timeout")
    if rows and isinstance(error, _UNFIT):
        return RowsRefused(_first_line(error))
    if isinstance(error, Error | OSError | EOFError):  # the protocol broke off, whatever the driver calls it
        return ServerAway(str(error) or type(error).__name__, "network")
    return error


def _first_line(error: Exception) -> str:
    """What was said, without the trace of the server."""
    text = str(getattr(error, "message", "") or error or type(error).__name__)
    code = getattr(error, "code", 0)
    return f"{text.split('Stack trace')[0].strip().splitlines()[0][:300] if text.strip() else text} (code {code})"
