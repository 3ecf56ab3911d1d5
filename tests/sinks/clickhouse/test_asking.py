"""Statements of the store as a server is asked: its database, values in the text, signs that stay as they are."""

from __future__ import annotations

from pathlib import Path

from connectors.sinks.clickhouse.asking import ServerTables, statement_of
from connectors.sinks.clickhouse.ddl import migrations
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.server import Server
from pipeline.assessment.catalogue import load_catalogue
from pipeline.assessment.compiler import compile_indicators
from pipeline.settings import ClickHouseSettings, settings_from
from schemas.catalogue import FOLDER

OWN = ClickHouseSettings(database="demo")
CATALOGUE = Path("assessment") / "indicators.csv"


def test_tables_are_those_of_the_servers_database() -> None:
    assert statement_of("SELECT 1 FROM wangge.cases", OWN) == "SELECT 1 FROM demo.cases"


def test_the_name_of_a_cluster_does_not_change_a_query() -> None:
    clustered = ClickHouseSettings(database="demo", cluster="city")
    assert statement_of("SELECT 1 FROM wangge.cases", clustered) == "SELECT 1 FROM demo.cases"


def test_a_named_parameter_becomes_a_value_of_its_type() -> None:
    assert statement_of("SELECT {as_of:Int64} % 2", OWN) == "SELECT CAST(%(as_of)s AS Int64) %% 2"


def test_rows_have_the_names_of_their_columns(clickhouse_settings: ClickHouseSettings) -> None:
    tables = ServerTables(Server(clickhouse_settings))
    sql = "SELECT {name:String} AS name, {number:Int64} % 3 AS left, 'like %' AS sign"
    assert tables.rows(sql, {"name": "it's \\ 网格", "number": 8}) == [
        {"name": "it's \\ 网格", "left": 2, "sign": "like %"}
    ]
    assert tables.rows("SELECT 7 % 4 AS left") == [{"left": 3}]


def test_rows_that_were_written_again_count_once(clickhouse_settings: ClickHouseSettings) -> None:
    server = Server(clickhouse_settings)
    migrate(server, migrations((FOLDER / "clickhouse").glob("*.sql"), clickhouse_settings))
    server.run(f"SYSTEM STOP MERGES {clickhouse_settings.database}.feedback")
    for _ in range(2):
        server.run(f"INSERT INTO {clickhouse_settings.database}.feedback (fact_id) SELECT 'f1'")
    assert ServerTables(server).rows("SELECT count() AS rows FROM wangge.feedback") == [{"rows": 1}]


def test_figures_of_the_catalogue_can_be_asked(clickhouse_settings: ClickHouseSettings) -> None:
    server = Server(clickhouse_settings)
    migrate(server, migrations((FOLDER / "clickhouse").glob("*.sql"), clickhouse_settings))
    query = compile_indicators(load_catalogue(settings_from({}).reference / CATALOGUE), "none")
    found = ServerTables(server).rows(query.sql, query.parameters)
    assert {row["dimension"] for row in found} == {"all"}
