"""ClickHouse goes away under a sink that is to end, and does not come back."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import STOPPED
from pipeline.settings import KafkaSettings
from tests.integration.sinks import PATIENCE, Rig, wait_until
from tests.support.front.disturbance import Disturbance
from tests.support.servers import Servers, clickhouse_settings_of

BOUND = ("sink", "--until-done", "--give-up", "5")


def test_it_ends_with_a_message_and_the_same_command_goes_on(
    servers: Servers, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    front = servers.front()
    rig = Rig(kafka_settings, clickhouse_settings_of(front, "wangge"), tmp_path).make()
    rig.send(100)
    front.disturb(Disturbance("drop", on="INSERT"))
    with rig.begin_command(*BOUND) as running:
        wait_until(front.disturbed, "nothing is written")
        front.kill9()
        assert running.wait(PATIENCE) == STOPPED
    (log,) = tmp_path.glob("sink-*.log")
    last = log.read_text("utf-8").splitlines()[-1]
    assert last.startswith("stopped: ClickHouse did not take or give anything for 5 s (--give-up); "), last
    assert last.endswith("run the same command again when all is back")
    never = rig.wangge(*BOUND)
    assert never.returncode == STOPPED, "it was not there from the beginning"
    assert never.stderr.splitlines()[-1].startswith("stopped: ClickHouse did not take"), never.stderr
    front.restart()
    front.heal()
    rig.drain()
    rig.assert_exact()
