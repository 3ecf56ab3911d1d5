"""What was read from Kafka, and in which assignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Place = Any
"""Topic with prefix and partition, as Faust says it."""


NOWHERE = -1
"""The number of no assignment."""


class Told(NamedTuple):
    """An assignment that was told: its number, counted from the start of the process, and what aiokafka keeps of it."""

    serial: int
    assignment: Any


@dataclass(frozen=True, slots=True)
class Brought:
    """One poll: records by (topic with prefix, partition)."""

    records: Mapping[Place, Sequence[Any]]
    assignment: int | None = None
    """The number of the assignment in which they were read; ``None``: not known. After a rebalance all is read again
    from what was noted: a poll of an earlier assignment must not be worked, what came before it may not have been."""
    settled: frozenset[int] = frozenset()
    """Partitions of casework whose topics were read by then up to where they ended when the assignment began."""


class Read(dict[Place, Sequence[Any]]):
    """Records with the number of the assignment in which they were read, and what was settled then."""

    def __init__(
        self, records: Mapping[Place, Sequence[Any]], assignment: int, settled: frozenset[int] = frozenset()
    ) -> None:
        super().__init__(records)
        self.assignment, self.settled = assignment, settled

    @property
    def size(self) -> int:
        """How many records there are."""
        return sum(map(len, self.values()))

    def before(self, following: Read) -> Read:
        """These and those that were read after them; without these when the assignment is another since."""
        if self.assignment != following.assignment:
            return following
        both = {place: [*self[place], *following[place]] for place in self.keys() & following.keys()}
        return Read({**self, **following, **both}, following.assignment, following.settled)


def brought_of(filled: Mapping[Place, Sequence[Any]], read: Mapping[Place, Sequence[Any]]) -> Brought:
    """The partitions that have records, with what is known of the read that brought them."""
    return Brought(filled, read.assignment, read.settled) if isinstance(read, Read) else Brought(filled)


class WholePoll:
    """One record of Faust that stands for a whole poll; the last record of one partition lends its place."""

    __slots__ = ("checksum", "headers", "key", "offset", "partition", "serialized_key_size", "serialized_value_size",
                 "timestamp", "timestamp_type", "topic", "value")  # fmt: skip

    def __init__(self, brought: Brought, last: Any) -> None:
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type, self.headers = last.timestamp, last.timestamp_type, None
        self.key, self.value, self.checksum = None, brought, None
        self.serialized_key_size = self.serialized_value_size = 0


class AnyOffset(dict[Place, int | None]):
    """How far was read, for Faust, which drops what lies before: any offset is welcome. A poll stands for many
    partitions and must not be dropped for one; what was answered is known by the positions in the state."""

    def __missing__(self, place: Place) -> None:
        """No offset."""

    def __setitem__(self, place: Place, offset: int | None) -> None:
        """Not kept."""

    def update(self, *_: Any, **__: Any) -> None:
        """Not kept."""
