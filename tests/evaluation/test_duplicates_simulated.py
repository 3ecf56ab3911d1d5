"""Duplicates of a small simulated city, with its gazetteer and without."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.simulated import Simulated, open_simulated
from pipeline.evaluation.tasks.duplicates import evaluate


@pytest.fixture(scope="module")
def without(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bare") / "city"
    shutil.copytree(simulated, out)
    (out / "city" / "gazetteer.csv").unlink()
    return out


def methods(city: Simulated) -> Counter[str]:
    return Counter(one.place.method for one in city.topology.place(list(city.screened())))


def test_names_place_reports_that_nothing_else_places(simulated: Path, without: Path) -> None:
    named, bare = methods(open_simulated(simulated)), methods(open_simulated(without))
    assert named["point"] == bare["point"]
    assert bare["gazetteer"] == 0
    assert named["gazetteer"] == sum((bare - named).values()) > 20


def test_places_named_are_near_the_truth(simulated: Path) -> None:
    """Within three errors on each axis of where it happened, but for what callers' slips made of a name."""
    city = open_simulated(simulated)
    found = [one for one in city.topology.place(list(city.screened())) if one.place.method == "gazetteer"]
    truth = [(one, city.problem_of(one.report)) for one in found]
    known = [(one, row) for one, row in truth if row is not None]
    good = 0
    for one, row in known:
        assert one.report.lon is not None
        assert one.report.lat is not None
        reach = 3.0 * (one.report.error_m or 0.0)
        east = abs(one.report.lon - float(row["lon"])) * 95_000
        north = abs(one.report.lat - float(row["lat"])) * 111_000
        good += east <= reach and north <= reach
    assert len(known) > 10
    assert good >= 0.95 * len(known)


def test_more_duplicates_are_found_with_the_table(simulated: Path, without: Path) -> None:
    named = evaluate(EvaluateRequest("simulated", simulated, peers=False)).figures
    bare = evaluate(EvaluateRequest("simulated", without, peers=False)).figures
    assert named["recall"] >= bare["recall"]
    assert named["emergencies_merged"] == 0
