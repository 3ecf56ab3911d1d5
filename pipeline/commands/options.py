"""Options and output that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.assessment.table import text_width
from pipeline.settings import Settings

STORE = click.option(
    "--store", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the store."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
QUIET = click.option("--quiet", is_flag=True, help="No progress on standard error.")
NEW_FOLDER = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to."
)


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
