"""What commands share that stand until they are stopped: signals, and where they tell of their health."""

from __future__ import annotations

import signal
from threading import Event

from pipeline.errors import ConfigFaults, Fault


def until_stopped() -> Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def place_of(option: str, text: str) -> tuple[str, int]:
    """Host and port of an option. Raises :class:`ConfigFaults`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigFaults([Fault("arguments", option, text, "give HOST:PORT")])
    return host, int(port)
