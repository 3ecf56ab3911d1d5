"""A current ClickHouse that believes to be the first of two shards: what 18.16 cannot show of a cluster.

The engine in a process (chdb) has no servers beside it, no Keeper and nobody who hands statements round. So the second
shard is never there: it gets no rows (its weight is 0) and reading passes it over. All else is as on a cluster: fronts
are distributed over two shards, and what ClickHouse refuses over two shards it refuses here.
"""

from __future__ import annotations

import re
from typing import Any

from connectors.sinks.clickhouse.server import Server
from tests.support.servers import FrontServer

NAME = "city"
PORT = 9000
"""Where the engine thinks that it listens; whatever the list of servers says to be there is itself."""
NOBODY = 1
CONFIG = f"""<clickhouse>
    <tcp_port>{PORT}</tcp_port>
    <macros><shard>1</shard><replica>1</replica></macros>
    <remote_servers><{NAME}>
        <shard>
            <internal_replication>true</internal_replication>
            <replica><host>127.0.0.1</host><port>{PORT}</port></replica>
        </shard>
        <shard>
            <internal_replication>true</internal_replication>
            <weight>0</weight>
            <replica><host>127.0.0.1</host><port>{NOBODY}</port></replica>
        </shard>
    </{NAME}></remote_servers>
</clickhouse>
"""
_PATH = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '\{replica\}'(?:, )?")
_WINDOW = re.compile(r"\breplicated_deduplication_window = (\d+), .*")


class HalfCluster(FrontServer):
    """A front whose engine has a list of two shards."""

    def command(self) -> list[str]:
        return [*super().command(), str(self.folder / "cluster.xml"), "skip_unavailable_shards=1",
                "connections_with_failover_max_tries=1"]  # fmt: skip

    def prepare(self) -> None:
        """Write the list."""
        (self.folder / "cluster.xml").write_text(CONFIG, encoding="utf-8")


class Half:
    """It, as :func:`migrate` knows a server: statements without what takes a Keeper."""

    def __init__(self, server: Server) -> None:
        self._server, self.settings = server, server.settings

    def rows(self, sql: str, values: dict[str, object] | None = None) -> list[tuple[object, ...]]:
        """The rows of a query."""
        return self._server.rows(sql, values)

    def run(self, sql: str, **settings: Any) -> None:
        """Run one statement on the one shard; what a replicated table is to remember, a plain one does."""
        text = _PATH.sub(r"\1(", sql.replace(f" ON CLUSTER '{NAME}'", "", 1))
        self._server.run(_WINDOW.sub(r"non_replicated_deduplication_window = \1", text), **settings)
