"""A ClickHouse of today behind the native protocol: ``python -m tests.support.front PORT FOLDER``.

``CONFIG`` (a file as a server of ClickHouse has it) and ``SETTING=VALUE``, for all sessions, may follow.
chdb is the engine without a server; this is the server for tests, so that the driver meets a current ClickHouse over a
socket: settings for each query, dedup tokens, sessions with a database, errors with their codes, data that survives
kill -9. Queries run one after another. Faults come on request (:mod:`tests.support.front.disturbance`).
"""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from clickhouse_driver.protocol import ClientPacketTypes as Asked

from tests.support.front.disturbance import Cut, Switch
from tests.support.front.engine import Engine, Refused, quoted
from tests.support.front.statements import Change, Insert, Other, Use, read
from tests.support.front.wire import Line, Query, blocks_of


class Session(socketserver.BaseRequestHandler):
    """One connection, with its database and its settings."""

    server: Front

    def handle(self) -> None:
        """Answer until the client goes."""
        # or each answer waits 40 ms for its last bytes
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.line, self.database, self.settings = Line(self.request), "default", dict(self.server.usual)
        try:
            while True:
                self._answer(self.line.kind())
        except (EOFError, OSError, Cut):
            return

    def _answer(self, kind: int) -> None:
        try:
            if kind == Asked.HELLO:
                self._hello(self.line.hello())
            elif kind == Asked.PING:
                self.line.send_pong()
            elif kind == Asked.QUERY:
                self._query(self.line.query())
        except Refused as refused:
            self.line.send_refusal(refused.code, refused.message)

    def _hello(self, database: str) -> None:
        self._use(database or "default")
        self.line.send_hello(self.server.engine.version)

    def _use(self, database: str) -> None:
        if not self.server.engine.has_database(database):
            raise Refused(81, f"Code: 81. DB::Exception: Database {database} does not exist. (UNKNOWN_DATABASE)")
        self.database = database

    def _query(self, query: Query) -> None:
        if query.compressed:
            self.line.send_refusal(1002, "the front does not speak compression")
            raise Cut
        statement = read(query.sql)
        settings = self.settings | query.settings
        if isinstance(statement, Insert):
            self._insert(statement, query.sql, settings)
        elif isinstance(statement, Use):
            self._use(statement.database)
        elif isinstance(statement, Change):
            self.server.engine.run("SELECT 1", self.database, self.settings | statement.settings)
            self.settings |= statement.settings
        else:
            self._run(statement, settings)
        self.line.send_end()

    def _run(self, statement: Other, settings: dict[str, str]) -> None:
        result = b""

        def effect() -> None:
            nonlocal result
            try:
                result = self.server.engine.run(statement.sql, self.database, settings)
            finally:
                if not statement.gives_rows:
                    self.server.engine.changed()

        self.server.switch.around(statement.sql, effect)
        if not result and statement.gives_rows:
            self.line.send_columns(self.server.engine.columns_selected(statement.sql, self.database, settings))
        for number, (columns, block) in enumerate(blocks_of(result)):
            if number == 0:
                self.line.send_columns(columns)
            self.line.send_block(block)

    def _insert(self, insert: Insert, sql: str, settings: dict[str, str]) -> None:
        columns = self.server.engine.columns_of(insert.table, insert.columns, self.database, settings)
        self.line.send_columns(columns)
        with tempfile.NamedTemporaryFile(dir=self.server.folder, suffix=".native") as rows:
            while block := self.line.block():
                rows.write(block)
            rows.flush()
            if rows.tell():
                text = f"INSERT INTO {insert.table} {f'({insert.columns})' if insert.columns else ''}"
                text += f" FROM INFILE {quoted(rows.name)} FORMAT Native"
                self.server.switch.around(sql, lambda: self._run_quietly(text, settings))

    def _run_quietly(self, sql: str, settings: dict[str, str]) -> None:
        self.server.engine.run(sql, self.database, settings)


class Front(socketserver.ThreadingTCPServer):
    """Listens on this machine only."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 64

    def __init__(self, port: int, folder: Path, config: Path | None, usual: Mapping[str, str]) -> None:
        """``usual`` are the settings of every session."""
        folder.mkdir(parents=True, exist_ok=True)
        self.usual = usual
        self.folder, self.switch, self.engine = folder, Switch(folder), Engine(folder / "store", config)
        super().__init__(("127.0.0.1", port), Session)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    folder, *config = (Path(word).absolute() for word in sys.argv[2:4])
    usual = dict(word.split("=", 1) for word in sys.argv[4:])
    Front(int(sys.argv[1]), folder, config[0] if config else None, usual).serve_forever()
