"""Sends refused records again, each once for good: the record and the note that it was sent are one transaction.

The notes are the topic ``quarantine.sent``. Whoever sends first takes the transactional identity over, so that an
earlier sender can write nothing any more, and reads the notes then: killed in the middle, or called twice, the same
records are sent once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from connectors.kafka.contract import key_of
from connectors.librdkafka.following import Follower
from connectors.librdkafka.transactions import Transactions, Written
from connectors.sources.shapes import INPUT_SCHEMAS
from pipeline.errors import InvalidRecord
from pipeline.events.base import Millis
from pipeline.events.casework import tile_of_input
from pipeline.runtime.kafka.refused_records import BETWEEN_STAGES, Refused
from pipeline.runtime.kafka.retries import DESK, ORIGIN
from pipeline.wire.serde import decode, decode_struct

NOTES = "quarantine.sent"
IDENTITY = "desk-replay"
REPLAY = "wangge-replay"
"""Header of a record that was sent again: the id under which it was refused."""
AT_ONCE = 200


class Again(NamedTuple):
    """A refused record that would pass now, with the bytes to send and the fields that were corrected."""

    refused: Refused
    value: bytes
    fields: tuple[str, ...] = ()


def sent_before(config: Mapping[str, Any], prefix: str) -> dict[str, dict[str, Any]]:
    """The notes by id of the refused record."""
    topic, found = prefix + NOTES, dict[str, dict[str, Any]]()
    follower = Follower(config, [topic], prefix + DESK)
    try:
        for batch in follower.read_to(follower.ends([topic])):
            for record in batch:
                found[(record.key or b"").decode(errors="replace")] = msgspec.json.decode(record.value or b"{}")
    finally:
        follower.close()
    return found


class SendingAgain:
    """The one sender of refused records. Making it shuts every earlier one out. Raises :class:`NeighbourAway`."""

    def __init__(self, config: Mapping[str, Any], prefix: str, user: str) -> None:
        self._prefix, self._user = prefix, user
        self._transactions = Transactions(config, prefix + IDENTITY)
        self.sent = sent_before(config, prefix)
        """Notes of what was sent, this sender's own included."""

    def send(self, records: Iterable[Again], now: Millis) -> int:
        """Send those that were not sent before; gives back how many. Raises as a transaction does."""
        waiting: list[Again] = []
        number = 0
        for one in records:
            if one.refused.id not in self.sent:
                self.sent[one.refused.id] = self._note(one, now)
                waiting.append(one)
            if len(waiting) == AT_ONCE:
                number += self._commit(waiting)
                waiting = []
        return number + (self._commit(waiting) if waiting else 0)

    def _commit(self, records: list[Again]) -> int:
        written = [part for one in records for part in self._written(one)]
        self._transactions.commit(written, {}, prefix=self._prefix)
        return len(records)

    def _written(self, one: Again) -> Iterable[Written]:
        id_ = one.refused.id.encode()
        yield again(one)
        yield Written(NOTES, id_, msgspec.json.encode(self.sent[one.refused.id]))

    def _note(self, one: Again, now: Millis) -> dict[str, Any]:
        return {"at": now, "by": self._user, "topic": one.refused.fact.topic, "corrected": list(one.fields)}


def again(one: Again) -> Written:
    """The record for the topic it was refused on (without prefix).

    With the key it had it goes to the partition where it stood and meets the same state, whatever partitioner its
    sender used; with another key the key decides.
    """
    fact = one.refused.fact
    key = _key(fact.topic, one.value)
    moved = bool(one.fields) and key != _key(fact.topic, fact.raw)
    partition = -1 if moved else fact.partition
    headers = ((ORIGIN, one.refused.place.encode()), (REPLAY, one.refused.id.encode()))
    return Written(fact.topic, key, one.value, partition, headers)


def _key(topic: str, value: bytes) -> bytes | None:
    """The key that the contract of the record gives it; ``None`` when it cannot be read."""
    try:
        if topic in BETWEEN_STAGES:
            return tile_of_input(decode_struct(value)).encode()  # type: ignore[arg-type]
        name, body = decode(value)
    except InvalidRecord:
        return None
    return key_of(name, body) if name in INPUT_SCHEMAS else None
