"""What runs compiled decides the same, byte for byte, as plain Python (a clean checkout is plain, so is `whole`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.compiled import ROOT
from tests.integration import stores
from tests.integration.conftest import Whole

COPIED = ("pipeline", "connectors", "schemas", "deploy", "docs", "tests", "pyproject.toml")
MEETING_COMPILED = ("tests/stages", "tests/learning", "tests/wire", "tests/domain", "tests/evaluation")
"""Tests that put compiled modules to use: classes inherited from, functions replaced, structs that pass through."""


def in_copy(copy: Path, *words: object) -> str:
    """What Python prints that runs in the copy and with its modules."""
    there = {**os.environ, "PYTHONPATH": str(copy)}
    ended = subprocess.run([sys.executable, *map(str, words)], cwd=copy, env=there, capture_output=True, check=False)
    said = ended.stdout.decode() + ended.stderr.decode()
    assert ended.returncode == 0, said[-3000:]
    return ended.stdout.decode()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, compiled; nothing else that runs here changes its modules under way."""
    copy = tmp_path_factory.mktemp("compiled")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    in_copy(copy, "deploy/compile.py")
    assert in_copy(copy, "-c", "import pipeline; print(pipeline.COMPILED)").strip() == "True", "no compiler here?"
    return copy


def test_a_compiled_run_fills_every_table_as_a_plain_one(
    compiled: Path, whole: Whole, city: Path, tmp_path: Path
) -> None:
    store = stores.begun(tmp_path / "store", city)
    result = json.loads(in_copy(compiled, "-m", "pipeline", "run", city, "--store", store, "--json"))
    assert stores.different(whole.tables, stores.dumps(store, tmp_path / "dump")) == []
    assert result["counts"] == whole.result["counts"]


def test_tests_of_what_is_compiled_pass_compiled(compiled: Path) -> None:
    said = in_copy(compiled, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *MEETING_COMPILED)
    assert " passed" in said
