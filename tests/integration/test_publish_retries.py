"""Kafka dies under whoever publishes and comes back: what was taken is sent again until Kafka has it, each once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from connectors.kafka.publisher import Delivery, Publisher
from deploy.stack.servers import KafkaServer
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode
from tests.integration.sinks import PATIENCE, ROOT, wait_until
from tests.integration.test_clients import environment, make, order, read
from tests.support.servers import Servers, kafka_settings_of, mark

TOPIC = "reports.hotline"
RECORDS = 3_000


def with_topic(kafka: KafkaServer) -> KafkaSettings:
    return make(kafka_settings_of(kafka, prefix=f"{mark()}-"), TOPIC)


def arrived(settings: KafkaSettings) -> Counter[str]:
    """How often each record lies in the topic."""
    return Counter(decode(record.value)[1]["source_ref"] for record in read(settings, TOPIC))


def each_once(records: int) -> Counter[str]:
    return Counter(f"RX-{number}" for number in range(records))


def test_a_publisher_whose_broker_is_killed_delivers_every_record_once(servers: Servers) -> None:
    kafka = servers.kafka()
    settings, told = with_topic(kafka), list[Delivery]()
    with Publisher(settings, on_delivery=told.append) as publisher:
        for number in range(RECORDS):
            publisher.report(order(number), schema="HotlineOrder")
            if number == RECORDS // 3:
                kafka.kill9()
            if number == 2 * RECORDS // 3:
                kafka.restart()
    assert [delivery.fault for delivery in told] == [""] * RECORDS
    assert (publisher.delivered, publisher.failed) == (RECORDS, 0)
    assert arrived(settings) == each_once(RECORDS)


def test_the_command_goes_on_by_itself_when_kafka_comes_back(servers: Servers, tmp_path: Path) -> None:
    kafka = servers.kafka()
    settings, path = with_topic(kafka), tmp_path / "orders.jsonl"
    path.write_text("\n".join(json.dumps(order(number)) for number in range(RECORDS)), encoding="utf-8")
    words = [sys.executable, "-m", "pipeline", "publish", str(path), "--schema", "HotlineOrder", "--json"]
    words += ["--rate", str(RECORDS / 15)]
    with subprocess.Popen(words, cwd=ROOT, env=environment(settings), stdout=subprocess.PIPE) as publishing:
        wait_until(lambda: arrived(settings))
        assert publishing.poll() is None, "all of it was sent before Kafka was killed: the run proves nothing"
        kafka.kill9()
        kafka.restart()
        said, _ = publishing.communicate(timeout=PATIENCE)
    told = json.loads(said)
    assert (publishing.returncode, told["published"], told["refused"]) == (0, RECORDS, 0)
    assert arrived(settings) == each_once(RECORDS)
