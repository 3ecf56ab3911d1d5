"""The sink between a real broker and ClickHouse: killed, frozen or cut off, it loses and doubles nothing."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from connectors.sinks.clickhouse.faultpoints import POINTS
from connectors.sinks.clickhouse.preflight import preflight
from connectors.sinks.clickhouse.server import Server
from deploy.stack.places import free_ports
from pipeline.commands.sink import sink_command
from pipeline.errors import FAULTY, ConfigFaults
from pipeline.events.facts import PatrolLogged
from pipeline.settings import ClickHouseSettings, KafkaSettings
from tests.integration.sinks import PATIENCE, Rig, wait_until
from tests.sinks.facts import a_fact
from tests.support.ddl18 import tables_for_18
from tests.support.front.disturbance import Disturbance
from tests.support.servers import FrontServer, Servers, clickhouse_settings_of


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, tmp_path: Path) -> Rig:
    """On shared servers."""
    return Rig(kafka_settings, clickhouse_settings, tmp_path).make()


@pytest.fixture
def own(kafka_settings: KafkaSettings, servers: Servers, tmp_path: Path) -> tuple[Rig, FrontServer]:
    """With a ClickHouse of the test's own, to disturb."""
    front = servers.front()
    return Rig(kafka_settings, clickhouse_settings_of(front, "wangge"), tmp_path).make(), front


FIRST_LIFE = [point for point in POINTS if point not in ("recovering", "probed", "quarantined")]


def test_killed_at_every_point_it_goes_on_where_it_was(rig: Rig) -> None:
    for point in FIRST_LIFE:
        rig.send(100)
        assert rig.begin("--fault-point", f"{point}:1").wait(PATIENCE) == -signal.SIGKILL, point
    for point in ("recovering", "probed"):  # killed again while it repairs
        rig.send(100)
        assert rig.begin("--fault-point", "between:1").wait(PATIENCE) == -signal.SIGKILL
        assert rig.begin("--fault-point", f"{point}:1").wait(PATIENCE) == -signal.SIGKILL, point
    figures = rig.drain()
    assert figures["lag"] == figures["plans"] == 0
    rig.assert_exact()


def test_it_stops_in_order_and_leaves_no_plan(rig: Rig) -> None:
    rig.send(200)
    sink = rig.begin()
    wait_until(lambda: rig.count()[0] > 0)
    rig.send(200)
    sink.terminate()
    assert sink.wait(PATIENCE) == 0
    assert rig.drain()["probes"] == 0, "nothing was left in flight"
    rig.assert_exact()


def test_two_share_the_partitions_and_one_is_killed(rig: Rig) -> None:
    rig.instance = ""
    rig.send(200)
    first, second = rig.begin(), rig.begin()
    wait_until(lambda: rig.count()[0] == rig.wanted())
    rig.send(500)
    first.kill()
    wait_until(lambda: rig.count()[1] == rig.wanted())
    second.terminate()
    assert second.wait(PATIENCE) == 0
    rig.assert_exact()


def test_a_frozen_process_is_refused_when_it_wakes(own: tuple[Rig, FrontServer]) -> None:
    rig, front = own
    rig.instance = ""
    rig.send(100)
    front.disturb(Disturbance(on="INSERT", do="hang"))
    zombie = rig.begin()
    wait_until(front.disturbed)
    zombie.send_signal(signal.SIGSTOP)  # in the middle of an insert
    front.heal()  # which takes effect all the same
    rig.send(300)
    rig.drain()
    zombie.send_signal(signal.SIGCONT)
    rig.send(100)
    wait_until(lambda: rig.count()[1] == rig.wanted())
    zombie.terminate()
    assert zombie.wait(PATIENCE) == 0
    rig.drain()
    rig.assert_exact()


def test_it_waits_for_clickhouse_and_goes_on_by_itself(own: tuple[Rig, FrontServer]) -> None:
    rig, front = own
    sink = rig.begin("--patience", "5", "--memory-mb", "1")
    rig.send(200)
    wait_until(lambda: rig.count()[0] > 0)
    front.kill9()
    rig.send(500)
    front.restart()
    rig.send(100)
    wait_until(lambda: rig.count()[1] == rig.wanted())
    sink.terminate()
    assert sink.wait(PATIENCE) == 0
    rig.assert_exact()


