"""The yardstick: a plain loop of confluent-kafka, as fast as Python gets, the collector of cycles eased as in Wangge's
worker. At least once, state in memory only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer

from bench.kafka.allstages import AllStages
from bench.kafka.route import Route
from bench.kafka.spec import POLL, Spec, given, mark
from connectors.librdkafka.transactions import Written
from pipeline.runtime.collector import SERVER, ease_collector

Work = Callable[[list[Any]], Iterable[Written]]


def routing(spec: Spec) -> Work:
    """Each record to the topic of its subject."""
    topic_of = Route(spec.outputs)
    return lambda messages: [Written(topic_of(one.value()), one.key(), one.value()) for one in messages]


def staging(spec: Spec) -> Work:
    """All stages on a whole poll."""
    stages, bare = AllStages(Path(spec.city), spec.outputs), spec.bare

    def work(messages: list[Any]) -> Iterable[Written]:
        rows = [(bare(m.topic()), m.partition(), m.offset(), m.timestamp()[1], m.value()) for m in messages]
        return stages.feed(rows)

    return work


def main(spec: Spec) -> None:
    """Read, work, write, flush, commit; until a signal ends it."""
    work, full = routing(spec) if spec.task == "route" else staging(spec), spec.full
    ease_collector(SERVER)
    common = {"bootstrap.servers": spec.bootstrap, "log_level": 3}
    reading = {"group.id": spec.group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**common, **reading, "fetch.wait.max.ms": 50})
    writing = {"partitioner": "murmur2_random", "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000}
    producer = Producer({**common, **writing, "linger.ms": 2})
    consumer.subscribe([spec.full(topic) for topic in spec.inputs])
    produce, begun = producer.produce, False
    while True:
        messages = [one for one in consumer.consume(POLL, 0.05) if one.error() is None]
        if not messages:
            continue
        if not begun:
            mark(spec)
            begun = True
        for one in work(messages):
            while True:
                try:
                    produce(full(one.topic), one.value, one.key, one.partition)
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.flush()
        consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main(given())
