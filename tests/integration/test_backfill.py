"""Backfills on real servers: killed they go on; compared; swapped without losing what comes in meanwhile."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.config import for_librdkafka
from connectors.sinks.columns import ALL_TABLES
from pipeline.events.facts import CaseFiled
from pipeline.runtime.city import load_city
from pipeline.runtime.kafka.lanes import departments_of
from pipeline.settings import REFERENCE, ClickHouseSettings, KafkaSettings
from pipeline.wire.serde import encode
from schemas.topics import topics
from tests.builders import a_body
from tests.integration.sinks import PATIENCE, Rig, wait_until
from tests.sinks.facts import AT, a_fact
from tests.support.ddl18 import tables_for_18

DAY_MS = 86_400_000


@pytest.fixture
def rig(kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, tmp_path: Path) -> Rig:
    """On shared servers."""
    return Rig(kafka_settings, clickhouse_settings, tmp_path).make()


@pytest.fixture
def old(kafka_settings: KafkaSettings, clickhouse_18_settings: ClickHouseSettings, tmp_path: Path) -> Rig:
    """With Debian's ClickHouse."""
    rig = Rig(kafka_settings, clickhouse_18_settings, tmp_path)
    rig.make_topics()
    for statement in tables_for_18(clickhouse_18_settings.database):
        rig.rows(statement)
    return rig


def backfill(rig: Rig, what: str, *arguments: object, code: int = 0, work: str = "work") -> dict[str, Any]:
    """`wangge backfill WHAT --json`, and what it printed."""
    done = rig.wangge("backfill", what, *map(str, arguments), "--work", str(rig.folder / work), "--json")
    assert done.returncode == code, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {"told": done.stderr}
    return found


def damaged(rig: Rig) -> None:
    """Tables as a fault may leave them: rows gone, and a row that nobody sent."""
    rig.rows("TRUNCATE TABLE db.cases")
    columns = ", ".join(row[0] for row in rig.rows("DESCRIBE TABLE db.case_moves"))
    rest = columns.replace("fact_id", "concat(fact_id, 'x')", 1)
    rig.rows(f"INSERT INTO db.case_moves ({columns}) SELECT {rest} FROM db.case_moves LIMIT 1")


@pytest.mark.parametrize("which", ["rig", "old"])
def test_tables_are_made_anew_from_facts_compared_and_swapped(which: str, request: pytest.FixtureRequest) -> None:
    rig: Rig = request.getfixturevalue(which)
    rig.send(200)
    rig.drain()
    damaged(rig)
    plan = backfill(rig, "fill", "--of", "facts", "--dry-run")
    assert sum(row["records"] for row in plan["ranges"]) >= 200
    assert backfill(rig, "fill", "--of", "facts")["rows"] == rig.wanted()
    rig.send(100)  # what comes in meanwhile
    rig.drain()
    found = backfill(rig, "compare", code=1)
    lost = sum(day["only_shadow"] for day in found["days"] if day["table"] == "cases")
    assert (found["alike"], lost) == (False, found["totals"]["only_shadow"])
    assert (found["totals"]["only_live"], found["totals"]["changed"]) == (1, 0)
    assert backfill(rig, "swap", code=1)["alike"] is False
    assert rig.count()[0] < rig.wanted()
    swapped = backfill(rig, "swap", "--accept")
    assert (swapped["swapped"], swapped["taken_over"]) == (len(ALL_TABLES), 108)
    assert backfill(rig, "swap")["caught_up"] == 0
    rig.send(100)
    rig.drain()
    rig.assert_exact()
    backfill(rig, "drop", "--yes")


def test_what_is_alike_is_swapped_and_a_sink_may_write_all_the_while(rig: Rig) -> None:
    rig.send(200)
    sink = rig.begin()
    wait_until(lambda: rig.count()[0] >= rig.wanted())
    backfill(rig, "fill", "--of", "facts")
    assert backfill(rig, "compare")["alike"] is True
    for _ in range(5):
        rig.send(50)
    swapped = backfill(rig, "swap")
    assert swapped["swapped"] == len(ALL_TABLES)
    rig.send(100)
    wait_until(lambda: rig.count()[0] >= rig.wanted())
    sink.terminate()
    assert sink.wait(PATIENCE) == 0
    rig.assert_exact()


def test_killed_again_and_again_it_fills_the_same_rows(rig: Rig) -> None:
    rig.send(1_000)
    rig.drain()
    words = ["backfill", "fill", "--of", "facts", "--block", "20", "--work", str(rig.folder / "work")]
    progress = rig.folder / "work" / "progress.json"
    seen = ""
    for _ in range(4):
        filling = rig.begin_command(*words)
        wait_until(lambda before=seen: progress.exists() and progress.read_text() != before, "it does not get on")
        filling.kill()
        filling.wait(PATIENCE)
        seen = progress.read_text()
    assert not (rig.folder / "work" / "filled.json").exists()
    assert "not filled to its end" in rig.wangge("backfill", "swap", "--work", words[-1], "--accept").stderr
    backfill(rig, "fill", "--block", 20, "--of", "facts")
    rows = rig.rows(
        "SELECT sum(total_rows) FROM system.tables WHERE database = 'db_shadow'".replace(
            "db_", f"{rig.clickhouse.database}_"
        )
    )
    assert rows[0][0] == rig.wanted(), "rows doubled or lost in the shadow"
    assert backfill(rig, "compare")["alike"] is True
    backfill(rig, "swap")
    rig.assert_exact()


