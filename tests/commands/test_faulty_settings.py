"""Every command that needs a server tells all faults of its settings and arguments at once, and starts nothing."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import pipeline.commands
from pipeline.commands import COMMANDS, command_named
from pipeline.errors import ConfigFaults
from tests.test_docs import commands_below

KAFKA = {"WANGGE_KAFKA_PROTOCOL": "carrier pigeon", "WANGGE_KAFKA_SESSION_MS": "1"}
OWN = {"WANGGE_REFERENCE": "/no/such/folder", "WANGGE_HMAC_KEY": "short"}
CLICKHOUSE = {"WANGGE_CLICKHOUSE": "nowhere", "WANGGE_CLICKHOUSE_SECURE": "perhaps"}
HEALTH = ["--health", "9601"]
DYING = ["--die-at", "never"]
NOBODY = ["--principals", __file__]  # no file of principals
WORK = ["--work", "B"]
TOPIC = ["--kafka", "--store", "S"]
FAULTY = {
    "demo": (["--kafka", "--sink"], {*OWN, *KAFKA, *CLICKHOUSE}),
    "worker": (["--stages", "intake,dreams", *HEALTH, *DYING], {"--stages", "--health", "--die-at", *KAFKA, *OWN}),
    "spotter": (HEALTH, {"--health", *KAFKA, *OWN}),
    "retry": ([*HEALTH, *DYING], {"--health", "--die-at", *KAFKA}),
    "clock": (HEALTH, {"--health", *KAFKA}),
    "sink": ([*HEALTH, "--fault-point", "never"], {"--health", "--fault-point", *KAFKA, *CLICKHOUSE}),
    "migrate": ([], {*CLICKHOUSE}),
    "verify": ([], {*KAFKA, *CLICKHOUSE}),
    "canary": (
        ["--once", "--clickhouse", "--lane", "sensor", *HEALTH], {"--device", "--health", *KAFKA, *CLICKHOUSE}
    ),
    "publish": (["-", "--mapping", "none"], {"path", *KAFKA, *OWN}),
    "consume": (["--source", "s", "--answer", "-"], {"--answer", *KAFKA, *OWN}),
    "bridge mqtt": (
        ["--broker", "b", "--topic", "t", "--mapping", "none", *HEALTH], {"--broker", "--health", "path", *KAFKA}
    ),
    "backfill fill": (
        [*WORK, "--from", "noon", "--to", "dusk", "--stop-at", "1h", "--from-offset", "a=1", "--to-offset", "b=1"],
        {"--from", "--to", "--stop-at", "--from-offset", "--to-offset", *OWN, *KAFKA, *CLICKHOUSE},
    ),
    **{f"backfill {name}": (WORK, {*KAFKA, *CLICKHOUSE}) for name in ("compare", "swap", "drop")},
    **{f"topics {name}": (NOBODY, {"principals", *KAFKA, *OWN}) for name in ("plan", "apply")},
    "topics list": ([], {*KAFKA}),
    "quarantine list": (
        [*TOPIC, "--reason", "none", "--since", "noon", "--until", "dusk"],
        {"--store", "--reason", "--since", "--until", *KAFKA},
    ),
    "quarantine show": (["ID", *TOPIC], {"--store", *KAFKA}),
    "quarantine mend": (["ID", *TOPIC, "--set", "x"], {"--store", "--set", *KAFKA, *OWN}),
    "quarantine replay": (
        [*TOPIC, "--reason", "none", "--since", "noon", "--set", "x"],
        {"--store", "--reason", "--since", "--set", *KAFKA, *OWN},
    ),
}  # fmt: skip
"""Each command with a server, faulty options for it, and the fields of all faults that it is to tell."""
READERS = {"kafka_settings_from", "clickhouse_settings_from"}
PACKAGE = Path(inspect.getfile(pipeline.commands)).parent


def names_in(module: str) -> set[str]:
    """What a module of the commands imports, anywhere in it: names, and modules of the commands."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in found for alias in node.names} | {
        str(node.module).rpartition(".")[2] for node in found if str(node.module).startswith("pipeline.commands.")
    }


def reads_of_servers(module: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a module of the commands, or one of them that it imports, reads how to reach a server."""
    names = names_in(module)
    further = {name for name in names - seen if (PACKAGE / f"{name}.py").is_file()}
    return bool(names & READERS) or any(reads_of_servers(name, seen | further | {module}) for name in further)


def commands_with_servers() -> Iterator[str]:
    """All commands and commands of groups whose modules read how to reach a server."""
    for name, module in COMMANDS.items():
        if reads_of_servers(module):
            yield from (
                path for path, one in commands_below(command_named(name), name) if not isinstance(one, click.Group)
            )


def test_the_table_has_every_command_that_needs_a_server() -> None:
    assert set(commands_with_servers()) == FAULTY.keys()


@pytest.mark.parametrize(
    "stages", ["urgent", "urgent,casework", "detect", "intake,casework", "intake,urgent,detect,casework"]
)
def test_who_has_emergencies_itself_or_no_backlog_of_reports_gives_no_way(stages: str) -> None:
    words = ["--stages", stages, "--give-way"]
    ended = CliRunner(env={"WANGGE_KAFKA": "127.0.0.1:9"}).invoke(command_named("worker"), words)
    assert isinstance(ended.exception, ConfigFaults), ended.output
    assert [(fault.field, fault.value) for fault in ended.exception.faults] == [("--give-way", stages)]


@pytest.mark.parametrize("name", FAULTY)
def test_all_faults_of_all_parts_are_told_at_once_and_nothing_is_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, fields = FAULTY[name]
    command, *below = name.split()
    ended = CliRunner(env={**KAFKA, **OWN, **CLICKHOUSE}).invoke(command_named(command), [*below, *words])
    assert isinstance(ended.exception, ConfigFaults), ended.output
    assert {fault.field for fault in ended.exception.faults} == fields
    assert all(fault.remedy for fault in ended.exception.faults)
    assert "short" not in str(ended.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["worker", "spotter", "retry", "clock"])
def test_a_level_of_the_log_that_nobody_knows_is_told_with_those_there_are(name: str) -> None:
    ended = CliRunner(env={"WANGGE_KAFKA": "127.0.0.1:9"}).invoke(command_named(name), ["--log-level", "loud"])
    assert ended.exit_code == 2
    assert "'loud' is not one of 'debug', 'info', 'warning', 'error'" in ended.output
