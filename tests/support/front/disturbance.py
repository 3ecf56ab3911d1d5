"""Faults on request: a front hangs, refuses, cuts the connection or dies at a statement, before or after its effect.

What to do stands in a file beside the data, so a test says it over process borders and a restart does not forget it.
Each time a fault is done, the statement is noted in a second file: a test can wait until it has happened.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from json import dumps, loads
from pathlib import Path
from typing import Literal

from tests.support.front.engine import Refused

Deed = Literal["hang", "fail", "drop", "die"]
When = Literal["before", "after"]
LOOK_SECONDS = 0.02


class Cut(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class Disturbance:
    """What to do at statements that ``on`` is found in (a regular expression, without case), at most ``times`` times.

    ``hang`` waits until it is healed and then goes on, also when nobody listens any more: a late effect. ``fail``
    answers with ``code`` and ``message``. ``drop`` closes the connection, ``die`` ends the front as kill -9 does.
    """

    do: Deed
    on: str = ""
    when: When = "before"
    code: int = 1002
    message: str = "a fault on request"
    times: int | None = None

    def meets(self, sql: str, when: When, so_far: int) -> bool:
        """Whether it is time."""
        wanted = when == self.when and (self.times is None or so_far < self.times)
        return wanted and re.search(self.on, sql, re.IGNORECASE) is not None


class Switch:
    """The two files in a front's folder, for both sides."""

    def __init__(self, folder: Path) -> None:
        self._order, self._done = folder / "disturbance.json", folder / "disturbed.txt"
        self._alone = threading.Lock()

    def set(self, disturbance: Disturbance) -> None:
        """Ask for a fault, in place of any before."""
        self.clear()
        self._done.unlink(missing_ok=True)
        fresh = self._order.with_suffix(".new")
        fresh.write_text(dumps(asdict(disturbance)), encoding="utf-8")
        fresh.replace(self._order)

    def clear(self) -> None:
        """No faults from now on; what hangs goes on."""
        self._order.unlink(missing_ok=True)

    def done(self) -> list[str]:
        """The statements that were disturbed since it was set."""
        try:
            return self._done.read_text(encoding="utf-8").split("\0")[:-1]
        except FileNotFoundError:
            return []

    def around(self, sql: str, effect: Callable[[], None]) -> None:
        """Do ``effect`` with the fault that is asked for before or after it. Raises :class:`Refused`, :class:`Cut`."""
        self._meet(sql, "before")
        effect()
        self._meet(sql, "after")

    def _meet(self, sql: str, when: When) -> None:
        with self._alone:
            asked = self._asked()
            if asked is None or not asked.meets(sql, when, len(self.done())):
                return
            with self._done.open("a", encoding="utf-8") as done:
                done.write(sql + "\0")
        self._do(asked)

    def _do(self, asked: Disturbance) -> None:
        if asked.do == "hang":
            while self._asked() == asked:
                time.sleep(LOOK_SECONDS)
        elif asked.do == "fail":
            raise Refused(asked.code, f"Code: {asked.code}. DB::Exception: {asked.message}")
        elif asked.do == "drop":
            raise Cut
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    def _asked(self) -> Disturbance | None:
        try:
            return Disturbance(**loads(self._order.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
