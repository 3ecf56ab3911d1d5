"""The numbered statements: as they are, on a cluster, and applied once each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.sinks.chdb import ChdbStore
from connectors.sinks.clickhouse.ddl import Migration, for_server, migrations, statements
from connectors.sinks.clickhouse.migrate import planned
from pipeline.errors import ConfigFaults
from pipeline.settings import ClickHouseSettings
from schemas.catalogue import FOLDER

FILES = sorted((FOLDER / "clickhouse").glob("*.sql"))
ONE = ClickHouseSettings()
CITY = ClickHouseSettings(cluster="city")


def test_a_single_server_gets_the_statements_as_they_are() -> None:
    for migration, path in zip(migrations(FILES, ONE), FILES, strict=True):
        assert list(migration.statements) == statements(path.read_text("utf-8"))


def test_another_database_is_named_everywhere() -> None:
    other = ClickHouseSettings(database="district")
    for migration in migrations(FILES, other):
        assert not re.search(r"\bwangge\.\w", "".join(migration.statements))


def test_a_table_becomes_a_replicated_one_and_a_front() -> None:
    local, front = for_server("CREATE TABLE IF NOT EXISTS wangge.t\n(\n    a String\n)\nENGINE = ReplacingMergeTree\n"
                              "ORDER BY (a)\nCOMMENT 'x'", CITY)  # fmt: skip
    assert local.startswith("CREATE TABLE IF NOT EXISTS wangge.t_local ON CLUSTER 'city'\n(")
    assert "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/wangge/t_local', '{replica}')" in local
    assert front.startswith("CREATE TABLE IF NOT EXISTS wangge.t ON CLUSTER 'city' AS wangge.t_local")
    assert "Distributed('city', 'wangge', 't_local', cityHash64(a))" in front


def test_the_version_of_a_replacing_table_stays() -> None:
    (local, _) = for_server(
        "CREATE TABLE IF NOT EXISTS wangge.t (a Int8) ENGINE = ReplacingMergeTree(a) ORDER BY (a)", CITY
    )
    assert "'{replica}', a)" in local


def test_columns_are_added_behind_and_in_front_and_the_window_only_behind() -> None:
    add = for_server("ALTER TABLE wangge.t ADD COLUMN IF NOT EXISTS a Int8", CITY)
    assert [one.split(" ADD")[0] for one in add] == [
        "ALTER TABLE wangge.t_local ON CLUSTER 'city'", "ALTER TABLE wangge.t ON CLUSTER 'city'",
    ]  # fmt: skip
    (window,) = for_server("ALTER TABLE wangge.t MODIFY SETTING non_replicated_deduplication_window = 10000", CITY)
    assert "wangge.t_local ON CLUSTER" in window
    assert " replicated_deduplication_window = 10000" in window
    assert "replicated_deduplication_window_seconds = 604800" in window


@pytest.mark.parametrize("how", ["IN", "NOT IN"])
def test_a_view_asks_all_shards_once_for_what_it_looks_up(how: str) -> None:
    view = f"CREATE OR REPLACE VIEW wangge.v AS SELECT a FROM t WHERE b IN ('x') AND a {how} (SELECT a FROM wangge.u)"
    (found,) = for_server(view, CITY)
    assert found.endswith(f"b IN ('x') AND a GLOBAL {how} (SELECT a FROM wangge.u)")
    assert for_server(view, ONE) == [view]


def test_no_view_of_a_cluster_looks_rows_up_shard_by_shard() -> None:
    text = "".join(statement for migration in migrations(FILES, CITY) for statement in migration.statements)
    looked_up = re.findall(r"(GLOBAL (?:NOT )?)?\bIN\s*\(\s*SELECT", text)
    assert looked_up
    assert all(looked_up)


def test_every_statement_for_a_cluster_is_sql_and_says_on_which(tmp_path: Path) -> None:
    store = ChdbStore(tmp_path, [])
    try:
        for migration in migrations(FILES, CITY):
            for statement in migration.statements:
                assert "ON CLUSTER 'city'" in statement, statement[:80]
                store.rows("SELECT formatQuery({sql:String}) AS sql", {"sql": statement})
    finally:
        store.close()


def a_migration(number: int, checksum: str, statement: str = "CREATE TABLE IF NOT EXISTS x") -> Migration:
    return Migration(number, f"{number:04d}_x", checksum, (statement,))


VIEWS = "CREATE OR REPLACE VIEW x"


@pytest.mark.parametrize(
    ("applied", "statement", "what"),
    [
        pytest.param({}, "CREATE TABLE IF NOT EXISTS x", "apply", id="new"),
        pytest.param({1: "a"}, "CREATE TABLE IF NOT EXISTS x", "keep", id="applied"),
        pytest.param({1: "b"}, VIEWS, "again", id="views that changed"),
        pytest.param({1: "a"}, VIEWS, "keep", id="views that did not"),
    ],
)
def test_what_is_done_with_a_migration(applied: dict[int, str], statement: str, what: str) -> None:
    assert [step.what for step in planned([a_migration(1, "a", statement)], applied)] == [what]


def test_faults_of_migrations_come_all_at_once() -> None:
    with pytest.raises(ConfigFaults) as caught:
        planned([a_migration(1, "a"), a_migration(2, "b")], {1: "x", 2: "y", 3: "z"})
    assert [fault.field for fault in caught.value.faults] == ["0001_x", "0002_x", "0003"]
