"""Stores as an operator has them: the command line in processes of their own, over simulated cities made once.

Tests that run beside each other share what is costly: a city and its first run are made by whoever comes first.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.sinks.columns import ALL_TABLES
from pipeline.runtime.city import load_city
from pipeline.runtime.workspace import StoreFacts
from pipeline.settings import settings_from

POLL, POLLS, FACTS = 300, 4, 2_000
"""Small enough that a small city takes some dozens of commits."""


def command(*arguments: object) -> list[str]:
    """The command line as a process."""
    return [sys.executable, "-m", "pipeline", *map(str, arguments)]


def wangge(*arguments: object, code: int = 0, given: bytes = b"") -> str:
    """What the command prints; it must end with ``code``."""
    ended = subprocess.run(command(*arguments), input=given, capture_output=True, check=False)
    assert ended.returncode == code, ended.stderr.decode()[-2000:]
    return ended.stdout.decode()


def run(inputs: Path, store: Path) -> dict[str, Any]:
    """Run and give back what ``--json`` prints."""
    found: dict[str, Any] = json.loads(wangge("run", inputs, "--store", store, "--json"))
    return found


def begun(store: Path, city: Path) -> Path:
    """A store whose first run will commit often."""
    store.mkdir(parents=True)
    shutil.copytree(city / "city", store / "city")
    version = load_city(settings_from({}).reference, city / "city").reference.version
    facts = StoreFacts(
        reference_version=version, poll_records=POLL, polls_per_commit=POLLS, facts_per_commit=FACTS, partitions=4,
        responder=True,
    )  # fmt: skip
    (store / "store.json").write_bytes(msgspec.json.encode(facts))
    return store


def dumps(store: Path, out: Path) -> dict[str, bytes]:
    """Every table of a store, byte for byte."""
    wangge("sql", "--dump", "--store", store, "--out", out)
    return {name: (out / f"{name}.tsv").read_bytes() for name in ALL_TABLES}


def different(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Tables that are not equal, with the first lines that differ: shorter to read than two dumps."""
    found: list[str] = []
    for name in one:
        lines = set(one[name].splitlines()) ^ set(other[name].splitlines())
        if one[name] != other[name]:
            found.append(f"{name}: {len(lines)} lines, e.g. {sorted(lines)[:2]}")
    return found


def rows(dump: bytes) -> list[dict[str, str]]:
    """The rows of a dump of small cells (texts keep their escapes)."""
    names, *lines = [line.split("\t") for line in dump.decode().splitlines()]
    return [dict(zip(names, cells, strict=True)) for cells in lines]


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made by the first process that asks for it and then used by all."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if shared.name.startswith("popen-") else shared
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / f"{name}.made").exists():
            shutil.rmtree(shared / name, ignore_errors=True)
            make(shared / name)
            (shared / f"{name}.made").touch()
    return shared / name
