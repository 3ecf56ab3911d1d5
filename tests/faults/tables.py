"""The tables of one scenario: made so that nothing merges, and counted without the sink's or the audit's help.

The tables replace rows with the same id when parts are merged, which would hide a double. So merges are switched off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.sinks.clickhouse.ddl import migrations
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.columns import ALL_TABLES, READINGS, TABLES
from pipeline.settings import ClickHouseSettings
from schemas.catalogue import FOLDER
from tests.support.ddl18 import tables_for_18
from tests.support.servers import client_of

NO_MERGES = {
    "max_bytes_to_merge_at_max_space_in_pool": 1,
    "max_bytes_to_merge_at_min_space_in_pool": 1,
    "parts_to_delay_insert": 100_000,
    "parts_to_throw_insert": 100_000,
}
KINDS = {table: kind.__name__ for kind, table in TABLES.items()} | {READINGS: "readings"}
"""What a table holds, by its name."""


@dataclass(frozen=True)
class Tables:
    """Tables on a server; ``old`` for 18.16."""

    settings: ClickHouseSettings
    old: bool = False

    def make(self) -> None:
        """Make them."""
        if self.old:
            self._make_old()
            return
        server = Server(self.settings)
        migrate(server, migrations((FOLDER / "clickhouse").glob("*.sql"), self.settings))
        listed = ", ".join(f"{name} = {value}" for name, value in NO_MERGES.items())
        for table in ALL_TABLES:
            server.run(f"ALTER TABLE {self.settings.database}.{table} MODIFY SETTING {listed}")
        server.close()

    def _make_old(self) -> None:
        listed = ", ".join(f"{name} = {value}" for name, value in NO_MERGES.items())
        with client_of(replace(self.settings, database="default")) as client:
            client.execute(f"CREATE DATABASE IF NOT EXISTS {self.settings.database}")
            for statement in tables_for_18(self.settings.database):
                joint = "," if "SETTINGS" in statement else "SETTINGS"
                client.execute(f"{statement} {joint} {listed}" if statement.startswith("CREATE") else statement)

    def counts(self) -> dict[str, tuple[int, int]]:
        """Rows and different keys by what the table holds."""
        found = {}
        with client_of(self.settings) as client:
            for table in ALL_TABLES:
                key = "device_id, metric, at" if table == READINGS else "fact_id"
                ((rows, keys),) = client.execute(f"SELECT count(), uniqExact({key}) FROM {table}")
                found[KINDS[table]] = (rows, keys)
        return found


def compare(counts: dict[str, tuple[int, int]], expected: dict[str, int]) -> tuple[int, int, list[str]]:
    """Keys that are missing, rows that are too many, and which tables they are in. ``expected``: keys by kind."""
    lost = doubled = 0
    told = []
    for kind in sorted(_kinds(counts, expected)):
        rows, keys = counts.get(kind, (0, 0))
        missing, more = max(expected.get(kind, 0) - keys, 0), rows - keys + max(keys - expected.get(kind, 0), 0)
        lost, doubled = lost + missing, doubled + more
        if missing or more:
            told.append(f"{kind}: {missing} missing, {more} too many")
    return lost, doubled, told


def _kinds(*holding: Iterable[str]) -> set[str]:
    return {kind for one in holding for kind in one}
