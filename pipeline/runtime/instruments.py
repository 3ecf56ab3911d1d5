"""Instruments of one process: typed methods over the closed list of metrics, and the text Prometheus reads.

The only module that imports prometheus_client, with a registry of its own. Every method is safe to call from any
thread, cheap enough for every batch (not for every record), and never fails because of a value: what is outside a
label's list, or past its limit, counts as ``other``. Ages are computed when they are read, so they grow when a loop
hangs.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from itertools import product
from threading import Lock
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from pipeline.events.facts import Fact, Samples
from pipeline.runtime.instrument_edges import EdgeInstruments
from pipeline.runtime.metrics import LABELS, METRICS, MOST_SERIES, OTHER, Metric, most_series
from pipeline.runtime.progress import Place, Progress
from pipeline.runtime.unanswered import CaseState, Unanswered
from pipeline.stage import Settlement

PLACES = (
    "wangge_consumer_lag_records",
    "wangge_consumer_lag_seconds",
    "wangge_commit_age_seconds",
    "wangge_unacked_age_seconds",
)
"""Metrics by partition: their series go when the partition goes to another process."""
NO_RULES = "-"
"""The reference version of a process that goes by no rules."""
BEGUN = 64
"""Label sets up to which a counter begins with all of them."""


class _Series:
    """The series of a registry, each within the bounds of its labels."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, Any] = {metric.name: _made(metric, self.registry) for metric in METRICS}
        self._known: dict[str, dict[tuple[str, ...], Any]] = {metric.name: {} for metric in METRICS}
        self._seen: dict[str, set[str]] = {name: set() for name in LABELS}
        self._lock = Lock()
        ProcessCollector(registry=self.registry)
        for metric in METRICS:
            self._begin(metric)

    def _begin(self, metric: Metric) -> None:
        """Counters over small closed lists begin at 0, so that the first event already is a rate."""
        values = [LABELS[label].values for label in metric.labels]
        if metric.kind == "counter" and all(values) and most_series(metric) <= BEGUN:
            for labels in product(*values):
                self.of(metric.name, *labels)

    def of(self, name: str, *labels: str) -> Any:
        """The series of a metric, within the bounds of its labels."""
        series = self._known[name].get(labels)
        return series if series is not None else self._new(name, labels)

    def _new(self, name: str, labels: tuple[str, ...]) -> Any:
        metric = self._metrics[name]
        if not labels:
            return self._known[name].setdefault((), metric)
        with self._lock:
            bounded = self._bounded(metric._labelnames, labels)
            known = self._known[name]
            if bounded not in known and len(known) >= MOST_SERIES:
                bounded = (OTHER,) * len(labels)
            return known.setdefault(bounded, metric.labels(*bounded))

    def _bounded(self, names: Sequence[str], given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            value if self._is_known(name, value) else OTHER for name, value in zip(names, map(str, given), strict=True)
        )

    def _is_known(self, name: str, value: str) -> bool:
        label, seen = LABELS[name], self._seen[name]
        if label.values:
            return value in label.values
        if value not in seen and len(seen) < label.limit:
            seen.add(value)
        return value in seen

    def forget(self, name: str, kept: Iterable[tuple[str, ...]] = ()) -> None:
        """Drop the series of a metric but for some."""
        with self._lock:
            known, stay = self._known[name], set(kept)
            for labels in [labels for labels in known if labels not in stay]:
                self._metrics[name].remove(*labels)
                del known[labels]


