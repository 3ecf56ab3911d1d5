"""The demo through Kafka ends with the counts and figures of the demo in one process, with the sink and without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.servers import KafkaServer
from pipeline.commands.demo_kafka import DIFFERENT, Again, end_when_different, from_sink
from pipeline.settings import ClickHouseSettings, KafkaSettings, settings_from
from tests.integration import stores
from tests.support.servers import FrontServer, clickhouse_settings_of, client_of, kafka_settings_of


def test_a_day_through_kafka_is_the_day_in_one_process(kafka: KafkaServer, tmp_path: Path) -> None:
    told = played(kafka, tmp_path)
    again = told["kafka"]
    assert again["equal"] == {"counts": True, "indicators": True}
    assert again["counts"] == told["counts"]
    assert again["waves"] > 10
    assert told["counts"]["received"]["channels"]["action"] > 100


def test_a_day_in_the_tables_of_the_sink_is_the_day_in_one_process_until_a_row_is_missing(
    kafka: KafkaServer, clickhouse: FrontServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANGGE_CLICKHOUSE", clickhouse.address)
    told = played(kafka, tmp_path, "--sink", "--workers", 1, "--partitions", 2)
    again = told["kafka"]
    assert again["equal"] == {"counts": True, "indicators": True, "verify": True}
    assert again["counts"] == told["counts"]
    assert told["counts"]["received"]["channels"]["action"] > 100
    assert again["verify"]["totals"]["found"] > told["records"]

    sunk = Sunk(kafka, clickhouse, again)
    whole = sunk.read()
    assert equal(whole, told, whole.figures) == {"counts": True, "indicators": True, "verify": True}
    sunk.lose_a_row("feedback")  # no count and no figure of the first table is made of it
    assert equal(sunk.read(), told, whole.figures) == {"counts": True, "indicators": True, "verify": False}
    sunk.lose_a_row("outcomes")
    sunk.lose_a_row("assignments", "department != 'manual-triage'")
    less = sunk.read().compared(told["counts"], whole.figures)
    assert less["equal"] == {"counts": False, "indicators": False, "verify": False}
    assert less["verify"]["totals"]["missing"] == 3
    with pytest.raises(SystemExit) as ended:
        end_when_different(less)
    assert ended.value.code == DIFFERENT
    sunk.drop()


def played(kafka: KafkaServer, folder: Path, *more: object) -> dict[str, Any]:
    """What the smallest day tells."""
    words = ("demo", "--kafka", "--broker", kafka.address, "--scale", 0.05, "--out", folder, "--json", *more)
    found: dict[str, Any] = json.loads(stores.wangge(*words))
    return found


def equal(again: Again, told: dict[str, Any], figures: str) -> dict[str, bool]:
    """What is the same as in one process."""
    found: dict[str, bool] = again.compared(told["counts"], figures)["equal"]
    return found


class Sunk:
    """What a demo has left in Kafka and in ClickHouse."""

    def __init__(self, kafka: KafkaServer, clickhouse: FrontServer, again: dict[str, Any]) -> None:
        place = again["clickhouse"]
        self._again = {name: again[name] for name in ("records", "seconds", "rate")}
        self._kafka: KafkaSettings = kafka_settings_of(kafka, prefix=place["WANGGE_KAFKA_PREFIX"])
        database = place["WANGGE_CLICKHOUSE_DATABASE"]
        self._clickhouse: ClickHouseSettings = clickhouse_settings_of(clickhouse, database)

    def read(self) -> Again:
        """Read it again, as the demo does."""
        return from_sink(self._kafka, self._clickhouse, settings_from({}), self._again, 1)

    def lose_a_row(self, table: str, where: str = "1") -> None:
        """One row is gone, and nobody was told."""
        first = f"(SELECT min(fact_id) FROM {table} WHERE {where})"
        self._run(f"ALTER TABLE {table} DELETE WHERE fact_id = {first} SETTINGS mutations_sync = 2")

    def drop(self) -> None:
        """Leave nothing on a server that other tests use."""
        self._run(f"DROP DATABASE {self._clickhouse.database}")

    def _run(self, sql: str) -> None:
        with client_of(self._clickhouse) as client:
            client.execute(sql)
