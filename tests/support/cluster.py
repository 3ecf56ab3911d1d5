"""Two of Debian's ClickHouse servers as one cluster: two shards, or two replicas of one shard.

What a city's own servers must have for ``wangge migrate`` with WANGGE_CLICKHOUSE_CLUSTER is all here: the list of
servers, the macros ``shard`` and ``replica``, and a ZooKeeper (there: Keeper).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from deploy.stack.places import HOST
from deploy.stack.servers import ClickHouseServer
from pipeline.settings import ClickHouseSettings
from tests.support.servers import clickhouse_settings_of
from tests.support.zookeeper.server import ZooKeeperServer

NAME = "city"
SHARD = "<shard><internal_replication>true</internal_replication>{}</shard>"
REPLICA = "<replica><host>{host}</host><port>{port}</port></replica>"
CONFIG = """<?xml version="1.0"?>
<yandex>
    <zookeeper><node index="1"><host>{host}</host><port>{zookeeper}</port></node></zookeeper>
    <distributed_ddl><path>/clickhouse/{layout}/ddl</path></distributed_ddl>
    <macros><shard>{layout}-{shard}</shard><replica>{replica}</replica></macros>
    <remote_servers><{name}>{servers}</{name}></remote_servers>
</yandex>
"""
# What a front is to hand on later it keeps for longer than any test: who does not ask for it at once does not see it.
PATIENT = """<?xml version="1.0"?>
<yandex>
    <profiles><default>
        <distributed_directory_monitor_sleep_time_ms>3600000</distributed_directory_monitor_sleep_time_ms>
    </default></profiles>
</yandex>
"""


class Layout(StrEnum):
    """How the two servers stand to each other."""

    SHARDS = "shards"
    """Each has half of the rows."""
    REPLICAS = "replicas"
    """Each has all of them."""

    def servers(self, ports: Sequence[int]) -> str:
        """The cluster as ClickHouse wants it described."""
        each = [REPLICA.format(host=HOST, port=port) for port in ports]
        return "".join(map(SHARD.format, each)) if self is Layout.SHARDS else SHARD.format("".join(each))


class Member(ClickHouseServer):
    """One of the two; it must be told of the cluster before its start."""

    cluster = ""

    def prepare(self) -> None:
        """Write the cluster's part beside its own configuration."""
        super().prepare()
        for folder, text in (("config.d", self.cluster), ("users.d", PATIENT)):
            (self.folder / folder).mkdir(exist_ok=True)
            (self.folder / folder / "cluster.xml").write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Cluster:
    """Both servers, in the order of their numbers."""

    folder: Path
    layout: Layout
    members: tuple[Member, Member]

    def settings(self, number: int, database: str) -> ClickHouseSettings:
        """How the product reaches the cluster by one of the servers."""
        return replace(clickhouse_settings_of(self.members[number], database), cluster=NAME)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one process starts the servers or makes tables on them at a time."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def start(folder: Path, layout: Layout, zookeeper: ZooKeeperServer, leash: int) -> Cluster:
    """Start both, unless they run."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder, layout, (Member(folder / "1", leash=leash), Member(folder / "2", leash=leash)))
    with cluster.alone():
        servers = layout.servers([member.port for member in cluster.members])
        for number, member in enumerate(cluster.members, 1):
            shard, replica = (number, 1) if layout is Layout.SHARDS else (1, number)
            member.cluster = CONFIG.format(
                name=NAME, layout=layout.value, host=HOST, zookeeper=zookeeper.port, servers=servers, shard=shard,
                replica=replica,
            )  # fmt: skip
            member.start()
    return cluster
