"""What came in on a topic as the stages know it: decoded, with its place, or with the fault that it cannot be read for.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.records import Arrival, Origin
from pipeline.runtime.kafka.lanes import ACTIONS
from pipeline.wire.serde import decode, name_of
from schemas.topics import topics


class Incoming(Protocol):
    """One polled record, as aiokafka gives it."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """When the log took it, or its writer's time."""

    @property
    def key(self) -> Any:
        """Bytes, or none."""

    @property
    def value(self) -> Any:
        """Bytes, or none."""

    @property
    def headers(self) -> Any:
        """Pairs of name and bytes."""


Poll = Mapping[tuple[str, int], Sequence[Incoming]]
"""Records by (topic without prefix, partition), in order of their offsets."""


def arrival_of(topic: str, partition: int, one: Incoming) -> Arrival:
    """The record as the stages know it; what cannot be read, or does not belong on its topic, carries its fault."""
    origin, offset, value = Origin(topic, partition, one.offset), one.offset, one.value or b""
    try:
        name, body = decode(value)
    except InvalidRecord as fault:
        return Arrival(name_of(value) or "", origin, one.timestamp, None, offset, value, fault)
    try:
        belongs(name, topic)
    except InvalidRecord as wrong:
        return Arrival(name, origin, one.timestamp, body, offset, value, wrong)
    return Arrival(name, origin, one.timestamp, body, offset, value)


def belongs(name: str, topic: str) -> None:
    """Raises :class:`InvalidRecord` for a schema that the topic does not carry."""
    if name not in allowed_on(topic):
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", name, f"{topic} carries {', '.join(allowed_on(topic))}")


def allowed_on(topic: str) -> tuple[str, ...]:
    """The schemas that an input topic carries."""
    found = _ALLOWED.get(topic)
    if found is None:
        name = "actions.<department>" if topic.startswith(ACTIONS) else topic
        found = _ALLOWED[topic] = topics()[name].schemas
    return found


_ALLOWED: dict[str, tuple[str, ...]] = {}


def parts_of(poll: Poll, size: int, ahead: Iterable[Collection[str]] = ()) -> Iterator[Poll]:
    """A poll in parts of about ``size`` records, partition by partition, each in its order.

    Each group of topics that go ``ahead`` is in parts of its own, one group after the other, before all others. Groups
    that fill half a part together share it, and a poll that is no more than one part stays whole: going alone would
    spare the first of them a few milliseconds, and a transaction costs more.
    """
    rest = dict(poll)
    groups = [{place: rest.pop(place) for place in poll if place[0] in group} for group in ahead]
    if _count([rest, *groups]) <= size:
        groups, rest = [], dict(poll)
    elif _count(groups) <= size // 2:
        groups = [{place: records for group in groups for place, records in group.items()}]
    for group in groups:
        yield from _parts(group, size)
    yield from _parts(rest, size)


def _count(polls: Iterable[Poll]) -> int:
    return sum(len(records) for poll in polls for records in poll.values())


def _parts(poll: Poll, size: int) -> Iterator[Poll]:
    part: dict[tuple[str, int], Sequence[Any]] = {}
    room = size
    for place, records in poll.items():
        for start in range(0, len(records), size):
            piece = records[start : start + size]
            if len(piece) > room and part:
                yield part
                part, room = {}, size
            part[place] = piece
            room -= len(piece)
            if room <= 0:
                yield part
                part, room = {}, size
    if part:
        yield part
