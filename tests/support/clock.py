"""A clock that only a test moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds, moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now