def asked(port: int, path: str) -> tuple[int, str]:
    """What the sink answers about itself; 0 while it does not."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()
    except URLError:
        return 0, ""


def test_it_tells_how_it_fares_before_during_and_after_an_outage(own: tuple[Rig, FrontServer]) -> None:
    """Waiting for ClickHouse is no reason to be started anew: alive all the time, ready only while it is there."""
    (rig, front), port = own, free_ports(("health",))["health"]
    sink = rig.begin("--patience", "5", "--health", f"127.0.0.1:{port}")
    wait_until(lambda: asked(port, "/ready")[0] == 200, "it is not ready")
    rig.send(200)
    wait_until(lambda: rig.count()[1] == rig.wanted())
    front.kill9()
    rig.send(100)
    wait_until(lambda: asked(port, "/ready")[0] == 503, "the outage is not told")
    assert "clickhouse" in asked(port, "/ready")[1]
    assert asked(port, "/live") == (200, "yes\n")
    front.restart()
    wait_until(lambda: rig.count()[1] == rig.wanted())
    wait_until(lambda: asked(port, "/ready") == (200, "yes\n"), "the end of the outage is not told")
    wait_until(lambda: not json.loads(asked(port, "/status")[1])["lag"], "marks of transactions count as lag")
    status, figures = json.loads(asked(port, "/status")[1]), asked(port, "/metrics")[1]
    assert (status["process"], status["live"], status["waiting"]) == ("sink", True, "")
    assert status["rows"] == rig.wanted()
    assert {one["lag_records"] for one in status["partitions"]} == {0}
    assert re.search(r'^wangge_sink_rows_total\{.*table="cases".*\} [1-9]', figures, re.MULTILINE)
    assert re.search(r"^wangge_sink_retries_total\{.*\} [1-9]", figures, re.MULTILINE)
    sink.terminate()
    assert sink.wait(PATIENCE) == 0
    rig.assert_exact()


@pytest.mark.parametrize("address", ["8080", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_told_before_anything_starts(address: str) -> None:
    told = CliRunner(env={"WANGGE_KAFKA": "127.0.0.1:9"}).invoke(sink_command, ["--health", address])
    assert isinstance(told.exception, ConfigFaults)
    assert "--health" in str(told.exception)


DISTURBANCES = {
    "an insert hangs": Disturbance(on="INSERT INTO", do="hang", times=2),
    "the answer is lost": Disturbance(on="INSERT INTO", do="drop", when="after", times=3),
    "the insert is lost": Disturbance(on="INSERT INTO", do="drop", when="before", times=3),
    "the server is short of memory": Disturbance(on="INSERT INTO", do="fail", code=241, times=3),
}


def test_a_failing_insert_is_tried_again_until_it_is_in(own: tuple[Rig, FrontServer]) -> None:
    rig, front = own
    sink = rig.begin("--patience", "3")
    for what, disturbance in DISTURBANCES.items():
        front.disturb(disturbance)
        rig.send(100)
        wait_until(lambda: rig.count()[1] == rig.wanted(), what)
        assert front.disturbed(), what
        front.heal()  # what hung takes effect now, late
    sink.terminate()
    assert sink.wait(PATIENCE) == 0
    rig.drain()
    rig.assert_exact()


def test_bad_rows_and_bytes_end_in_quarantine_and_count_as_accounted(rig: Rig) -> None:
    rig.rows("ALTER TABLE db.patrols ADD CONSTRAINT walked CHECK distance_m >= 0")
    facts = [a_fact(PatrolLogged, f"p{number}", distance_m=-1.0 if number in (7, 31) else 5.0) for number in range(60)]
    rig.write("facts.work", facts)
    rig.raw("facts.work", [b"no fact at all"])
    for point in ("inserted", "quarantined"):
        assert rig.begin("--fault-point", f"{point}:1").wait(PATIENCE) == -signal.SIGKILL
    figures = rig.drain()
    assert figures["rejected"].keys() <= {"sink_rejected", "undecodable"}
    assert rig.rows("SELECT count(), uniqExact(fact_id) FROM db.patrols") == [(58, 58)]
    reasons = rig.rows("SELECT reason, uniqExact(fact_id) FROM db.quarantine GROUP BY reason ORDER BY reason")
    assert reasons == [("sink_rejected", 2), ("undecodable", 1)]
    assert len(rig.read("quarantine")) == 3, "each is set aside once, however often the sink dies"
    totals = rig.verify()["totals"]
    assert (totals["missing"], totals["doubled"], totals["quarantined"]) == (0, 0, 3)


def test_a_topic_that_is_refused_as_a_whole_stops_the_sink(rig: Rig) -> None:
    rig.raw("facts.work", [b"another format"] * 300)
    done = rig.wangge("sink", "--until-done")
    assert done.returncode == 3
    assert "too many records" in done.stderr
    assert rig.verify()["totals"]["pending"] >= 300, "nothing was acknowledged"


SPOILED = {
    "ALTER TABLE db.tasks DROP COLUMN items": "ADD COLUMN `items` Int64",
    "ALTER TABLE db.tasks MODIFY COLUMN minutes String": "MODIFY COLUMN `minutes` Float64",
    "ALTER TABLE db.tasks MODIFY SETTING non_replicated_deduplication_window = 0": "MODIFY SETTING non_replicated",
    "CREATE MATERIALIZED VIEW db.v ENGINE = SummingMergeTree ORDER BY unit AS SELECT unit, count() AS n FROM db.tasks "
    "GROUP BY unit": "MODIFY SETTING non_replicated_deduplication_window = 10000",
}


def test_it_refuses_to_start_with_the_sql_that_mends_it(rig: Rig) -> None:
    server = Server(rig.clickhouse)
    for spoil, told in SPOILED.items():
        rig.rows(spoil)
        with pytest.raises(ConfigFaults) as caught:
            preflight(server, rig.clickhouse.database)
        (fault,) = caught.value.faults
        assert told in fault.remedy
        rig.rows(fault.remedy)
        preflight(server, rig.clickhouse.database)
    server.close()
    rig.rows("DROP TABLE db.tasks")
    done = rig.wangge("sink", "--until-done")
    assert (done.returncode, done.stdout) == (2, "")
    assert "tasks = 'no such table': run `wangge migrate`" in done.stderr


def test_verify_finds_what_is_missing_doubled_changed_and_from_nowhere(rig: Rig) -> None:
    rig.send(200)
    rig.drain()
    rig.rows("ALTER TABLE db.cases DELETE WHERE fact_id = 'f0' SETTINGS mutations_sync = 1")
    rig.rows("INSERT INTO db.cases SELECT * FROM db.cases WHERE fact_id = 'f3'")
    rig.rows("ALTER TABLE db.cases UPDATE grid = 'other' WHERE fact_id = 'f6' SETTINGS mutations_sync = 1")
    rig.rows("ALTER TABLE db.readings UPDATE value = -1 WHERE device_id = 'd25' AND at > 0 SETTINGS mutations_sync = 1")
    rig.rows("INSERT INTO db.cases SELECT * REPLACE('x' AS fact_id) FROM (SELECT * FROM db.cases WHERE fact_id = 'f9')")
    done = rig.wangge("verify", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["right"]) == (1, False)
    totals = answer["totals"]
    assert (totals["missing"], totals["doubled"], totals["differing"]) == (1, 1, 2)
    assert totals["stray"] == 1
    changed = [
        *rig.rows("SELECT 'cases', _topic, _partition, _offset FROM db.cases WHERE fact_id = 'f6'"),
        *rig.rows("SELECT 'readings', _topic, _partition, _offset FROM db.readings WHERE value = -1"),
    ]
    told = rig.wangge("verify", "--whole").stdout.splitlines()
    for table, topic, partition, offset in changed:
        assert f"{topic}/{partition} offset {offset}: differs in {table}" in told


def test_an_old_server_without_tokens_is_looked_at_before_anything_is_written_again(
    kafka_settings: KafkaSettings, clickhouse_18_settings: ClickHouseSettings, tmp_path: Path
) -> None:
    rig = Rig(kafka_settings, clickhouse_18_settings, tmp_path)
    rig.make_topics()
    for statement in tables_for_18(clickhouse_18_settings.database):
        rig.rows(statement)
    for point in ("planned", "between", "inserted"):
        rig.send(100)
        assert rig.begin("--fault-point", f"{point}:1").wait(PATIENCE) == -signal.SIGKILL, point
    figures = rig.drain()
    assert (figures["mode"], figures["probes"] > 0) == ("probe", True)
    rig.assert_exact()
    totals = rig.verify()["totals"]
    assert totals["sampled"] == totals["found"], "few rows of each table: all of them are compared"


def test_a_server_that_is_too_old_for_the_tables_is_refused_in_plain_words(
    kafka_settings: KafkaSettings, clickhouse_18_settings: ClickHouseSettings, tmp_path: Path
) -> None:
    rig = Rig(kafka_settings, clickhouse_18_settings, tmp_path)
    ended = rig.wangge("migrate")
    assert ended.returncode == FAULTY
    assert "18.16" in ended.stderr
    assert "name a current server by WANGGE_CLICKHOUSE" in ended.stderr
    assert rig.rows(f"SELECT count() FROM system.tables WHERE database = '{clickhouse_18_settings.database}'") == [(0,)]


def test_migrating_again_changes_nothing(rig: Rig) -> None:
    made: Callable[[], object] = lambda: rig.rows(  # noqa: E731
        f"SELECT name, create_table_query FROM system.tables WHERE database = '{rig.clickhouse.database}' ORDER BY name"
    )
    rig.wangge("migrate", check=True)
    before = made()
    assert {line.split()[0] for line in rig.wangge("migrate", check=True).stdout.splitlines()} == {"keep"}
    assert made() == before
