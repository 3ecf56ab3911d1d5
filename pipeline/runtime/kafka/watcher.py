"""Who hears how a worker fares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from pipeline.runtime.kafka.batch import Batch


class Watcher(Protocol):
    """Who hears how a worker fares (metrics, liveness)."""

    def assigned(self, places: Collection[tuple[str, int]]) -> None:
        """A rebalance is over; these partitions are this worker's."""

    def polled(self, places: Mapping[tuple[str, int], tuple[int, int, float]]) -> None:
        """Position, records behind and age in seconds of each partition that was polled."""

    def idle(self) -> None:
        """The loop turns and no poll is in work."""

    def recovering(self, lane: str) -> None:
        """A state is being read back; "" when it is here."""

    def waiting(self, neighbour: str) -> None:
        """The worker waits for a neighbour knowingly; "" when it no longer does."""

    def read_out(self, places: Collection[tuple[str, int]]) -> None:
        """Nothing waits on these partitions, and nothing of them is in work."""

    def ready(self) -> None:
        """Every state of the partitions at hand was read."""

    def batch(self, batch: Batch, feed_seconds: float, commit_seconds: float) -> None:
        """One poll is done."""

    def transaction(self, outcome: str) -> None:
        """A transaction was taken back: ``retried`` or ``fenced``."""

    def recovered(self, lane: str, partition: int, entries: int, seconds: float) -> None:
        """The state of one partition was read back."""
