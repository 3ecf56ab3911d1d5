"""``wangge migrate``: bring the tables of a ClickHouse server to this release."""

from __future__ import annotations

import click

from pipeline.commands.options import JSON, as_document
from pipeline.settings import clickhouse_settings_from
from schemas.catalogue import FOLDER


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Print the statements that would be run; change nothing.")
@JSON
def migrate_command(dry_run: bool, as_json: bool) -> None:
    """Apply the numbered statements of schemas/clickhouse that the server does not have yet.

    The server is named by WANGGE_CLICKHOUSE (host:port of the native protocol), _USER and _PASSWORD. With
    WANGGE_CLICKHOUSE_CLUSTER the tables are made on every shard and replica of that cluster. Running it again changes
    nothing. A server that is too old for the tables, or not set up for the cluster, is refused (exit code 2).

    \b
    Examples:
      wangge migrate --dry-run
      wangge migrate
      WANGGE_CLICKHOUSE_CLUSTER=city wangge migrate --json
    """
    from connectors.sinks.clickhouse.ddl import migrations
    from connectors.sinks.clickhouse.migrate import PATIENCE_S, applied_on, migrate, planned, refuse_old, refuse_unready
    from connectors.sinks.clickhouse.server import Server

    settings = clickhouse_settings_from()
    server = Server(settings, patience=PATIENCE_S)
    wanted = migrations((FOLDER / "clickhouse").glob("*.sql"), settings)
    try:
        refuse_old(server)
        refuse_unready(server)
        steps = planned(wanted, applied_on(server)) if dry_run else migrate(server, wanted)
    finally:
        server.close()
    if as_json:
        rows = [{"migration": step.migration.name, "what": step.what} for step in steps]
        click.echo(as_document({"dry_run": dry_run, "steps": rows}))
        return
    for one in steps:
        click.echo(f"{one.what:<6}{one.migration.name}")
        if dry_run and one.what != "keep":
            click.echo("".join(f"{statement};\n\n" for statement in one.migration.statements))