class Instruments(EdgeInstruments):
    """Metrics and progress of one process. ``needs`` are what must be there before it is ready."""

    def __init__(self, process: str, needs: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.process, self.progress = process, Progress(needs, clock)
        self._series: _Series = _Series()
        self._unanswered = Unanswered()
        self.build(version("wangge"), NO_RULES)

    # --- loop and partitions ---------------------------------------------------------------------------------------

    def build(self, release: str, reference_version: str) -> None:
        """Say what runs here; the last call counts."""
        self._series.forget("wangge_build_info")
        self._series.of("wangge_build_info", self.process, release, reference_version).set(1)

    def touched(self) -> None:
        """The loop turned once, whether or not anything came."""
        self.progress.touched()

    def assigned(self, partitions: Iterable[Place]) -> None:
        """The whole assignment after a rebalance."""
        kept = set(partitions)
        self.progress.assigned(kept)
        wanted = {(topic, str(partition)) for topic, partition in kept}
        for name in PLACES:
            self._series.forget(name, wanted)

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """Records not consumed yet and the age of the oldest of them."""
        self.progress.lag((topic, partition), records, seconds)

    def took(self, topic: str, partition: int) -> None:
        """A batch was taken that is not committed yet."""
        self.progress.took((topic, partition))

    def committed(self, topic: str, partition: int, position: int) -> None:
        """The committed position of a partition."""
        self.progress.committed((topic, partition), position)

    def ready(self, need: str, there: bool) -> None:
        """A need of the process is there, or away."""
        self.progress.ready(need, there)

    def waiting(self, neighbour: str) -> None:
        """The process waits for a neighbour knowingly; "" when it no longer does."""
        self.progress.waiting(neighbour)

    def recovering(self, stage: str) -> None:
        """A state is being read back; to be told again and again while it lasts."""
        self.progress.recovering(stage)

    def recovered(self, stage: str, seconds: float, entries: int) -> None:
        """A state is whole again."""
        self.progress.recovering("")
        self._series.of("wangge_recovery_seconds", stage).observe(seconds)
        self.state_entries(stage, entries)

    def rebalanced(self) -> None:
        """The assignment has changed."""
        self._series.of("wangge_rebalances_total").inc()

    # --- work ------------------------------------------------------------------------------------------------------

    def batch(self, stage: str, records: int, seconds: float) -> None:
        """One step of one batch."""
        self._series.of("wangge_stage_seconds", stage).observe(seconds)
        self._series.of("wangge_stage_records_total", stage).inc(records)
        if stage == "poll":
            self._series.of("wangge_batch_records").observe(records)

    def received(self, channel: str, n: int) -> None:
        """Records that were read and decoded."""
        self._series.of("wangge_records_received_total", channel).inc(n)

    def settled(
        self, channel: str, fate: str, outcome: str, n: int, *, samples: int = 0, derived: bool = False
    ) -> None:
        """Records that ended in one way."""
        self._series.of("wangge_records_settled_total", channel, fate, outcome, "yes" if derived else "no").inc(n)
        if samples:
            self._series.of("wangge_samples_settled_total", channel).inc(samples)

    def settlements(self, settled: Iterable[Settlement]) -> None:
        """How the records of a batch ended."""
        records, samples = Tally[tuple[str, str, str, bool]](), Tally[str]()
        for one in settled:
            records[one.channel, one.fate, one.outcome, one.derived] += 1
            samples[one.channel] += one.samples
        for (channel, fate, outcome, derived), number in records.items():
            self.settled(channel, fate, outcome, number, derived=derived)
        for channel, number in samples.items():
            if number:
                self._series.of("wangge_samples_settled_total", channel).inc(number)

    def quarantined(self, topic: str, reason: str, n: int) -> None:
        """Records of a topic that were refused."""
        self._series.of("wangge_records_quarantined_total", topic, reason).inc(n)

    def produced(self, topic: str, n: int) -> None:
        """Records written to a topic."""
        self._series.of("wangge_records_produced_total", topic).inc(n)

    def transaction(self, result: str, seconds: float | None = None) -> None:
        """One transaction: committed, aborted, retried or fenced, and how long it took."""
        self._series.of("wangge_transactions_total", result).inc()
        if seconds is not None:
            self._series.of("wangge_transaction_seconds").observe(seconds)

    def state_entries(self, stage: str, entries: int) -> None:
        """How many entries a state has."""
        self._series.of("wangge_state_entries", stage).set(entries)

    def facts(self, facts: Iterable[Fact | Samples]) -> None:
        """Facts of a committed batch of casework: who has been given cases, and who answered."""
        self._unanswered.add(facts)

    def unanswered(self, cases: Iterable[CaseState]) -> None:
        """Count unanswered assignments anew, from all cases this process holds."""
        self._unanswered.recount(cases)

    def latency(self, path: str, seconds: float, n: int = 1) -> None:
        """The whole way of some records that took equally long."""
        series = self._series.of("wangge_end_to_end_seconds", path)
        for _ in range(n):
            series.observe(seconds)

    # --- reading ---------------------------------------------------------------------------------------------------

    def exposition(self) -> tuple[str, bytes]:
        """Content type and text for Prometheus, with all ages as of now."""
        self._show_progress()
        self._series.forget("wangge_assignments_unanswered")
        for department, number in self._unanswered.counts().items():
            self._series.of("wangge_assignments_unanswered", department).inc(number)
        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._series.registry)

    def _show_progress(self) -> None:
        picture = self.progress.picture()
        self._series.of("wangge_loop_age_seconds").set(picture.loop_age_s)
        for need, there in picture.needs.items():
            self._series.of("wangge_ready", need).set(there)
        for (topic, partition), place in picture.places.items():
            figures = (place.lag_records, place.lag_s, place.commit_age_s, place.unacked_age_s)
            for name, figure in zip(PLACES, figures, strict=True):
                self._series.of(name, topic, str(partition)).set(figure)


def _made(metric: Metric, registry: CollectorRegistry) -> Any:
    kinds = {"counter": Counter, "gauge": Gauge}
    if metric.kind == "histogram":
        return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)
    return kinds[metric.kind](metric.name, metric.help, metric.labels, registry=registry)
