"""Servers for everybody: the stack comes up once and goes down, a broker survives kill -9, a leash holds."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.stack import jars
from deploy.stack.__main__ import SCRAPES
from deploy.stack.jars import faults_of
from deploy.stack.servers import ClickHouseServer, KafkaServer, MosquittoServer, PrometheusServer
from pipeline.settings import ClickHouseSettings, KafkaSettings
from tests.support.servers import ROOT, FrontServer, Servers, client_of

NOON = datetime(2026, 3, 16, 4, tzinfo=UTC)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stack(*arguments: object, code: int = 0) -> str:
    """What the command of ``make stack`` prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.stack", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    return ended.stdout


def told(folder: Path, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack("status", "--json", "--folder", folder, code=code))
    return found


def put(address: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": address})
    producer.produce(topic, value, partition=0)
    assert producer.flush(60) == 0


def first(address: str, topic: str) -> bytes | None:
    """The first record of a topic."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        found = consumer.poll(60)
        assert found is not None
        return found.value()
    finally:
        consumer.close()


def test_the_stack_comes_up_once_and_goes_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANGGE_CLICKHOUSE", raising=False)
    try:
        printed = stack("up", "--folder", tmp_path)
        kafka, clickhouse = KafkaServer(tmp_path / "kafka"), ClickHouseServer(tmp_path / "clickhouse")
        prometheus = PrometheusServer(tmp_path / "prometheus", SCRAPES)
        assert [line for line in printed.splitlines() if line.startswith("export ")] == [
            f"export WANGGE_KAFKA={kafka.address}",
            f"export WANGGE_CLICKHOUSE={clickhouse.address}",
            f"export WANGGE_PROMETHEUS=http://{prometheus.address}",
        ]
        before = [server.pid for server in (kafka, clickhouse, prometheus)]
        assert None not in before
        assert stack("up", "--folder", tmp_path) == printed
        assert [server.pid for server in (kafka, clickhouse, prometheus)] == before
        assert all(entry["healthy"] for entry in told(tmp_path).values())
    finally:
        stack("down", "--folder", tmp_path)
    assert not any(entry["healthy"] for entry in told(tmp_path, code=1).values())


def test_a_named_clickhouse_is_used_and_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGGE_CLICKHOUSE", "127.0.0.1:9")
    entry = told(tmp_path, code=1)["clickhouse"]
    assert (entry["address"], entry["ours"], entry["healthy"]) == ("127.0.0.1:9", False, False)


def test_beside_a_current_clickhouse_the_stack_starts_none_and_keeps_its_records(
    clickhouse: FrontServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANGGE_CLICKHOUSE", clickhouse.address)
    broker, before = KafkaServer(tmp_path / "kafka"), clickhouse.pid
    try:
        printed = stack("up", "--folder", tmp_path)
        assert f"# clickhouse: healthy, not ours\nexport WANGGE_CLICKHOUSE={clickhouse.address}\n" in printed
        assert not ClickHouseServer(tmp_path / "clickhouse").log.exists(), "one of our own was started"
        put(broker.address, "t", b"kept")
        stack("down", "--folder", tmp_path)
        assert not broker.running()
        assert (clickhouse.pid, clickhouse.healthy()) == (before, True)
        assert stack("up", "--folder", tmp_path) == printed
        assert first(broker.address, "t") == b"kept"
    finally:
        stack("down", "--folder", tmp_path)


def test_the_kafka_and_the_java_that_run_are_those_that_everything_names(kafka: KafkaServer) -> None:
    assert f"Kafka version: {jars.KAFKA} " in kafka.log.read_text("utf-8")
    java = subprocess.run([f"/proc/{kafka.pid}/exe", "-version"], capture_output=True, text=True, check=True).stderr
    found = re.search(r'version "(\d+)', java)
    assert found is not None
    assert int(found[1]) >= jars.JAVA
    assert f"/kafka_2.13-{jars.KAFKA}.jar" in jars.BROKER.class_path()
    project = jars.BROKER.project.read_text("utf-8")
    assert f"<artifactId>kafka_2.13</artifactId>\n      <version>{jars.KAFKA}</version>" in project
    assert f"java:openjdk-{jars.JAVA}-jre-headless" in (ROOT / "deploy" / "setup" / "servers.sh").read_text("utf-8")
    page = (ROOT / "docs" / "stack.md").read_text("utf-8")
    assert (f"| Kafka | {jars.KAFKA.rpartition('.')[0]}, " in page, f"no Java {jars.JAVA} or" in page) == (True, True)


def test_a_killed_broker_comes_back_with_its_records(servers: Servers) -> None:
    broker = servers.kafka()
    address = broker.address
    put(address, "t", b"kept")
    broker.kill9()
    assert not broker.running()
    broker.start()
    assert broker.address == address
    assert first(address, "t") == b"kept"


def test_a_paused_server_is_not_healthy_until_it_goes_on(servers: Servers) -> None:
    broker = servers.mosquitto()
    broker.pause()
    assert broker.running()
    assert not broker.healthy()
    broker.resume()
    broker.wait_healthy()


def test_a_server_does_not_outlive_its_leash(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "300"]) as holder:
        server = ClickHouseServer(tmp_path, leash=holder.pid).start()
        holder.kill()
    until(lambda: not server.running())


def test_the_shared_broker_takes_records(kafka_settings: KafkaSettings) -> None:
    topic = f"{kafka_settings.prefix}t"
    put(kafka_settings.bootstrap, topic, b"x")
    assert first(kafka_settings.bootstrap, topic) == b"x"


def test_the_secured_broker_knows_users_and_allows_nothing_unsaid(kafka_secured: KafkaServer) -> None:
    kafka_secured.add_user("clerk", "clerk-secret")
    put(kafka_secured.address, "private", b"x")

    def topics_seen_by(name: str, password: str) -> set[str]:
        client = AdminClient({
            "bootstrap.servers": kafka_secured.secure_address, "ssl.ca.location": str(kafka_secured.ca_file),
            "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": name,
            "sasl.password": password,
        })  # fmt: skip
        return set(client.list_topics(timeout=60).topics)

    assert "private" in topics_seen_by("admin", kafka_secured.users["admin"])
    assert topics_seen_by("clerk", "clerk-secret") == set()


def test_debians_clickhouse_answers_the_driver(clickhouse_18_settings: ClickHouseSettings) -> None:
    with client_of(clickhouse_18_settings) as client:
        client.execute("CREATE TABLE t (id UInt64, at DateTime) ENGINE = MergeTree ORDER BY id")
        client.execute("INSERT INTO t (id, at) VALUES", [(1, NOON)])
        assert client.execute("SELECT id, toUnixTimestamp(at) FROM t") == [(1, int(NOON.timestamp()))]
        assert client.execute("SELECT version()")[0][0].startswith("18.16")


def test_jars_with_other_bytes_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"b")
    listed = "".join(f"{sha256(name.encode()).hexdigest()}  {name}.jar\n" for name in "acx")
    (tmp_path / "x.jar").write_bytes(b"another")
    assert faults_of(tmp_path, listed) == ["c.jar is missing", "x.jar has other bytes than listed"]


def test_a_port_that_another_took_is_replaced(tmp_path: Path) -> None:
    server = MosquittoServer(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.port))
        other.listen()
        with server:
            assert server.port != other.getsockname()[1]
