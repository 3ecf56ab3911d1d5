"""``wangge sql``: ask the store, or dump it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connectors.sinks.chdb import RefusedQuery
from connectors.sinks.columns import ALL_TABLES
from pipeline.commands.options import STORE
from pipeline.runtime.workspace import Workspace

FORMS = ("PrettyCompact", "JSONEachRow", "JSON", "CSVWithNames", "TSVWithNames", "Vertical", "Markdown")


@click.command("sql")
@click.argument("statement", required=False)
@STORE
@click.option("--format", "form", type=click.Choice(FORMS), default="PrettyCompact", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format JSON.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of {NAME:Type}.")
@click.option("--dump", is_flag=True, help="Print every table: equal stores give equal bytes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="With --dump: a file a table there.")
def sql_command(
    statement: str | None, store: Path, form: str, as_json: bool, parameters: tuple[str, ...], dump: bool,
    out: Path | None,
) -> None:  # fmt: skip
    """Run one SQL STATEMENT over the store (database wangge; tables are read as FINAL), or --dump all tables.

    Statements read only.

    \b
    Examples:
      wangge sql --store S "SELECT department, count() FROM assignments GROUP BY department"
      wangge sql --store S "SELECT * FROM reports WHERE case_id = {id:String}" --param id=t1x-20260316-ab12
      wangge sql --store S --dump --out dumps
    """
    if dump == bool(statement):
        message = "give either a STATEMENT or --dump"
        raise click.UsageError(message)
    with Workspace(store, create=False) as workspace:
        tables = workspace.tables()
        if dump:
            _dump(tables.dump, out)
            return
        values = dict(pair.partition("=")[::2] for pair in parameters)
        tables.query("SET readonly = 2")  # what is derived is changed by a replay only
        try:
            sys.stdout.buffer.write(tables.query(str(statement), values, "JSON" if as_json else form))
        except RefusedQuery as refused:
            raise click.ClickException(str(refused)) from refused


def _dump(read: object, out: Path | None) -> None:
    for name in ALL_TABLES:
        data: bytes = read(name)  # type: ignore[operator]  # the dump of a table by its name
        if out is None:
            sys.stdout.buffer.write(f"-- {name}\n".encode() + data)
        else:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{name}.tsv").write_bytes(data)
