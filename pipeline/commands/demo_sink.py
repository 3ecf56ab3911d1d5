"""What the sink of ``wangge demo --kafka --sink`` has written: counts, figures and an audit, from its own tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sinks.clickhouse.asking import ServerTables
from connectors.sinks.clickhouse.migrate import refuse_old
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.verify import Account, totals_of
from pipeline.commands.indicators import Tables, first_table
from pipeline.commands.verify import audited
from pipeline.runtime.counts import add_outcome, tally
from pipeline.runtime.kafka.rehearsal import own_database
from pipeline.settings import ClickHouseSettings, KafkaSettings, clickhouse_settings_from

OUTCOMES = """
SELECT channel, fate, outcome, derived, toInt64(sum(records)) AS records, toInt64(sum(samples)) AS samples
FROM wangge.outcomes GROUP BY channel, fate, outcome, derived
"""
WRONG = ("missing", "doubled", "differing", "stray", "pending")
"""Counts of an audit that must be 0 once everything is written."""


@dataclass(frozen=True)
class Written:
    """The tables of a sink after a day."""

    kafka: KafkaSettings
    clickhouse: ClickHouseSettings
    version: str
    """Of the server."""
    counts: dict[str, Any]
    figures: str
    accounts: Sequence[Account]
    """What an audit says of each partition."""

    @property
    def whole(self) -> bool:
        """Whether ClickHouse has what Kafka has, each row once, and nothing is still on its way."""
        return not any(getattr(account, name) for account in self.accounts for name in WRONG)

    @property
    def where(self) -> str:
        """Server, database and topics, for people."""
        at = self.clickhouse
        return f"ClickHouse {self.version} at {at.host}:{at.port}, database {at.database}; topics {self.kafka.prefix}…"

    def place(self) -> dict[str, str]:
        """What ``wangge verify`` would have to be told to look again."""
        at = self.clickhouse
        return {
            "version": self.version,
            "WANGGE_CLICKHOUSE": f"{at.host}:{at.port}",
            "WANGGE_CLICKHOUSE_DATABASE": at.database,
            "WANGGE_KAFKA_PREFIX": self.kafka.prefix,
        }

    def document(self) -> dict[str, Any]:
        """The audit, for JSON: sums, and the partitions where something is wrong."""
        return {"right": self.whole, "totals": totals_of(self.accounts), "partitions": [
            account.document() for account in self.accounts if _faults(account)
        ]}  # fmt: skip

    def text(self) -> str:
        """The audit, for people."""
        totals = totals_of(self.accounts)
        head = f"{totals['records']:,} records in Kafka, {totals['found']:,} rows of them in ClickHouse"
        if self.whole:
            return f"  {head}: nothing missing, nothing doubled"
        return "\n".join([f"  {head}", *(f"  {told}" for account in self.accounts if (told := _faults(account)))])


def checked_clickhouse() -> ClickHouseSettings:
    """The ClickHouse of the environment, with a database of the demo's own.

    Asked before the day is simulated: raises :class:`ServerAway` or :class:`StopRun` when it does not answer,
    :class:`ConfigFaults` when it is too old.
    """
    found = own_database(clickhouse_settings_from())
    with _asking(found) as server:
        refuse_old(server)
    return found


def written(kafka: KafkaSettings, clickhouse: ClickHouseSettings, reference: Path) -> Written:
    """Read counts and figures from the sink's tables and audit them as ``wangge verify`` does."""
    with _asking(clickhouse) as server:
        ((version,),) = server.rows("SELECT version()")
        tables = ServerTables(server)
        counts, figures = counts_of(tables), first_table(tables, reference)
    return Written(kafka, clickhouse, version, counts, figures, audited(kafka, clickhouse))


def counts_of(tables: Tables) -> dict[str, Any]:
    """The counts that reconcile, from the table of outcomes."""
    totals: dict[str, int] = {}
    for row in tables.rows(OUTCOMES):
        way = (row["channel"], row["fate"], row["outcome"])
        add_outcome(totals, way, records=row["records"], samples=row["samples"], derived=row["derived"])
    return tally(totals)


def _faults(account: Account) -> str:
    """What is wrong with one partition, or nothing."""
    wrong = [f"{getattr(account, name):,} {name}" for name in WRONG if getattr(account, name)]
    named = f" (offsets {', '.join(map(str, account.missing_at))} …)" if account.missing_at else ""
    return f"{account.topic}/{account.partition}: {', '.join(wrong)}{named}" if wrong else ""


@contextmanager
def _asking(clickhouse: ClickHouseSettings) -> Iterator[Server]:
    server = Server(clickhouse)
    try:
        yield server
    finally:
        server.close()
