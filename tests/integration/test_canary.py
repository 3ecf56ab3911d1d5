"""Canaries through Kafka, workers, sink and ClickHouse: each is seen, and none of them is a case or counts."""

import csv
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from pipeline.commands.canary import canary_command
from pipeline.commands.migrate import migrate_command
from pipeline.settings import ClickHouseSettings, KafkaSettings
from tests.faults.world import World
from tests.support.servers import FrontServer, client_of

MAPPED = (
    "chat-group", "citizen-app", "leader", "media", "open311", "platform", "police-110", "video-ai",
)  # fmt: skip
"""Channels that come in on the topic of other reports, each by a mapping file."""
REPORTS = ("grid-worker", "hotline", "report", "urgent", *MAPPED)
SENSORS = ("sensor", "mqtt-sensors")
OWN = """
name: street-app
schema: Report
fields:
  source_system: {value: street-app}
  source_ref: id
  received_at: {from: created, zone: Asia/Shanghai, format: "%Y/%m/%d %H:%M"}
  channel: {value: street-app}
  text: {from: [subject, detail], join: "；"}
keep: rest
"""
"""The mapping of a city's own channel: all it takes for a canary of it."""
PATIENCE_S = 240
"""How long a slow machine may take to start the processes and let them join."""


def a_device(city: Path) -> str:
    with (city / "city" / "devices.csv").open(encoding="utf-8", newline="") as file:
        return str(next(csv.DictReader(file))["device_id"])


def test_a_canary_of_each_way_in_comes_through_to_clickhouse_and_opens_no_case(
    kafka_settings: KafkaSettings, clickhouse: FrontServer, clickhouse_settings: ClickHouseSettings, city: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    environment = {
        "WANGGE_KAFKA": kafka_settings.bootstrap, "WANGGE_KAFKA_PREFIX": kafka_settings.prefix,
        "WANGGE_CLICKHOUSE": f"{clickhouse_settings.host}:{clickhouse_settings.port}",
        "WANGGE_CLICKHOUSE_DATABASE": clickhouse_settings.database,
    }  # fmt: skip
    mapping = tmp_path / "street-app.yaml"
    mapping.write_text(OWN, encoding="utf-8")
    reports = (*REPORTS, "street-app")
    command = CliRunner(env=environment)
    assert command.invoke(migrate_command, catch_exceptions=False).exit_code == 0
    with World(kafka_settings, city, tmp_path / "world", clickhouse, clickhouse_settings.database) as world:
        world.worker("worker", "intake,urgent,detect,casework")
        world.sink()
        words = ["--once", "--clickhouse", "--device", a_device(city), "--patience", str(PATIENCE_S), "--json"]
        words += ["--mapping", str(mapping)]
        done = command.invoke(canary_command, words, catch_exceptions=False)
    logs = {path.name: path.read_text(errors="replace")[-1000:] for path in (tmp_path / "world").glob("*.log")}
    assert done.exit_code == 0, (done.output, logs)
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    assert {(one["channel"], one["reach"]) for one in seen} == {
        *((name, "fact") for name in SENSORS), *((name, reach) for name in reports for reach in ("fact", "row"))
    }  # fmt: skip
    with client_of(clickhouse_settings) as client:
        database = clickhouse_settings.database
        assert client.execute(f"SELECT fate, outcome, count() FROM {database}.reports GROUP BY fate, outcome") == [
            ("logged", "drill", len(reports))
        ]
        by_channel = client.execute(f"SELECT channel, count() FROM {database}.reports GROUP BY channel")
        assert sorted(by_channel) == sorted(
            [("canary", 2), ("grid-worker", 1), ("hotline", 1), *((one, 1) for one in (*MAPPED, "street-app"))]
        )
        assert client.execute(f"SELECT count() FROM {database}.cases") == [(0,)]
        counted = client.execute(
            f"SELECT indicator, n FROM {database}.indicators_by_all WHERE indicator IN ('reports', 'quarantine_rate',"
            " 'no_coordinates_share', 'geo_50m_share', 'valid_report_rate', 'duplicate_rate') AND numerator + n > 0"
        )
        assert [row for row in counted if row[0] != "quarantine_rate"] == []
