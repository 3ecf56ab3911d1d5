"""When the next poll is taken: after the one in work, and after records had a little time to gather."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

WAIT_S = 1.0
"""How long the next poll is held back at most while one is in work."""


class Pace:
    """When the next poll may be taken, and until when records may gather for it. Time is that of the clock of waits."""

    def __init__(self) -> None:
        self._free, self._until = asyncio.Event(), 0.0
        self._free.set()

    @property
    def is_free(self) -> bool:
        """Whether no poll is in work that the next one has to wait for."""
        return self._free.is_set()

    def taken(self) -> None:
        """The next poll waits for the one that was taken now."""
        self._free.clear()

    def done(self, rest_s: float) -> None:
        """The poll in work is done; for so many seconds records may gather."""
        self._until = time.monotonic() + rest_s
        self._free.set()

    async def wait(self) -> None:
        """Until the next poll may be taken. Bounded: a poll that Faust drops in a rebalance is never done."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._free.wait(), WAIT_S)

    async def gathered(self) -> bool:
        """Until the time to gather is over. Whether there was any left."""
        left = self._until - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        return left > 0
