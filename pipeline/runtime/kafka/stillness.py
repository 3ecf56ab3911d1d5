"""Waiting until everything that was sent is settled: read by its stage, and everything that followed from it too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from connectors.librdkafka.following import Follower, Read
from connectors.librdkafka.sending import Ends
from pipeline.errors import NeighbourAway
from pipeline.runtime.kafka.lanes import ACTIONS, LANES, LOCATED, LOCATED_SPOTTED, LOCATED_URGENT, NOTICES

BETWEEN = (LOCATED_URGENT, LOCATED_SPOTTED, LOCATED, NOTICES)
"""What stages write for casework to read."""
LOOK_S, LONGEST_LOOK_S = 0.004, 0.05
"""Between two looks at the groups' offsets: soon at first, then at leisure."""


def groups_of(workers: Iterable[str], prefix: str) -> dict[str, str]:
    """Lane to the group that reads it, for workers that were started with these ``--stages``."""
    return {lane: f"{prefix}worker-{stages.replace(',', '-')}" for stages in workers for lane in stages.split(",")}


class Stillness:
    """Knows when the workers have nothing left to do.

    Committed offsets are compared with *records*: marks of transactions are never committed by anybody.
    """

    def __init__(
        self, follower: Follower, groups: Mapping[str, str], prefix: str, *, patience_s: float = 300.0,
        check: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._follower, self._groups, self._prefix = follower, groups, prefix
        self._patience_s, self._check = patience_s, check
        self._between = {prefix + topic for topic in BETWEEN}
        self._read: Ends = {}

    def wait(self, sent: Ends, hear: Callable[[list[Read]], None]) -> None:
        """Until the records below ``sent`` are read and what they brought about is settled.

        ``hear`` is given what is read meanwhile. Raises :class:`NeighbourAway` when nothing moves for too long.
        """
        self._until_read(sent)
        while True:
            ends = self._follower.ends(self._between)
            for batch in self._follower.read_to(ends):
                hear(batch)
            self._until_read({place: self._follower.last[place] for place in ends})
            if self._follower.ends(self._between) == ends:
                return

    def _until_read(self, wanted: Ends) -> None:
        """Until the groups have committed up to these offsets."""
        open_places = {place: end for place, end in wanted.items() if self._read.get(place, 0) < end}
        deadline, pause = time.monotonic() + self._patience_s, LOOK_S
        while open_places:
            before = len(open_places)
            for group, places in self._by_group(open_places).items():
                self._read.update(self._follower.committed(group, places))
            open_places = {place: end for place, end in open_places.items() if self._read.get(place, 0) < end}
            if len(open_places) < before:
                deadline = time.monotonic() + self._patience_s
            self._check()
            if time.monotonic() > deadline:
                message = f"the workers have not come further for {self._patience_s:g} s; unread: {open_places}"
                raise NeighbourAway(message)
            if open_places:
                time.sleep(pause)
                pause = min(1.5 * pause, LONGEST_LOOK_S)

    def _by_group(self, places: Ends) -> dict[str, list[tuple[str, int]]]:
        found: dict[str, list[tuple[str, int]]] = {}
        for place in places:
            found.setdefault(self._groups[self._lane_of(place[0])], []).append(place)
        return found

    def _lane_of(self, topic: str) -> str:
        bare = topic[len(self._prefix) :]
        if bare.startswith(ACTIONS):
            return "casework"
        return next(lane.name for lane in LANES.values() if bare in lane.topics)
