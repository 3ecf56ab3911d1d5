"""Records put off: what may pass by itself is tried again after 1, 5 and 30 minutes, then quarantined.

The bytes travel as they came; headers tell where they stood first and how often they were tried. Whoever sends them
back (:mod:`pipeline.runtime.kafka.resending`) keeps key and headers and the partition, so they meet the state they
were on their way to. All of it pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from connectors.librdkafka.transactions import Written
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.facts import Fact, RecordQuarantined, Samples
from pipeline.runtime.kafka.sizes import fits, most
from pipeline.wire.serde import LONGEST
from schemas.topics import of_name

ORIGIN, ATTEMPT = "wangge-origin", "wangge-attempt"
MINUTE_MS = 60_000
RETRIES = (("retry.1m", MINUTE_MS), ("retry.5m", 5 * MINUTE_MS), ("retry.30m", 30 * MINUTE_MS))
"""Topic and delay of each further attempt."""
DELAYS = dict(RETRIES)
DESK = "desk"
"""The role that may send records again; the topics it may write are those a record can go back to."""


def attempt_of(headers: Iterable[tuple[str, bytes]] | None) -> int:
    """How often a record was put off before; 0 for one that comes for the first time.

    Headers are whatever a sender wrote: a number that no retry can have counts as none.
    """
    found = dict(headers or ()).get(ATTEMPT, b"")
    return int(found) if len(found) == 1 and found.isdigit() else 0


def note_attempts(facts: list[Fact | Samples], start: int, records: Iterable[Any]) -> None:
    """Let the facts from ``start`` on say in quarantine how often a record was tried that was put off before."""
    tried = {one.offset: attempt_of(one.headers) + 1 for one in records if one.headers}
    if tried:
        for number in range(start, len(facts)):
            fact = facts[number]
            if isinstance(fact, RecordQuarantined):
                facts[number] = replace(fact, attempts=tried.get(fact.offset, 1))


def origin_of(headers: Iterable[tuple[str, bytes]] | None) -> str:
    """``topic/partition/offset`` where the record stood first; "" when it was never put off."""
    return dict(headers or ()).get(ORIGIN, b"").decode(errors="replace")


def topic_of(origin: str) -> str:
    """The topic of an origin."""
    return origin.rsplit("/", 2)[0]


def put_off(record: Any, topic: str, partition: int, attempt: int) -> Written:
    """The record for the topic of its next attempt (from 1).

    An origin on another topic was not written by us, who send back to where a record stood: it would carry a sender's
    record to where that sender may not write. The place where it stands counts then.
    """
    origin = origin_of(record.headers)
    if topic_of(origin) != topic:
        origin = f"{topic}/{partition}/{record.offset}"
    headers = ((ORIGIN, origin.encode()), (ATTEMPT, str(attempt).encode()))
    return Written(RETRIES[attempt - 1][0], record.key, record.value, headers=headers)


def comes_back(later: Written, topic: str) -> bool:
    """Whether a record that is put off passes the topic of its next attempt and, coming back, the one it stood on.

    What is larger than any message may be is refused at once: no schema that is still to come will take it.
    """
    if len(later.value or b"") > LONGEST:
        return False
    return all(fits(where, later.key, later.value, later.headers) for where in (later.topic, topic))


def due_at(topic: str, put_off_at: int, seen_at: int) -> int:
    """When a record of a retry topic is to be sent back.

    A writer whose clock runs ahead makes it wait one delay from where it was seen, and no longer.
    """
    return min(put_off_at, seen_at) + DELAYS[topic]


def sent_back(record: Any, partitions: Callable[[str], int]) -> Written:
    """The record for the place it came from, as it was put off; ``partitions`` tells how many a topic has (0: none).

    Raises :class:`InvalidRecord` when its headers name no place that it can go to, or its topic takes none so large.
    """
    origin = origin_of(record.headers)
    parts = origin.rsplit("/", 2)
    numbers = all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts[1:])
    topic = parts[0]
    if len(parts) != 3 or not numbers or not may_return(topic):
        raise _nowhere(origin, "a record that is put off names topic/partition/offset it came from: send it yourself")
    if not fits(topic, record.key, record.value, record.headers):
        found = f"{len(record.key or b'') + len(record.value or b'')} bytes and headers"
        raise InvalidRecord(Reason.OVERSIZE, "record", found, f"{topic} takes less than {most(topic)} bytes with them")
    count = partitions(topic)
    if not count:
        raise _nowhere(origin, "the topic is gone: send the record to the one that took its place")
    partition = int(parts[1])
    where = partition if partition < count else -1
    return Written(topic, record.key, record.value, where, tuple(record.headers))


def may_return(topic: str) -> bool:
    """Whether a record can be sent back to this topic: one that the desk may write and that is no retry itself."""
    file = of_name(topic)
    return file is not None and DESK in file.producers and topic not in DELAYS


def _nowhere(origin: str, remedy: str) -> InvalidRecord:
    return InvalidRecord(Reason.MISSING_FIELD, ORIGIN, origin, remedy)
