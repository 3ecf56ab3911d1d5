"""What a group has committed, read so that no open transaction can still change it."""

from __future__ import annotations

from collections.abc import Collection

from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.config import for_kafka_python
from connectors.kafka.faults import quiet, told
from pipeline.settings import KafkaSettings

Place = tuple[str, int]
"""Topic and partition."""
PATIENCE_MS = 30_000
"""Longer than a transaction whose writer died is left open."""


def settled_positions(settings: KafkaSettings, group: str, places: Collection[Place]) -> dict[Place, tuple[int, str]]:
    """Offset (-1: none) and metadata that ``group`` (its whole name) has committed for each place.

    An offset in a transaction that is not ended yet is waited for (KIP-447): a reader that began before it would do
    again what the transaction did. One request a place. Raises :class:`NeighbourAway` when the answer does not come in
    time, :class:`ConfigFaults` when the group may not be looked at.
    """
    quiet()
    found: dict[Place, tuple[int, str]] = {}
    with told(settings, group):
        consumer = KafkaConsumer(
            **for_kafka_python(settings), group_id=group, isolation_level="read_committed", enable_auto_commit=False
        )
        try:
            for place in places:
                known = consumer.committed(TopicPartition(*place), metadata=True, timeout_ms=PATIENCE_MS)
                found[place] = (known.offset, known.metadata or "") if known is not None else (-1, "")
        finally:
            consumer.close(autocommit=False)
    return found
