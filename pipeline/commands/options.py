"""Options and output that several commands share."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.assessment.table import text_width
from pipeline.errors import ConfigFaults, Fault
from pipeline.events.base import Millis
from pipeline.settings import Settings

STORE = click.option(
    "--store", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the store."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
QUIET = click.option("--quiet", is_flag=True, help="No progress on standard error.")
NEW_FOLDER = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to."
)


def moment(option: str, text: str | None, now: Millis) -> Millis | None:
    """A point in time of an option: ISO 8601 with a zone, or how long ago (``90m``, ``36h``, ``14d``).

    Raises :class:`ConfigFaults`.
    """
    if not text:
        return None
    if (ago := _AGO.fullmatch(text)) is not None:
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        remedy = "write 2026-03-16T08:00:00+08:00 (with its zone), or how long ago: 90m, 36h, 14d"
        raise ConfigFaults([Fault("arguments", option, text, remedy)])
    return round(at.timestamp() * 1000)


_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def at_text(at: Millis | None) -> str:
    """A point in time for people, in UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds") if at is not None else "-"


def as_document(value: Any) -> str:
    """A value as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode()


def table(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    """Rows as columns of text, wide characters counted as two."""
    if not rows:
        return "(nothing)"
    names = columns or list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(text_width(text) for text in column) for column in zip(names, *cells, strict=True)]
    lines = ([_padded(text, width) for text, width in zip(line, widths, strict=True)] for line in [names, *cells])
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - text_width(text))


def called_as() -> str:
    """The command as it was called, so that lines to copy work where they are shown (``.venv/bin/wangge``)."""
    called = Path(sys.argv[0])
    if called.name != "wangge":
        return "wangge"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)


def warn_of_key(settings: Settings) -> None:
    """Say when pseudonyms are made with the key that everybody knows."""
    if not settings.key_is_secret:
        click.echo("WANGGE_HMAC_KEY is not set: pseudonyms are made with the public development key", err=True)
