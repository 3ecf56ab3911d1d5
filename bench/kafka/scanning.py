"""How fast the spotter reads ahead: reports stand in Kafka, `wangge spotter` is started, its commits are watched."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.kafka.inputs import Sent, fill, repeated
from bench.kafka.processes import Processes
from bench.kafka.sizes import Sizes
from bench.kafka.topics import Cluster
from pipeline.runtime.kafka.spotter import GROUP, LANE, SOURCES

LOOK_S, LIMIT_S = 0.02, 300.0


def measured(cluster: Cluster, sizes: Sizes, sent: Sequence[Sent]) -> dict[str, Any]:
    """Records a second from the first commit to the last: start-up is not in it, what the first commit told neither."""
    prefix = f"bench{os.getpid()}-spotter-"
    cluster.make(dict.fromkeys((prefix + name for name in (*SOURCES, LANE)), sizes.partitions))
    try:
        records, _ = fill(cluster.bootstrap, prefix, repeated(sent, sizes.route, SOURCES[0]))
        with tempfile.TemporaryDirectory(prefix="wangge-bench-") as place:
            environment = {"WANGGE_KAFKA": cluster.bootstrap, "WANGGE_KAFKA_PREFIX": prefix}
            with Processes(environment, Path(place)) as processes:
                processes.start("spotter", "spotter")
                first, last = _watched(cluster, prefix, records, processes)
        lane = {prefix + LANE: sizes.partitions}
        seconds = last[0] - first[0]
        return {
            "records": records, "copied": sum(cluster.ends(lane).values()), "seconds": round(seconds, 2),
            "rate": round((last[1] - first[1]) / seconds),
        }  # fmt: skip
    finally:
        cluster.remove(prefix)


def _watched(
    cluster: Cluster, prefix: str, records: int, processes: Processes
) -> tuple[tuple[float, int], tuple[float, int]]:
    """When and how far the first and the last commit were. Raises ``RuntimeError`` with the end of the log."""
    first: tuple[float, int] | None = None
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        noted = sum(cluster.noted(prefix + GROUP).values())
        now = time.monotonic()
        if noted and first is None:
            first = now, noted
        if first is not None and noted >= records:
            return first, (max(now, first[0] + LOOK_S), noted)
        time.sleep(LOOK_S)
    message = f"the spotter did not read {records:,} records; its log ends:\n{processes.tail('spotter')}"
    raise RuntimeError(message)
