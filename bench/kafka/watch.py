"""A run seen from outside: where outputs and committed offsets stand, until nothing moves any more."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.kafka.layout import Layout
from bench.kafka.spec import Spec
from bench.kafka.topics import Cluster

LOOK_S = 0.05
LOOK_SHARE = 0.1
"""Of the time at most is spent on looking: a look at many partitions costs more, so the next one comes later."""
QUIET_S = 2.5
"""Nothing moved for so long and all inputs are committed: the run is over."""
LIMIT_S = 600.0
STORE = "part-0.sqlite3"
"""Where Bytewax keeps positions, in its scratch folder."""
Offsets = dict[tuple[str, int], int]


class Sample(NamedTuple):
    """What stood where at a moment: visible ends of outputs, committed offsets of sources and of all inputs."""

    at: float
    visible: int
    sources: int
    inputs: int


def settled(samples: Sequence[Sample], target: int, quiet_s: float) -> bool:
    """Whether all sources are committed and nothing has moved for a while."""
    if not samples or samples[-1].sources < target:
        return False
    last = samples[-1]
    since = last.at
    for sample in reversed(samples):
        if sample[1:] != last[1:]:
            break
        since = sample.at
    return last.at - since >= quiet_s


def moments(samples: Sequence[Sample]) -> tuple[float, float]:
    """When the last output became visible, and when the last offset was committed."""
    last = samples[-1]
    visible = next(sample.at for sample in samples if sample.visible == last.visible)
    committed = next(sample.at for sample in samples if sample.inputs == last.inputs)
    return visible, committed


class Watch:
    """Samples of one run since its first record, and the processor seconds its processes have used since then."""

    def __init__(
        self, cluster: Cluster, layout: Layout, spec: Spec, running: Sequence[subprocess.Popen[bytes]]
    ) -> None:
        self.samples: list[Sample] = []
        self.cpu = 0.0
        self._cluster, self._spec, self._running = cluster, spec, running
        self._outputs = layout.under(spec.prefix, layout.outputs)
        self._sources = {spec.full(name) for name in layout.sources}

    def until_over(self, records: int, log: Path) -> None:
        """Look until it is over. Raises ``RuntimeError`` with the end of the log when it fails or takes too long."""
        begun, pause, before = time.monotonic(), LOOK_S, 0.0
        while not settled(self.samples, records, QUIET_S):
            self._check(begun, log)
            time.sleep(pause)
            if not Path(self._spec.mark).exists():
                before = self._used()
                continue
            looked = time.monotonic()
            self._look()
            pause = max(LOOK_S, (time.monotonic() - looked) / LOOK_SHARE)
            if len(self.samples) < 2 or self.samples[-1][1:] != self.samples[-2][1:]:
                self.cpu = self._used() - before

    def _check(self, begun: float, log: Path) -> None:
        ended = any(process.poll() is not None for process in self._running)
        if ended or time.monotonic() - begun > LIMIT_S:
            tail = log.read_bytes()[-3_000:].decode(errors="replace")
            why = "ended by itself" if ended else f"took more than {LIMIT_S:.0f} s"
            message = f"{self._spec.group} {why}; its log ends:\n{tail}"
            raise RuntimeError(message)

    def _look(self) -> None:
        noted = self._noted()
        sources = sum(offset for (topic, _), offset in noted.items() if topic in self._sources)
        visible = sum(self._cluster.ends(self._outputs).values())
        self.samples.append(Sample(time.time(), visible, sources, sum(noted.values())))

    def _noted(self) -> Offsets:
        """Committed offsets, at the broker or in the store of whoever keeps them there."""
        store = Path(self._spec.scratch) / STORE
        return kept(store) if store.exists() else self._cluster.noted(self._spec.group)

    def _used(self) -> float:
        times = [psutil.Process(process.pid).cpu_times() for process in self._running if process.poll() is None]
        return float(sum(one.user + one.system for one in times))


def kept(path: Path) -> Offsets:
    """Positions in Bytewax's recovery store: the newest snapshot of each source partition ("number-topic")."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0) as store:
            rows = store.execute("SELECT state_key, ser_change FROM snaps ORDER BY snap_epoch").fetchall()
    except sqlite3.OperationalError:
        return {}
    found: Offsets = {}
    for key, data in rows:
        number, _, topic = key.partition("-")
        position = pickle.loads(data) if data is not None else None
        if isinstance(position, int) and position >= 0:
            found[topic, int(number)] = position
    return found
