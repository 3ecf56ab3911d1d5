"""Instruments: the closed list of metrics, names and bounds of labels, and what each method counts."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.errors import Reason
from pipeline.runtime import metrics
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.metrics import BY_NAME, LABELS, METRICS, MOST_SERIES, OTHER, most_series
from pipeline.stage import Settlement

DOC = Path(__file__).parent.parent.parent / "docs" / "monitoring.md"
FOREIGN = ("process_", "python_")
PARTS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}


class Clock:
    """Seconds in the hands of a test."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def samples(instruments: Instruments) -> dict[str, dict[tuple[str, ...], float]]:
    """Every series that Prometheus would read, by name and values of labels in the order of the metric's labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(instruments.exposition()[1].decode()):
        for sample in family.samples:
            if not sample.name.startswith(FOREIGN):
                labels = sorted((name, value) for name, value in sample.labels.items() if name != "le")
                found.setdefault(sample.name, {})[tuple(value for _, value in labels)] = sample.value
    return found


def used(instruments: Instruments) -> Instruments:
    """Instruments of which every method was called once."""
    ins = instruments
    ins.build("0.1.0", "a1b2")
    ins.touched()
    ins.assigned([("reports.hotline", 0), ("reports.hotline", 1)])
    ins.rebalanced()
    ins.lag("reports.hotline", 0, 7, 2.0)
    ins.took("reports.hotline", 0)
    ins.committed("reports.hotline", 1, 12)
    ins.ready("kafka", True)
    ins.recovering("casework")
    ins.recovered("casework", 3.5, 1000)
    ins.batch("poll", 500, 0.2)
    ins.batch("intake", 500, 0.1)
    ins.received("hotline", 500)
    ins.settlements([Settlement("hotline", "filed", "dispatched"), Settlement("sensor", "logged", "readings", 60)])
    ins.settled("alarm", "filed", "dispatched", 2, derived=True)
    ins.quarantined("reports.hotline", "future_time", 3)
    ins.produced("facts.reports", 497)
    ins.transaction("committed", 0.05)
    ins.state_entries("casework", 1001)
    ins.latency("published_to_row", 0.8, 5)
    ins.sink_inserted("cases", 100, 0.1)
    ins.sink_retried("timeout")
    ins.sink_probed("absent")
    ins.sink_rejected("cases", 1)
    ins.sink_alarm("views_may_lack")
    ins.sink_state("token", 2, 300, 40_000)
    ins.canary_sent("other", "police-110")
    ins.canary_seen("other", "police-110", "fact", 0.4, 1_785_718_800.0)
    ins.canary_lost("other", "police-110", "row")
    ins.scanned(50_000)
    ins.spotted("reports.hotline", 4)
    ins.put_off("retry.1m", 3)
    ins.bridged("forwarded", 10)
    ins.bridge_waiting(2)
    return ins


def test_the_documentation_lists_exactly_the_metrics_of_the_code() -> None:
    lines = [line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| `wangge_")]
    assert lines == metrics.table().splitlines()[2:]


def test_the_documentation_lists_exactly_the_values_of_labels() -> None:
    lines = DOC.read_text(encoding="utf-8").split("| label | values |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    values = {name: ", ".join(one.values) or f"at most {one.limit} values" for name, one in LABELS.items()}
    assert lines == [f"| `{name}` | {text} |" for name, text in values.items()]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_keep_the_conventions_of_prometheus(metric: metrics.Metric) -> None:
    assert re.fullmatch(r"wangge(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert ("seconds" in metric.name) == (metric.unit == "seconds")
    assert ("_bytes" in metric.name) == (metric.unit == "bytes")
    assert not re.search(r"_(ms|millis|minutes|kilobytes|count|sum|bucket)(_|$)", metric.name)
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_label_is_a_closed_list_or_has_a_limit(metric: metrics.Metric) -> None:
    assert all((bool(LABELS[label].values) != bool(LABELS[label].limit)) for label in metric.labels)
    assert most_series(metric) <= MOST_SERIES + 1


def test_labels_and_metrics_are_all_used_and_named_once() -> None:
    assert {label for metric in METRICS for label in metric.labels} == set(LABELS)
    assert len(BY_NAME) == len(METRICS)
    assert set(LABELS["reason"].values) == set(map(str, Reason))


@pytest.mark.parametrize("process", ["worker", "sink", "spotter", "bridge", "canary", "retry", "clock"])
def test_every_process_tells_what_runs_and_a_worker_by_which_rules(process: str) -> None:
    ins = Instruments(process)
    assert samples(ins)["wangge_build_info"] == {(process, "-", version("wangge")): 1}
    ins.build(version("wangge"), "a1b2")
    assert samples(ins)["wangge_build_info"] == {(process, "a1b2", version("wangge")): 1}


def test_nothing_is_exposed_that_is_not_on_the_list_and_everything_on_it_is() -> None:
    found = samples(used(Instruments("worker", needs=("kafka",))))
    listed = {metric.name + part for metric in METRICS for part in PARTS[metric.kind]}
    assert set(found) - listed == set()
    assert listed - set(found) - {"wangge_assignments_unanswered"} == set()


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("wangge_build_info", ("worker", "a1b2", "0.1.0"), 1),
        ("wangge_consumer_lag_records", ("0", "reports.hotline"), 7),
        ("wangge_stage_records_total", ("poll",), 500),
        ("wangge_batch_records_sum", (), 500),
        ("wangge_records_settled_total", ("hotline", "no", "filed", "dispatched"), 1),
        ("wangge_records_settled_total", ("alarm", "yes", "filed", "dispatched"), 2),
        ("wangge_samples_settled_total", ("sensor",), 60),
        ("wangge_records_quarantined_total", ("future_time", "reports.hotline"), 3),
        ("wangge_transactions_total", ("committed",), 1),
        ("wangge_transactions_total", ("fenced",), 0),
        ("wangge_state_entries", ("casework",), 1001),
        ("wangge_end_to_end_seconds_count", ("published_to_row",), 5),
        ("wangge_sink_rows_total", ("cases",), 100),
        ("wangge_sink_mode", ("token",), 1),
        ("wangge_sink_mode", ("probe",), 0),
        ("wangge_canary_seen_timestamp_seconds", ("police-110", "other", "fact"), 1_785_718_800),
        ("wangge_bridge_unacknowledged_messages", (), 2),
    ],
)
def test_a_method_counts_where_it_should(name: str, labels: tuple[str, ...], value: float) -> None:
    assert samples(used(Instruments("worker")))[name][labels] == value


def test_wild_values_of_labels_make_no_series() -> None:
    ins = Instruments("worker")
    for number in range(3_000):
        ins.received(f"channel-{number}", 1)
        ins.settled(f"channel-{number}", f"fate-{number}", "\n\"'\\", 1)
        ins.quarantined(f"topic-{number}", f"reason-{number}", 1)
        ins.batch(f"stage-{number}", 1, 0.1)
        ins.sink_inserted(f"table-{number}", 1, 0.1)
    found = samples(ins)
    too_many = {
        name: len(series)
        for name, series in found.items()
        if len(series) > most_series(BY_NAME[re.sub("_(bucket|sum|count)$", "", name)])
    }
    assert too_many == {}
    assert found["wangge_records_received_total"][(OTHER,)] == 3_000 - LABELS["channel"].limit
    assert found["wangge_sink_rows_total"][(OTHER,)] == 3_000


def test_a_metric_with_many_partitions_stops_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.runtime.instruments.MOST_SERIES", 10)
    ins = Instruments("worker")
    for number in range(30):
        ins.quarantined(f"topic-{number}", "oversize", 1)
    found = samples(ins)["wangge_records_quarantined_total"]
    assert len(found) == 11
    assert found[OTHER, OTHER] == 20


def test_partitions_that_went_elsewhere_are_shown_no_more() -> None:
    ins = Instruments("worker")
    ins.assigned([("a", 0), ("a", 1)])
    ins.lag("a", 0, 5, 1.0)
    ins.lag("a", 1, 6, 1.0)
    assert set(samples(ins)["wangge_consumer_lag_records"]) == {("0", "a"), ("1", "a")}
    ins.assigned([("a", 1)])
    ins.lag("a", 0, 5, 1.0)
    assert set(samples(ins)["wangge_consumer_lag_records"]) == {("1", "a")}


def test_ages_grow_while_nothing_is_said() -> None:
    clock = Clock()
    ins = Instruments("worker", clock=clock)
    ins.lag("a", 0, 5, 2.0)
    ins.took("a", 0)
    clock.time += 40
    found: dict[str, Any] = samples(ins)
    ages = {name: found[f"wangge_{name}_seconds"][("0", "a")] for name in ("consumer_lag", "commit_age", "unacked_age")}
    assert (ages, found["wangge_loop_age_seconds"][()]) == (
        {"consumer_lag": 42, "commit_age": 40, "unacked_age": 40}, 40,
    )  # fmt: skip


def test_two_processes_in_one_do_not_share_figures() -> None:
    one, other = Instruments("worker"), Instruments("sink")
    one.received("hotline", 5)
    assert ("hotline",) not in samples(other).get("wangge_records_received_total", {})
