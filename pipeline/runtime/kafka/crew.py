"""Processes of this command line, started beside the one that watches them: workers and a sink for a demo or a test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import StopRun

STOP_S = 30.0
LOG_END = 2_000
"""Characters of a log that a message shows."""


class Crew:
    """Some processes that live as long as this one wants them; each writes to a log of its own in ``folder``.

    ``variables`` are added to the environment of each.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._head = [
            "env",
            *(f"{name}={value}" for name, value in variables.items()),
            sys.executable,
            "-m",
            "pipeline",
        ]
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: object) -> None:
        """Start ``wangge ARGUMENTS`` under a name."""
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [*self._head, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def once(self, name: str, *arguments: object) -> None:
        """Run ``wangge ARGUMENTS`` to its end. Raises :class:`StopRun` when it fails."""
        self.start(name, *arguments)
        self.ended(name)

    def ended(self, name: str) -> None:
        """Wait until one ends by itself. Raises :class:`StopRun` when it fails."""
        code = self._running.pop(name).wait()
        if code != 0:
            raise StopRun(self._told(name, code))

    def finish(self, name: str) -> None:
        """Ask one to end in order and wait until it has. Raises :class:`StopRun` when it fails."""
        self._running[name].terminate()
        self.ended(name)

    def kill(self, name: str) -> None:
        """End one without a chance to say goodbye."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def check(self) -> None:
        """Raise :class:`StopRun` when one has ended that should run."""
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                raise StopRun(self._told(name, code))

    def stop(self) -> None:
        """End all, in order; whoever does not end in time is killed."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _told(self, name: str, code: int) -> str:
        end = self._log(name).read_text("utf-8", "replace")[-LOG_END:]
        return f"{name} ended with code {code}; its log {self._log(name)} ends:\n{end}"
