"""Kafka goes away under processes that have nothing to do: each says so, stays alive, and says when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from connectors.sinks.clickhouse.ddl import migrations
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.server import Server
from deploy.stack.places import free_ports
from deploy.stack.servers import KafkaServer
from pipeline.runtime.kafka.crew import Crew
from pipeline.settings import ClickHouseSettings
from schemas.catalogue import FOLDER
from tests.support.servers import Servers

PATIENCE_S = 180.0
PROCESSES = ("sink", "spotter", "bridge", "clock", "worker")
AWAY = "kafka is away\nwaits for kafka\n"


class City:
    """A process of each kind, on a Kafka to take away."""

    def __init__(self, kafka: KafkaServer, crew: Crew, mqtt: str) -> None:
        self.kafka, self.crew = kafka, crew
        self.ports = free_ports(PROCESSES)
        words = {
            "sink": ["sink"], "spotter": ["spotter"], "clock": ["clock", "--every", 1],
            "bridge": ["bridge", "mqtt", "--broker", mqtt, "--topic", "sensors/#"],
            "worker": ["worker", "--stages", "urgent"],  # to whom the clock says nothing
        }  # fmt: skip
        for name in PROCESSES:
            crew.start(name, *words[name], "--health", f"127.0.0.1:{self.ports[name]}")

    def answer(self, name: str, path: str) -> str:
        """What a process answers; nothing while it does not."""
        try:
            with urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=30) as answer:
                return str(answer.read().decode())
        except HTTPError as refused:
            return refused.read().decode()
        except URLError:
            return ""

    def until(self, ready: str) -> None:
        """Wait until each says this of its readiness; all the time each has to be alive."""
        deadline = time.monotonic() + PATIENCE_S
        while {name: self.answer(name, "/ready") for name in PROCESSES} != dict.fromkeys(PROCESSES, ready):
            self.crew.check()
            live = {name: self.answer(name, "/live") for name in PROCESSES}
            assert set(live.values()) <= {"yes\n", ""}, live
            assert time.monotonic() < deadline, {name: self.answer(name, "/ready") for name in PROCESSES}
            time.sleep(0.2)


@pytest.fixture
def city(servers: Servers, clickhouse_settings: ClickHouseSettings, tmp_path: Path) -> Iterator[City]:
    kafka, mqtt, tables = servers.kafka(), servers.mosquitto(), Server(clickhouse_settings)
    migrate(tables, migrations((FOLDER / "clickhouse").glob("*.sql"), clickhouse_settings))
    tables.close()
    variables = {
        "WANGGE_KAFKA": kafka.address, "WANGGE_KAFKA_SESSION_MS": "6000",
        "WANGGE_CLICKHOUSE": f"{clickhouse_settings.host}:{clickhouse_settings.port}",
        "WANGGE_CLICKHOUSE_DATABASE": clickhouse_settings.database,
    }  # fmt: skip
    with Crew(tmp_path / "logs", variables) as crew:
        crew.once("topics", "topics", "apply", "--partitions", 1, "--replication", 1)
        yield City(kafka, crew, mqtt.address)


def test_who_has_nothing_to_do_tells_an_outage_and_its_end(city: City) -> None:
    """A broker that is gone, and one that keeps its connections and answers nobody."""
    city.until("yes\n")
    for begin, end in ((city.kafka.kill9, city.kafka.restart), (city.kafka.pause, city.kafka.resume)):
        begin()
        city.until(AWAY)
        end()
        city.until("yes\n")
    for name in PROCESSES:
        figures = city.answer(name, "/metrics")
        assert f'wangge_build_info{{process="{name}"' in figures
        assert 'wangge_ready{need="kafka"} 1.0' in figures
