"""How long a worker takes to come back to many open cases: its changelog is filled, then it is started and watched."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import psutil
from confluent_kafka import Producer

from bench.growth import located, templates
from bench.kafka.allstages import topology_at
from bench.kafka.compare import Say
from bench.kafka.contenders.wangge import Silent
from bench.kafka.layout import staging
from bench.kafka.race import ROOT
from bench.kafka.sizes import Sizes
from bench.kafka.topics import Cluster
from pipeline.events.casework import tile_of_input
from pipeline.runtime.kafka.lanes import LANES
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.worker import KafkaWorker
from pipeline.settings import KafkaSettings
from pipeline.topology import Topology

LANE = LANES["casework"]
LIMIT_S = 1_800
PREFIX = "bench-recovery-"
FILLED = f"{PREFIX}filled"
"""How far the changelog is filled, so that it can be filled in one call of the bench and recovered from in another."""


def measured(cluster: Cluster, sizes: Sizes, folder: Path, say: Say) -> dict[str, Any]:
    """Start a worker, wait until every partition is back. The changelog is filled first unless it stands there."""
    if not _stands(cluster):
        filled(cluster, sizes, folder)
    try:
        cases, entries = _progress(cluster)
        say(f"recovery: {entries:,} entries of {cases:,} cases stand in the changelog")
        partitions = _partitions(cluster)
        return {
            "cases": cases,
            "written": entries,
            "partitions": partitions,
            **_recovered(cluster.bootstrap, PREFIX, folder, partitions),
        }
    finally:
        cluster.remove(PREFIX)


def filled(cluster: Cluster, sizes: Sizes, folder: Path) -> dict[str, Any]:
    """Fill the changelog and leave it there; when this is ended early, what was filled by then is measured."""
    if _stands(cluster):
        cluster.remove(PREFIX)
    layout = staging(sizes.partitions, folder / "city")
    cluster.make(layout.under(PREFIX, tuple(layout.partitions)), [PREFIX + name for name in layout.compacted])
    cluster.make({FILLED: 1})
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        cases, entries = other.submit(fill, cluster.bootstrap, folder, sizes.cases, sizes.partitions).result()
    return {"cases": cases, "written": entries}


def _stands(cluster: Cluster) -> bool:
    return FILLED in cluster.admin.list_topics(timeout=60).topics


def _progress(cluster: Cluster) -> tuple[int, int]:
    """How far filling came: cases and entries."""
    told = [msgspec.json.decode(message.value()) for message in cluster.values({FILLED: 1})]
    return max((cases, entries) for cases, entries in told)


def _partitions(cluster: Cluster) -> int:
    return len(cluster.admin.list_topics(timeout=60).topics[PREFIX + LANE.changelog].partitions)


def fill(bootstrap: str, folder: Path, cases: int, partitions: int) -> tuple[int, int]:
    """Let cases grow and write what the changelog would get; returns cases and entries."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        models = other.submit(templates, folder).result()
    stages, states = topology_at(folder / "city"), [LaneState(LANE) for _ in range(partitions)]
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "compression.type": "lz4", "log_level": 3})
    written = 0
    parts = located(models)
    while _cases(states) < cases:
        _grow(stages, states, next(parts))
        for number, state in enumerate(states):
            for key, data in state.taken().items():
                producer.produce(PREFIX + LANE.changelog, data, key.encode(), number)
                written += 1
        producer.flush(60)
        producer.produce(FILLED, msgspec.json.encode((_cases(states), written)))
        producer.flush(60)
    return _cases(states), written


def _grow(stages: Topology, states: list[LaneState], part: list[Any]) -> None:
    queue = list(part)
    while queue:
        message = queue.pop()
        state = states[crc32(tile_of_input(message).encode()) % len(states)]
        outcome = stages.casework.step(state.books["casework"], message)  # type: ignore[arg-type]  # the lane's CaseBook
        state.apply("casework", outcome.changes)
        queue.extend(outcome.messages)


def _cases(states: list[LaneState]) -> int:
    return sum(state.books["casework"].count("case") for state in states)  # type: ignore[attr-defined]


def _recovered(bootstrap: str, prefix: str, folder: Path, partitions: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="wangge-bench-") as scratch:
        log = Path(scratch) / "recovered"
        words = [bootstrap, prefix, str(folder / "city"), str(log), scratch]
        begun = time.time()
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.kafka.recovery", *words], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            found = list(_lines(log, partitions, process))
            memory = psutil.Process(process.pid).memory_info().rss
        finally:
            process.terminate()
            process.wait(30)
    assigned = found.pop(0)["at"]
    last = max(line["at"] for line in found)
    return {
        "entries": sum(line["entries"] for line in found),
        "start_s": round(assigned - begun, 1),
        "seconds": round(last - assigned, 1),
        "resident_mib": memory // 2**20,
    }


def _lines(log: Path, partitions: int, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """The assignment, then a line for each partition that is back."""
    seen, deadline = 0, time.monotonic() + LIMIT_S
    while seen < partitions + 1:
        if process.poll() is not None or time.monotonic() > deadline:
            message = "the worker that was to recover ended or took too long"
            raise RuntimeError(message)
        lines = log.read_text().splitlines() if log.exists() else []
        for line in lines[seen:]:
            yield msgspec.json.decode(line)
            seen += 1
        time.sleep(0.05)


class Noting(Silent):
    """Writes down when a partition was assigned and when it was back."""

    def __init__(self, path: Path) -> None:
        self._log = path.open("ab", buffering=0)
        self._assigned = False

    def assigned(self, places: Any) -> None:
        """The first assignment: from here the state is read."""
        if places and not self._assigned:
            self._assigned = True
            self._note({"at": time.time()})

    def recovered(self, lane: str, partition: int, entries: int, seconds: float) -> None:
        """One partition is back."""
        self._note({"at": time.time(), "partition": partition, "entries": entries, "seconds": seconds})

    def _note(self, line: dict[str, Any]) -> None:
        self._log.write(msgspec.json.encode(line) + b"\n")


def main(bootstrap: str, prefix: str, city: str, log: str, scratch: str) -> None:
    """The worker that recovers."""
    settings = KafkaSettings(bootstrap=bootstrap, prefix=prefix)
    watcher, topology = Noting(Path(log)), topology_at(Path(city))
    KafkaWorker(topology, (LANE,), settings, WorkerPolicy(), watcher, data_folder=scratch).run("warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
