"""Servers as fixtures: one of each kind for a whole run of pytest, shared by all its workers, and private ones to kill.

``kafka``, ``kafka_secured``, ``clickhouse`` and ``clickhouse_18`` start when the first test asks and end with the run;
never kill, pause or disturb them. ``cluster_18`` is two of Debian's ClickHouse around one ``zookeeper``, in either
layout. ``kafka_settings``, ``clickhouse_settings`` and ``clickhouse_18_settings`` give each
test names of its own on them. ``servers`` makes private ones, gone when the test ends. A missing program makes a test
fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.servers import ClickHouseServer, KafkaServer, Security, Server
from pipeline.settings import ClickHouseSettings, KafkaSettings
from tests.support import cluster
from tests.support.cluster import Cluster, Layout
from tests.support.servers import (
    USERS,
    DoorsServer,
    FrontServer,
    Servers,
    clickhouse_settings_of,
    client_of,
    kafka_settings_of,
    mark,
)
from tests.support.zookeeper.server import ZooKeeperServer


def controller() -> int:
    """The process id of the run: that of this process, or under xdist that of the one that has the workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if own.name.startswith("popen-") else own) / "servers"


@pytest.fixture(scope="session")
def kafka(shared_folder: Path) -> KafkaServer:
    """A plain broker, for all."""
    return KafkaServer(shared_folder / "kafka", quick=True, leash=controller()).start()


@pytest.fixture(scope="session")
def kafka_secured(shared_folder: Path) -> DoorsServer:
    """A broker with secured listeners where nobody but ``admin`` may do anything without an ACL, for all."""
    folder = shared_folder / "kafka-secured"
    return DoorsServer(folder, security=Security(users=USERS), quick=True, leash=controller()).start()


@pytest.fixture(scope="session")
def clickhouse(shared_folder: Path) -> FrontServer:
    """A current ClickHouse, for all."""
    return FrontServer(shared_folder / "clickhouse", leash=controller()).start()


@pytest.fixture(scope="session")
def clickhouse_18(shared_folder: Path) -> ClickHouseServer:
    """Debian's ClickHouse, for all."""
    return ClickHouseServer(shared_folder / "clickhouse-18", leash=controller()).start()


@pytest.fixture(scope="session")
def zookeeper(shared_folder: Path) -> ZooKeeperServer:
    """What the servers of clusters agree by, for all."""
    return ZooKeeperServer(shared_folder / "zookeeper", leash=controller()).start()


@pytest.fixture(scope="session", params=Layout, ids=str)
def cluster_18(request: pytest.FixtureRequest, shared_folder: Path, zookeeper: ZooKeeperServer) -> Cluster:
    """Two of Debian's ClickHouse, for all: as two shards, then as two replicas."""
    layout: Layout = request.param
    return cluster.start(shared_folder / f"clickhouse-18-{layout}", layout, zookeeper, controller())


@pytest.fixture
def kafka_settings(kafka: KafkaServer) -> KafkaSettings:
    """How to reach the plain broker, with a prefix of the test's own."""
    return kafka_settings_of(kafka, prefix=f"{mark()}-")


@pytest.fixture
def clickhouse_settings(clickhouse: FrontServer) -> Iterator[ClickHouseSettings]:
    """A database of the test's own in the current ClickHouse."""
    yield from own_database(clickhouse)


@pytest.fixture
def clickhouse_18_settings(clickhouse_18: ClickHouseServer) -> Iterator[ClickHouseSettings]:
    """A database of the test's own in Debian's ClickHouse."""
    yield from own_database(clickhouse_18)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Private servers, to kill and to disturb."""
    made = Servers(tmp_path)
    yield made
    made.stop()


def own_database(server: Server) -> Iterator[ClickHouseSettings]:
    """An empty database for as long as a test runs."""
    name = mark()
    with client_of(clickhouse_settings_of(server)) as client:
        client.execute(f"CREATE DATABASE {name}")
    yield clickhouse_settings_of(server, name)
    with client_of(clickhouse_settings_of(server)) as client:
        client.execute(f"DROP DATABASE {name}")
