"""A city's tables on a cluster, made by `wangge migrate`, and the sink's own way into them by either server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from connectors.sinks.clickhouse.blocks import Block, build
from connectors.sinks.clickhouse.ddl import migrations
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.migrate import PATIENCE_S, Step, migrate
from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.clickhouse.preflight import preflight
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.tables import TablesPort
from connectors.sinks.clickhouse.verify import Account, Auditor
from connectors.sinks.columns import TABLES
from pipeline.events.base import Value
from pipeline.events.facts import CaseFiled, Fact, ReportSettled
from pipeline.wire import serde
from schemas.catalogue import FOLDER
from tests.sinks.facts import a_fact, samples
from tests.support.cluster import Cluster, Layout
from tests.support.ddl18 import OldServers

DATABASE = "district"
EACH = 40
"""Facts of a kind in a block: enough for each of two shards to get some of every table."""


@dataclass(frozen=True)
class City:
    """Its database by each of the two servers."""

    cluster: Cluster
    servers: tuple[Server, Server]

    @classmethod
    def on(cls, cluster: Cluster) -> City:
        """Connect; nothing is made."""
        one, other = (Server(cluster.settings(number, DATABASE), patience=PATIENCE_S) for number in range(2))
        return cls(cluster, (one, other))

    @property
    def layout(self) -> Layout:
        """How the servers stand to each other."""
        return self.cluster.layout

    def migrate(self, by: int = 0) -> tuple[list[Step], OldServers]:
        """What `wangge migrate` does by one of the servers, and what became of its statements."""
        first = self.servers[by]
        old = OldServers([first, *(one for one in self.servers if one is not first)])
        with self.cluster.alone():
            return migrate(old, migrations((FOLDER / "clickhouse").glob("*.sql"), first.settings)), old

    def rows(self, by: int, sql: str, **values: Any) -> list[Any]:
        """Ask one of the servers; ``db`` in front of a table is the city's database."""
        return self.servers[by].rows(sql.replace("db.", f"{DATABASE}."), values)

    def insert(self, by: int, block: Block, topic: str) -> None:
        """Insert a block as the sink does that has this server."""
        insert(self.servers[by], block, topic)

    def present(self, by: int, block: Block, topic: str) -> int:
        """How many rows of a block the sink finds that has this server."""
        with ThreadPoolExecutor(1) as threads:
            port = _port(self.servers[by], threads, topic)
            return sum(len(asyncio.run(port.present(part))) for part in block.parts)

    def account(self, by: int, taken: Range) -> Account:
        """What `wangge verify --whole` says of a range, by one of the servers."""
        found = Account(taken.topic, taken.partition)
        Auditor(self.servers[by], DATABASE, whole=True).compare(taken, found)
        return found

    def counts(self, by: int, tables: Iterable[str], topic: str, behind: str = "") -> dict[str, int]:
        """Rows of a topic as they lie in each table; ``behind`` is the end of the name of what is counted."""
        sql = "SELECT count() FROM db.{} WHERE _topic = %(topic)s"
        return {name: self.rows(by, sql.format(name + behind), topic=topic)[0][0] for name in tables}

    def close(self) -> None:
        """Let go of the connections."""
        for server in self.servers:
            server.close()


def insert(server: Server, block: Block, topic: str) -> None:
    """Insert a block as the sink does, each time under the same token."""
    with ThreadPoolExecutor(1) as threads:
        port = _port(server, threads, topic)
        for part in block.parts:
            asyncio.run(port.insert(part, f"wangge:{topic}:0:0", None))


def _port(server: Server, threads: ThreadPoolExecutor, topic: str) -> TablesPort:
    target = preflight(server, server.settings.database)
    return TablesPort(server, target, threads, SinkFigures(), "wangge", (topic, 0))


def a_range(topic: str, kinds: Iterable[type[Fact]] = TABLES) -> Range:
    """Facts of each of these kinds, and samples."""
    facts = [a_fact(kind, f"{topic}-{kind.__name__}-{number}") for kind in kinds for number in range(EACH)]
    read = [samples(f"{topic}-{number}", (0, 60_000)) for number in range(EACH)]
    return range_of(topic, (*facts, *read))


def range_of(topic: str, facts: Sequence[Value]) -> Range:
    """Facts as they stand in a log."""
    values = [serde.encode_struct(fact) for fact in facts]
    return Range(topic, 0, 0, len(values), [Record(at, 1_773_600_000_000, value) for at, value in enumerate(values)])


def a_block(topic: str) -> Block:
    """A block of a few tables."""
    return build(a_range(topic, (CaseFiled, ReportSettled)))
