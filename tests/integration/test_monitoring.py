"""Every query of the dashboards on real tables and a real Prometheus, and the views against the command line."""

import json
import math
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from deploy.grafana.boards import BOARDS, VARIABLES, Panel
from deploy.stack.servers import PrometheusServer
from pipeline.assessment.views import LEVELS
from pipeline.events.base import Millis
from pipeline.runtime.health import HealthServer
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.metrics import BY_NAME, METRICS
from tests.assessment.ward import assigned
from tests.integration import figures
from tests.integration.conftest import Whole
from tests.integration.stores import wangge
from tests.runtime.test_instruments import used

ROOT = Path(__file__).parent.parent.parent
LONGEST_S = 90.0
SPRING: tuple[Millis, Millis] = (1_772_000_000_000, 1_780_000_000_000)
"""A period around the simulated days."""
VALUES = {"__from": str(SPRING[0]), "__to": str(SPRING[1]), "level": "department", "indicator": "on_time_handling_rate"}
MAY_BE_EMPTY = {"Open and overdue, the longest first"}
"""What two days of a small district need not have."""
FIGURES = ("numerator", "denominator", "value", "lo", "hi", "n", "small")


def panels(board: str) -> list[Panel]:
    return [panel for _, row in BOARDS[board].rows for panel in row]


def filled(query: str, **values: str) -> str:
    """A query as Grafana sends it: variables replaced."""
    given = VALUES | values
    text = re.sub(r"\$\{(\w+)\}", lambda found: given[found.group(1)], query)
    return text.replace("$__rate_interval", "1m")


# --- tables --------------------------------------------------------------------------------------------------------


def queries() -> dict[str, str]:
    """Every SQL of the dashboard of assessment, for every level where it names one."""
    found = {"indicators to choose": str(VARIABLES[1]["query"])}
    for panel in panels("assessment"):
        for query, _ in panel.queries:
            levels = LEVELS[1:] if "${level}" in query else ("department",)
            found |= {f"{panel.title} [{level}]": filled(query, level=level) for level in levels}
    return found


@pytest.fixture(scope="module")
def answers(whole: Whole) -> dict[str, Any]:
    views = {f"view {level}": f"SELECT * FROM wangge.indicators_by_{level}" for level in LEVELS}
    return figures.asked(whole.store, queries() | views)


@pytest.mark.parametrize("name", queries())
def test_a_query_of_the_assessment_board_gives_rows(name: str, answers: dict[str, Any]) -> None:
    rows = answers[name]
    assert isinstance(rows, list), rows
    assert rows or name.partition(" [")[0] in MAY_BE_EMPTY


def alike(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=1e-9))


@pytest.mark.parametrize("level", ["department", "street", "grid"])
def test_the_views_have_the_figures_that_the_command_line_prints(
    level: str, whole: Whole, answers: dict[str, Any]
) -> None:
    printed = json.loads(wangge("indicators", "--by", level, "--json", "--store", whole.store))
    told = {(row["dimension"], row["indicator"]): [row[name] for name in FIGURES] for row in printed}
    found = {(row["unit"], row["indicator"]): [row[name] for name in FIGURES] for row in answers[f"view {level}"]}
    assert found.keys() == told.keys()
    # sums of floats depend on the order of rows in their last digit
    assert [place for place in found if not all(map(alike, found[place], told[place]))] == []
    assert len({indicator for _, indicator in found}) >= 12


# --- Prometheus ----------------------------------------------------------------------------------------------------


class Asked:
    """A Prometheus that scrapes this process every second."""

    def __init__(self, server: PrometheusServer) -> None:
        self.url = server.url

    def get(self, path: str) -> Any:
        """The data of an answer of its API."""
        with urlopen(f"{self.url}/api/v1/{path}", timeout=30) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return found["data"]

    def series(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        found: list[dict[str, Any]] = self.get(f"query?query={quote(query)}")["result"]
        return found


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Prometheus with the product's rules, over a worker of which every instrument moves."""
    folder = tmp_path_factory.mktemp("prometheus")
    instruments = Instruments("worker", needs=("kafka",))
    with HealthServer(instruments) as health:
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{ROOT}/deploy/prometheus/rules/*.yml']\n"
            "scrape_configs:\n"
            f"  - {{job_name: worker, static_configs: [{{targets: ['127.0.0.1:{health.port}']}}]}}\n",
            encoding="utf-8",
        )
        server = PrometheusServer(folder / "data", config, leash=os.getpid())
        with server:
            asked = Asked(server)
            _move(instruments, asked)
            yield asked


def _move(instruments: Instruments, asked: Asked) -> None:
    """Use every instrument until Prometheus has read it some times."""
    until = time.monotonic() + LONGEST_S
    read = "count_over_time(wangge_sink_rows_total{table='cases'}[5m]) >= 4"
    while not asked.series(read):
        assert time.monotonic() < until, "Prometheus has read nothing"
        used(instruments)
        instruments.facts([assigned("A", 1, 0, "water", 24)])
        time.sleep(0.3)


def test_prometheus_reads_the_instruments_and_runs_the_rules(prometheus: Asked) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) >= 12
    assert [rule["name"] for rule in rules if rule.get("lastError")] == []


def test_prometheus_knows_every_metric_with_its_meaning(prometheus: Asked) -> None:
    known = prometheus.get("metadata")
    for metric in METRICS:
        name = metric.name
        assert [(entry["type"], entry["help"]) for entry in known[name]] == [(metric.kind, metric.help)]


@pytest.mark.parametrize("panel", panels("pipeline-health"), ids=lambda panel: panel.title)
def test_a_query_of_the_pipeline_board_gives_series_with_the_labels_of_its_legend(
    panel: Panel, prometheus: Asked
) -> None:
    for query, legend in panel.queries:
        series = prometheus.series(filled(query))
        assert series, query
        wanted = set(re.findall(r"\{\{(\w+)\}\}", legend))
        assert wanted <= set(series[0]["metric"]), (query, legend)
        assert any(one["value"][1] != "NaN" for one in series), query


def test_a_metric_with_labels_has_them_in_prometheus(prometheus: Asked) -> None:
    for name in ("wangge_records_settled_total", "wangge_canary_seen_timestamp_seconds", "wangge_consumer_lag_seconds"):
        labels = set(prometheus.series(name)[0]["metric"]) - {"__name__", "job", "instance"}
        assert labels == set(BY_NAME[name].labels)
