"""The records of a run, encoded once: a simulated day of text reports, or as many as are asked for by going round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer

from connectors.kafka.contract import key_of, topic_of
from connectors.sources.files import discover
from pipeline.wire.serde import encode

FOREVER = 4_102_444_800_000


class Sent(NamedTuple):
    """One record to fill a topic with; ``topic`` without prefix."""

    topic: str
    key: bytes
    value: bytes


def reports(folder: Path) -> list[Sent]:
    """The reports of the prepared day in order of receipt, those with mistakes among them."""
    found = [(arrival.schema, arrival.body) for source in discover([folder], FOREVER) for arrival in source]
    bodies = [(schema, body) for schema, body in found if body is not None]
    bodies.sort(key=lambda one: one[1]["received_at"])
    return [Sent(topic_of(schema), key_of(schema, body), encode(schema, body)) for schema, body in bodies]


def systems_of(sent: Iterable[Sent]) -> tuple[str, ...]:
    """The source systems of reports, out of their keys."""
    return tuple(sorted({one.key.decode().partition("/")[0] for one in sent}))


def repeated(sent: Sequence[Sent], count: int, topic: str) -> Iterator[Sent]:
    """``count`` records on one topic, the day's again and again."""
    return (one._replace(topic=topic) for one in islice(cycle(sent), count))


def readings(folder: Path) -> Iterator[Sent]:
    """The readings of a folder in order of the file."""
    found = (one.body for source in discover([folder], FOREVER) for one in source if one.body is not None)
    name = "SensorReadings"
    return (Sent(topic_of(name), key_of(name, body), encode(name, body)) for body in found)


def fill(bootstrap: str, prefix: str, sent: Iterable[Sent]) -> tuple[int, int]:
    """Write records by their keys, as every producer here does; returns how many stand in Kafka and their bytes."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 500_000,
            "log_level": 3,
        }
    )
    count = size = 0
    for count, (topic, key, value) in enumerate(sent, 1):
        while True:
            try:
                producer.produce(prefix + topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        size += len(key) + len(value)
        if count % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0, "the broker did not take the inputs"
    return count, size
