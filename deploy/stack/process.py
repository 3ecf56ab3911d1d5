"""One server as a process of its own: started, watched, paused, stopped, killed, and found again by another process.

A server lives in a folder: ports, process id, configuration, data and log are there, so whoever opens the same folder
later holds the same server. Only for one machine: everything listens on 127.0.0.1.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from deploy.stack.places import HOST, birth_of, free_ports, port_is_free

START_SECONDS, STOP_SECONDS, PORT_SECONDS = 120, 30, 2
# Ends a server when the process that wanted it is gone, however that ended: leash, pid, birth of the server. The birth
# tells it from a later process with the same number.
LEASH = """tail --pid="$1" -f /dev/null
[ "$(sed 's/.*) //' "/proc/$2/stat" | cut -d' ' -f20)" = "$3" ] && kill -9 "$2"
"""


class ServerFailed(Exception):
    """A server ended or did not become healthy; the message holds the end of its log."""


class Server(ABC):
    """A server in ``folder``. With ``leash`` (a process id) it ends when that process does."""

    name = "server"
    port_names: tuple[str, ...] = ("main",)

    def __init__(self, folder: Path, *, leash: int | None = None) -> None:
        self.folder, self.leash = folder.absolute(), leash
        self.log = self.folder / "server.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that runs it in the foreground."""

    @abstractmethod
    def prepare(self) -> None:
        """Write its configuration, and whatever else it needs before a start. Called before each start."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does its work now. May raise OSError while it does not."""

    def environment(self) -> Mapping[str, str]:
        """Variables to add to those of this process."""
        return {}

    # -- where it is --

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by name; chosen once and remembered in the folder."""
        remembered = self.folder / "ports.json"
        if not remembered.exists():
            self._choose_ports()
        found: dict[str, int] = json.loads(remembered.read_text(encoding="utf-8"))
        return found

    @property
    def port(self) -> int:
        """The port its clients use."""
        return self.ports[self.port_names[0]]

    @property
    def address(self) -> str:
        """``host:port`` for its clients."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Its process, or None when it does not run."""
        try:
            pid, birth = (self.folder / "pid").read_text(encoding="utf-8").split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if birth_of(int(pid)) == int(birth) else None

    def running(self) -> bool:
        """Whether its process is alive (paused counts)."""
        return self.pid is not None

    def healthy(self) -> bool:
        """Whether it does its work now."""
        if not self.running():
            return False
        try:
            return self.answers()
        except OSError:
            return False

    # -- what can be done with it --

    def start(self, seconds: float = START_SECONDS) -> Self:
        """Start it unless it runs, and wait until it is healthy. Raises :class:`ServerFailed`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if not self.running():
                self._launch()
        self.wait_healthy(seconds)
        return self

    def wait_healthy(self, seconds: float = START_SECONDS) -> None:
        """Return when it is healthy. Raises :class:`ServerFailed` when it ends, or is not in time."""
        deadline = time.monotonic() + seconds
        while not self.healthy():
            if not self.running():
                raise ServerFailed(self._complaint("ended while starting"))
            if time.monotonic() > deadline:
                raise ServerFailed(self._complaint(f"is not healthy after {seconds:.0f} s"))
            time.sleep(0.1)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it in order (SIGTERM), by force after ``seconds``. Nothing happens when it does not run."""
        self.resume()
        self._signal(signal.SIGTERM)
        if not self._gone_within(seconds):
            self._signal(signal.SIGKILL)
            self._gone_within(STOP_SECONDS)
        self._forget()

    def kill9(self) -> None:
        """End it as a power cut would; returns when it is gone."""
        self._signal(signal.SIGKILL)
        if not self._gone_within(STOP_SECONDS):
            raise ServerFailed(self._complaint("outlives kill -9"))
        self._forget()

    def restart(self, seconds: float = START_SECONDS) -> Self:
        """Stop and start it: same ports, same data."""
        self.stop()
        return self.start(seconds)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- inside --

    def _launch(self) -> None:
        if not self._within(PORT_SECONDS, lambda: all(map(port_is_free, self.ports.values()))):
            self._choose_ports()
        self.prepare()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, **self.environment()},
            )  # fmt: skip
        mark = f"{self._child.pid} {birth_of(self._child.pid) or 0}"
        (self.folder / "pid").write_text(mark, encoding="utf-8")
        self._unwatch()
        if self.leash is not None:
            self._watch = subprocess.Popen(
                ["sh", "-c", LEASH, "sh", str(self.leash), *mark.split()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def _choose_ports(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "ports.json").write_text(json.dumps(free_ports(self.port_names)), encoding="utf-8")

    def _forget(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watch is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._watch.pid, signal.SIGKILL)
            self._watch.wait()
            self._watch = None

    def _signal(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _gone_within(self, seconds: float) -> bool:
        gone = self._within(seconds, lambda: not self.running())
        if self._child is not None:
            self._child.poll()
        return gone

    @staticmethod
    def _within(seconds: float, condition: Callable[[], bool]) -> bool:
        """Wait for something; whether it came."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _complaint(self, what: str) -> str:
        try:
            last = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        except FileNotFoundError:
            last = "(no log)"
        return f"{self.name} at {self.address} {what}. The end of {self.log}:\n{last}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process starts a server at a time."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
