"""What Prometheus is given: configuration, alerts and their tests, by its own tool and against the code."""

import re
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from deploy.grafana.boards import BOARDS
from pipeline.commands import command_named
from pipeline.commands.standing import PORTS
from pipeline.runtime.metrics import BY_NAME, LABELS, METRICS, Metric

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
RULES, TESTS = FOLDER / "rules" / "pipeline.yml", FOLDER / "tests" / "pipeline.yml"
DOC = ROOT / "docs" / "monitoring.md"
OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
TARGET_LABELS = {"job", "instance"}
_NAME = re.compile(r"\b(?:wangge_[a-z_]+|up|process_[a-z_]+)\b(?!\s*\()")
_MATCH = re.compile(r"(wangge_[a-z_]+)\{([^}]*)\}")
_BY = re.compile(r"by \(([^)]*)\)")


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> dict[str, str]:
    """Every PromQL expression by where it stands."""
    found = {rule["alert"]: rule["expr"] for rule in alerts()}
    for panel in (panel for _, row in BOARDS["pipeline-health"].rows for panel in row):
        found |= {f"{panel.title} {number}": query for number, (query, _) in enumerate(panel.queries)}
    return found


def base(name: str) -> str:
    """The metric of a series."""
    return name if name in BY_NAME else re.sub("_(bucket|sum|count)$", "", name)


def promtool(*arguments: object) -> None:
    """Ask Prometheus' own tool; it must be content."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration_and_rules_are_valid() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")
    promtool("check", "rules", RULES)


def test_prometheus_looks_for_every_kind_of_process_where_it_answers_unless_told_otherwise() -> None:
    usual = {process: f"127.0.0.1:{port}" for process, port in PORTS.items()}
    targets = yaml.safe_load((FOLDER / "targets" / "one-machine.yml").read_text("utf-8"))
    assert {one["labels"]["job"]: one["targets"] for one in targets} == {name: [at] for name, at in usual.items()}
    documented = re.findall(r"^\| (\w+) \| (96\d\d)", DOC.read_text("utf-8"), re.MULTILINE)
    assert {name: f"127.0.0.1:{port}" for name, port in documented} == usual
    assert {name: health_of(name) for name in usual} == usual
    (down,) = [rule["expr"] for rule in alerts() if rule["alert"] == "WanggeProcessDown"]
    assert set(re.findall(r"\w+", down.partition('"')[2].partition('"')[0])) == set(usual)


def health_of(process: str) -> Any:
    """What ``--health`` of the command of a process is unless it is given."""
    command = command_named(process)
    if isinstance(command, click.Group):
        (command,) = command.commands.values()
    return next(option.default for option in command.params if option.name == "health")


def test_every_alert_goes_off_when_it_should_and_only_then() -> None:
    promtool("test", "rules", TESTS.name)


def test_every_alert_has_a_case_that_sets_it_off_and_one_that_does_not() -> None:
    cases = [rule for case in yaml.safe_load(TESTS.read_text("utf-8"))["tests"] for rule in case["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


def test_every_alert_has_a_severity_a_summary_and_a_line_that_says_what_to_do() -> None:
    documented = re.findall(r"^\| `(Wangge\w+)` \| (\w+) \| (.+) \|$", DOC.read_text("utf-8"), re.MULTILINE)
    assert {(name, severity) for name, severity, what in documented if len(what) > 20} == {
        (rule["alert"], rule["labels"]["severity"]) for rule in alerts()
    }
    assert {rule["labels"]["severity"] for rule in alerts()} == {"page", "ticket"}
    assert all(rule["annotations"]["summary"] for rule in alerts())


@pytest.mark.parametrize("where", expressions())
def test_an_expression_names_only_metrics_and_labels_that_there_are(where: str) -> None:
    query = expressions()[where]
    named = {base(name) for name in _NAME.findall(query) if name not in LABELS}
    assert named - set(BY_NAME) == (named & OTHERS)
    known = {label for name in named & set(BY_NAME) for label in BY_NAME[name].labels} | TARGET_LABELS | {"le"}
    asked = {label.strip() for group in _BY.findall(query) for label in group.split(",")}
    assert asked <= known
    for name, matchers in _MATCH.findall(query):
        for label, value in re.findall(r'(\w+)[=!~]+"([^"]*)"', matchers):
            assert label in BY_NAME[base(name)].labels, (name, label)
            closed = LABELS[label].values
            assert not closed or set(value.split("|")) <= set(closed), (name, label, value)


def test_histograms_are_asked_by_their_parts_and_counters_by_their_rate() -> None:
    for where, query in expressions().items():
        for name in _NAME.findall(query):
            metric = BY_NAME.get(base(name))
            if metric is None:
                continue
            assert (name == metric.name) == (metric.kind != "histogram"), where
            if metric.kind != "gauge":
                assert re.search(rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[", query), where


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_on_the_board(metric: Metric) -> None:
    queries = [query for panel in (p for _, row in BOARDS["pipeline-health"].rows for p in row)
               for query, _ in panel.queries]  # fmt: skip
    assert any(metric.name in {base(name) for name in _NAME.findall(query)} for query in queries)


def test_the_documentation_lists_every_label_with_its_bound() -> None:
    text = DOC.read_text("utf-8")
    for name, label in LABELS.items():
        bound = ", ".join(label.values) if label.values else f"at most {label.limit} values"
        assert f"| `{name}` | {bound} |" in text
