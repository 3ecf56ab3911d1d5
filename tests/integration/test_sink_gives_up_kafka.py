"""Kafka goes away under a sink that is to end, and does not come back."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import STOPPED
from pipeline.settings import ClickHouseSettings
from tests.integration.sinks import PATIENCE, Rig, wait_until
from tests.support.servers import Servers, kafka_settings_of, mark

BOUND = ("sink", "--until-done", "--give-up", "5")
LAST = re.compile(
    r"stopped: Kafka did not take or give anything for 5 s \(--give-up\); [0-9,]+ records are written: "
    r"run the same command again when all is back"
)


def last_line(folder: Path) -> str:
    (log,) = folder.glob("sink-*.log")
    return log.read_text("utf-8").splitlines()[-1]


def test_it_ends_with_a_message_and_the_same_command_goes_on(
    servers: Servers, clickhouse_settings: ClickHouseSettings, tmp_path: Path
) -> None:
    """Killed after the first blocks, with more to come."""
    kafka = servers.kafka()
    rig = Rig(kafka_settings_of(kafka, prefix=f"{mark()}-"), clickhouse_settings, tmp_path).make()
    rig.send(500)
    with rig.begin_command(*BOUND, "--records", "20") as running:
        wait_until(lambda: rig.count()[0], "nothing is written")
        kafka.kill9()
        assert running.wait(PATIENCE) == STOPPED
    assert LAST.fullmatch(last_line(tmp_path)), last_line(tmp_path)
    never = rig.wangge(*BOUND)
    assert never.returncode == STOPPED, "it was not there from the beginning"
    assert LAST.fullmatch(never.stderr.splitlines()[-1]), never.stderr
    kafka.restart()
    rig.drain()
    rig.assert_exact()
