"""Reading a partition from its beginning to its end, committed records only: how state comes back after a crash."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.librdkafka.faults import in_our_words, user_of
from pipeline.errors import NeighbourAway, Refused

PATIENCE_S = 60.0
"""Longest wait for a transaction that is still open at the end; the broker ends it much earlier."""
LOOK_S = 0.02
"""A batch is waited for to its end, however few records there are: the end of a short log must not cost a second."""


def records_of(
    config: Mapping[str, Any], group: str, topic: str, partition: int
) -> Iterator[list[tuple[bytes, bytes | None]]]:
    """Key and value of all committed records, in batches. Ends at the end the partition has when it is called.

    ``group`` is named at the broker and never joined: the user must be allowed to read with it.

    Open transactions before that end are waited for: either they become visible or they were never meant to be. Raises
    :class:`NeighbourAway` when the end is not reached in time, or the beginning is gone meanwhile, :class:`Refused`
    when the user may not read it.
    """
    user = user_of(config)
    end = _end_of(config, group, topic, partition)
    settings = {
        **config,
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",  # librdkafka would go to the end, and half a state would pass for the whole
        "queued.max.messages.kbytes": 65_536,
        "fetch.wait.max.ms": 10,
        "log_level": 3,
    }
    consumer = Consumer(settings)
    try:
        # By its number, not as "the beginning": that would be asked for only after half a second.
        consumer.assign([TopicPartition(topic, partition, _watermarks(consumer, topic, partition, user)[0])])
        yield from _batches(consumer, end, f"{topic} [{partition}]", user)
    finally:
        consumer.close()


def record_at(config: Mapping[str, Any], group: str, topic: str, partition: int, offset: int) -> bytes | None:
    """The value of one committed record; ``None`` when its topic has let it go. Raises as :func:`records_of` does."""
    settings = {**config, "group.id": group, "isolation.level": "read_committed", "enable.auto.commit": False}
    consumer = Consumer({**settings, "enable.partition.eof": True, "auto.offset.reset": "error", "log_level": 3})
    user = user_of(config)
    try:
        low, high = _watermarks(consumer, topic, partition, user)
        if not low <= offset < high:
            return None
        consumer.assign([TopicPartition(topic, partition, offset)])
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            message = consumer.poll(1.0)
            error = message.error() if message is not None else None
            if message is None or (error is not None and error.retriable()):
                continue
            if error is not None and isinstance(refusal := in_our_words(error, user, topic), Refused):
                raise refusal
            return message.value() if error is None and message.offset() == offset else None
    finally:
        consumer.close()
    told = f"{topic} [{partition}]: offset {offset} could not be read"
    raise NeighbourAway(told)


def _batches(consumer: Consumer, end: int, place: str, user: str) -> Iterator[list[tuple[bytes, bytes | None]]]:
    reached, deadline = 0, time.monotonic() + PATIENCE_S
    while reached < end:
        batch: list[tuple[bytes, bytes | None]] = []
        for message in consumer.consume(10_000, LOOK_S):
            error = message.error()
            if error is None:
                batch.append((message.key() or b"", message.value()))
                reached = (message.offset() or 0) + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                reached = max(reached, message.offset() or 0)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                gone = f"{place} begins later than it did a moment ago: {error}"
                raise NeighbourAway(gone)
            elif not error.retriable():
                meant = in_our_words(error, user, place)
                raise meant if isinstance(meant, Refused) else KafkaException(error)
        if batch:
            deadline = time.monotonic() + PATIENCE_S
            yield batch
        elif time.monotonic() > deadline:
            message_text = f"{place} could not be read to its end {end}, only to {reached}"
            raise NeighbourAway(message_text)


def _end_of(config: Mapping[str, Any], group: str, topic: str, partition: int) -> int:
    """The end including records of transactions that are still open."""
    probe = Consumer({**config, "group.id": group, "isolation.level": "read_uncommitted", "log_level": 3})
    try:
        return _watermarks(probe, topic, partition, user_of(config))[1]
    finally:
        probe.close()


def _watermarks(client: Consumer, topic: str, partition: int, user: str) -> tuple[int, int]:
    """The first offset there is and the end, as the client's isolation sees it. Raises :class:`NeighbourAway`."""
    try:
        low, high = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
    except KafkaException as fault:
        raise in_our_words(fault.args[0], user, topic) from fault
    return int(low), int(high)
