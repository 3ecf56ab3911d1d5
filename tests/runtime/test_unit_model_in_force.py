"""A promoted model of units reaches the router of a city."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.unitfile import packed
from pipeline.learning.modelfile import Card, write_model
from pipeline.learning.registry import Registry
from pipeline.runtime.models import load_models
from pipeline.stages.casework import policy_of
from tests.builders import located
from tests.small_city import WASTE, city
from tests.stages.test_route_history import history


def test_a_promoted_model_is_asked_and_named_in_the_decision(tmp_path: Path) -> None:
    card = write_model(tmp_path / "m", Card(task="routing"), *packed(history((WASTE, "water", 9))))
    Registry(tmp_path / "city" / "models").promote(str(tmp_path / "m"), "2026-01-01")
    router = policy_of(city(), models=load_models(tmp_path / "city")).router
    report = located("1", 0, WASTE)
    route = router.route(report, 4, "work_hour", report.report.received_at, urgent=False)
    assert route.model == card.version
    assert "water" in route.candidates
    assert policy_of(city()).router.units is None
