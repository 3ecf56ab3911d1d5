"""The stack of one machine: Kafka, ClickHouse and Prometheus, up and down. `make stack` and `make stack-down` call it.

``up`` starts what does not run and waits until all are healthy; ``down`` stops them and keeps their data; ``status``
tells. The last lines of ``up`` can be pasted into a shell. An own ClickHouse is not started when WANGGE_CLICKHOUSE
names one.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.servers import ClickHouseServer, KafkaServer, PrometheusServer, Server, ServerFailed, ServerMissing

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "out" / "stack"
SCRAPES = ROOT / "deploy" / "prometheus" / "prometheus.yml"
PARTITIONS = 8
OK, NOT_ALL, FAILED = 0, 1, 2


@dataclass(frozen=True)
class Entry:
    """One server of the stack: the variable that tells its address, and the address. ``server`` None: not ours."""

    name: str
    variable: str
    address: str
    server: Server | None

    @property
    def healthy(self) -> bool:
        """Whether it answers now."""
        return self.server.healthy() if self.server else answers(self.address)


def answers(address: str) -> bool:
    """Whether somebody listens at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def stack(folder: Path, clickhouse: str) -> list[Entry]:
    """The servers of the stack; ``clickhouse`` is the address of another's server, or empty."""
    kafka, own = KafkaServer(folder / "kafka", partitions=PARTITIONS), ClickHouseServer(folder / "clickhouse")
    # The address of our own server comes back in the variable when its `export` line was followed.
    ours = clickhouse in ("", own.address)
    found = [
        Entry("kafka", "WANGGE_KAFKA", kafka.address, kafka),
        Entry("clickhouse", "WANGGE_CLICKHOUSE", clickhouse or own.address, own if ours else None),
    ]
    if SCRAPES.exists():
        prometheus = PrometheusServer(folder / "prometheus", SCRAPES)
        found.append(Entry("prometheus", "WANGGE_PROMETHEUS", prometheus.url, prometheus))
    return found


def up(entries: list[Entry]) -> None:
    """Start what does not run. Raises what a server raises; the others keep running."""
    for entry in entries:
        if entry.server:
            say(f"{entry.name}: {'runs' if entry.server.running() else 'starting'}")
            entry.server.start()


def down(entries: list[Entry]) -> None:
    """Stop what runs, the readers before what they read."""
    for entry in reversed(entries):
        if entry.server and entry.server.running():
            say(f"{entry.name}: stopping")
            entry.server.stop()


def told(entries: list[Entry], *, as_json: bool) -> str:
    """The addresses, for people and shells, or as one document."""
    if as_json:
        return json.dumps({
            entry.name: {
                "address": entry.address, "variable": entry.variable, "healthy": entry.healthy,
                "ours": entry.server is not None, "log": str(entry.server.log) if entry.server else None,
            }
            for entry in entries
        }, indent=2)  # fmt: skip
    lines = []
    for entry in entries:
        state = "healthy" if entry.healthy else "down"
        lines.append(f"# {entry.name}: {state}, {entry.server.folder if entry.server else 'not ours'}")
        lines.append(f"export {entry.variable}={entry.address}")
    return "\n".join(lines)


def say(text: str) -> None:
    """Progress, on standard error: standard output has the addresses only."""
    print(text, file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 all healthy (or all down, for ``down``), 1 something is not, 2 it could not be started."""
    parser = argparse.ArgumentParser(prog="python -m deploy.stack", description=__doc__)
    parser.add_argument("what", choices=("up", "down", "status"))
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where data, logs and ports are kept")
    given = parser.parse_args(arguments)
    # What is ours goes down even when another's server was named in between.
    elsewhere = "" if given.what == "down" else os.environ.get("WANGGE_CLICKHOUSE", "")
    entries = stack(given.folder, elsewhere)
    try:
        if given.what == "up":
            up(entries)
        elif given.what == "down":
            down(entries)
            return OK
    except (ServerMissing, ServerFailed) as error:
        say(str(error))
        return FAILED
    print(told(entries, as_json=given.json))
    return OK if all(entry.healthy for entry in entries) else NOT_ALL


if __name__ == "__main__":
    sys.exit(main())
