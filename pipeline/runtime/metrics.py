"""The metrics of every process as data: the closed list that code, documentation, alerts and dashboards share.

Names follow the conventions of Prometheus: base units, ``_total`` for what only grows, ``_seconds`` for time. Every
label is either a closed list or has a limit; a value outside its list or past its limit counts as ``other``, so no
record that comes in can make a new series.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sinks.columns import ALL_TABLES
from pipeline.errors import Reason
from pipeline.events.base import Fate
from pipeline.runtime.counts import OUTCOMES

OTHER = "other"
STAGES = (
    "poll", "spot", "intake", "urgent", "detect", "place", "casework", "encode", "commit", "plan", "probe", "insert",
)  # fmt: skip
"""Steps of a process's loop, in the order a batch goes through them: what each one is stands in docs/monitoring.md."""
LANES = ("grid-worker", "hotline", "other", "urgent", "sensor")
"""Ways in that a canary goes: the topics of records, each of one channel or of many."""
REACHES = ("fact", "row")
"""How far a canary was seen: as a fact on its topic, as a row in ClickHouse."""
ALARMS = ("views_may_lack", "plan_changed", "other_version")
"""What the sink has an operator look at: its own list, by the same names."""
PATHS = ("published_to_row", "action_to_status")


@dataclass(frozen=True, slots=True)
class Label:
    """What a label may hold: a closed list of values, or as many different ones as its limit."""

    values: tuple[str, ...] = ()
    limit: int = 0

    @property
    def most(self) -> int:
        """How many values it can have, with ``other``."""
        return (len(self.values) or self.limit) + 1


