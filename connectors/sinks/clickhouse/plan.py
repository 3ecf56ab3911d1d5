"""What a sink says in Kafka before it writes: the plan of one block, kept as metadata of the committed offset.

The committed offset is the start of the block; the plan says where it ends and what it holds, so that any process can
rebuild the very same block later, and knows when it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from pipeline.errors import StopRun
from pipeline.events.base import Millis
from pipeline.wire.serde import STRUCTS
from schemas.catalogue import newest

LAYOUT = 1
"""Raised whenever the same record becomes other rows than before (columns, order, values)."""
MOST_BYTES = 4096
"""What brokers take as metadata of one offset (``offset.metadata.max.bytes``)."""


class Record(NamedTuple):
    """One visible record of a partition."""

    offset: int
    timestamp: Millis
    value: bytes


@dataclass(frozen=True, slots=True)
class Range:
    """What was read of one partition: every visible record from ``start`` up to but not including ``end``.

    Offsets have gaps: the marks of transactions take offsets and are no records.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Record]


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The block that begins at the committed offset."""

    v: int = 1
    end: int
    """One past the last offset of the block."""
    n: int
    """How many records it holds."""
    h: str
    """Digest of their offsets and bytes."""
    t: Millis
    """When it was planned."""
    sv: str
    """Version of schemas and layout that made rows of it."""


def version() -> str:
    """The version of what turns bytes into rows: all schemas of facts and the layout of the tables."""
    digest = blake2b(str(LAYOUT).encode(), digest_size=4)
    for name in sorted(STRUCTS):
        digest.update(newest(name).fingerprint)
    return digest.hexdigest()


def digest_of(records: Sequence[Record]) -> str:
    """A digest that differs when any record differs, is missing or stands elsewhere."""
    digest = blake2b(digest_size=8)
    for offset, _, value in records:
        digest.update(b"%d %d " % (offset, len(value)))
        digest.update(value)
    return digest.hexdigest()


def plan_of(taken: Range, now: Millis, sv: str) -> Plan:
    """The plan of what was taken."""
    return Plan(end=taken.end, n=len(taken.records), h=digest_of(taken.records), t=now, sv=sv)


def to_metadata(plan: Plan | None) -> str:
    """The metadata to commit: "" when nothing is planned. Raises :class:`StopRun` if a broker would not take it."""
    text = msgspec.json.encode(plan).decode() if plan else ""
    if len(text.encode()) > MOST_BYTES:
        message = f"the plan of a block takes {len(text.encode())} bytes, brokers take {MOST_BYTES}"
        raise StopRun(message)
    return text


def from_metadata(text: str) -> Plan | None:
    """The plan in the metadata of an offset. Raises :class:`StopRun` for metadata that no sink wrote."""
    if not text:
        return None
    try:
        plan = msgspec.json.decode(text.encode(), type=Plan)
    except msgspec.MsgspecError as fault:
        message = f"metadata {text[:80]!r} at the offsets of the sink is no plan ({fault}): reset the group's offsets"
        raise StopRun(message) from fault
    if plan.v != 1:
        message = f"a plan of form {plan.v} is in flight: finish it with the release that made it"
        raise StopRun(message)
    return plan


def token_of(cluster: str, taken: Range) -> str:
    """What ClickHouse knows the block by: the same range of the same log is the same block, whoever writes it."""
    return f"{cluster}:{taken.topic}:{taken.partition}:{taken.start}-{taken.end}"
