"""How fast one sink writes the facts of reports: they stand in Kafka, then `wangge sink` writes them and ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.kafka.allstages import AllStages, Row
from bench.kafka.inputs import Sent, fill, systems_of
from bench.kafka.layout import staging
from bench.kafka.race import ROOT
from bench.kafka.sizes import Sizes
from bench.kafka.topics import Cluster
from connectors.librdkafka.transactions import Written
from tests.support.servers import FrontServer

PART = 1_000
NOW = 4_000_000_000_000
PARTITION = 0


def measured(cluster: Cluster, sizes: Sizes, folder: Path, sent: Sequence[Sent]) -> dict[str, Any]:
    """Records a second from the start of the process to its end."""
    prefix, layout = f"bench{os.getpid()}-sink-", staging(sizes.partitions, folder / "city", systems_of(sent))
    cluster.make(layout.under(prefix, tuple(layout.partitions)), [prefix + name for name in layout.compacted])
    try:
        fill(cluster.bootstrap, prefix, facts_of(AllStages(folder / "city"), sent[: sizes.stages]))
        with tempfile.TemporaryDirectory(prefix="wangge-bench-") as place:
            return _sunk(cluster.bootstrap, prefix, Path(place))
    finally:
        cluster.remove(prefix)


def facts_of(stages: AllStages, sent: Sequence[Sent]) -> Iterator[Sent]:
    """The facts of reports that go through all stages here."""
    for one in outputs_of(stages, sent):
        if one.topic.startswith("facts."):
            yield Sent(one.topic, one.key or b"", one.value or b"")


def outputs_of(stages: AllStages, sent: Sequence[Sent], part: int = PART) -> Iterator[Written]:
    """Everything that reports bring about, ``part`` records fed at once; what comes back by tile is fed again."""
    offsets: Counter[str] = Counter()
    for start in range(0, len(sent), part):
        coming = deque((one.topic, one.value) for one in sent[start : start + part])
        while coming:
            together = [coming.popleft() for _ in range(min(part, len(coming)))]
            written = stages.feed([_row(topic, value, offsets) for topic, value in together])
            yield from written
            coming.extend((one.topic, one.value) for one in written if one.topic in stages.topics and one.value)


def _row(topic: str, value: bytes, offsets: Counter[str]) -> Row:
    offsets[topic] += 1
    return topic, PARTITION, offsets[topic] - 1, NOW, value


def _sunk(bootstrap: str, prefix: str, place: Path) -> dict[str, Any]:
    front = FrontServer(place / "clickhouse", leash=os.getpid())
    front.start()
    try:
        named = {"WANGGE_KAFKA": bootstrap, "WANGGE_KAFKA_PREFIX": prefix, "WANGGE_CLICKHOUSE": front.address}
        environment, command = {**os.environ, **named}, [sys.executable, "-m", "pipeline"]
        subprocess.run([*command, "migrate"], cwd=ROOT, env=environment, check=True, capture_output=True)
        begun = time.monotonic()
        words = [*command, "sink", "--until-done", "--json"]
        done = subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
        seconds = time.monotonic() - begun
    finally:
        front.stop()
    rows = msgspec.json.decode(done.stdout)["rows"]
    return {"rows": rows, "seconds": round(seconds, 2), "rate": round(rows / seconds)}
