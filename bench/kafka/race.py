"""One run of one contender, watched from outside: how fast outputs became visible, how long offsets took to follow."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from bench.kafka.inputs import Sent, fill
from bench.kafka.layout import Layout
from bench.kafka.spec import Spec, Task
from bench.kafka.topics import Cluster
from bench.kafka.watch import Watch, moments
from pipeline.wire.serde import decode, name_of

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "out" / "bench" / "peers" / "bin" / "python"


_NUMBERS = count(1)
"""Every run has topics and a group that no other run had."""


@dataclass(frozen=True)
class Contender:
    """Somebody who is measured. ``share`` of the records is for those who would take minutes for all of them."""

    name: str
    module: str
    promise: str
    """What a crash may do, in the words of the table."""
    peer: bool = False
    exactly_once: bool = False
    share: dict[str, float] = field(default_factory=dict)
    """By task; 1 where it says nothing."""
    eased: bool = False
    """With the collector of cycles eased as in Wangge's worker, which no handbook of a peer says."""


CONTENDERS = (
    Contender("bare loop", "bare", "at least once; state lost"),
    Contender("Wangge on Faust", "wangge", "exactly once, state too"),
    Contender(
        "Faust, an event at a time",
        "stock_faust",
        "may lose and double; state lost",
        share={"route": 0.1, "stages": 0.1},
    ),
    Contender("Quix Streams", "quix", "at least once; state lost", peer=True, share={"stages": 0.25}),
    Contender("Quix Streams, transactions", "quix", "exactly once; state lost", True, True, {"stages": 0.25}),
    Contender("Bytewax", "bytewax_flow", "at least once; state lost", peer=True),
    Contender("Bytewax, collector eased", "bytewax_flow", "at least once; state lost", peer=True, eased=True),
)


@dataclass
class Race:
    """Runs on one broker; each has topics and a group of its own and leaves nothing behind."""

    cluster: Cluster
    layout: Layout
    task: Task
    city: Path
    sent: Callable[[float], Iterable[Sent]]
    """The records for a share of all."""

    def run(self, contender: Contender, workers: int = 1) -> dict[str, Any]:
        """Measure one contender once. Raises ``RuntimeError`` with the end of its log when it fails."""
        prefix = f"bench{os.getpid()}-{next(_NUMBERS)}-"
        scratch = Path(tempfile.mkdtemp(prefix="wangge-bench-"))
        try:
            self.cluster.make(self.layout.under(prefix, tuple(self.layout.partitions)), self._compacted(prefix))
            sent = self.sent(contender.share.get(self.task, 1.0))
            records, size = fill(self.cluster.bootstrap, prefix, sent)
            spec = self._spec(contender, prefix, scratch)
            watch = self._raced(contender, spec, workers, records)
            return {"records": records, "bytes_in": size, **told(watch, spec, records), **self._counted(prefix)}
        finally:
            self.cluster.remove(prefix)
            shutil.rmtree(scratch, ignore_errors=True)

    def _raced(self, contender: Contender, spec: Spec, workers: int, records: int) -> Watch:
        """Start, watch to the end, stop."""
        file, log = Path(spec.scratch).parent / "spec.json", Path(spec.scratch).parent / "log"
        file.write_bytes(msgspec.json.encode(spec))
        python = str(PEERS) if contender.peer else sys.executable
        words = [python, "-m", f"bench.kafka.contenders.{contender.module}", str(file)]
        with log.open("wb") as out:
            running = [
                subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
                for _ in range(workers)
            ]
            try:
                watch = Watch(self.cluster, self.layout, spec, running)
                watch.until_over(records, log)
            finally:
                _stop(running)
        return watch

    def _compacted(self, prefix: str) -> list[str]:
        return [prefix + name for name in self.layout.compacted]

    def _counted(self, prefix: str) -> dict[str, int]:
        return counted(self.cluster, self.layout, prefix, self.task)

    def _spec(self, contender: Contender, prefix: str, scratch: Path) -> Spec:
        lane = {"route": "route", "stages": "intake-casework", "readings": "detect"}[self.task]
        (scratch / "own").mkdir()
        return Spec(
            task=self.task,
            exactly_once=contender.exactly_once,
            bootstrap=self.cluster.bootstrap,
            prefix=prefix,
            group=f"{prefix}worker-{lane}",
            inputs=self.layout.inputs,
            outputs=self.layout.outputs,
            city=str(self.city),
            mark=str(scratch / "mark"),
            scratch=str(scratch / "own"),
            eased=contender.eased,
        )


def told(watch: Watch, spec: Spec, records: int) -> dict[str, float]:
    """Times and rate of a run that is over."""
    visible, committed = moments(watch.samples)
    seconds = visible - float(Path(spec.mark).read_text())
    return {
        "seconds": round(seconds, 3),
        "rate": round(records / seconds),
        "commit_follows_s": round(max(0.0, committed - visible), 2),
        "cpu_us": round(watch.cpu / records * 1e6, 1),
    }


def _stop(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def counted(cluster: Cluster, layout: Layout, prefix: str, task: Task) -> dict[str, int]:
    """What came out, and how many reports are told twice how they ended."""
    outputs = size = refused = 0
    ended: list[str] = []
    for message in cluster.values(layout.under(prefix, layout.outputs)):
        outputs += 1
        value = message.value() or b""
        size += len(value) + len(message.key() or b"")
        topic = message.topic()[len(prefix) :]
        refused += topic == "quarantine"
        if task == "stages" and topic == "facts.reports" and name_of(value) == "ReportSettled":
            ended.append(decode(value)[1]["report_id"])
    found = {"outputs": outputs, "bytes_out": size, "refused": refused}
    return found if task != "stages" else {**found, "settled": len(set(ended)), "doubled": len(ended) - len(set(ended))}
