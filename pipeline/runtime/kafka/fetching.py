"""Fetches that ask for busy partitions often and for quiet ones now and then.

A worker of casework reads the actions of every department: hundreds of partitions of which few have anything to say.
aiokafka names every assigned partition in every fetch; broker and client pay for each (microseconds at the one, ten
times that at the other), so a busy worker would spend its time asking for nothing. Java's client is spared that by
incremental fetch sessions, which aiokafka has not.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection
from typing import Any

from aiokafka.consumer import consumer as users
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaError

ALL_EVERY_S = 0.2
"""All partitions are asked for so often; a record on a quiet one waits that long at most."""
BUSY_S = 2.0
"""A partition is busy so long after its last record."""
UNREAD_S = 0.1
"""So long after records came that nobody has taken yet, nothing is asked for: whoever keeps up takes them soon, and
then one fetch for all of them must not wait for another that is under way."""
GATHER_BYTES, GATHER_MS = 65_536, 30
"""A fetch of busy partitions is answered at so many bytes, or after so long."""


class Busy:
    """Which partitions to ask for now. Time comes in with each question."""

    def __init__(self, always: Collection[str] = ()) -> None:
        self._always = frozenset(always)
        self._heard: dict[Any, float] = {}
        self._all_at = 0.0
        self._unread_at = math.inf

    def heard(self, partitions: Collection[Any], now: float) -> None:
        """These had records."""
        self._heard.update(dict.fromkeys(partitions, now))

    def hold_s(self, unread: Collection[Any], now: float) -> float:
        """Seconds for which nothing is asked for, since these lie here unread; 0 when there is no reason to wait."""
        if not unread:
            self._unread_at = math.inf
            return 0.0
        self._unread_at = min(self._unread_at, now)
        return max(self._unread_at + UNREAD_S - now, 0.0)

    def due(self, assigned: Collection[Any], now: float) -> frozenset[Any] | None:
        """The busy ones among those assigned, and those that are always asked for; ``None``: ask for all."""
        self._heard = {one: at for one, at in self._heard.items() if now - at < BUSY_S}
        busy = self._heard.keys() & assigned
        if not busy or now >= self._all_at:
            return None
        return frozenset(busy).union(one for one in assigned if one.topic in self._always)

    def asked_all(self, now: float) -> None:
        """A fetch for all of them went out."""
        self._all_at = now + ALL_EVERY_S


class _Part:
    """An assignment of which only some partitions are seen."""

    __slots__ = ("state_value", "tps")

    def __init__(self, tps: frozenset[Any], state_value: Callable[[Any], Any]) -> None:
        self.tps, self.state_value = tps, state_value


class PatientFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher with :class:`Busy` before each fetch."""

    always: frozenset[str] = frozenset()
    """Topics that are in every fetch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._busy = Busy(self.always)
        super().__init__(*args, **kwargs)

    def _get_actions_per_node(self, assignment: Any) -> Any:
        now = time.monotonic()
        self._busy.heard(self._records.keys(), now)
        hold_s = self._busy.hold_s(self._records.keys(), now)
        due = frozenset() if hold_s else self._busy.due(assignment.tps, now)
        # what lies here unread is not fetched anyway, but aiokafka would hold back the others of its broker for it
        seen = frozenset(assignment.tps if due is None else due).difference(self._records)
        requests, resets, wait_s, *further = super()._get_actions_per_node(_Part(seen, assignment.state_value))
        # no request goes out while another is under way: the quiet ones keep their turn until one does
        if due is None and requests:
            self._busy.asked_all(now)
        return requests, resets, min(wait_s, hold_s or wait_s), *further


def assignment_of(consumer: Any) -> Any:
    """What aiokafka's consumer has of its topics; ``None`` before it has any."""
    subscription = consumer._subscription.subscription
    return None if subscription is None else subscription.assignment


async def answers(consumer: Any, seconds: float) -> bool:
    """Whether Kafka answers aiokafka's consumer a question within ``seconds``; to be asked in the consumer's loop."""
    try:
        await asyncio.wait_for(consumer.topics(), seconds)
    except (KafkaError, TimeoutError):
        return False
    return True


def install(always: Collection[str]) -> None:
    """Let consumers of this process that are made from now on fetch so; ``always``: topics that are never quiet."""
    users.Fetcher = type("Fetcher", (PatientFetcher,), {"always": frozenset(always)})
