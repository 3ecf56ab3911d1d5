"""Records put off: what may pass by itself is tried again after 1, 5 and 30 minutes, then quarantined.

The bytes travel as they came; headers tell where they stood first and how often they were tried. Whoever sends them
back (:mod:`pipeline.runtime.kafka.resending`) keeps key and headers, so they meet the state their key leads to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.librdkafka.transactions import Written

ORIGIN, ATTEMPT = "wangge-origin", "wangge-attempt"
MINUTE_MS = 60_000
RETRIES = (("retry.1m", MINUTE_MS), ("retry.5m", 5 * MINUTE_MS), ("retry.30m", 30 * MINUTE_MS))
"""Topic and delay of each further attempt."""


def attempt_of(headers: Iterable[tuple[str, bytes]] | None) -> int:
    """How often a record was put off before; 0 for one that comes for the first time."""
    found = dict(headers or ()).get(ATTEMPT, b"")
    return int(found) if found.isdigit() else 0


def origin_of(headers: Iterable[tuple[str, bytes]] | None) -> str:
    """``topic/partition/offset`` where the record stood first; "" when it was never put off."""
    return dict(headers or ()).get(ORIGIN, b"").decode(errors="replace")


def topic_of(origin: str) -> str:
    """The topic of an origin."""
    return origin.rsplit("/", 2)[0]


def put_off(record: Any, topic: str, partition: int, attempt: int) -> Written:
    """The record for the topic of its next attempt (from 1)."""
    origin = origin_of(record.headers) or f"{topic}/{partition}/{record.offset}"
    headers = ((ORIGIN, origin.encode()), (ATTEMPT, str(attempt).encode()))
    return Written(RETRIES[attempt - 1][0], record.key, record.value, headers=headers)
