"""When refusals stop a worker: a schema that broke must not empty a topic into quarantine.

A single bad record is the record's fault. Many at once are a fault of its sender or of a release, and the worker stops
before the part of the poll that shows it is written, so nothing of it is acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import StopRun


@dataclass(frozen=True, slots=True)
class RefusalLimits:
    """``ratio`` of the last ``window`` records once ``least`` were refused, or ``consecutive`` refusals in a row.

    Where nothing good came before, ``ratio`` is passed with the first ``least`` refusals; ``consecutive`` is for a
    sender that breaks after many good records, which hide it from ``ratio``. It counts parts that were refused whole.
    A ``ratio`` of 1 switches both off.
    """

    ratio: float = 0.2
    least: int = 200
    window: int = 2_000
    consecutive: int = 500


class Refusals:
    """Counts refusals of one lane."""

    def __init__(self, lane: str, limits: RefusalLimits) -> None:
        self.lane, self.limits = lane, limits
        self.refused = self.records = self.in_a_row = 0
        self._before = (0, 0, 0)

    def begin(self) -> None:
        """A poll begins: :meth:`back` comes back to here."""
        self._before = (self.refused, self.records, self.in_a_row)

    def back(self) -> None:
        """The poll was not written and is fed again, perhaps often while Kafka is away: it must count once."""
        self.refused, self.records, self.in_a_row = self._before

    def add(self, refused: int, records: int) -> None:
        """Count one part of a poll. Raises :class:`StopRun` when a limit is passed."""
        limits = self.limits
        self.refused, self.records = self.refused + refused, self.records + records
        self.in_a_row = self.in_a_row + refused if refused == records else 0
        if self.refused >= limits.least and self.refused > limits.ratio * self.records:
            raise StopRun(self._why(f"{self.refused} of the last {self.records} records"))
        if self.in_a_row >= limits.consecutive and limits.ratio < 1:
            raise StopRun(self._why(f"{self.in_a_row} records in a row"))
        if self.records > limits.window:
            self.refused, self.records = self.refused // 2, self.records // 2

    def _why(self, what: str) -> str:
        return (
            f"{what} of lane {self.lane} were refused, more than the limit: mend the sender or the schema, "
            "or start the worker with --max-refused 1 to let them into quarantine"
        )
