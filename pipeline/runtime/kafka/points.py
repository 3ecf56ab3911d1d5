"""Marked points of a worker's loop at which a fault test may kill it. In operation every point is passed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Literal, get_args

Point = Literal["polled", "recovered", "fed", "begun", "flushed", "noted", "committed"]
"""A poll came; its states were read; its stages ran; the transaction was begun; all records stand in Kafka; the offsets
are in the transaction; the transaction is done."""
POINTS: tuple[Point, ...] = get_args(Point)


def nothing(_: Point) -> None:
    """Pass."""


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_at(text: str, kill: Callable[[], None] = _kill) -> Callable[[Point], None]:
    """``name:number``: die (or freeze, with ``name:number:stop``) when the point is reached for the n-th time.

    Raises ``ValueError`` for a point that there is not.
    """
    name, _, rest = text.partition(":")
    count, _, how = rest.partition(":")
    if name not in POINTS or not count.isdigit() or how not in ("", "stop"):
        message = f"write POINT:NUMBER or POINT:NUMBER:stop with a point of {', '.join(POINTS)}"
        raise ValueError(message)
    left = int(count)

    def reached(point: Point) -> None:
        nonlocal left
        if point != name:
            return
        left -= 1
        if left == 0 and how == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif left == 0:
            kill()

    return reached
