"""Topics and offsets of one run, through librdkafka: made, watched from outside, counted, removed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

PATIENCE_S = 60
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_MOVING = frozenset(
    [
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    ]
)
"""What is answered while leaders of new topics are not known everywhere yet."""


class Cluster:
    """A broker as the bench needs it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})

    def warm_up(self) -> None:
        """Have the broker make its topic of committed offsets: whoever asks for offsets before that waits in vain."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "bench-warming-up", "log_level": 3})
        deadline = time.monotonic() + PATIENCE_S
        try:
            while True:
                try:
                    consumer.committed([TopicPartition("bench-warming-up", 0)], timeout=5)
                    return
                except KafkaException:
                    if time.monotonic() > deadline:
                        raise
        finally:
            consumer.close()

    def make(self, partitions: Mapping[str, int], compacted: Iterable[str] = ()) -> None:
        """Topics with their numbers of partitions; waits until every one can be written."""
        compact = set(compacted)
        wanted = [
            NewTopic(name, count, 1, config={"cleanup.policy": "compact" if name in compact else "delete"})
            for name, count in partitions.items()
        ]
        for future in self.admin.create_topics(wanted, request_timeout=PATIENCE_S).values():
            future.result(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while missing := self._without_leader(partitions):
            if time.monotonic() > deadline:
                message = f"these topics have no leaders yet: {', '.join(missing[:5])}"
                raise RuntimeError(message)
            time.sleep(0.1)

    def _without_leader(self, partitions: Mapping[str, int]) -> list[str]:
        known = self.admin.list_topics(timeout=PATIENCE_S).topics
        led = {name: sum(part.leader >= 0 for part in topic.partitions.values()) for name, topic in known.items()}
        return [name for name, count in partitions.items() if led.get(name, 0) < count]

    def remove(self, prefix: str) -> None:
        """All topics and groups of a run."""
        assert len(prefix) > 3, "never all topics"
        names = [name for name in self.admin.list_topics(timeout=PATIENCE_S).topics if name.startswith(prefix)]
        if names:
            for future in self.admin.delete_topics(names, request_timeout=PATIENCE_S).values():
                future.result(PATIENCE_S)

    def ends(self, topics: Mapping[str, int], *, committed: bool = True) -> dict[tuple[str, int], int]:
        """Ends by topic and partition: of what readers of committed records see, or of everything."""
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        asked = {TopicPartition(name, nth): LATEST for name, count in topics.items() for nth in range(count)}
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answers = self.admin.list_offsets(asked, isolation_level=level, request_timeout=PATIENCE_S)
            try:
                return {(tp.topic, tp.partition): future.result(PATIENCE_S).offset for tp, future in answers.items()}
            except KafkaException as fault:
                if fault.args[0].code() not in _MOVING or time.monotonic() > deadline:
                    raise
            self.admin.list_topics(timeout=PATIENCE_S)
            time.sleep(0.1)

    def noted(self, group: str) -> dict[tuple[str, int], int]:
        """Committed offsets of a group; nothing for a group there is not yet."""
        asked = [ConsumerGroupTopicPartitions(group)]
        (answer,) = self.admin.list_consumer_group_offsets(asked, request_timeout=PATIENCE_S).values()
        return {
            (tp.topic, tp.partition): tp.offset for tp in answer.result(PATIENCE_S).topic_partitions if tp.offset >= 0
        }

    def values(self, topics: Mapping[str, int]) -> Iterable[Any]:
        """Every committed record of topics that nobody writes any more."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "bench-counting",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 3,
            }
        )
        places = [TopicPartition(name, nth, OFFSET_BEGINNING) for name, count in topics.items() for nth in range(count)]
        consumer.assign(places)
        left = len(places)
        try:
            while left:
                for message in consumer.consume(10_000, 1.0):
                    if message.error() is None:
                        yield message
                    else:
                        left -= 1
        finally:
            consumer.close()
