"""``wangge evaluate boundary``: are the cases flagged that belong elsewhere than the map says?

Figures: ``recall`` (share of true disagreements that are flagged), ``flagged`` (share of all cases with a place that
are flagged), ``precision``, ``brier`` of the stated probability beside ``brier_constant``.
"""

from __future__ import annotations

from pipeline.errors import ConfigFaults, Fault
from pipeline.evaluation import borders_simulated, boston_wards
from pipeline.evaluation.report import EvaluateRequest, Report

DATASETS = {"boston311": boston_wards.evaluate, "simulated": borders_simulated.evaluate}


def evaluate(request: EvaluateRequest) -> Report:
    """The report of a set. Raises ``ConfigFaults`` for a set that has no truth about borders."""
    found = DATASETS.get(request.dataset)
    if found is None:
        remedy = f"borders are measured on {', '.join(DATASETS)}"
        raise ConfigFaults([Fault("boundary", "--dataset", request.dataset, remedy)])
    if request.model is not None:
        remedy = "leave it out: borders are judged by rules and by a ledger that learns as it goes"
        raise ConfigFaults([Fault("boundary", "--model", str(request.model), remedy)])
    return found(request)
