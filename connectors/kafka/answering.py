"""Whether Kafka answers: a client whose broker is away only gets nothing, as on a topic where nothing happens.

Whatever comes from Kafka says that it is there. Where nothing came for a while it is to be asked, and what does not
answer is away. No client is known here; who owns one tells what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

SILENCE_S = 10.0
"""How long nothing may come until Kafka is asked; what was sent and is not confirmed for so long is not answered."""
ASK_S = 2.0
"""How long an answer is waited for by who cannot do anything else meanwhile."""


class Watch(Protocol):
    """Who hears of it (the instruments)."""

    def ready(self, need: str, there: bool) -> None:
        """A need is there, or away."""

    def waiting(self, neighbour: str) -> None:
        """The process waits for a neighbour; "" when it no longer does."""


class Answering:
    """Tells once that Kafka is there, and once that it is away. ``clock`` gives seconds and never goes back."""

    def __init__(self, told: Callable[[bool], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._told, self._clock = told, clock
        self._heard_at = clock()
        self._is_there: bool | None = None

    @classmethod
    def to(cls, watch: Watch, clock: Callable[[], float] = time.monotonic) -> Answering:
        """One that tells the instruments of a process with no other neighbour to wait for."""
        return cls(partial(_tell, watch), clock)

    @property
    def is_due(self) -> bool:
        """Whether nothing came for so long that Kafka is to be asked."""
        return self._clock() - self._heard_at >= SILENCE_S

    def heard(self) -> None:
        """Something came from Kafka."""
        self._heard_at = self._clock()
        self._say(there=True)

    def missed(self) -> None:
        """Kafka was asked for something and did not give it."""
        self._say(there=False)

    def late(self) -> None:
        """Kafka owes an answer, which may still come."""
        if self.is_due:
            self.missed()

    def asked(self, answers: Callable[[], bool]) -> None:
        """Ask Kafka if that is due."""
        if self.is_due:
            self.came(answers=answers())

    def came(self, *, answers: bool) -> None:
        """What asking came to."""
        if answers:
            self.heard()
        else:
            self.missed()

    def _say(self, *, there: bool) -> None:
        if there is not self._is_there:
            self._is_there = there
            self._told(there)


def _tell(watch: Watch, there: bool) -> None:
    watch.ready("kafka", there)
    watch.waiting("" if there else "kafka")
