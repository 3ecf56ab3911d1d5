"""What commands share that stand until they are stopped: signals, and where they tell of their health."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event
from typing import Any

import click

from pipeline.errors import ConfigFaults, Fault

LOOPBACK = "127.0.0.1"
PORTS = {
    "worker": 9601, "sink": 9602, "spotter": 9603, "bridge": 9604, "canary": 9605, "retry": 9606, "clock": 9607,
}  # fmt: skip
"""Where each kind of process answers unless it is told otherwise: what Prometheus is told to look at."""


LOG_LEVEL = click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False), default="warning",
    show_default=True, help="What goes to standard error.",
)  # fmt: skip

DIE_AT = click.option("--die-at", "die_at", hidden=True, help="POINT:NUMBER, for fault tests.")


def health_option(process: str, but: str = "") -> Callable[[Any], Any]:
    """``--health`` with the usual place of a kind of process; ``but`` is added to its help."""
    return click.option(
        "--health", default=f"{LOOPBACK}:{PORTS[process]}", show_default=True,
        help=f"HOST:PORT where /live, /ready, /status and /metrics answer{but}.",
    )  # fmt: skip


def until_stopped() -> Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def point_of(die_at: str | None) -> Callable[[Any], None]:
    """What is called at each point of the loop, by ``--die-at``. Raises :class:`ConfigFaults`."""
    from pipeline.runtime.kafka.points import dying_at, nothing

    try:
        return dying_at(die_at) if die_at else nothing
    except ValueError as fault:
        raise ConfigFaults([Fault("arguments", "--die-at", str(die_at), str(fault))]) from fault


def place_of(option: str, text: str) -> tuple[str, int]:
    """Host and port of an option. Raises :class:`ConfigFaults`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigFaults([Fault("arguments", option, text, "give HOST:PORT")])
    return host, int(port)
