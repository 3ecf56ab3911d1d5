"""Polls in hand, and the next one, which is handed over while the last transaction of the one before is written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Condition

from pipeline.runtime.kafka.arriving import Poll
from pipeline.runtime.kafka.batch import Batch, together
from pipeline.runtime.kafka.read import Brought


def _nobody() -> None:
    """Nobody waits."""


@dataclass(frozen=True, slots=True)
class InHand:
    """A poll that is in work."""

    brought: Brought
    prefix: str = ""
    """What stands before the name of a topic at the broker."""
    let_go: Callable[[], object] = _nobody
    """Called once it went through the stages, and at its end at the latest: the next poll may be brought."""

    @property
    def size(self) -> int:
        """Its records."""
        return sum(map(len, self.brought.records.values()))

    @property
    def poll(self) -> Poll:
        """Its records by topic without prefix, and partition."""
        cut = len(self.prefix)
        return {(tp.topic[cut:], tp.partition): found for tp, found in self.brought.records.items()}


class Handover:
    """A place for one poll between the loop that brings them and the thread that works. Closed at first."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._open = False
        self._offered: InHand | None = None

    def open(self) -> None:
        """Somebody works from now on and looks here for more."""
        with self._changed:
            self._open = True

    def offer(self, one: InHand) -> bool:
        """Whether somebody works and takes this poll too; otherwise it stays with the caller."""
        with self._changed:
            if not self._open or self._offered is not None:
                return False
            self._offered = one
            self._changed.notify_all()
            return True

    def next_before(self, writing: Future[None]) -> InHand | None:
        """The poll that is offered before ``writing`` is done, or none. Waits for the one or the other.

        With none this is closed in the same moment: a poll that was taken here and then forgotten would be lost.
        """
        writing.add_done_callback(self._wake)
        with self._changed:
            self._changed.wait_for(lambda: self._offered is not None or not self._open or writing.done())
            found = self._taken()
            self._open = self._open and found is not None
            return found

    def shut(self) -> None:
        """Nothing is taken any more that is not here already."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def close(self) -> InHand | None:
        """Nobody works any more. Gives back what was offered and not taken."""
        with self._changed:
            self._open = False
            return self._taken()

    def _taken(self) -> InHand | None:
        found, self._offered = self._offered, None
        return found

    def _wake(self, _: Future[None]) -> None:
        with self._changed:
            self._changed.notify_all()


class Writing:
    """Transactions one after the other, each with all that went through the stages while the one before was written."""

    def __init__(self, submit: Callable[[Batch, float], Future[None]]) -> None:
        self._submit, self._fed, self._seconds = submit, list[Batch](), 0.0
        self.last = Future[None]()
        """The one that is written."""
        self.last.set_result(None)

    def add(self, batch: Batch, seconds: float) -> None:
        """Write it with the others that wait, or let it wait too. Raises what the transaction before raised."""
        self._fed.append(batch)
        self._seconds += seconds
        if self.last.done():
            self.begin()

    def begin(self) -> None:
        """Write what waits, after the transaction before. Raises what that one raised."""
        if self._fed:
            self.last.result()
            self.last = self._submit(together(self._fed), self._seconds)
            self._fed, self._seconds = [], 0.0

    def end(self) -> None:
        """Wait for the last one, whatever becomes of it."""
        wait([self.last])
