"""What must stand on the broker before a worker begins: its topics, and partition counts that fit its state.

Looked at once at the start, before the worker joins its group: a count that moved since the state was written would put
keys where their state is not, and a topic that is missing would be met in the middle of a transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.kafka.admin import Cluster
from connectors.kafka.faults import quiet
from connectors.kafka.plan import enforce_partitions, missing_outputs
from pipeline.errors import ConfigFaults, Fault, NeighbourAway
from pipeline.runtime.kafka.lanes import CASEWORK, LANES
from pipeline.runtime.kafka.outbox import STATUS
from pipeline.settings import KafkaSettings

log = logging.getLogger("wangge.worker")
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """The counts as they were looked up once."""

    seen: Mapping[str, int]

    def counts(self) -> dict[str, int]:
        """Topic (without prefix) to its number of partitions."""
        return dict(self.seen)


def counted(settings: KafkaSettings, waits: Callable[[], None]) -> dict[str, int]:
    """Topics under the prefix and their partitions; a broker that is away is waited for, ``waits`` is told each time.

    Raises :class:`ConfigFaults` when the broker does not let this user in.
    """
    quiet()
    while True:
        try:
            with Cluster(settings) as cluster:
                return cluster.counts()
        except NeighbourAway as away:
            log.warning("waiting for Kafka: %s", away)
            waits()
            time.sleep(PAUSE_S)


def checked(counts: Mapping[str, int], lanes: Sequence[str], departments: Sequence[str]) -> None:
    """Raises :class:`ConfigFaults` with every topic of the lanes that is missing or has another count than its state.

    Both what the lanes read and what they write, statuses of sources included.
    """
    faults: list[Fault] = []
    for lane in lanes:
        try:
            enforce_partitions(_Seen(counts), lane, departments)
        except ConfigFaults as found:
            faults += found.faults
    faults += missing_outputs(counts, lanes, departments)
    if faults:
        raise ConfigFaults(list(dict.fromkeys(faults)))


def status_topics(counts: Mapping[str, int]) -> frozenset[str]:
    """The topics of sources that are there. One that is made later is written to after the worker's next start."""
    head = STATUS.name.partition("<")[0]
    return frozenset(name for name in counts if name.startswith(head))


def casework_partitions(counts: Mapping[str, int], lanes: Sequence[str]) -> int:
    """How many partitions casework has, for a worker that has some of them; 0 for one whose user may not see them."""
    return counts[LANES[CASEWORK].changelog] if CASEWORK in lanes else 0
