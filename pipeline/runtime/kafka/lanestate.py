"""State of one lane in one partition, with the positions up to which its inputs are part of it.

State, positions and outputs are written in one transaction. A record below the position was answered for good: its
outputs stand in their topics already, so it is left out, however often Kafka gives it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.domain.ids import DAY_MS
from pipeline.events.base import Value
from pipeline.runtime.kafka.lanes import Lane
from pipeline.stage import Change, State, packed

OWN = "@"
"""Book name of the entries about the state itself."""
_PARTS = "|"


class LaneState:
    """Books of one lane and partition; ``changed`` collects what the changelog must hear of.

    ``placed`` is whether it keeps position and time there as well: somebody else may hold them.
    """

    def __init__(self, lane: Lane, *, placed: bool = True) -> None:
        self.lane, self._placed = lane, placed
        self.books: dict[str, State] = {name: make() for name, make in lane.books.items()}
        self.positions: dict[str, int] = {}
        self.time = 0
        """Stream time: the latest time received so far, in milliseconds."""
        self._changed: dict[str, Value | bytes | None] = {}

    # --- what a step changes --------------------------------------------------------------------------------------

    def apply(self, book: str, changes: Iterable[Change]) -> None:
        """Change one book and remember what changed."""
        changed = self._changed
        for space, key, data in self.books[book].apply(changes):
            changed[f"{book}{_PARTS}{space}{_PARTS}{key}"] = data

    def read_to(self, topic: str, offset: int) -> None:
        """All records of a topic below ``offset`` are part of this state."""
        if not self._placed:
            return
        self.positions[topic] = offset
        self._changed[f"{OWN}{_PARTS}position{_PARTS}{topic}"] = str(offset).encode()

    def at(self, time: int) -> bool:
        """Move stream time forward; whether a new day began."""
        if time <= self.time:
            return False
        new_day = time // DAY_MS > self.time // DAY_MS > 0
        self.time = time
        if self._placed:
            self._changed[f"{OWN}{_PARTS}time{_PARTS}"] = str(time).encode()
        return new_day

    def taken(self) -> dict[str, bytes | None]:
        """What changed since the last call, by key of the changelog."""
        changed, self._changed = self._changed, {}
        return {key: packed(data) for key, data in changed.items()}

    # --- coming back ----------------------------------------------------------------------------------------------

    def restore(self, records: Iterable[tuple[bytes, bytes | None]]) -> int:
        """Take over records of the changelog in their order; gives back how many there were."""
        count, books = 0, self.books
        for key, data in records:
            book, space, name = key.decode().split(_PARTS, 2)
            count += 1
            if book != OWN:
                books[book].restore(space, name, data)
            elif space == "position" and data is not None:
                self.positions[name] = int(data)
            elif space == "time" and data is not None:
                self.time = int(data)
        return count

    def restored(self) -> None:
        """All of the changelog was read: let go of what was due before."""
        for book in self.books.values():
            left = getattr(book, "left", None)
            if left is not None:
                left(self.time // DAY_MS)

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """All entries by their changelog key, for comparing two states."""
        for name, book in self.books.items():
            for space, key, data in book.entries():
                yield f"{name}{_PARTS}{space}{_PARTS}{key}", data
