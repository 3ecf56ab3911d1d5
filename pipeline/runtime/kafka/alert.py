"""Emergencies lately: whoever works off a backlog beside them gives way.

A backlog is not served at the cost of nothing: where emergencies never end, they are the load and not the exception.
So an alert lasts as long as it has credit, which grows while time passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock

LASTS_S = 1.0
"""So long after it was heard of an emergency is on its way, or soon at its end."""
CREDIT_S, SHARE = 60.0, 0.2
"""An alert is on for a minute without a break at most, and for this share of the time in the long run."""
REST, LONGEST_REST_S = 8.0, 1.0
"""Who gives way rests so many times as long as its piece of work took, and no longer."""


class Alert:
    """Whether emergencies came lately. Any thread may say so, and any may ask."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, Lock()
        self._until = self._counted = now()
        self._credit_s = CREDIT_S
        self.over = Event()
        """Set when the process stops: nobody rests any more."""

    def heard(self) -> None:
        """An emergency came."""
        with self._lock:
            now = self._now()
            self._credit_s = min(self._credit_s + SHARE * (now - self._counted), CREDIT_S)
            self._counted = now
            longer_s = now + LASTS_S - max(self._until, now)
            if longer_s <= self._credit_s:
                self._credit_s -= longer_s
                self._until = now + LASTS_S

    @property
    def is_on(self) -> bool:
        """Whether one is likely to be on its way now."""
        return self._now() < self._until

    def give_way(self, worked_s: float) -> None:
        """Rest after a piece of work that took so long, while an alert is on."""
        if self.is_on:
            self.over.wait(min(REST * worked_s, LONGEST_REST_S))
