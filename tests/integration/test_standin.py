"""`make demo-kafka` has a current ClickHouse: the stand-in of the tests, or the server that the environment names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.stack.places import port_is_free

ROOT = Path(__file__).parents[2]
TELLS = "import os, sys; print(os.environ['WANGGE_CLICKHOUSE']); sys.exit(5)"
ASKS = """import os, sys
from clickhouse_driver import Client
host, _, port = os.environ['WANGGE_CLICKHOUSE'].partition(':')
print(port, Client(host, port=int(port)).execute("SELECT toTypeName(now64(3, 'UTC'))")[0][0])"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "WANGGE_CLICKHOUSE"}
    return subprocess.run(
        [sys.executable, "-m", "tests.support.standin", sys.executable, "-c", program],
        cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_a_named_server_a_current_one_runs_as_long_as_the_command() -> None:
    ended = run(ASKS)
    assert ended.returncode == 0, ended.stderr
    port, _, kind = ended.stdout.strip().partition(" ")
    assert kind == "DateTime64(3, 'UTC')"
    assert "stand-in runs at 127.0.0.1:" + port in ended.stderr
    assert port_is_free(int(port))


def test_the_exit_code_is_that_of_the_command() -> None:
    assert run(TELLS).returncode == 5


def test_a_named_server_is_used_and_none_is_started() -> None:
    ended = run(TELLS, WANGGE_CLICKHOUSE="ch.example:9000")
    assert (ended.returncode, ended.stdout.strip()) == (5, "ch.example:9000")
    assert "the server at ch.example:9000" in ended.stderr
    assert "stand-in" not in ended.stderr
