"""Following topics by hand: committed records up to given ends, and how far a group has come. Joins no group."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # the stubs leave it out

from connectors.librdkafka.faults import in_our_words, user_of
from connectors.librdkafka.sending import Ends, partitions_of
from pipeline.errors import NeighbourAway

PATIENCE_S = 300.0
ASK_S = 30.0
_NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""A partition that is new, or whose broker has just gone, soon has a leader."""
_NO_COORDINATOR = (
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)  # fmt: skip
"""The coordinator of a group that is new, or whose broker has just gone, is soon found; not all count as retriable."""
LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class Read(NamedTuple):
    """One committed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()
    """Only where the reader was asked for them."""


class Follower:
    """Reads whole topics from their beginning, committed records only, as far as it is asked to."""

    def __init__(self, config: Mapping[str, Any], topics: Collection[str], group: str = "followers") -> None:
        """``group`` is never joined, but the broker asks whether the user may read it.

        All of it raises :class:`NeighbourAway` when Kafka is away, :class:`Refused` when the user may not.
        """
        self._config, self._user, self._group = dict(config), user_of(config), group
        self._admin = AdminClient({**config, "log_level": 3})
        self._consumer = Consumer(
            {
                **config,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "log_level": 3,
            }
        )
        self._groups: dict[str, Consumer] = {}
        counts = {topic: partitions_of(self._admin, topic, self._user) for topic in topics}
        self.places = [(topic, number) for topic, count in counts.items() for number in range(count)]
        self.reached: Ends = dict.fromkeys(self.places, 0)
        """Everything below was read or is no record."""
        self.last: Ends = dict.fromkeys(self.places, 0)
        """The offset after the last record that was read."""
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in self.places])

    def close(self) -> None:
        """Let go of all connections."""
        for consumer in (self._consumer, *self._groups.values()):
            consumer.close()

    def ends(self, topics: Collection[str]) -> Ends:
        """Where the partitions of these topics end now, records of open transactions and marks included."""
        asked, deadline = [place for place in self.places if place[0] in topics], time.monotonic() + ASK_S
        while True:
            try:
                return self._ends(asked)
            except KafkaException as fault:
                if fault.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                    raise in_our_words(fault.args[0], self._user, ", ".join(topics)) from fault
            time.sleep(0.05)

    def read_to(self, ends: Ends) -> Iterator[list[Read]]:
        """All records up to ``ends`` (and maybe some beyond), in batches; open transactions are waited for."""
        deadline = time.monotonic() + PATIENCE_S
        while any(self.reached[place] < end for place, end in ends.items()):
            batch = self._batch()
            if batch:
                deadline = time.monotonic() + PATIENCE_S
                yield batch
            elif time.monotonic() > deadline:
                behind = {place: end for place, end in ends.items() if self.reached[place] < end}
                message = f"not read to the end in {PATIENCE_S:g} s: {behind}"
                raise NeighbourAway(message)

    def committed(self, group: str, places: Collection[tuple[str, int]]) -> Ends:
        """The next offset the group will read, by its last commit; 0 where it has none."""
        consumer = self._groups.get(group)
        if consumer is None:
            settings = {**self._config, "group.id": group, "enable.auto.commit": False, "log_level": 3}
            consumer = self._groups[group] = Consumer(settings)
        asked, deadline = [TopicPartition(*place) for place in places], time.monotonic() + 3 * ASK_S
        while True:
            try:
                found = consumer.committed(asked, timeout=ASK_S)
            except KafkaException as fault:
                error = fault.args[0]
                soon = error.retriable() or error.code() in _NO_COORDINATOR
                if not soon or time.monotonic() > deadline:
                    raise in_our_words(error, self._user, f"the offsets of {group}") from fault
                time.sleep(0.2)
            else:
                return {(one.topic, one.partition): max(one.offset, 0) for one in found}

    def _ends(self, places: Collection[tuple[str, int]]) -> Ends:
        asked = {TopicPartition(*place): LATEST for place in places}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ASK_S
        )
        return {(place.topic, place.partition): answer.result().offset for place, answer in answers.items()}

    def _batch(self) -> list[Read]:
        batch: list[Read] = []
        for message in self._consumer.consume(1_000, 0.005):
            place, error = (message.topic() or "", message.partition() or 0), message.error()
            if error is None:
                offset = message.offset() or 0
                self.reached[place] = self.last[place] = offset + 1
                batch.append(Read(*place, offset, message.key(), message.value(), message.timestamp()[1]))
            elif error.code() == KafkaError._PARTITION_EOF:
                self.reached[place] = max(self.reached[place], message.offset() or 0)
            elif not error.retriable():
                raise in_our_words(error, self._user, place[0] or self._group)
        return batch
