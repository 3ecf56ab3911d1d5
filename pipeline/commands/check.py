"""``wangge check``: every fault of settings, reference set, layers and schemas at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands.options import JSON, as_document
from pipeline.runtime.city import faults_of
from pipeline.settings import settings_from

FOUND = 2


@click.command("check")
@click.option("--city", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Overlay to check with it.")
@JSON
def check_command(city: Path | None, as_json: bool) -> None:
    """Load and check everything that decides; print all faults (exit code 2) or say that there is none.

    \b
    Examples:
      wangge check
      wangge check --city out/city/city --json
    """
    faults = faults_of(settings_from().reference, city)
    if as_json:
        rows = [{"where": f.where, "field": f.field, "value": f.value, "remedy": f.remedy} for f in faults]
        click.echo(as_document({"faults": rows}))
    else:
        click.echo("\n".join(map(str, faults)) if faults else "no faults")
    if faults:
        sys.exit(FOUND)
