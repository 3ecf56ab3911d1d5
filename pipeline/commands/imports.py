"""``wangge import``: public sets as inputs, as examples of writing a source."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from connectors.importers import IMPORTERS, import_set
from pipeline.commands.options import JSON, NEW_FOLDER, as_document


@click.command("import")
@click.argument("name", type=click.Choice(sorted(IMPORTERS)))
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@NEW_FOLDER
@JSON
def import_command(name: str, path: Path, out: Path, as_json: bool) -> None:
    """Turn the public set NAME in folder PATH into inputs/, city/ and truth/ under --out.

    \b
    Examples:
      wangge import boston311 data/boston311 --out out/boston && wangge run out/boston --store stores/boston
      wangge import beijing-air data/beijing_air --out out/air --json
    """
    summary = asdict(import_set(name, path, out))
    if as_json:
        click.echo(as_document(summary))
        return
    click.echo(f"{summary['records']:,} records, {summary['samples']:,} samples in {', '.join(summary['files'])}")
    for reason, count in summary["skipped"].items():
        click.echo(f"  left out: {count:,} {reason}")
    for remark in summary["remarks"]:
        click.echo(f"  {remark}")
    click.echo(f"next: wangge run {out} --store STORE")
