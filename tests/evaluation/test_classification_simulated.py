"""Classification of a small simulated city: no emergency is missed, and the truth judges what the stages say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.errors import ConfigFaults
from pipeline.evaluation.report import EvaluateRequest, Report
from pipeline.evaluation.tasks.classification import evaluate
from pipeline.learning.request import TrainRequest
from pipeline.learning.trainers.classify import train


@pytest.fixture(scope="module")
def report(simulated: Path) -> Report:
    return evaluate(EvaluateRequest("simulated", simulated))


def test_no_emergency_is_missed(report: Report) -> None:
    figures = report.figures
    assert figures["emergency_missed"] == figures["emergency_problems_missed"] == 0
    assert figures["emergency_recall"] == 1.0
    assert sum(figure["reports"] for figure in report.per_class.values()) > 10


def test_false_emergencies_are_counted_and_few(report: Report) -> None:
    assert report.figures["emergency_precision"] >= 0.95
    assert report.figures["emergency_false"] == sum(row["false"] for row in report.slices["rule"].values())


def test_categories_are_judged(report: Report) -> None:
    assert report.figures["accuracy"] > 0.9
    assert 0.5 < report.figures["coverage"] < 1
    assert sum(part["rows"] for part in report.slices["channel"].values()) == report.rows


def test_decisions_do_not_hang_on_the_truth(simulated: Path, report: Report, tmp_path: Path) -> None:
    """The truth only judges: with another truth the same reports are taken for emergencies."""
    other = tmp_path / "other"
    shutil.copytree(simulated, other)
    problems = other / "truth" / "problems.csv"
    head, *rows = problems.read_text(encoding="utf-8").splitlines()
    place = head.split(",").index("emergency")
    spoiled = [",".join([*row.split(",")[:place], "0", *row.split(",")[place + 1 :]]) for row in rows]
    problems.write_text("\n".join([head, *spoiled]) + "\n", encoding="utf-8")
    found = evaluate(EvaluateRequest("simulated", other))
    assert found.figures["coverage"] == report.figures["coverage"]
    taken = [sum(row["right"] + row["false"] for row in one.slices["rule"].values()) for one in (report, found)]
    assert taken[0] == taken[1]


def test_a_model_of_the_city_takes_the_place_of_the_words(simulated: Path, tmp_path: Path) -> None:
    card = train(TrainRequest("simulated", simulated, tmp_path / "m", day="2026-01-01"))
    assert all(label.count("|") == 2 for label in card.labels)
    found = evaluate(EvaluateRequest("simulated", simulated, tmp_path / "m"))
    assert f"model {card.version}" in found.slices["method"]
    assert found.figures["emergency_missed"] == 0
    assert found.figures["text_coverage"] > 0.8


def test_a_folder_without_a_city_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="wangge simulate"):
        evaluate(EvaluateRequest("simulated", tmp_path))
