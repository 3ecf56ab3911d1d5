"""Calls of the client that last as long as Kafka is away, made so that who waits for them can tell."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Any

TURN_S = 1.0
"""How often whoever waits is told that it lasts."""


def lasting(call: Callable[[], Any], lasts: Callable[[], None], every_s: float = TURN_S) -> None:
    """Make a call that knows no limit and wait for it; ``lasts`` is called meanwhile. Raises what the call raises."""
    done = begun(call)
    while not wait([done], every_s).done:
        lasts()
    done.result()


def begun(call: Callable[[], Any]) -> Future[Any]:
    """Make a call in a thread of its own. One that never ends keeps its thread, which ends with the process."""
    done: Future[Any] = Future()
    Thread(target=_made, args=(call, done), daemon=True).start()
    return done


def _made(call: Callable[[], Any], done: Future[Any]) -> None:
    try:
        done.set_result(call())
    except BaseException as error:  # whoever waits raises it
        done.set_exception(error)
