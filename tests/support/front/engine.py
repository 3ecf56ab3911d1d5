"""The current engine (chdb) as a front needs it: one statement at a time, with a database and settings of its caller.

The engine is one session for all, so the caller's database and settings are put in place before each statement; what
is in place already stays, for each costs a statement of its own. The only module of the tests that imports chdb.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path

import chdb

_NAMES = re.compile(r"`((?:[^`\\]|\\.)+)`|([\w.]+)")


class Refused(Exception):
    """The engine does not run a statement: ClickHouse's code and its own message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @classmethod
    def from_text(cls, text: str) -> Refused:
        """From the text of an exception of chdb; without a code in it, code 1002 (unknown exception)."""
        code = re.search(r"Code: (\d+)", text)
        return cls(int(code[1]) if code else 1002, text)


def quoted(value: str) -> str:
    """A value as a literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(text: str) -> str:
    """A name as an identifier."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


class Engine:
    """All data below ``folder``; one process at a time. ``config`` is a file as a server of ClickHouse has it."""

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        self._connection = chdb.connect(f"{folder}?config-file={config}" if config else str(folder))
        self._alone = threading.RLock()
        self._database = ""
        self._settings: dict[str, str] = {}
        """What is in place now."""
        self._columns: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
        self.version: tuple[int, int, int] = self._version()

    def run(self, sql: str, database: str, settings: Mapping[str, str], form: str = "Native") -> bytes:
        """Run one statement and give back its result in a format. Raises :class:`Refused`."""
        with self._alone:
            self._put(database, settings)
            return self._query(sql, form)

    def changed(self) -> None:
        """A statement may have changed a table: nothing is known of columns any longer."""
        self._columns = {}

    def columns_of(self, table: str, listed: str, database: str, settings: Mapping[str, str]) -> list[tuple[str, str]]:
        """(name, type) of the columns an INSERT fills: those ``listed``, or all that are stored and not computed."""
        known, place = self._columns, (database, table, listed)
        if place not in known:
            known[place] = self._described(table, listed, database, settings)
        return known[place]

    def _described(self, table: str, listed: str, database: str, settings: Mapping[str, str]) -> list[tuple[str, str]]:
        lines = self.run(f"DESCRIBE TABLE {table}", database, settings, "TSVRaw").decode().splitlines()
        cells = [line.split("\t") for line in lines]
        types = {cell[0]: cell[1] for cell in cells}
        wanted = [one or other for one, other in _NAMES.findall(listed)]
        for column in wanted:
            if column not in types:
                text = f"Code: 16. DB::Exception: No such column {column} in table {table}. (NO_SUCH_COLUMN_IN_TABLE)"
                raise Refused(16, text)
        usual = [cell[0] for cell in cells if cell[2] not in ("MATERIALIZED", "ALIAS")]
        return [(column, types[column]) for column in wanted or usual]

    def columns_selected(self, sql: str, database: str, settings: Mapping[str, str]) -> list[tuple[str, str]]:
        """(name, type) of what a query gives back."""
        found = self.run(f"DESCRIBE ({sql})", database, settings, "TSVRaw").decode()
        return [(cells[0], cells[1]) for cells in (line.split("\t") for line in found.splitlines())]

    def has_database(self, database: str) -> bool:
        """Whether there is such a database."""
        with self._alone:
            return self._query(f"EXISTS DATABASE {name(database)}", "TSV") == b"1\n"

    def _put(self, database: str, settings: Mapping[str, str]) -> None:
        if database != self._database:
            self._query(f"USE {name(database)}", "TSV")
            self._database = database
        for key in self._settings.keys() - settings.keys():
            self._query(f"SET {key} = DEFAULT", "TSV")
            del self._settings[key]
        for key, value in settings.items():
            if self._settings.get(key) != value:
                self._query(f"SET {key} = {quoted(value)}", "TSV")
                self._settings[key] = value

    def _query(self, sql: str, form: str) -> bytes:
        try:
            answer: bytes = self._connection.query(sql, form).bytes()
        except RuntimeError as error:
            raise Refused.from_text(str(error)) from error
        return answer

    def _version(self) -> tuple[int, int, int]:
        major, minor, patch = self._query("SELECT version()", "TSV").decode().split(".")[:3]
        return int(major), int(minor), int(patch)
