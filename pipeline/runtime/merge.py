"""Several kept inputs read as one log, in order of the time they were received.

Kafka interleaves its topics by arrival; files are interleaved by ``received_at``. A record without a readable time
keeps the place of the one before it in its file. Equal times: the earlier named input first. The order is a
function of the inputs alone, so a replay reads the same log.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from pipeline.events.base import Millis
from pipeline.events.records import Arrival


class Source(Protocol):
    """Anything that yields the records of one input and can begin later."""

    def __iter__(self) -> Iterator[Arrival]:
        """The records from the current place."""

    def skip(self, count: int) -> None:
        """Begin after ``count`` records."""

    @property
    def bytes_read(self) -> int:
        """How far the input was read."""


class Merged:
    """The records of several sources in order of time, with the place each was read up to.

    To go on where another reading was interrupted, give its ``position`` and ``reached``.
    """

    def __init__(self, sources: Sequence[tuple[str, Source]], position: dict[str, int], reached: Millis = 0) -> None:
        self.position = {name: position.get(name, 0) for name, _ in sources}
        self._names = [name for name, _ in sources]
        self._iterators: list[Iterator[Arrival]] = []
        self._heads: list[tuple[Millis, int, Arrival]] = []
        self.reached: Millis = reached if any(self.position.values()) else 0
        """Time of the last record taken; nothing that comes after it has an earlier one."""
        self._times = [self.reached if self.position[name] else 0 for name, _ in sources]
        for number, (name, source) in enumerate(sources):
            if self.position[name]:
                source.skip(self.position[name])
            self._iterators.append(iter(source))
            self._advance(number)

    def next_time(self) -> Millis | None:
        """The time of the next record; ``None`` at the end."""
        return self._heads[0][0] if self._heads else None

    def take(self) -> Arrival:
        """The next record."""
        self.reached, number, arrival = self._heads[0]
        self.position[self._names[number]] = arrival.origin.offset + 1
        self._replace(number)
        return arrival

    def take_many(self, count: int) -> list[Arrival]:
        """The next records, at most ``count``; the same as so many calls of :meth:`take`."""
        batch: list[Arrival] = []
        while self._heads and len(batch) < count:
            if len(self._heads) > 1:
                batch.append(self.take())
            else:
                batch += self._from_last(count - len(batch))
        return batch

    def _from_last(self, count: int) -> list[Arrival]:
        """Records of the one source that is left: nothing to merge, so they come as they stand."""
        _, number, head = self._heads[0]
        batch = [head, *islice(self._iterators[number], count - 1)]
        for arrival in batch[1:]:
            self._time(number, arrival)
        self.position[self._names[number]] = batch[-1].origin.offset + 1
        self._replace(number)
        return batch

    def _advance(self, number: int) -> None:
        arrival = next(self._iterators[number], None)
        if arrival is not None:
            heapq.heappush(self._heads, (self._time(number, arrival), number, arrival))

    def _replace(self, number: int) -> None:
        arrival = next(self._iterators[number], None)
        if arrival is None:
            heapq.heappop(self._heads)
        else:
            heapq.heapreplace(self._heads, (self._time(number, arrival), number, arrival))

    def _time(self, number: int, arrival: Arrival) -> Millis:
        """Time never runs back within one input: a record that is late stays where it stands in its file."""
        body = arrival.body
        if body is not None and arrival.fault is None:
            time = body.get("received_at")
            if time.__class__ is int and self._times[number] < time <= arrival.appended_at + 86_400_000:
                self._times[number] = time
        return self._times[number]
