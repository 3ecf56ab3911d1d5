"""``wangge verify``: does ClickHouse have what Kafka has?"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from pipeline.commands.options import JSON, as_document, table
from pipeline.settings import (
    ClickHouseSettings,
    KafkaSettings,
    clickhouse_settings_from,
    kafka_settings_from,
    refuse_faulty,
)

if TYPE_CHECKING:
    from connectors.sinks.clickhouse.verify import Account

FOUND = 1


@click.command("verify")
@click.option("--whole", is_flag=True, help="Compare the values of every row, not of a sample.")
@JSON
def verify_command(whole: bool, as_json: bool) -> None:
    """Compare the records of Kafka with the rows of ClickHouse, partition by partition.

    Read is what the sink has committed; pending is what it has not. A record that the sink set aside is
    accounted for. That a row is there is asked of every record; what it holds, of a sample of each table.
    Exit code 1 when a row is missing, doubled, different from its record or from nowhere.

    \b
    Examples:
      wangge verify
      wangge verify --whole
      wangge verify --json
    """
    from connectors.sinks.clickhouse.verify import COUNTED, totals_of

    refuse_faulty(kafka_settings_from, clickhouse_settings_from)
    found = audited(kafka_settings_from(), clickhouse_settings_from(), whole=whole)
    rows = [account.document() for account in found]
    right = all(account.right for account in found)
    if as_json:
        click.echo(as_document({"right": right, "totals": totals_of(found), "partitions": rows}))
    else:
        click.echo(table([row for row in rows if row["records"] or row["stray"]], ["topic", "partition", *COUNTED]))
        click.echo("".join(f"{line}\n" for account in found for line in account.told()), nl=False)
        click.echo("nothing missing, nothing doubled" if right else "ClickHouse does not have what Kafka has")
    if not right:
        sys.exit(FOUND)


def audited(kafka: KafkaSettings, clickhouse: ClickHouseSettings, *, whole: bool = False) -> list[Account]:
    """The account of every partition of the sink's topics; ``whole`` compares every row and not a sample."""
    from connectors.sinks.clickhouse.auditing import audit
    from connectors.sinks.clickhouse.brokerfaults import quiet
    from connectors.sinks.clickhouse.process import topics_of_sink
    from connectors.sinks.clickhouse.reader import Reader
    from connectors.sinks.clickhouse.server import Server
    from connectors.sinks.clickhouse.verify import Auditor

    quiet()
    server = Server(clickhouse)

    async def accounts() -> list[Account]:
        async with Reader(kafka, topics_of_sink()) as reader:
            return await audit(reader, Auditor(server, clickhouse.database, whole=whole))

    try:
        return asyncio.run(accounts())
    finally:
        server.close()
