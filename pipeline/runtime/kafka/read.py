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
