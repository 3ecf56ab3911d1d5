"""Fronts over two shards on a current engine: the sink's tokens pass them, and views answer as without them.

The engine stands for the first shard, which has all rows; see :mod:`tests.support.halfcluster`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.sinks.clickhouse.blocks import build
from connectors.sinks.clickhouse.ddl import migrations
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.migrate import migrate, refuse_unready
from connectors.sinks.clickhouse.preflight import preflight
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.verify import Account, Auditor
from pipeline.settings import ClickHouseSettings
from schemas.catalogue import FOLDER
from tests.assessment import ward
from tests.integration.clusters import insert, range_of
from tests.support.fixtures import controller
from tests.support.halfcluster import NAME, Half, HalfCluster
from tests.support.servers import FrontServer, clickhouse_settings_of, mark

VIEWS = (
    "case_status", "report_status", "assignment_status", "survey_status", "indicators_by_all",
    "indicators_by_department", "indicators_by_street_day",
)  # fmt: skip
"""All bases of indicators that the story has rows of, and one view of each form that reads them."""
TAKEN = range_of("facts.cases", ward.story())


def told(settings: ClickHouseSettings) -> Server:
    """A server with all tables that the sink has told the story, twice."""
    server = Server(settings)
    plain = replace(settings, database="default")
    setup = Server(plain)
    setup.run(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
    setup.close()
    migrate(Half(server) if settings.cluster else server, migrations((FOLDER / "clickhouse").glob("*.sql"), settings))
    for _ in range(2):
        insert(server, build(TAKEN), TAKEN.topic)
    return server


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Where tables are fronts over two shards."""
    engine = HalfCluster(tmp_path_factory.mktemp("half"), leash=controller()).start()
    server = told(replace(clickhouse_settings_of(engine, "district"), cluster=NAME))
    yield server
    server.close()
    engine.kill9()


@pytest.fixture(scope="module")
def tables(clickhouse: FrontServer) -> Iterator[Server]:
    """Where they are tables of one server."""
    server = told(clickhouse_settings_of(clickhouse, mark()))
    yield server
    server.run(f"DROP DATABASE {server.settings.database}")
    server.close()


def seen(server: Server, view: str) -> list[tuple[Any, ...]]:
    """All rows of a view; a few rows gain nothing by compiled expressions."""
    sql = f"SELECT * FROM {server.settings.database}.{view}"
    return sorted(server.rows(sql, None, compile_expressions=0, compile_aggregate_expressions=0), key=repr)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_answers_as_on_one_server(fronts: Server, tables: Server, view: str) -> None:
    found = seen(fronts, view)
    assert (found != [], found) == (True, seen(tables, view))


def test_the_sink_sends_tokens_through_the_fronts_and_nothing_is_doubled(fronts: Server) -> None:
    refuse_unready(fronts)
    assert preflight(fronts, "district").mode is Mode.TOKEN
    found = Account(TAKEN.topic, 0)
    Auditor(fronts, "district", whole=True).compare(TAKEN, found)
    assert (found.found, found.right) == (len(TAKEN.records), True)
