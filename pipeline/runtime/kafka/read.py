"""What was read from Kafka, and in which generation of the group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Place = Any
"""Topic with prefix and partition, as Faust says it."""


@dataclass(frozen=True, slots=True)
class Brought:
    """One poll: records by (topic with prefix, partition)."""

    records: Mapping[Place, Sequence[Any]]
    generation: int | None = None
    """Of the group when they were read; ``None``: not known. After a rebalance all is read again from what was noted: a
    poll of an earlier generation must not be worked, for what came before it may not have been."""


class Read(dict[Place, Sequence[Any]]):
    """Records with the generation in which they were read."""

    def __init__(self, records: Mapping[Place, Sequence[Any]], generation: int) -> None:
        super().__init__(records)
        self.generation = generation

    @property
    def size(self) -> int:
        """How many records there are."""
        return sum(map(len, self.values()))

    def before(self, following: Read) -> Read:
        """These and those that were read after them; without these when the group has moved on in between."""
        if self.generation != following.generation:
            return following
        both = {place: [*self[place], *following[place]] for place in self.keys() & following.keys()}
        return Read({**self, **following, **both}, following.generation)


class WholePoll:
    """One record of Faust that stands for a whole poll; the last record of one partition lends its place."""

    __slots__ = ("checksum", "headers", "key", "offset", "partition", "serialized_key_size", "serialized_value_size",
                 "timestamp", "timestamp_type", "topic", "value")  # fmt: skip

    def __init__(self, records: Mapping[Place, Sequence[Any]], last: Any, generation: int | None) -> None:
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type, self.headers = last.timestamp, last.timestamp_type, None
        self.key, self.value, self.checksum = None, Brought(records, generation), None
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
