"""Borders of a small simulated city: what the stage flags, judged by the true places."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigFaults
from pipeline.evaluation.report import EvaluateRequest, Report
from pipeline.evaluation.tasks.boundary import evaluate


@pytest.fixture(scope="module")
def found(simulated: Path) -> Report:
    return evaluate(EvaluateRequest("simulated", simulated))


def test_most_reports_of_another_street_are_flagged_and_few_others(found: Report) -> None:
    assert found.per_class["street"]["recall"] >= 0.95
    assert found.per_class["community"]["recall"] >= 0.7
    assert found.figures["flagged"] <= 0.3
    assert found.figures["precision"] >= 0.3
    assert found.figures["true_area_among_candidates"] >= 0.7


def test_the_stated_probabilities_say_more_than_a_constant(found: Report) -> None:
    assert found.figures["brier"] < 0.8 * found.figures["brier_constant"]
    for said in found.slices["probability"].values():
        if said["cases"] >= 100:
            assert said["happened"] == pytest.approx(said["mean"], abs=0.08)


def test_findings_about_duties_are_no_findings_about_places(found: Report) -> None:
    shares = {name: figures["share"] for name, figures in found.slices["flag"].items()}
    assert shares["DUTY_OVERLAP"] > 0
    assert found.figures["flagged"] <= shares["BORDER"] + shares.get("GAP", 0.0) + 1e-9


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="wangge simulate"):
        evaluate(EvaluateRequest("simulated", tmp_path))
