"""Ranges of partitions: where they begin and end, where a time lies in them, and their committed records in order."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.librdkafka.faults import in_our_words, user_of
from connectors.librdkafka.following import Read
from connectors.librdkafka.grouped import headers_of
from connectors.librdkafka.sending import partitions_known
from pipeline.errors import NeighbourAway

ASK_S = 30.0
PATIENCE_S = 120.0
RECORDS, LOOK_S = 5_000, 0.2
SHORT = 1_000
"""Offsets of a range that is kept whole in memory."""
Place = tuple[str, int]


class Bounds(NamedTuple):
    """Offsets from ``begin`` up to but not including ``end``."""

    begin: int
    end: int


class Logs:
    """Looks at partitions and reads them; joins no group, but the broker asks whether the user may read it.

    Raises :class:`NeighbourAway` when Kafka is away, :class:`Refused` when the user may not.
    """

    def __init__(self, config: Mapping[str, Any], group: str) -> None:
        self._user = user_of(config)
        self._config = {
            **config,
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": 8_192,
            "fetch.wait.max.ms": 50,
            "log_level": 3,
        }
        self._asking = Consumer(self._config)

    def close(self) -> None:
        """Let go of the connection."""
        self._asking.close()

    def places(self, topics: Collection[str]) -> list[Place]:
        """The partitions of those topics that there are."""
        counts = {topic: partitions_known(self._asking, topic, self._user) for topic in topics}
        return [(topic, number) for topic, count in counts.items() for number in range(count)]

    def bounds(self, place: Place) -> Bounds:
        """Where its log begins and where what may be read ends now."""
        try:
            low, high = self._asking.get_watermark_offsets(TopicPartition(*place), timeout=ASK_S)
        except KafkaException as fault:
            raise in_our_words(fault.args[0], self._user, place[0]) from fault
        return Bounds(int(low), int(high))

    def at(self, places: Collection[Place], time_ms: int) -> dict[Place, int]:
        """The first offset of each partition whose record is not older; its end where there is none."""
        asked = [TopicPartition(topic, number, time_ms) for topic, number in places]
        try:
            found = self._asking.offsets_for_times(asked, timeout=ASK_S) if asked else []
        except KafkaException as fault:
            raise in_our_words(fault.args[0], self._user, ", ".join(sorted({one for one, _ in places}))) from fault
        return {
            (one.topic, one.partition): one.offset if one.offset >= 0 else self.bounds((one.topic, one.partition)).end
            for one in found
        }

    def read(self, place: Place, bounds: Bounds) -> Iterator[list[Read]]:
        """Committed records of a range in order, in batches; ends when its end is reached.

        A short range is read at once, so that many may be open side by side without a connection for each.
        """
        batches = self._read(place, bounds)
        yield from list(batches) if bounds.end - bounds.begin <= SHORT else batches

    def _read(self, place: Place, bounds: Bounds) -> Iterator[list[Read]]:
        if bounds.begin >= bounds.end:
            return
        consumer = Consumer(self._config)
        try:
            consumer.assign([TopicPartition(*place, bounds.begin)])
            yield from _batches(consumer, place, bounds.end, self._user)
        finally:
            consumer.close()


def _batches(consumer: Consumer, place: Place, end: int, user: str) -> Iterator[list[Read]]:
    reached, deadline = 0, time.monotonic() + PATIENCE_S
    while reached < end:
        batch: list[Read] = []
        for message in consumer.consume(RECORDS, LOOK_S):
            error = message.error()
            if error is None:
                offset = message.offset() or 0
                reached = max(reached, offset + 1)
                if offset < end:
                    at, headers = message.timestamp()[1], headers_of(message)
                    batch.append(Read(*place, offset, message.key(), message.value(), at, headers))
            elif error.code() == KafkaError._PARTITION_EOF:
                reached = max(reached, message.offset() or 0)
            elif not error.retriable():
                raise in_our_words(error, user, place[0])
        if batch:
            deadline = time.monotonic() + PATIENCE_S
            yield batch
        elif time.monotonic() > deadline:
            message_text = f"{place[0]} [{place[1]}] could not be read to {end}, only to {reached}"
            raise NeighbourAway(message_text)
