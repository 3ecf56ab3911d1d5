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

TOLERANCE_MS = 300_000
"""A record's own time moves stream time only up to this much beyond the time its log took it."""


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

    Groups of topics that go ``ahead`` come first, one after the other. Where they fill more than half a part they are
    in parts of their own; fewer share the first part with what follows: going alone would spare them a few
    milliseconds, and a transaction costs more, also those that come next. For the same reason what is left over at the
    end and fills less than half a part goes with the part before.
    """
    rest = dict(poll)
    groups = [{place: rest.pop(place) for place in poll if place[0] in group} for group in ahead]
    if sum(map(_count, groups)) <= size // 2:
        groups, rest = [], {place: records for group in (*groups, rest) for place, records in group.items()}
    for group in groups:
        yield from _rounded(_parts(group, size), size)
    yield from _rounded(_parts(rest, size), size)


def _count(poll: Poll) -> int:
    return sum(map(len, poll.values()))


def _rounded(parts: Iterator[Poll], size: int) -> Iterator[Poll]:
    """Parts of which a small last one was added to the one before."""
    before = next(parts, None)
    for part in parts:
        if before is not None and _count(part) < size // 2:  # only the last one is so small
            before = {**before, **{place: [*before.get(place, ()), *found] for place, found in part.items()}}
        else:
            if before is not None:
                yield before
            before = part
    if before is not None:
        yield before


def _parts(poll: Poll, size: int) -> Iterator[Poll]:
    part: dict[tuple[str, int], Sequence[Any]] = {}
    room = size
    for place, records in poll.items():
        start = 0
        while start < len(records):
            part[place] = piece = records[start : start + room]
            start += len(piece)
            room -= len(piece)
            if not room:
                yield part
                part, room = {}, size
    if part:
        yield part


def latest_of(arrivals: Sequence[Arrival]) -> int:
    """The latest time received that lies not beyond the log's own time."""
    times = [
        arrival.body["received_at"]
        for arrival in arrivals
        if arrival.fault is None and arrival.body is not None and "received_at" in arrival.body
    ]
    bound = max((arrival.appended_at for arrival in arrivals), default=0) + TOLERANCE_MS
    return max((time for time in times if isinstance(time, int) and time <= bound), default=0)
