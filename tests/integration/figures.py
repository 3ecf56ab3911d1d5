"""Runs many queries over one store in a process of its own, as chdb allows one store a process.

``python -m tests.integration.figures STORE`` reads a JSON object of queries and prints one of their rows, or what is
wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from connectors.sinks.chdb import RefusedQuery
from pipeline.runtime.workspace import Workspace

Rows = list[dict[str, Any]]


def asked(store: Path, queries: dict[str, str]) -> dict[str, Rows | str]:
    """The rows of each query, or ClickHouse's own words when it refused one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.figures", str(store)],
        input=json.dumps(queries), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Rows | str] = json.loads(done.stdout)
    return found


def main(store: Path) -> None:
    """Answer the queries on standard input."""
    with Workspace(store, create=False) as workspace:
        tables = workspace.tables()
        tables.query("SET compile_expressions = 0, compile_aggregate_expressions = 0")
        tables.query("SET final = 0")  # views and queries must see through replays themselves
        found: dict[str, Any] = {}
        for name, sql in json.load(sys.stdin).items():
            try:
                found[name] = tables.rows(sql)
            except RefusedQuery as refused:
                found[name] = str(refused)[:1000]
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
