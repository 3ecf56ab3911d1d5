"""The dashboards as data, and the JSON that Grafana reads made of them.

``python -m deploy.grafana.boards`` writes ``dashboards/*.json``; a test holds files and data equal and runs every
query.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.assessment.catalogue import load_catalogue

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "wangge-prometheus"}
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "wangge-clickhouse"}
WIDTH, HEIGHT = 24, 8
NOW = 7_258_118_400_000
"""2200-01-01: as of everything that is known."""
PERIOD = f"level = '${{level}}', period_start = ${{__from}}, period_end = ${{__to}}, as_of = {NOW}"
CITY = f"level = 'all', period_start = ${{__from}}, period_end = ${{__to}}, as_of = {NOW}"


@dataclass(frozen=True)
class Panel:
    """One panel: its queries with the legend of each, and how it is drawn."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    about: str = ""


@dataclass(frozen=True)
class Board:
    """One dashboard: rows of panels under their headings."""

    uid: str
    title: str
    source: dict[str, str]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    span: str
    variables: tuple[dict[str, Any], ...] = ()


def one(title: str, query: str, legend: str = "", **how: Any) -> Panel:
    """A panel with one query."""
    return Panel(title, ((query, legend),), **how)


def quantile(level: float, metric: str, by: str) -> str:
    """A quantile of a histogram by some labels."""
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({level}, sum by ({grouped}) (rate({metric}_bucket[$__rate_interval])))"


