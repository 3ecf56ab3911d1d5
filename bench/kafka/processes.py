"""The pipeline's own processes, started as an operator starts them, and ended at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from bench.kafka.race import ROOT

WAIT_S = 180.0


class Processes:
    """Commands of ``wangge`` that run side by side; ``with`` ends them all."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment, self._folder = {**os.environ, **environment}, folder
        self._running: dict[str, tuple[subprocess.Popen[bytes], str]] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self, name: str, *words: str, niceness: int = 0) -> None:
        """Start one with a health address of its own."""
        health = f"127.0.0.1:{free_port()}"
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["nice", "-n", str(niceness), sys.executable, "-m", "pipeline", *words, "--health", health],
                cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._running[name] = (process, health)

    def once(self, *words: str) -> None:
        """Run one to its end. Raises ``CalledProcessError``."""
        subprocess.run([sys.executable, "-m", "pipeline", *words], cwd=ROOT, env=self._environment, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip

    def wait_ready(self) -> None:
        """Until everyone answers that it is ready. Raises ``RuntimeError`` with the end of a log."""
        deadline = time.monotonic() + WAIT_S
        for name, (process, health) in self._running.items():
            while not _ready(health):
                if process.poll() is not None or time.monotonic() > deadline:
                    message = f"{name} is not ready; its log ends:\n{self.tail(name)}"
                    raise RuntimeError(message)
                time.sleep(0.1)

    def tail(self, name: str) -> str:
        """The end of a log."""
        return (self._folder / f"{name}.log").read_bytes()[-3_000:].decode(errors="replace")

    def stop(self, *names: str) -> None:
        """End some, or all."""
        ending = [self._running.pop(name)[0] for name in names or tuple(self._running)]
        for process in ending:
            process.send_signal(signal.SIGTERM)
        for process in ending:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def _ready(health: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{health}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
