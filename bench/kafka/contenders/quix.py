"""Quix Streams: a data frame for each input, ``to_topic`` by content, offsets in checkpoints.

Its own state would come back from changelogs; our stages keep theirs in memory, so what is measured is at least once
for records and nothing for state. With ``exactly_once`` it writes in Kafka transactions, state in memory all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quixstreams import Application, message_context  # type: ignore[import-not-found]
from quixstreams.models.serializers import Serializer  # type: ignore[import-not-found]

from bench.kafka.allstages import AllStages
from bench.kafka.route import Route
from bench.kafka.spec import COMMIT_S, Spec, given, mark
from connectors.librdkafka.transactions import Written


class _Value(Serializer):  # type: ignore[misc]
    """The value of one output."""

    def __call__(self, value: Written, ctx: Any) -> bytes | None:
        return value.value


def application(spec: Spec) -> Any:
    """The application, its commit interval that of everyone."""
    return Application(
        broker_address=spec.bootstrap,
        consumer_group=spec.group,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_S,
        processing_guarantee="exactly-once" if spec.exactly_once else "at-least-once",
        auto_create_topics=False,
        state_dir=spec.scratch,
        loglevel="WARNING",
        producer_extra_config={"compression.type": "lz4", "queue.buffering.max.messages": 1_000_000},
    )


def main(spec: Spec) -> None:
    """Run until a signal ends it."""
    app = application(spec)
    if spec.task == "route":
        _route(app, spec)
    else:
        _stage(app, spec)
    app.run()


def _marked(spec: Spec) -> Any:
    begun = False

    def once() -> None:
        nonlocal begun
        if not begun:
            mark(spec)
            begun = True

    return once


def _route(app: Any, spec: Spec) -> None:
    topics = {
        name: app.topic(spec.full(name), value_serializer="bytes", key_serializer="bytes") for name in spec.outputs
    }
    topic_of, begun = Route(spec.outputs), _marked(spec)

    def target(value: bytes, *_: Any) -> Any:
        begun()
        return topics[topic_of(value)]

    for name in spec.inputs:
        source = app.topic(spec.full(name), value_deserializer="bytes", key_deserializer="bytes")
        app.dataframe(source).to_topic(target)


def _stage(app: Any, spec: Spec) -> None:
    stages, begun = AllStages(Path(spec.city), spec.outputs), _marked(spec)
    outputs = {
        name: app.topic(spec.full(name), value_serializer=_Value(), key_serializer="bytes") for name in spec.outputs
    }

    def work(value: bytes, _: Any, timestamp: int, __: Any) -> Iterable[Written]:
        begun()
        at = message_context()
        return stages.feed([(spec.bare(at.topic), at.partition, at.offset, timestamp, value)])

    for name in spec.inputs:
        source = app.topic(spec.full(name), value_deserializer="bytes", key_deserializer="bytes")
        frame = app.dataframe(source).apply(work, expand=True, metadata=True)
        frame.to_topic(lambda value, *_: outputs[value.topic], key=lambda value: value.key)


if __name__ == "__main__":
    main(given())
