"""Plain sending without transactions, and where each record came to stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.errors import NeighbourAway

PATIENCE_S = 300.0
Ends = dict[tuple[str, int], int]
"""(topic, partition) to the offset after the last record."""


class Sender:
    """One producer; records of one key keep their order. What was sent counts after :meth:`flush`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        settings = {
            **config,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 1,
            "queue.buffering.max.messages": 1_000_000,
            "log_level": 3,
        }
        self._producer = Producer(settings)
        self._ends: Ends = {}
        self._failed = ""

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int = -1) -> None:
        """Hand one record over; ``partition`` -1 leaves it to the key."""
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as fault:
                raise NeighbourAway(str(fault.args[0])) from fault

    def flush(self) -> Ends:
        """Wait until Kafka has everything; gives back the ends since the last flush.

        Raises :class:`NeighbourAway` when a record was not delivered.
        """
        waiting = self._producer.flush(PATIENCE_S)
        ends, failed = self._ends, self._failed
        self._ends, self._failed = {}, ""
        if waiting or failed:
            message = failed or f"Kafka has not confirmed {waiting} records within {PATIENCE_S:g} s"
            raise NeighbourAway(message)
        return ends

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises :class:`NeighbourAway` when it cannot be told."""
        return partitions_of(self._producer, topic)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = f"{message.topic()}: {error}"
            return
        place, after = (message.topic() or "", message.partition() or 0), (message.offset() or 0) + 1
        self._ends[place] = max(self._ends.get(place, 0), after)


def partitions_of(client: Any, topic: str) -> int:
    """How many partitions a topic has. Raises :class:`NeighbourAway` when it cannot be told."""
    found = partitions_known(client, topic)
    if not found:
        message = f"{topic}: Kafka has no such topic, or none that this user may see"
        raise NeighbourAway(message)
    return found


def partitions_known(client: Any, topic: str) -> int:
    """The same, with 0 for a topic that is not there. Raises :class:`NeighbourAway` when nobody answers."""
    try:
        found = client.list_topics(topic, timeout=30).topics[topic]
    except KafkaException as fault:
        raise NeighbourAway(str(fault.args[0])) from fault
    if found.error is not None and found.error.code() not in _NO_TOPIC:
        message = f"{topic}: {found.error}"
        raise NeighbourAway(message)
    return len(found.partitions)


_NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
