"""Routing measured on a small simulated city: against the true owner, people counted apart."""

from __future__ import annotations

from pathlib import Path

from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.tasks.routing import evaluate


def test_the_first_assignment_is_judged_by_the_true_owner(simulated: Path) -> None:
    report = evaluate(EvaluateRequest("simulated", simulated))
    assert report.rows > 50
    assert report.figures["top1_of_decided"] > 0.8
    assert 0 < report.figures["to_a_person"] < 0.5
    assert report.slices["reason"]["duty list"]["top1"] > 0.9


def test_whoever_acts_for_an_unknown_owner_is_not_sure_to_be_it(simulated: Path) -> None:
    report = evaluate(EvaluateRequest("simulated", simulated))
    reasons = report.slices["reason"]
    assert reasons["owner unknown: acts first"]["top1"] < 0.5 < reasons["owner of the component"]["top1"]
    assert report.figures["surest_half"] > report.figures["top1_of_decided"]
