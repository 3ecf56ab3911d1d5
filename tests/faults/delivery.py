"""The producer of a world: what Kafka did not take, or said it had and has not, is sent again and noted.

A scenario is about the pipeline; a record that its own producer lost would be taken for one that the pipeline lost.
Each confirmed record must stand at an offset of its own: a batch that the broker takes for a copy of an earlier one is
confirmed with the earlier one's offsets, or with none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

TOPIC_S = 30.0
Place = tuple[str, int]
"""Topic and partition."""


class Handed(NamedTuple):
    """A record as it was handed over."""

    topic: str
    key: bytes
    value: bytes


class Delivery:
    """Sends records. ``note`` is told of each that had to be sent again."""

    def __init__(self, config: dict[str, Any], note: Callable[[str], None]) -> None:
        own = {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 5}
        own |= {"message.timeout.ms": 600_000, "queue.buffering.max.messages": 2_000_000}
        self._config, self._note = config, note
        self._producer = Producer(config | own)
        self._refused: list[Handed] = []
        self._offsets: dict[Place, set[int]] = {}
        self._doubted: dict[Place, list[Handed]] = {}

    def send(self, record: Handed) -> None:
        """Hand one record over."""
        self._producer.produce(record.topic, record.value, record.key, on_delivery=self.told)
        self._producer.poll(0)

    def finish(self) -> None:
        """Wait until Kafka has every record."""
        self._producer.flush()
        while again := self._refused + self._missing():
            self._refused, self._doubted = [], {}
            for record in again:
                self.send(record)
            self._producer.flush()

    def told(self, error: KafkaError | None, message: Message) -> None:
        """What became of one record."""
        record = Handed(message.topic() or "", _bytes(message.key()), _bytes(message.value()))
        if error is not None:
            self._refused.append(record)
            self._note(f"a record for {record.topic} was not delivered and sent again: {error}")
            return
        place, offset = (record.topic, message.partition() or 0), message.offset()
        taken = self._offsets.setdefault(place, set())
        if offset is None or offset < 0 or offset in taken:
            self._doubted.setdefault(place, []).append(record)
        else:
            taken.add(offset)

    def _missing(self) -> list[Handed]:
        """Confirmed records that no reader finds."""
        missing = []
        for place, records in self._doubted.items():
            there = set(self.values(place))
            for record in records:
                if record.value not in there:
                    missing.append(record)
                    self._note(f"a record for {place[0]}/{place[1]} was confirmed, is not there, and was sent again")
        return missing

    def values(self, place: Place) -> Iterable[bytes]:
        """What stands in a partition."""
        reader = Consumer(self._config | {"group.id": "delivery", "enable.auto.commit": False})
        try:
            low, high = reader.get_watermark_offsets(TopicPartition(*place), TOPIC_S)
            reader.assign([TopicPartition(*place, low)])
            while low < high:
                for message in reader.consume(1_000, 1.0):
                    if message.error() is None:
                        yield _bytes(message.value())
                low = max(low, reader.position([TopicPartition(*place)])[0].offset)
        finally:
            reader.close()


def _bytes(given: str | bytes | None) -> bytes:
    return given.encode() if isinstance(given, str) else given or b""
