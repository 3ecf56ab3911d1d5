"""Every process tells all faults of its settings and arguments at once, and starts nothing."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pipeline.commands import command_named
from pipeline.errors import ConfigFaults

KAFKA = {"WANGGE_KAFKA_PROTOCOL": "carrier pigeon", "WANGGE_KAFKA_SESSION_MS": "1"}
OWN = {"WANGGE_REFERENCE": "/no/such/folder", "WANGGE_HMAC_KEY": "short"}
CLICKHOUSE = {"WANGGE_CLICKHOUSE": "nowhere", "WANGGE_CLICKHOUSE_SECURE": "perhaps"}
HEALTH = ["--health", "9601"]
FAULTY = {
    "worker": (["--stages", "intake,dreams", *HEALTH], {"--stages", "--health", *KAFKA, *OWN}),
    "spotter": (HEALTH, {"--health", *KAFKA, *OWN}),
    "sink": (HEALTH, {"--health", *KAFKA, *CLICKHOUSE}),
    "clock": (HEALTH, {"--health", *KAFKA}),
    "verify": ([], {*KAFKA, *CLICKHOUSE}),
    "canary": (["--once", "--clickhouse"], {*KAFKA, *CLICKHOUSE}),
}


@pytest.mark.parametrize("stages", ["urgent", "casework", "detect", "intake,casework", "intake,urgent,detect,casework"])
def test_who_has_emergencies_itself_or_no_backlog_of_reports_gives_no_way(stages: str) -> None:
    words = ["--stages", stages, "--give-way"]
    ended = CliRunner(env={"WANGGE_KAFKA": "127.0.0.1:9"}).invoke(command_named("worker"), words)
    assert isinstance(ended.exception, ConfigFaults), ended.output
    assert [(fault.field, fault.value) for fault in ended.exception.faults] == [("--give-way", stages)]


@pytest.mark.parametrize("name", FAULTY)
def test_all_faults_of_all_parts_are_told_at_once(name: str) -> None:
    words, fields = FAULTY[name]
    ended = CliRunner(env={**KAFKA, **OWN, **CLICKHOUSE}).invoke(command_named(name), words)
    assert isinstance(ended.exception, ConfigFaults), ended.output
    assert {fault.field for fault in ended.exception.faults} == fields
    assert all(fault.remedy for fault in ended.exception.faults)
    assert "short" not in str(ended.exception)
