"""What kind of statement a client sent: the front treats inserts, settings and databases itself. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support.front.engine import Refused

# Comments, texts and quoted names, which may hold anything.
_OPAQUE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_TABLE = r"(?P<table>(?:`(?:[^`\\]|\\.)+`|\w+)(?:\.(?:`(?:[^`\\]|\\.)+`|\w+))?)"
_INSERT = re.compile(
    rf"\s*insert\s+into\s+(?:table\s+)?{_TABLE}\s*(?:\((?P<columns>[^()]*)\))?\s*(?:values|format\s+\w+)?\s*;?\s*$",
    re.IGNORECASE,
)
_SET = re.compile(r"\s*set\s+(?!role\b|default\b)(?P<pairs>.+?);?\s*$", re.IGNORECASE | re.DOTALL)
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[\w.+-]+)\s*(?:,|$)", re.DOTALL)
_USE = re.compile(r"\s*use\s+(?:`(?P<quoted>[^`]+)`|(?P<plain>\w+))\s*;?\s*$", re.IGNORECASE)
_SELECT = re.compile(r"[\s(]*(select|with)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows follow as blocks. ``columns`` is the list as written, or empty."""

    table: str
    columns: str


@dataclass(frozen=True)
class Use:
    """A change of the session's database."""

    database: str


@dataclass(frozen=True)
class Change:
    """Settings for the rest of the session."""

    settings: dict[str, str]


@dataclass(frozen=True)
class Other:
    """Anything the engine runs as it is; ``gives_rows`` when it selects."""

    sql: str
    gives_rows: bool


Statement = Insert | Use | Change | Other


def read(sql: str) -> Statement:
    """The one statement in a text. Raises :class:`Refused` with code 62 when there is more than one."""
    sql = _single(sql)
    if found := _INSERT.match(sql):
        return Insert(found["table"], found["columns"] or "")
    if found := _USE.match(sql):
        return Use(found["quoted"] or found["plain"])
    if found := _SET.match(sql):
        pairs = _PAIR.findall(found["pairs"])
        if _PAIR.sub("", found["pairs"]).strip():
            raise Refused(62, f"Code: 62. DB::Exception: the front does not read: {sql}. (SYNTAX_ERROR)")
        return Change({key: re.sub(r"\\(.)", r"\1", value.strip("'")) for key, value in pairs})
    return Other(sql, bool(_SELECT.match(_OPAQUE.sub(lambda hit: " " * len(hit[0]), sql))))


def _single(sql: str) -> str:
    """The text up to its semicolon. A server refuses several statements in one query, and so does the front."""
    bare = _OPAQUE.sub(lambda hit: " " * len(hit[0]), sql)
    end = bare.find(";")
    if end < 0:
        return sql.rstrip()
    if bare[end:].strip("; \t\r\n"):
        message = "Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed): failed at position"
        raise Refused(62, f"{message} {end + 1}. (SYNTAX_ERROR)")
    return sql[:end].rstrip()
