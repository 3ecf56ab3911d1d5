"""One case of the bench in a process of its own: ``python -m bench.cases CASE FOLDER`` prints what it measured.

Memory and the store are fresh in every process, so no case warms up the next.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from bench import bare, growth, stages
from pipeline.runtime.running import RunRequest, run
from pipeline.runtime.workspace import Workspace
from pipeline.settings import settings_from

INPUTS = {"a": "reports", "b": "single", "c": "batches"}
"""Input folder of the cases that run all stages."""


def all_stages(folder: Path, inputs: str, scratch: Path) -> dict[str, Any]:
    """A whole local run into a store of its own: read, all stages, columns, store, changelog."""
    with Workspace(scratch / "store") as workspace:
        request = RunRequest([folder / inputs], city=folder / "city", max_refused=1.0)
        result = run(workspace, request, settings_from(), lambda *_: None)
    counts = result["counts"]
    return {
        "records": result["records"],
        "samples": counts["samples"],
        "seconds": result["seconds"],
        "fates": {fate: counts[fate]["total"] for fate in ("filed", "linked", "logged", "quarantined")},
    }


def bare_insert(folder: Path, inputs: str, scratch: Path) -> dict[str, Any]:
    """The yardstick for the same inputs."""
    records, rows, seconds = bare.insert_all(scratch, folder / inputs)
    return {"records": records, "samples": rows if inputs != "reports" else 0, "seconds": round(seconds, 3)}


def measured(case: str, folder: Path, sizes: tuple[int, ...]) -> Any:
    """What one case measures once. ``d:a`` is the yardstick of ``a``."""
    if case == "e":
        return stages.measured(folder)
    if case == "f":
        return growth.measured(folder, sizes)
    scratch = Path(tempfile.mkdtemp(dir=folder, prefix=".run-"))
    try:
        yardstick, _, name = case.rpartition(":")
        work = bare_insert if yardstick else all_stages
        return work(folder, INPUTS[name], scratch)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    print(msgspec.json.encode(measured(sys.argv[1], Path(sys.argv[2]), tuple(map(int, sys.argv[3:])))).decode())