LABELS: dict[str, Label] = {
    "topic": Label(limit=1000),
    "partition": Label(limit=1000),
    "channel": Label(limit=64),
    "department": Label(limit=1000),
    "stage": Label(STAGES),
    "fate": Label(tuple(Fate)),
    "outcome": Label(tuple(dict.fromkeys(name for names in OUTCOMES.values() for name in names))),
    "derived": Label(("yes", "no")),
    "reason": Label(tuple(Reason)),
    "result": Label(("committed", "aborted", "retried", "fenced")),
    "table": Label(ALL_TABLES),
    "cause": Label(("network", "timeout", "memory", "parts", "server")),
    "mode": Label(("token", "probe")),
    "probed": Label(("present", "absent", "partial")),
    "alarm": Label(ALARMS),
    "path": Label(PATHS),
    "lane": Label(LANES),
    "reach": Label(REACHES),
    "bridged": Label(("forwarded", "refused")),
    "need": Label(limit=16),
    "process": Label(limit=4),
    "version": Label(limit=4),
    "reference_version": Label(limit=4),
}
"""Every label there is."""
MOST_SERIES = 10_000
"""Label sets that one metric may have in one process; what comes after counts as ``other`` in every label."""

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
END_TO_END = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
SLOW = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
SIZES = (1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0, 50_000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its full name, kind (``counter``, ``gauge``, ``histogram``), unit, labels and meaning."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


_PLACE = ("topic", "partition")
METRICS: tuple[Metric, ...] = (
    Metric("wangge_build_info", "gauge", "", ("process", "version", "reference_version"), "1 for what runs here"),
    Metric("wangge_ready", "gauge", "", ("need",), "1 when a need of the process is there, 0 when it is away"),
    Metric("wangge_loop_age_seconds", "gauge", "seconds", (), "Time since the loop of the process last turned"),
    # Consuming
    Metric("wangge_consumer_lag_records", "gauge", "records", _PLACE,
           "Records not consumed yet: an upper bound, as transactions leave gaps in the offsets"),
    Metric("wangge_consumer_lag_seconds", "gauge", "seconds", _PLACE,
           "Age of the oldest record not consumed yet, 0 when there is none"),
    Metric("wangge_commit_age_seconds", "gauge", "seconds", _PLACE,
           "Time since the committed position moved or there was nothing left to commit"),
    Metric("wangge_unacked_age_seconds", "gauge", "seconds", _PLACE,
           "Time since the oldest record was taken that is not committed yet, 0 when there is none"),
    Metric("wangge_rebalances_total", "counter", "", (), "Changes of the assigned partitions"),
    # Work
    Metric("wangge_stage_seconds", "histogram", "seconds", ("stage",), "Time of one step for one batch", FAST),
    Metric("wangge_stage_records_total", "counter", "records", ("stage",), "Records that went through a step"),
    Metric("wangge_batch_records", "histogram", "records", (), "Records of one poll", SIZES),
    Metric("wangge_records_received_total", "counter", "records", ("channel",), "Records read and decoded"),
    Metric("wangge_records_settled_total", "counter", "records", ("channel", "fate", "outcome", "derived"),
           "How records ended; derived: made by the pipeline itself, never received"),
    Metric("wangge_samples_settled_total", "counter", "samples", ("channel",), "Samples of sensors that were kept"),
    Metric("wangge_records_quarantined_total", "counter", "records", ("topic", "reason"), "Records refused"),
    Metric("wangge_records_produced_total", "counter", "records", ("topic",), "Records written to a topic"),
    Metric("wangge_transactions_total", "counter", "", ("result",), "Transactions by how they ended"),
    Metric("wangge_transaction_seconds", "histogram", "seconds", (), "Time from begin to commit or abort", FAST),
    Metric("wangge_recovery_seconds", "histogram", "seconds", ("stage",), "Time to read a state back", SLOW),
    Metric("wangge_state_entries", "gauge", "", ("stage",), "Entries of a state held by this process"),
    Metric("wangge_assignments_unanswered", "gauge", "", ("department",),
           "Assignments that the department neither signed for nor refused, of the cases this process holds"),
    Metric("wangge_end_to_end_seconds", "histogram", "seconds", ("path",), "Time of a whole way", END_TO_END),
    # Sink
    Metric("wangge_sink_batches_total", "counter", "", ("table",), "Blocks that ClickHouse has"),
    Metric("wangge_sink_rows_total", "counter", "rows", ("table",), "Rows that ClickHouse has"),
    Metric("wangge_sink_insert_seconds", "histogram", "seconds", ("table",), "Time of one insert", FAST),
    Metric("wangge_sink_retries_total", "counter", "", ("cause",), "Inserts tried again"),
    Metric("wangge_sink_probes_total", "counter", "", ("probed",), "Looks whether a block had been written before"),
    Metric("wangge_sink_rejected_rows_total", "counter", "rows", ("table",), "Rows ClickHouse refuses for good"),
    Metric("wangge_sink_alarms_total", "counter", "", ("alarm",), "Blocks that an operator has to look at"),
    Metric("wangge_sink_mode", "gauge", "", ("mode",), "1 for the way doubles are kept out now"),
    Metric("wangge_sink_plans_in_flight", "gauge", "", (), "Blocks planned and not yet known to be written"),
    Metric("wangge_sink_buffered_rows", "gauge", "rows", (), "Rows waiting in memory"),
    Metric("wangge_sink_buffered_bytes", "gauge", "bytes", (), "Bytes waiting in memory"),
    # Canaries, spotter, retry, bridge
    Metric("wangge_canary_seconds", "histogram", "seconds", ("lane", "channel", "reach"),
           "Time from publishing a canary to seeing it", END_TO_END),
    Metric("wangge_canaries_sent_total", "counter", "records", ("lane", "channel"), "Canaries published"),
    Metric("wangge_canaries_lost_total", "counter", "records", ("lane", "channel", "reach"),
           "Canaries not seen in time, or not made because their mapping is faulty"),
    Metric("wangge_canary_seen_timestamp_seconds", "gauge", "seconds", ("lane", "channel", "reach"),
           "When a canary was last seen, seconds since 1970"),
    Metric("wangge_spotter_scanned_total", "counter", "records", (), "Records the spotter looked at"),
    Metric("wangge_spotter_copied_total", "counter", "records", ("topic",), "Records copied to reports.spotted"),
    Metric("wangge_retry_waiting_records", "gauge", "records", ("topic",), "Records put off that wait for their time"),
    Metric("wangge_bridge_messages_total", "counter", "records", ("bridged",), "Messages of devices by their fate"),
    Metric("wangge_bridge_unacknowledged_messages", "gauge", "records", (),
           "Messages of devices that Kafka does not have yet"),
)  # fmt: skip
"""Every metric there is."""
BY_NAME = {metric.name: metric for metric in METRICS}


def most_series(metric: Metric) -> int:
    """How many label sets a metric can have in one process."""
    product = 1
    for label in metric.labels:
        product *= LABELS[label].most
    return min(product, MOST_SERIES + 1)


def table() -> str:
    """The list as a Markdown table, as ``docs/monitoring.md`` has it."""
    rows = [
        f"| `{one.name}` | {one.kind} | {one.unit or '-'} | {', '.join(one.labels) or '-'} | {one.help} |"
        for one in METRICS
    ]
    return "\n".join(["| metric | kind | unit | labels | meaning |", "|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