def rate(metric: str, by: str) -> str:
    """A counter by a label, a second."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


_PROCESSES = (
    one("Answers", "up", "{{job}} {{instance}}", kind="stat", width=6),
    one("Needs", "min by (job, need) (wangge_ready)", "{{job}}: {{need}}", kind="stat", width=6),
    one("What runs", "wangge_build_info", "{{process}} {{version}} rules {{reference_version}}", kind="stat", width=6),
    one("Loop turned", "wangge_loop_age_seconds", "{{job}} {{instance}}", unit="s", width=6,
        about="Time since the loop turned: /live is 503 from 30 s on"),
)  # fmt: skip
_CONSUMING = (
    one("Records behind", "sum by (job, topic) (wangge_consumer_lag_records)", "{{job}} {{topic}}", width=6),
    one("Seconds behind", "max by (job, topic) (wangge_consumer_lag_seconds)", "{{job}} {{topic}}", unit="s", width=6),
    one("Commit age", "max by (job, topic) (wangge_commit_age_seconds)", "{{job}} {{topic}}", unit="s", width=6,
        about="/live is 503 from 60 s on, unless the process waits for a neighbour"),
    one("Oldest not committed", "max by (job, topic) (wangge_unacked_age_seconds)", "{{job}} {{topic}}", unit="s",
        width=6),
    one("Rebalances", "sum by (job) (increase(wangge_rebalances_total[15m]))", "{{job}}"),
    one("Recovery (9 of 10)",
        "histogram_quantile(0.9, sum by (le, stage) (increase(wangge_recovery_seconds_bucket[1h])))", "{{stage}}",
        unit="s"),
    one("State", "sum by (stage) (wangge_state_entries)", "{{stage}}"),
)  # fmt: skip
_WORK = (
    one("Received", rate("wangge_records_received_total", "channel"), "{{channel}}", unit="reqps"),
    one("Settled", 'sum by (fate) (rate(wangge_records_settled_total{derived="no"}[$__rate_interval]))', "{{fate}}",
        unit="reqps"),
    one("Derived by the pipeline",
        'sum by (outcome) (rate(wangge_records_settled_total{derived="yes"}[$__rate_interval]))', "{{outcome}}",
        unit="reqps"),
    one("Quarantined by reason", rate("wangge_records_quarantined_total", "reason"), "{{reason}}", unit="reqps"),
    one("Samples of sensors", rate("wangge_samples_settled_total", "channel"), "{{channel}}", unit="reqps"),
    one("Written to topics", f"topk(12, {rate('wangge_records_produced_total', 'topic')})", "{{topic}}", unit="reqps"),
    one("Time of a step (99 of 100)", quantile(0.99, "wangge_stage_seconds", "stage"), "{{stage}}", unit="s"),
    one("Records of a step", rate("wangge_stage_records_total", "stage"), "{{stage}}", unit="reqps"),
    one("Records of a poll (half)", quantile(0.5, "wangge_batch_records", "job"), "{{job}}"),
    one("Transactions", rate("wangge_transactions_total", "result"), "{{result}}", unit="ops"),
    one("Time of a transaction (99 of 100)", quantile(0.99, "wangge_transaction_seconds", "job"), "{{job}}", unit="s"),
    one("Assignments without an answer", "topk(20, sum by (department) (wangge_assignments_unanswered))",
        "{{department}}"),
)  # fmt: skip
_WHOLE_WAY = (
    Panel("Whole way", (
        (quantile(0.5, "wangge_end_to_end_seconds", "path"), "{{path}} half"),
        (quantile(0.99, "wangge_end_to_end_seconds", "path"), "{{path}} 99 of 100"),
    ), unit="s", width=6),
    one("Canaries (19 of 20)", quantile(0.95, "wangge_canary_seconds", "channel, reach"),
        "{{channel}} to its {{reach}}", unit="s", width=6, about="5 s are promised"),
    one("Canary last seen", "time() - max by (channel, reach) (wangge_canary_seen_timestamp_seconds)",
        "{{channel}} as {{reach}}", unit="s", width=6),
    Panel("Canaries sent and lost", (
        ("sum by (channel) (increase(wangge_canaries_sent_total[1h]))", "{{channel}} sent"),
        ("sum by (channel, reach) (increase(wangge_canaries_lost_total[1h]))", "{{channel}} lost as {{reach}}"),
    ), width=6),
)  # fmt: skip
_SINK = (
    one("Rows written", rate("wangge_sink_rows_total", "table"), "{{table}}", unit="reqps"),
    one("Blocks written", rate("wangge_sink_batches_total", "table"), "{{table}}", unit="ops"),
    one("Time of an insert (99 of 100)", quantile(0.99, "wangge_sink_insert_seconds", "table"), "{{table}}", unit="s"),
    one("Tried again", rate("wangge_sink_retries_total", "cause"), "{{cause}}", unit="ops"),
    one("Doubles kept out by", "max by (instance, mode) (wangge_sink_mode)", "{{instance}} {{mode}}"),
    one("Looks for a block", rate("wangge_sink_probes_total", "probed"), "{{probed}}", unit="ops"),
    one("Plans in flight", "sum by (instance) (wangge_sink_plans_in_flight)", "{{instance}}"),
    Panel("Waiting in memory", (
        ("sum by (instance) (wangge_sink_buffered_rows)", "{{instance}} rows"),
        ("sum by (instance) (wangge_sink_buffered_bytes)", "{{instance}} bytes"),
    )),
    one("Blocks to look at", "sum by (instance, alarm) (increase(wangge_sink_alarms_total[1h]))",
        "{{instance}} {{alarm}}", about="/status of the sink says which"),
    one("Rows refused for good", "sum by (table) (increase(wangge_sink_rejected_rows_total[1h]))", "{{table}}"),
)  # fmt: skip
_EDGES = (
    one("Spotter scans", "sum(rate(wangge_spotter_scanned_total[$__rate_interval]))", "records", unit="reqps", width=6),
    one("Spotter copies", rate("wangge_spotter_copied_total", "topic"), "{{topic}}", unit="reqps", width=6),
    one("Put off, waiting to go back", "sum by (topic) (wangge_retry_waiting_records)", "{{topic}}", width=6),
    one("Bridge", rate("wangge_bridge_messages_total", "bridged"), "{{bridged}}", unit="reqps", width=6),
    one("Bridge waits for Kafka", "sum(wangge_bridge_unacknowledged_messages)", "messages", width=6),
    one("Memory", "process_resident_memory_bytes", "{{job}} {{instance}}", unit="bytes", width=9),
    one("Processor", "rate(process_cpu_seconds_total[$__rate_interval])", "{{job}} {{instance}}", unit="percentunit",
        width=9),
)  # fmt: skip

CATALOGUE = load_catalogue(ROOT / "deploy" / "reference" / "assessment" / "indicators.csv")
SHOWN = (
    "cases_dispatched", "handling_rate", "on_time_handling_rate", "original_on_time_rate", "overdue_open_rate",
    "on_time_closing_rate", "effective_closing_rate", "rework_rate", "refusal_rate", "accurate_dispatch_rate",
    "mean_hops", "median_handling_hours", "backlog", "border_case_share", "response_rate", "solve_rate",
    "satisfaction_rate", "survey_answer_rate",
)  # fmt: skip
"""Columns of the main table, under the names that the catalogue gives them."""


def _figures() -> str:
    shown = CATALOGUE.only(SHOWN).indicators
    columns = ",\n  ".join(f"anyIf(value, indicator = '{each.id}') AS `{each.name_zh}`" for each in shown)
    return f"SELECT unit,\n  {columns}\nFROM wangge.indicators_of({PERIOD})\nGROUP BY unit\nORDER BY unit"


def _city(*names: str) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    return f"SELECT indicator, value FROM wangge.indicators_of({CITY}) WHERE indicator IN ({listed}) ORDER BY position"


_SUMMARY = (
    one("Volume", _city("reports", "filed_volume", "cases_dispatched", "backlog", "backlog_overdue", "patrols"),
        kind="stat", width=8),
    one("Cases", _city("handling_rate", "on_time_handling_rate", "on_time_closing_rate", "effective_closing_rate",
                       "rework_rate"), kind="stat", unit="percentunit", width=8),
    one("Citizens", _city("response_rate", "solve_rate", "satisfaction_rate", "survey_answer_rate"), kind="stat",
        unit="percentunit", width=8, about="Read the satisfaction with the share of follow-ups that were answered"),
)  # fmt: skip
_UNITS = (
    one("Figures by ${level}", _figures(), kind="table", width=24,
        about="The same figures as `wangge indicators --by`; rows written again by a replay count once"),
    one("${indicator} with its 95 % interval",
        "SELECT unit, value, lo, hi, numerator, denominator, n, small\n"
        f"FROM wangge.indicators_of({PERIOD})\nWHERE indicator = '${{indicator}}' ORDER BY value DESC, unit",
        kind="table", width=12, about="small: too few rows to compare; overlapping intervals are no ranking"),
    one("${indicator} by day",
        f"SELECT toDateTime(day) AS time, unit, value\nFROM wangge.indicator_days_of({PERIOD})\n"
        "WHERE indicator = '${indicator}' AND value IS NOT NULL ORDER BY time, unit", width=12),
)  # fmt: skip
_QUALITY = (
    one("Reports by channel and what became of them",
        "SELECT channel, fate, uniqExact(report_id) AS reports FROM wangge.report_status\n"
        "WHERE received_at >= fromUnixTimestamp64Milli(toInt64(${__from})) "
        "AND received_at < fromUnixTimestamp64Milli(toInt64(${__to}))\n"
        "GROUP BY channel, fate ORDER BY reports DESC", kind="table"),
    one("Place, doubles, quarantine", _city("geo_50m_share", "no_coordinates_share", "duplicate_rate",
                                            "quarantine_rate", "border_case_share"),
        kind="stat", unit="percentunit"),
    one("Quarantine by reason",
        "SELECT topic, reason, uniqExact(fact_id) AS records FROM wangge.quarantine FINAL\n"
        "GROUP BY topic, reason ORDER BY records DESC", kind="table"),
)  # fmt: skip
_BEHIND = (
    one("Open and overdue, the longest first",
        "SELECT case_id, department, street, grid, code, case_class, state, opened_at, due_at, hops, reworks,\n"
        "  round(age_days, 1) AS age_days\nFROM wangge.case_status\n"
        "WHERE overdue_open ORDER BY due_at, case_id LIMIT 200",
        kind="table", width=24, about="`wangge cases show CASE_ID` tells the whole story of a case"),
    one("Latest fact", "SELECT at FROM wangge.latest", kind="stat", width=8,
        about="Everything that is called now is as of this time"),
)  # fmt: skip
VARIABLES: tuple[dict[str, Any], ...] = (
    {"name": "level", "label": "by", "type": "custom", "query": "department,city,district,street,community,grid",
     "current": {"text": "department", "value": "department"}},
    {"name": "indicator", "label": "indicator", "type": "query", "datasource": CLICKHOUSE, "refresh": 1,
     "query": "SELECT DISTINCT indicator FROM wangge.indicators_by_all_day ORDER BY indicator",
     "current": {"text": "on_time_handling_rate", "value": "on_time_handling_rate"}},
)  # fmt: skip

BOARDS = {
    "pipeline-health": Board(
        "wangge-pipeline", "Wangge: pipeline", PROMETHEUS,
        (("Processes", _PROCESSES), ("Consuming", _CONSUMING), ("Work", _WORK), ("The whole way", _WHOLE_WAY),
         ("ClickHouse", _SINK), ("Spotter, bridge, processes", _EDGES)), "now-1h",
    ),
    "assessment": Board(
        "wangge-assessment", "Wangge: assessment 评价", CLICKHOUSE,
        (("The city", _SUMMARY), ("Units", _UNITS), ("Quality of the input", _QUALITY),
         ("Behind the figures", _BEHIND)), "now-30d", VARIABLES,
    ),
}  # fmt: skip
"""Dashboards by the name of their file."""


def document(board: Board) -> dict[str, Any]:
    """A dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for heading, row in board.rows:
        panels.append(_heading(heading, y))
        y += 1
        x = 0
        for panel in row:
            if x + panel.width > WIDTH:
                x, y = 0, y + HEIGHT
            panels.append(_panel(panel, board.source, x, y))
            x += panel.width
        y += HEIGHT
    numbered = [{"id": number, **panel} for number, panel in enumerate(panels, 1)]
    return {
        "uid": board.uid, "title": board.title, "tags": ["wangge"], "schemaVersion": 39, "version": 1,
        "timezone": "Asia/Shanghai", "editable": False, "refresh": "30s" if board.source is PROMETHEUS else "",
        "time": {"from": board.span, "to": "now"}, "templating": {"list": list(board.variables)}, "panels": numbered,
    }  # fmt: skip


