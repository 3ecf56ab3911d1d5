"""How a worker polls, and how it lets records gather while it keeps up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerPolicy:
    """How a worker polls."""

    poll_records: int = 1_000
    part_records: int = 250
    """Records of one transaction at least; the next parts go through the stages while one is written."""
    gives_way: bool = False
    """Whether a backlog stands back while emergencies come: who has intake rests in between, who has casework leaves
    ordinary reports where they are."""
    max_refused: float = 0.2
    """Share of refused records that stops the worker."""
    first_pause_s: float = 0.2
    longest_pause_s: float = 10.0
    written_share: float = 0.3
    """The part of its time that a worker which keeps up may spend in transactions before it lets records gather."""
    longest_rest_s: float = 0.01
    """How long it lets them gather at most."""

    def rest_s(self, written_s: float, records: int) -> float:
        """How long to wait before the next poll after one of so many records and a transaction that took so long.

        A broker pays for a transaction by the partitions it touches (here a third of a millisecond each), hardly by
        its records: many small ones cost it several times as much as few. Who has a large poll is behind and goes on.
        """
        if records >= self.part_records:
            return 0.0
        return min(written_s * (1 / self.written_share - 1), self.longest_rest_s)
