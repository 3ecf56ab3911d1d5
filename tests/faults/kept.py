"""A process kept alive as a supervisor would: started again whenever it dies, until it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PAUSE_S = 0.2
STOP_S = 30
LOOK_S = 0.02


class Kept:
    """One command, a member of ``group``. ``deaths`` holds the times (monotonic) at which it died untold.

    Each start takes the next of ``variants`` (extra arguments, for example a point at which to die); when they are used
    up it runs without any.
    """

    def __init__(
        self, words: Sequence[str], group: str, environment: Mapping[str, str], log: Path,
        variants: Sequence[Sequence[str]] = (),
    ) -> None:  # fmt: skip
        self.words, self.group, self.log = list(words), group, log
        self.environment = {**os.environ, **environment}
        self.variants = [list(variant) for variant in variants]
        self.deaths: list[float] = []
        self.codes: list[int] = []
        self.peak_mb = 0
        """The most memory that it ever held."""
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> Kept:
        """Start it, and again whenever it dies."""
        self._start()
        self._thread.start()
        return self

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process that runs now."""
        if self._process is not None:
            self._process.send_signal(number)

    def frozen(self) -> bool:
        """Whether it is stopped as by SIGSTOP."""
        return self._process is not None and _status(self._process.pid).get("State", "").startswith("T")

    def stop(self) -> None:
        """Ask it to end, insist after a while, and start it no more."""
        self._stopping.set()
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()

    def _start(self) -> None:
        extra = self.variants.pop(0) if self.variants else []
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", *self.words, *extra], env=self.environment, stdout=log, stderr=log
            )

    def _keep(self) -> None:
        while not self._stopping.is_set():
            assert self._process is not None
            code = self._process.poll()
            if code is None:
                self.peak_mb = max(
                    self.peak_mb, int(_status(self._process.pid).get("VmHWM", "0 kB").split()[0]) // 1024
                )
                time.sleep(LOOK_S)
                continue
            if not self._stopping.is_set():
                self.deaths.append(time.monotonic())
                self.codes.append(code)
                time.sleep(PAUSE_S)
                self._start()


def _peak_mb(pid: int) -> int:
    return int(_status(pid).get("VmHWM", "0 kB").split()[0]) // 1024


def _status(pid: int) -> dict[str, str]:
    """What the system says of a process; nothing when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
