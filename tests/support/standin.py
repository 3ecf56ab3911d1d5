"""Runs a command before a current ClickHouse: ``python -m tests.support.standin COMMAND…``; `make demo-kafka` does.

That is the server of ``WANGGE_CLICKHOUSE`` where it names one. Without it the stand-in of the tests
(:mod:`tests.support.front`) is started, named in ``WANGGE_CLICKHOUSE``, and gone with its data when the command ends:
Debian's ClickHouse lacks types that the tables need.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.servers import FrontServer

NAME = "WANGGE_CLICKHOUSE"


def main(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command to its end and give back its exit code."""
    if named := environment.get(NAME):
        say(f"ClickHouse: the server at {named}, as {NAME} says")
        return ended(command, environment)
    with (
        tempfile.TemporaryDirectory(prefix="wangge-standin-") as folder,
        FrontServer(Path(folder) / "clickhouse", leash=os.getpid()) as front,
    ):
        say(
            f"ClickHouse: {NAME} names no server. A stand-in runs at {front.address} until the end: the current "
            "engine (chdb) behind ClickHouse's native protocol, from tests/support"
        )
        return ended(command, {**environment, NAME: front.address})


def ended(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Wait for the command, whatever the keyboard says: it hears that too, and ends in its own way."""
    with subprocess.Popen(command, env=environment) as running:
        while True:
            try:
                return running.wait()
            except KeyboardInterrupt:
                continue


def say(text: str) -> None:
    """For people, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