def test_only_the_period_is_made_anew_and_all_other_rows_stay(rig: Rig) -> None:
    days = [AT - DAY_MS, AT, AT + DAY_MS]
    rig.write(
        "facts.cases", [a_fact(CaseFiled, f"d{n}-{day}", at=at) for day, at in enumerate(days) for n in range(10)]
    )
    rig.drain()
    since, until = AT - 1_000, AT + 1_000
    span = ("--from", _iso(since), "--to", _iso(until))
    rig.rows(
        "INSERT INTO db.cases (fact_id, at, begun_at) SELECT 'stranger', at, at FROM db.cases WHERE fact_id = 'd0-0'"
    )
    assert backfill(rig, "fill", "--of", "facts", *span)["rows"] == 10
    assert "was begun otherwise" in backfill(rig, "fill", "--of", "facts", "--from", _iso(AT), code=3)["told"]
    found = backfill(rig, "compare", "--all")
    assert [(day["table"], day["live"], day["shadow"]) for day in found["days"]] == [("cases", 10, 10)]
    backfill(rig, "swap")
    assert rig.rows("SELECT count(), uniqExact(fact_id), countIf(fact_id = 'stranger') FROM db.cases") == [(31, 31, 1)]


def test_only_the_named_offsets_are_made_anew_and_all_other_rows_stay(rig: Rig) -> None:
    rig.write("facts.cases", [a_fact(CaseFiled, f"o{number}") for number in range(40)])
    rig.drain()
    first = rig.rows("SELECT _offset, fact_id FROM db.cases WHERE _partition = 0 ORDER BY _offset")
    begin, end = first[2][0], first[-3][0]
    chosen = {fact_id for offset, fact_id in first if begin <= offset < end}
    rig.rows("ALTER TABLE db.cases UPDATE grid = 'spoilt' WHERE 1 SETTINGS mutations_sync = 1")
    span = ("--from-offset", f"facts.cases/0={begin}", "--to-offset", f"facts.cases/0={end}")
    span += ("--to-offset", "facts.cases/1=0")
    assert backfill(rig, "fill", "--of", "facts", *span)["rows"] == len(chosen) > 0
    totals = backfill(rig, "compare", code=1)["totals"]
    assert (totals["live"], totals["shadow"], totals["changed"]) == (len(chosen),) * 3
    backfill(rig, "swap", "--accept")
    assert {row[0] for row in rig.rows("SELECT fact_id FROM db.cases WHERE grid != 'spoilt'")} == chosen
    assert rig.rows("SELECT count(), uniqExact(fact_id) FROM db.cases") == [(40, 40)]
    totals = rig.verify()["totals"]
    assert (totals["missing"], totals["doubled"], totals["differing"]) == (0, 0, 40 - len(chosen))


def _iso(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + f".{at % 1000:03d}+00:00"


def orders(rig: Rig, count: int) -> list[bytes]:
    """Reports of a city, and one that breaks its contract."""
    now = int(time.time() * 1000) - 3_600_000
    made = []
    for number in range(count):
        at = now + number * 1000
        times = {"received_at": at, "found_at": at, "occurred_at": at, "sent_at": at}
        fields = {"source_ref": f"o-{number}", "text": "路边垃圾成堆无人清理", "lon": None, "lat": None} | times
        made.append(encode("HotlineOrder", a_body("HotlineOrder", **fields)))
    return [*made, b"\xc3\x01broken"]


def publish(rig: Rig, values: list[bytes]) -> None:
    reference = load_city(REFERENCE, None).reference
    names = [
        "reports.grid-worker",
        "reports.hotline",
        "reports.other",
        "reports.urgent",
        "work.logs",
        "readings.sensor",
    ]
    names += [topics()["actions.<department>"].named(one) for one in departments_of(reference)]
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    for made in admin.create_topics([NewTopic(rig.kafka.prefix + name, 2, 1) for name in names]).values():
        made.result(60)
    producer = Producer(for_librdkafka(rig.kafka))
    for number, value in enumerate(values):
        producer.produce(rig.kafka.prefix + "reports.hotline", value, b"key %d" % number)
    assert producer.flush(60) == 0


def test_inputs_go_through_the_stages_of_today_and_the_same_inputs_are_alike(rig: Rig) -> None:
    publish(rig, orders(rig, 200))
    first = backfill(rig, "fill")
    assert first["records"] == 201
    found = backfill(rig, "compare", code=1)
    assert (found["totals"]["live"], found["totals"]["only_shadow"] > 200) == (0, True)
    assert backfill(rig, "fill")["records"] == 0, "it is filled already"
    backfill(rig, "swap", "--accept")
    settled = rig.rows("SELECT count(), uniqExact(fact_id) FROM db.reports")[0]
    assert settled == (200, 200)
    assert rig.rows("SELECT reason, topic FROM db.quarantine") == [("undecodable", "reports.hotline")]
    backfill(rig, "drop", "--yes")

    again = backfill(rig, "fill", work="again")
    assert again["rows"] == first["rows"]
    assert backfill(rig, "compare", work="again")["alike"] is True
    backfill(rig, "swap", work="again")
    assert rig.rows("SELECT count(), uniqExact(fact_id) FROM db.reports")[0] == settled


def test_files_are_a_source_too_and_stopping_in_order_loses_nothing(rig: Rig, tmp_path: Path) -> None:
    lines = []
    for number in range(50):
        at = int(time.time() * 1000) - 3_600_000 + number
        body = {"source_system": "hotline-12345", "source_ref": f"f-{number}", "received_at": at, "text": "路灯不亮"}
        lines.append(json.dumps(body, ensure_ascii=False))
    file = tmp_path / "HotlineOrder.jsonl"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    told = backfill(rig, "fill", file, "--stop-at", _iso(int(time.time() * 1000) - 1000), code=2)["told"]
    assert "still to come" in told
    assert backfill(rig, "fill", file)["records"] == 50
    backfill(rig, "swap", "--accept")
    assert rig.rows("SELECT uniqExact(source_ref) FROM db.reports") == [(50,)]
