"""Plain sending without transactions, and where each record came to stand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.librdkafka.faults import in_our_words, user_of
from connectors.librdkafka.lasting import TURN_S
from pipeline.errors import NeighbourAway, Refused, StopRun

PATIENCE_S = 300.0
LOOK_UP_S = 20.0
"""Shorter than a loop may stand until its process counts as one that hangs."""
LARGEST = 2 * 1024 * 1024
"""Bytes of the largest record that is sent: what the roomiest topics take. librdkafka's own limit (1,000,000) is below
what any topic takes, so that what came in whole could not be written whole.
"""
NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
"""What is said of a topic that is not there."""
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
            "message.max.bytes": LARGEST,
            "queue.buffering.max.messages": 1_000_000,
            "log_level": 3,
        }
        self._producer, self._user = Producer(settings), user_of(config)
        self._ends: Ends = {}
        self._fault: Refused | NeighbourAway | StopRun | None = None

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int = -1) -> None:
        """Hand one record over; ``partition`` -1 leaves it to the key.

        Raises :class:`StopRun` for one that is larger than ``LARGEST``, :class:`Refused` as :meth:`flush` does.
        """
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as fault:
                raise in_our_words(fault.args[0], self._user, topic) from fault

    def flush(self, lasts: Callable[[], None] = lambda: None) -> Ends:
        """Wait until Kafka has everything; gives back the ends since the last flush. ``lasts`` is called every second.

        Raises :class:`NeighbourAway` when a record was not delivered, :class:`StopRun` when one is larger than its
        topic takes, :class:`Refused` when the user may not write there.
        """
        deadline = time.monotonic() + PATIENCE_S
        while (waiting := self._producer.flush(TURN_S)) and time.monotonic() < deadline:
            lasts()
        ends, fault = self._ends, self._fault
        self._ends, self._fault = {}, None
        if fault is not None:
            raise fault
        if waiting:
            message = f"Kafka has not confirmed {waiting} records within {PATIENCE_S:g} s"
            raise NeighbourAway(message)
        return ends

    def forget(self) -> None:
        """Drop what is still queued; the sender is not used any more."""
        self._producer.purge()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises :class:`NeighbourAway` when it cannot be told."""
        return partitions_of(self._producer, topic, self._user)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            fault = in_our_words(error, self._user, message.topic() or "")
            self._fault = fault if isinstance(fault, Refused | StopRun) else self._fault or fault
            return
        place, after = (message.topic() or "", message.partition() or 0), (message.offset() or 0) + 1
        self._ends[place] = max(self._ends.get(place, 0), after)


def partitions_of(client: Any, topic: str, user: str) -> int:
    """How many partitions a topic has. Raises :class:`NeighbourAway` when it cannot be told, :class:`Refused`."""
    found = partitions_known(client, topic, user)
    if not found:
        message = f"{topic}: Kafka has no such topic, or none that this user may see"
        raise NeighbourAway(message)
    return found


def partitions_known(client: Any, topic: str, user: str) -> int:
    """The same, with 0 for a topic that is not there. Raises :class:`NeighbourAway` when nobody answers,
    :class:`Refused` when this user may not even look."""
    try:
        found = client.list_topics(topic, timeout=LOOK_UP_S).topics[topic]
    except KafkaException as fault:
        raise in_our_words(fault.args[0], user, topic) from fault
    if found.error is not None and found.error.code() not in NO_TOPIC:
        raise in_our_words(found.error, user, topic)
    return len(found.partitions)
