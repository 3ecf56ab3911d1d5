"""Of which partitions of casework nothing is left to read that earlier owners wrote.

Messages about one case must be worked in the order in which they were written. Those of whoever had the partition
before stand in its topics; once they are read, only the worker that has it now writes about its cases.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipeline.runtime.kafka.read import Place, Told


class Settled:
    """Looks at the positions of a consumer after each of its reads, in the thread that reads."""

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = frozenset(topics)
        self._serial = -1
        self._ends: dict[Place, int | None] = {}
        """Of a partition that was not read so far: where it ended when that was known first in this assignment."""
        self._settled: frozenset[int] = frozenset()

    def partitions(self, told: Told) -> frozenset[int]:
        """The numbers of the partitions of which all that was there when the assignment began was read by now."""
        if told.serial != self._serial:
            self._serial, self._settled = told.serial, frozenset()
            self._ends = {tp: None for tp in told.assignment.tps if tp.topic in self._topics}
        if self._ends:
            for tp in list(self._ends):
                self._look(tp, told.assignment.state_value(tp))
            numbers = {tp.partition for tp in told.assignment.tps if tp.topic in self._topics}
            self._settled = frozenset(numbers - {tp.partition for tp in self._ends})
        return self._settled

    def _look(self, tp: Place, state: Any) -> None:
        if self._ends[tp] is None:
            self._ends[tp] = state.highwater
        end = self._ends[tp]
        if end is not None and state.has_valid_position and state.position >= end:
            del self._ends[tp]
