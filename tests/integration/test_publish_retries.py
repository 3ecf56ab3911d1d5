"""Kafka dies under whoever publishes and comes back: what was taken is sent again until Kafka has it, each once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from connectors.kafka.publisher import Delivery, Publisher
from deploy.stack.servers import KafkaServer
from pipeline.errors import STOPPED
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode
from tests.integration.sinks import PATIENCE, ROOT, wait_until
from tests.integration.test_clients import environment, make, order, read
from tests.support.servers import Servers, kafka_settings_of, mark

TOPIC, SECOND = "reports.hotline", "reports.urgent"
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


def publishing(settings: KafkaSettings, path: Path, *words: str) -> subprocess.Popen[str]:
    """The command, slow enough for Kafka to be killed under it."""
    rate = ["--rate", str(RECORDS / 15)]
    command = [sys.executable, "-m", "pipeline", "publish", str(path), "--schema", "HotlineOrder", *rate, *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command_says_that_it_waits_gives_up_and_goes_on_where_it_stopped(servers: Servers, tmp_path: Path) -> None:
    kafka = servers.kafka()
    settings, path = with_topic(kafka), tmp_path / "orders.jsonl"
    path.write_text("\n".join(json.dumps(order(number)) for number in range(RECORDS)), encoding="utf-8")
    resume = ("--resume", str(tmp_path / "state"))
    with publishing(settings, path, "--give-up", "10", *resume) as first:
        wait_until((tmp_path / "state").exists)
        kafka.kill9()
        _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == STOPPED, said
    assert re.search(r"^waits for Kafka: [0-9,]+ records are without a fate$", said, re.MULTILINE), said
    assert re.fullmatch(
        r"stopped: Kafka has not confirmed [0-9,]+ records within 10 s: run the same command again when it is back: "
        r"--resume goes on",
        said.splitlines()[-1],
    ), said
    kafka.restart()
    with publishing(settings, path, *resume) as second:
        _, said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, said
    assert set(arrived(settings)) == set(each_once(RECORDS)), "the last ones before it stopped may be there twice"


def test_the_command_goes_on_by_itself_when_kafka_comes_back(servers: Servers, tmp_path: Path) -> None:
    kafka = servers.kafka()
    settings, path = with_topic(kafka), tmp_path / "orders.jsonl"
    path.write_text("\n".join(json.dumps(order(number)) for number in range(RECORDS)), encoding="utf-8")
    with publishing(settings, path, "--json") as running:
        wait_until(lambda: arrived(settings))
        assert running.poll() is None, "all of it was sent before Kafka was killed: the run proves nothing"
        kafka.kill9()
        kafka.restart()
        said, _ = running.communicate(timeout=PATIENCE)
    told = json.loads(said)
    assert (running.returncode, told["published"], told["refused"]) == (0, RECORDS, 0)
    assert arrived(settings) == each_once(RECORDS)


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays away"])
def test_a_topic_that_is_new_to_the_run_is_waited_for_like_any_other(
    servers: Servers, tmp_path: Path, comes_back: bool
) -> None:
    """Kafka goes away before the first record of a second topic, for longer than it is asked for a topic."""
    kafka = servers.kafka()
    settings = make(kafka_settings_of(kafka, prefix=f"{mark()}-"), TOPIC, SECOND)
    path, state = tmp_path / "orders.jsonl", tmp_path / "state"
    lines = (json.dumps(order(number, urgent=number >= RECORDS // 2)) for number in range(RECORDS))
    path.write_text("\n".join(lines), encoding="utf-8")
    with publishing(settings, path, "--give-up", "40", "--resume", str(state), "--json") as running:
        wait_until(state.exists)
        kafka.kill9()
        assert running.stderr is not None
        waits = running.stderr.readline()
        if comes_back:
            kafka.restart()
        told, said = running.communicate(timeout=PATIENCE)
    assert waits.startswith("waits for Kafka: "), waits
    if comes_back:
        assert (running.returncode, json.loads(told)["published"]) == (0, RECORDS), said
        assert len(read(settings, SECOND)) == RECORDS // 2
    else:
        assert running.returncode == STOPPED, said
        assert settings.prefix + SECOND in said.splitlines()[-1], "it waited for records of the first topic"
