"""What the processes beside the workers tell: sink, canary, spotter, bridge."""

from __future__ import annotations

from typing import Any, Protocol

from pipeline.runtime.metrics import LABELS


class Series(Protocol):
    """Where figures go."""

    def of(self, name: str, *labels: str) -> Any:
        """The series of a metric."""


class SinkFigures(Protocol):
    """What a sink tells of itself; attributes it lacks are left alone."""

    mode: str
    plans: int
    rows: int
    size: int


class EdgeInstruments:
    """Methods of :class:`~pipeline.runtime.instruments.Instruments` that workers do not need."""

    _series: Series

    # --- sink ------------------------------------------------------------------------------------------------------

    def sink_inserted(self, table: str, rows: int, seconds: float) -> None:
        """ClickHouse has one more block."""
        self._series.of("wangge_sink_batches_total", table).inc()
        self._series.of("wangge_sink_rows_total", table).inc(rows)
        self._series.of("wangge_sink_insert_seconds", table).observe(seconds)

    def sink_retried(self, cause: str) -> None:
        """An insert is tried again."""
        self._series.of("wangge_sink_retries_total", cause).inc()

    def sink_probed(self, result: str) -> None:
        """The target was asked whether it has a block."""
        self._series.of("wangge_sink_probes_total", result).inc()

    def sink_rejected(self, table: str, rows: int) -> None:
        """Rows that ClickHouse refuses for good."""
        self._series.of("wangge_sink_rejected_rows_total", table).inc(rows)

    def sink_alarm(self, alarm: str) -> None:
        """Something of the sink that an operator has to look at."""
        self._series.of("wangge_sink_alarms_total", alarm).inc()

    def sink_state(self, mode: str, plans: int, rows: int, size: int) -> None:
        """How the sink keeps doubles out, its plans in flight, and what waits in memory."""
        for known in LABELS["mode"].values:
            self._series.of("wangge_sink_mode", known).set(known == mode)
        self._series.of("wangge_sink_plans_in_flight").set(plans)
        self._series.of("wangge_sink_buffered_rows").set(rows)
        self._series.of("wangge_sink_buffered_bytes").set(size)

    def sink(self, figures: SinkFigures) -> None:
        """The same from an object."""
        self.sink_state(figures.mode, figures.plans, figures.rows, figures.size)

    # --- canaries, spotter, bridge ---------------------------------------------------------------------------------

    def canary_sent(self, lane: str, channel: str) -> None:
        """A canary was published."""
        self._series.of("wangge_canaries_sent_total", lane, channel).inc()

    def canary_seen(self, lane: str, channel: str, reach: str, seconds: float, at: float) -> None:
        """A canary arrived ``seconds`` after it was published, at a time in seconds since 1970."""
        self._series.of("wangge_canary_seconds", lane, channel, reach).observe(seconds)
        self._series.of("wangge_canary_seen_timestamp_seconds", lane, channel, reach).set(at)

    def canary_lost(self, lane: str, channel: str, reach: str) -> None:
        """A canary did not arrive in time, or could not be made."""
        self._series.of("wangge_canaries_lost_total", lane, channel, reach).inc()

    def scanned(self, n: int) -> None:
        """Records the spotter looked at."""
        self._series.of("wangge_spotter_scanned_total").inc(n)

    def spotted(self, topic: str, n: int) -> None:
        """Records of a topic copied to reports.spotted."""
        self._series.of("wangge_spotter_copied_total", topic).inc(n)

    def put_off(self, topic: str, n: int) -> None:
        """Records of a retry topic that wait for their time."""
        self._series.of("wangge_retry_waiting_records", topic).set(n)

    def bridged(self, outcome: str, n: int) -> None:
        """Messages of devices that were forwarded or refused."""
        self._series.of("wangge_bridge_messages_total", outcome).inc(n)

    def bridge_waiting(self, n: int) -> None:
        """Messages that Kafka does not have yet."""
        self._series.of("wangge_bridge_unacknowledged_messages").set(n)
