"""The newest records of some topics, from now on: for onlookers that keep no place of their own."""

from __future__ import annotations

from collections.abc import Sequence

from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.config import for_kafka_python, prefixed
from connectors.kafka.faults import told
from connectors.librdkafka.doorstep import absent
from pipeline.settings import KafkaSettings


class Tail:
    """Reads all partitions of ``topics`` from their ends at the time of opening, committed records only.

    Belongs to no group and commits nothing. Raises :class:`ConfigFaults` for a topic that is not there,
    :class:`Refused` for one that this user may not read and :class:`NeighbourAway` when Kafka cannot be reached.
    """

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._settings, self._names = settings, {prefixed(settings, topic): topic for topic in topics}
        with told(settings, "a connection"):
            self._consumer = KafkaConsumer(
                group_id=None, enable_auto_commit=False, isolation_level="read_committed",
                reconnect_backoff_max_ms=1_000, **for_kafka_python(settings),
            )  # fmt: skip
            places = [place for name in self._names for place in self._places(name)]
            self._consumer.assign(places)
            self._consumer.seek_to_end()
            for place in places:
                self._consumer.position(place)

    def poll(self, seconds: float) -> list[tuple[str, bytes]]:
        """Topic (without the prefix) and value of what came within ``seconds``."""
        with told(self._settings, ", ".join(self._names)):
            found = self._consumer.poll(timeout_ms=round(seconds * 1000), max_records=2_000)
        return [(self._names[place.topic], record.value) for place, part in found.items() for record in part]

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close(autocommit=False)

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _places(self, topic: str) -> list[TopicPartition]:
        numbers = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise absent(self._settings, topic)
        return [TopicPartition(topic, number) for number in sorted(numbers)]