def _heading(title: str, y: int) -> dict[str, Any]:
    grid = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    return {"type": "row", "title": title, "collapsed": False, "gridPos": grid, "panels": []}


def _panel(panel: Panel, source: dict[str, str], x: int, y: int) -> dict[str, Any]:
    made = _prometheus if source is PROMETHEUS else _clickhouse
    targets = [
        {"refId": chr(ord("A") + number), "datasource": source, **made(query, legend, panel.kind)}
        for number, (query, legend) in enumerate(panel.queries)
    ]
    found = {
        "type": panel.kind, "title": panel.title, "description": panel.about, "datasource": source,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT}, "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
    }  # fmt: skip
    if panel.kind == "stat" and source is CLICKHOUSE:
        found["options"] = {"reduceOptions": {"values": True}, "textMode": "value_and_name"}
    if panel.kind == "timeseries" and source is CLICKHOUSE:
        found["transformations"] = [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]
    return found


def _prometheus(query: str, legend: str, kind: str) -> dict[str, Any]:
    return {"expr": query, "legendFormat": legend, "instant": kind == "stat", "range": kind != "stat"}


def _clickhouse(query: str, legend: str, kind: str) -> dict[str, Any]:
    return {"rawSql": query, "editorType": "sql", "queryType": "table", "format": 1}


def texts() -> dict[str, str]:
    """Every dashboard as the text of its file."""
    return {name: json.dumps(document(board), ensure_ascii=False, indent=2) + "\n" for name, board in BOARDS.items()}


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
