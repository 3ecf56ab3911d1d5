"""Routing measured on a small simulated city: against the true owner, people counted apart."""

from __future__ import annotations

from pathlib import Path

from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.tasks.routing import evaluate
from tests.commands.conftest import Wangge
from tests.commands.conftest import wangge as wangge


def test_the_first_assignment_is_judged_by_the_true_owner(wangge: Wangge, tmp_path: Path) -> None:
    made = wangge("simulate", "--out", tmp_path / "c", "--days", "1", "--scale", "0.05", "--seed", "3", "--quiet")
    assert made.code == 0, made.err
    report = evaluate(EvaluateRequest("simulated", tmp_path / "c"))
    assert report.rows > 50
    assert report.figures["top1_of_decided"] > 0.8
    assert 0 < report.figures["to_a_person"] < 0.5
    assert report.slices["reason"]["duty list"]["top1"] > 0.9
