"""Named points in the loop of the sink where a test may have the process die; by default they do nothing."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field

POINTS = (
    "taken",
    "planned",
    "between",
    "inserted",
    "quarantined",
    "done",
    "recovering",
    "probed",
)
"""In the order of the loop: a block is taken, its plan is committed, one of its tables is written, all are, what was
refused is in quarantine, the block is done; then those of a restart: a plan was found, what is there was looked for."""


@dataclass(slots=True)
class FaultPoints:
    """Points at which this process is killed (as by ``kill -9``), or frozen, when it comes there for the n-th time."""

    armed: dict[str, int] = field(default_factory=dict)
    freezing: frozenset[str] = frozenset()

    @classmethod
    def from_text(cls, points: tuple[str, ...]) -> FaultPoints:
        """Points written as NAME:N, or NAME:N:stop to freeze there.

        Raises ``ValueError`` for a name that does not exist or a number below 1.
        """
        armed, freezing = {}, set()
        for point in points:
            name, _, rest = point.partition(":")
            number, _, how = rest.partition(":")
            if name not in POINTS or not (number or "1").isdigit() or int(number or "1") < 1 or how not in ("", "stop"):
                message = f"{point!r}: write NAME:N or NAME:N:stop with one of {', '.join(POINTS)}"
                raise ValueError(message)
            armed[name] = int(number or "1")
            freezing |= {name} if how else set()
        return cls(armed, frozenset(freezing))

    def hit(self, name: str) -> None:
        """Come to a point."""
        if not self.armed or name not in self.armed:
            return
        self.armed[name] -= 1
        if self.armed[name] == 0:
            os.kill(os.getpid(), signal.SIGSTOP if name in self.freezing else signal.SIGKILL)
