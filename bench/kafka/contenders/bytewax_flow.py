"""Bytewax: batches from a Kafka source, one step over a batch, a Kafka sink that flushes each batch.

It joins no consumer group: positions are kept in its recovery store (SQLite) once an interval. At least once; a crash
doubles what was written since. Our stages keep their state in memory.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.run import cli_main  # type: ignore[import-not-found]
from confluent_kafka import OFFSET_BEGINNING

from bench.kafka.allstages import AllStages
from bench.kafka.route import Route
from bench.kafka.spec import COMMIT_S, POLL, Spec, given, mark


def flow_of(spec: Spec) -> Dataflow:
    """Source, step, sink."""
    flow = Dataflow("bench")
    source = KafkaSource(
        [spec.bootstrap], [spec.full(name) for name in spec.inputs], starting_offset=OFFSET_BEGINNING, batch_size=POLL
    )
    step = _routing(spec) if spec.task == "route" else _staging(spec)
    begun = False

    def marked(batch: list[Any]) -> list[Any]:
        nonlocal begun
        if batch and not begun:
            mark(spec)
            begun = True
        return step(batch)  # type: ignore[no-any-return]

    writing = {"compression.type": "lz4", "partitioner": "murmur2_random", "queue.buffering.max.messages": "1000000"}
    sink = KafkaSink([spec.bootstrap], None, add_config=writing)
    op.output("out", op.flat_map_batch("step", op.input("in", flow, source), marked), sink)
    return flow


def _routing(spec: Spec) -> Any:
    topic_of = Route([spec.full(name) for name in spec.outputs])
    return lambda batch: [KafkaSinkMessage(one.key, one.value, topic=topic_of(one.value)) for one in batch]


def _staging(spec: Spec) -> Any:
    stages, bare, full = AllStages(Path(spec.city), spec.outputs), spec.bare, spec.full

    def step(batch: list[Any]) -> list[Any]:
        rows = [(bare(one.topic), one.partition, one.offset, one.timestamp[1], one.value) for one in batch]
        return [KafkaSinkMessage(one.key, one.value, topic=full(one.topic)) for one in stages.feed(rows)]

    return step


def main(spec: Spec) -> None:
    """Run until a signal ends it, positions kept as often as others commit theirs."""
    store = Path(spec.scratch)
    init_db_dir(store, 1)
    interval = timedelta(seconds=COMMIT_S)
    cli_main(flow_of(spec), epoch_interval=interval, recovery_config=RecoveryConfig(str(store)))


if __name__ == "__main__":
    main(given())
