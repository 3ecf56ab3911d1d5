"""What a server needs of the machine: programs that are installed, ports that are free, processes that are alive."""

from __future__ import annotations

import os
import random
import shutil
import socket
from pathlib import Path

HOST = "127.0.0.1"
PORTS = range(15_000, 32_000)
"""Below the range the kernel takes ports for outgoing connections from: a port stays free while its server is down."""
PLACES = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
SETUP = "run deploy/setup/servers.sh"


class ServerMissing(Exception):
    """A program is not installed; the message tells how to get it."""


def program(name: str) -> str:
    """The path of an installed program. Raises :class:`ServerMissing`."""
    found = shutil.which(name, path=PLACES)
    if found is None:
        message = f"{name} is not installed: {SETUP}"
        raise ServerMissing(message)
    return found


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """A free port for each name."""
    candidates = (port for port in random.sample(PORTS, len(PORTS)) if port_is_free(port))
    return {name: next(candidates) for name in names}


def birth_of(pid: int) -> int | None:
    """When a living process began, in ticks since boot; None when there is none.

    One whose threads have all ended counts as none: it holds no file and no port, and only waits to be reaped.
    """
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    threads, birth = int(rest[16]), int(rest[18])
    return None if state in "ZX" and threads <= 1 else birth
