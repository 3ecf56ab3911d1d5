"""Reading a partition to its end: half of it never passes for the whole."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.librdkafka.reading import _batches
from pipeline.errors import NeighbourAway, Refused


class Message:
    """A record, or what came instead of one."""

    def __init__(self, offset: int, error: int | None = None) -> None:
        self._offset, self._error = offset, error

    def error(self) -> KafkaError | None:
        passes = self._error == KafkaError.NOT_LEADER_FOR_PARTITION
        return None if self._error is None else KafkaError(self._error, retriable=passes)

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return str(self._offset).encode()


class Consumer:
    """Gives these messages, one call each."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)

    def consume(self, *_: Any) -> list[Message]:
        return [self._messages.pop(0)]


def read(*messages: Message, end: int) -> list[bytes | None]:
    consumer: Any = Consumer(*messages)
    return [value for batch in _batches(consumer, end, "changelog [0]", "worker") for _, value in batch]


def test_it_ends_with_the_last_record_or_where_only_marks_are_left() -> None:
    assert read(Message(0), Message(1), end=2) == [b"0", b"1"]
    assert read(Message(0), Message(3, KafkaError._PARTITION_EOF), end=3) == [b"0"]


def test_a_beginning_that_is_gone_is_a_fault_that_passes() -> None:
    with pytest.raises(NeighbourAway, match="begins later"):
        read(Message(0, KafkaError._AUTO_OFFSET_RESET), end=9)


def test_what_does_not_pass_is_raised_and_what_passes_is_waited_for() -> None:
    with pytest.raises(KafkaException):
        read(Message(0, KafkaError.UNSUPPORTED_VERSION), end=9)
    with pytest.raises(Refused, match=r"'worker': Kafka refuses the topic.*changelog \[0\]"):
        read(Message(0, KafkaError.TOPIC_AUTHORIZATION_FAILED), end=9)
    assert read(Message(0, KafkaError.NOT_LEADER_FOR_PARTITION), Message(0), end=1) == [b"0"]
