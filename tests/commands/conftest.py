"""The command line in this process: what it prints and the code it ends with."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands import main
from pipeline.simulation.simulate import simulate
from tests.integration.stores import once


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What ``--json`` printed."""
        return json.loads(self.out)


Wangge = Callable[..., Ended]


@pytest.fixture
def wangge(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Wangge:
    """Run a command; ``given`` is its standard input."""

    def command(*arguments: object, given: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["wangge", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return command


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The overlay of a very small city, without input."""

    def make(folder: Path) -> None:
        simulate(folder, seed=5, days=1, scale=0.03, start=date(2026, 3, 16))

    return once(tmp_path_factory, "town", make) / "city"
