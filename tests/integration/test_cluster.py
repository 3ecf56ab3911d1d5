"""A cluster of two servers with Debian's ClickHouse: tables by `wangge migrate`, rows by the sink, read by the other.

Types are those that 18.16 has (:mod:`tests.support.ddl18`); the statements, their order and the ledger are the
product's. Views need a current server: :mod:`tests.integration.test_cluster_views`.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from connectors.sinks.clickhouse.blocks import Block, build
from connectors.sinks.clickhouse.ddl import for_server, migrations
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.migrate import refuse_unready
from connectors.sinks.clickhouse.preflight import preflight
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.shadow import Ours, Shadow
from connectors.sinks.columns import ALL_TABLES
from deploy.stack.servers import ClickHouseServer
from pipeline.errors import ConfigFaults, StopRun
from pipeline.settings import KafkaSettings
from schemas.catalogue import FOLDER
from tests.integration.clusters import DATABASE, City, a_block, a_range
from tests.integration.sinks import PATIENCE, Rig, wait_until
from tests.support.cluster import Cluster, Layout
from tests.support.ddl18 import OldServers
from tests.support.servers import clickhouse_settings_of, mark
from tests.support.zookeeper.server import JARS, ZOOKEEPER, ZooKeeperServer

NEEDED = re.compile(r"CREATE TABLE|ALTER TABLE [^(]*ADD COLUMN")
LEDGER = "SELECT count() FROM db.migrations"


@pytest.fixture(scope="module")
def city(cluster_18: Cluster) -> Iterator[City]:
    """Migrated by the first server. Nothing merges, for that would hide a double."""
    found = City.on(cluster_18)
    found.migrate()
    for by in range(2):
        found.rows(by, "SYSTEM STOP MERGES")
    yield found
    found.close()


def test_both_servers_have_every_table_behind_its_front(city: City) -> None:
    tables = {*ALL_TABLES, "migrations"}
    wanted = {(name, "Distributed") for name in tables}
    wanted |= {(f"{name}_local", "ReplicatedReplacingMergeTree") for name in tables}
    described = "SELECT table, name, type FROM system.columns WHERE database = %(db)s ORDER BY table, name"
    for by in range(2):
        found = city.rows(by, "SELECT name, engine FROM system.tables WHERE database = %(db)s", db=DATABASE)
        assert set(found) >= wanted
        columns: dict[str, list[tuple[str, str]]] = {}
        for table, *column in city.rows(by, described, db=DATABASE):
            columns.setdefault(table, []).append(tuple(column))
        assert all(columns[name] == columns[f"{name}_local"] for name in tables)


def test_replicas_of_a_shard_know_each_other_and_no_others(city: City) -> None:
    sql = "SELECT DISTINCT total_replicas, active_replicas, is_readonly FROM system.replicas WHERE database = %(db)s"
    replicas = 2 if city.layout is Layout.REPLICAS else 1
    assert [city.rows(by, sql, db=DATABASE) for by in range(2)] == [[(replicas, replicas, 0)]] * 2


def test_migrating_again_does_nothing_by_either_server(city: City) -> None:
    if city.layout is Layout.REPLICAS:  # they copy in their own time
        wait_until(lambda: city.rows(0, LEDGER) == city.rows(1, LEDGER))
    for by in range(2):
        steps, old = city.migrate(by)
        assert {step.what for step in steps} == {"keep"}
        assert [one.split("\n")[0].split(" ON")[0] for one in old.ran] == [
            f"CREATE DATABASE IF NOT EXISTS {DATABASE}",
            f"CREATE TABLE IF NOT EXISTS {DATABASE}.migrations_local",
            f"CREATE TABLE IF NOT EXISTS {DATABASE}.migrations",
        ]


def test_only_what_18_16_has_no_word_for_was_left_out(city: City) -> None:
    old = OldServers(city.servers)
    for migration in migrations((FOLDER / "clickhouse").glob("*.sql"), city.servers[0].settings):
        for statement in migration.statements:
            if not NEEDED.match(statement):
                old.run(statement)
    assert old.ran == [], "all else are views, and the length of a window of tokens"


def test_rows_by_one_server_are_read_by_the_other_and_verified(city: City) -> None:
    taken = a_range(mark())
    block = build(taken)
    city.insert(0, block, taken.topic)
    wanted = {part.table: part.rows for part in block.parts}
    wait_until(lambda: city.counts(1, wanted, taken.topic) == wanted)
    account = city.account(1, taken)
    assert (account.found, account.sampled, account.right) == (sum(wanted.values()), sum(wanted.values()), True)
    own = [city.counts(by, wanted, taken.topic, "_local") for by in range(2)]
    if city.layout is Layout.REPLICAS:
        assert own == [wanted, wanted]
    else:
        assert all(0 < one[table] < rows for one in own for table, rows in wanted.items())


def test_the_same_block_by_either_server_gives_no_doubles(city: City) -> None:
    topic = mark()
    block = a_block(topic)
    for by in (0, 0, 1):
        city.insert(by, block, topic)
    assert_whole(city, block, topic)


@pytest.mark.parametrize("cluster_18", [Layout.REPLICAS], indirect=True)
def test_a_replica_that_lags_makes_no_doubles(city: City) -> None:
    """It looks as if nothing had been written, so the sink writes the block again: the shard knows it."""
    topic = mark()
    block = a_block(topic)
    city.rows(1, "SYSTEM STOP FETCHES")
    try:
        city.insert(0, block, topic)
        assert city.present(1, block, topic) == 0
        city.insert(1, block, topic)
    finally:
        city.rows(1, "SYSTEM START FETCHES")
    assert_whole(city, block, topic)


def assert_whole(city: City, block: Block, topic: str) -> None:
    """By either server there is each row of a block once."""
    wanted = {part.table: part.rows for part in block.parts}
    for by in range(2):
        wait_until(partial(lambda by: city.present(by, block, topic) == sum(wanted.values()), by))
        assert city.counts(by, wanted, topic) == wanted


@pytest.mark.parametrize("cluster_18", [Layout.SHARDS], indirect=True)
def test_a_sink_that_is_killed_goes_on_by_the_other_server(
    city: City, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    one, other = (replace(server.settings, cluster="") for server in city.servers)
    rig = Rig(kafka_settings, one, tmp_path)
    rig.make_topics(1)
    rig.send(100)
    assert rig.begin("--fault-point", "between:1").wait(PATIENCE) == -signal.SIGKILL
    rig.clickhouse = other
    figures = rig.drain()
    assert (figures["mode"], figures["probes"] > 0) == ("probe", True)
    answer = rig.verify()
    assert (answer["right"], answer["totals"]["found"]) == (True, rig.wanted())


def test_a_look_up_in_another_table_meets_all_shards(city: City) -> None:
    """As the views of reports and answers have it: the reports whose case another table names."""
    topic = mark()
    block = a_block(topic)
    city.insert(0, block, topic)
    view = (
        f"CREATE OR REPLACE VIEW wangge.{topic} AS SELECT count() AS rows FROM wangge.reports\n"
        f"WHERE _topic = '{topic}' AND "
        f"_offset IN (SELECT min(_offset) + 1 FROM wangge.reports WHERE _topic = '{topic}')"
    )
    (made,) = for_server(view, city.servers[0].settings)
    city.rows(0, made.replace("OR REPLACE ", ""))
    for by in range(2):
        wait_until(partial(lambda by: city.rows(by, f"SELECT rows FROM db.{topic}") == [(1,)], by))


def test_what_a_server_lacks_for_its_cluster_is_told_at_once(city: City, clickhouse_18: ClickHouseServer) -> None:
    for server in city.servers:
        refuse_unready(server)
    with pytest.raises(ConfigFaults) as caught:
        refuse_unready(Server(replace(clickhouse_settings_of(clickhouse_18), cluster="city")))
    assert [fault.field for fault in caught.value.faults] == ["city", "macro {shard}", "macro {replica}"]


def test_the_zookeeper_that_runs_is_the_one_that_is_listed(zookeeper: ZooKeeperServer) -> None:
    assert f"zookeeper-{ZOOKEEPER}.jar" in Path(f"/proc/{zookeeper.pid}/cmdline").read_text("utf-8")
    project = JARS.project.read_text("utf-8")
    assert f"<artifactId>zookeeper</artifactId>\n      <version>{ZOOKEEPER}</version>" in project


def test_the_sink_looks_first_and_shadows_are_refused(city: City) -> None:
    for server in city.servers:
        assert preflight(server, DATABASE).mode is Mode.PROBE
        unnamed = Server(replace(server.settings, cluster=""))
        with pytest.raises(StopRun, match="not filled anew"):
            Shadow(unnamed, Ours(), same_ids=True).make()
        unnamed.close()
