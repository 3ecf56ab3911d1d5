"""Logs of processes that run for long: text or JSON lines on standard error, and no flood.

Client libraries write the same complaint many times a second while a broker is away. Of the same message of one logger
one goes out in some seconds; the next one tells how many were left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

QUIET_S = 5.0
OFTEN = logging.WARNING
"""Below this level nothing is left out."""


class Capped(logging.Filter):
    """Lets the same message of the same logger through once in ``seconds``."""

    def __init__(self, seconds: float = QUIET_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record goes out; tells of those left out before it."""
        if record.levelno < OFTEN or record.exc_info:
            return True
        key, now = (record.name, str(record.msg)), self._clock()
        since, left_out = self._last.get(key, (-self._seconds, 0))
        if now - since < self._seconds:
            self._last[key] = (since, left_out + 1)
            return False
        self._last[key] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} like it left out)", ()
        return True


class JsonLines(logging.Formatter):
    """One JSON document a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with its time in milliseconds, and its traceback if it has one."""
        told: dict[str, object] = {"at": int(record.created * 1000), "level": record.levelname, "logger": record.name}
        told["message"] = record.getMessage()
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(told).decode()


def log_to_stderr(level: str, *, as_json: bool) -> None:
    """Log on standard error from now on, as text or as JSON lines, capped."""
    handler = logging.StreamHandler()
    handler.addFilter(Capped())
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(JsonLines() if as_json else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
