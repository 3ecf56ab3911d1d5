"""The demo through Kafka ends with the counts and figures of the demo in one process."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.stack.servers import KafkaServer
from tests.integration import stores


def test_a_day_through_kafka_is_the_day_in_one_process(kafka: KafkaServer, tmp_path: Path) -> None:
    told = json.loads(
        stores.wangge("demo", "--kafka", "--broker", kafka.address, "--scale", 0.05, "--out", tmp_path, "--json")
    )
    again = told["kafka"]
    assert again["equal"] == {"counts": True, "indicators": True}
    assert again["counts"] == told["counts"]
    assert again["waves"] > 10
    assert told["counts"]["received"]["channels"]["action"] > 100
