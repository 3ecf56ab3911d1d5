"""Duplicates trained and measured from the command's own functions, on rows invented here."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from connectors.importers.cases import OUTCOMES
from pipeline.domain import pairmodel
from pipeline.errors import ConfigFaults
from pipeline.evaluation.duplicate_measures import Radius, Told, by_radius, figures_of
from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.tasks.duplicates import evaluate
from pipeline.learning.duplicates import SETS, labelled, replay
from pipeline.learning.modelfile import read_model
from pipeline.learning.request import TrainRequest
from pipeline.learning.trainers.duplicates import train
from pipeline.stages.duplicate_policy import DuplicatePolicy
from tests.leakage import Row, assert_blind_to_future, assert_blind_to_outcomes

COLUMNS = (
    "case_id", "channel", "category_1", "category_2", "department", "owner_queue", "opened_at", "closed_at", "due_at",
    "status", "lat", "lon", "coord_ok", "address", "area", "text", "close_text", "dup", "dup_parent", "satisfaction",
)  # fmt: skip


def city(rows: int = 1500, seed: int = 3) -> list[Row]:
    """A town of lamps and litter: one report in six repeats the lamp of one before it, some metres off."""
    chance, made = random.Random(seed), list[Row]()
    for number in range(rows):
        row = dict.fromkeys(COLUMNS, "")
        lamp, again = chance.random() < 0.5, chance.random() < 0.33
        parents = [one for one in made[-40:] if one["category_1"] == "Street Lights" and not one["dup_parent"]]
        parent = chance.choice(parents) if lamp and again and parents else None
        lat, lon = 42.30 + chance.random() * 0.05, -71.10 + chance.random() * 0.05
        if parent is not None:
            lat = float(parent["lat"]) + chance.gauss(0, 0.0001)
            lon = float(parent["lon"]) + chance.gauss(0, 0.0001)
        day, minute = divmod(number * 13, 1440)
        row |= {
            "case_id": f"{1000 + number}", "channel": chance.choice(["Constituent Call", "Self Service"]),
            "category_1": "Street Lights" if lamp else "Sanitation", "lat": f"{lat:.6f}", "lon": f"{lon:.6f}",
            "opened_at": f"2011-07-{day + 1:02d}T{minute // 60:02d}:{minute % 60:02d}:00", "coord_ok": "1",
            "address": f"{chance.randrange(900)} Made Up St", "area": f"ward:{chance.randrange(4)}",
            "dup": "1" if parent else "0", "dup_parent": parent["case_id"] if parent else "", "status": "Closed",
            "closed_at": f"2011-08-{chance.randrange(1, 28):02d}T00:00:00",
        }  # fmt: skip
        made.append(row)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("boston")
    with (root / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(city())
    return root


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "m.wmodel"
    train(TrainRequest("boston311", folder, path, until=0.7, day="2026-01-01"))
    return path


def test_a_model_finds_what_it_was_taught_on_rows_it_has_not_seen(folder: Path, model: Path) -> None:
    found = evaluate(EvaluateRequest("boston311", folder, model, after=0.7))
    assert {"precision", "recall", "f1", "pair_recall", "wrong_parent"} <= found.figures.keys()
    assert found.figures["f1"] > 0.8
    assert found.figures["pair_recall"] > 0.8
    assert not any(note.startswith("WARNING") for note in found.notes)
    assert any(name.startswith("FixMyStreet") for name in found.peers)


def test_rows_that_it_was_trained_on_are_told(folder: Path, model: Path) -> None:
    assert evaluate(EvaluateRequest("boston311", folder, model)).notes[0].startswith("WARNING")


def test_the_same_rows_seed_and_day_give_the_same_bytes(folder: Path, model: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.wmodel"
    train(TrainRequest("boston311", folder, again, until=0.7, day="2026-01-01"))
    assert again.read_bytes() == model.read_bytes()


def decide_with(path: Path | None) -> object:
    file = read_model(path, "duplicates") if path is not None else None
    policy = DuplicatePolicy(model=pairmodel.build(file.card.version, file.arrays, file.tables) if file else None)

    def decide(rows: Sequence[Row]) -> list[tuple[str, float]]:
        told = replay(labelled(rows, SETS["boston311"]), policy)
        return [(verdict.how, verdict.score) for _, verdict, _ in told]

    return decide


@pytest.mark.parametrize("learned", [False, True], ids=["rule", "model"])
def test_no_decision_hangs_on_an_outcome_or_on_what_comes_later(model: Path, learned: bool) -> None:
    decide, rows = decide_with(model if learned else None), city(400)
    assert_blind_to_outcomes(decide, rows, OUTCOMES)  # type: ignore[arg-type]
    assert_blind_to_future(decide, rows, 300, keep=("case_id", "opened_at", "lat", "lon"))  # type: ignore[arg-type]


def test_an_unknown_set_or_part_names_what_there_is(folder: Path) -> None:
    with pytest.raises(ConfigFaults, match="boston311"):
        evaluate(EvaluateRequest("taidi", folder))
    with pytest.raises(ConfigFaults, match="cases"):
        evaluate(EvaluateRequest("boston311", folder, part="sanitation"))


def test_figures_counted_by_hand() -> None:
    rows = labelled(city(4), SETS["boston311"])
    a, b, c, d = (one for one in rows)
    flagged = [_flag(a, False), _flag(b, True, a.id), _flag(c, True, a.id), _flag(d, False)]
    told = [Told(flagged[0], False, "x"), Told(flagged[1], True, "x"), Told(flagged[2], True, "y"),
            Told(flagged[3], True, "x")]  # fmt: skip
    figures, _ = figures_of(told)
    assert (figures["precision"], figures["recall"]) == (2 / 3, 1.0)
    assert (figures["pair_recall"], figures["wrong_parent"]) == (0.5, 0.5)


def _flag(row: object, duplicate: bool, parent: str = "") -> object:
    from dataclasses import replace

    return replace(row, duplicate=duplicate, parent=parent)  # type: ignore[type-var]


def test_a_rule_of_a_radius_links_within_it_and_its_window() -> None:
    base = city(1)[0] | {"category_1": "Sanitation", "lat": "42.300000", "lon": "-71.100000"}
    rows = [
        base | {"case_id": "1"},
        base | {"case_id": "2", "lat": "42.300440", "opened_at": "2011-07-02T00:00:00"},
        base | {"case_id": "3", "lat": "42.300000", "opened_at": "2011-07-20T00:00:00"},
        base | {"case_id": "4", "category_1": "Street Lights", "opened_at": "2011-07-20T00:00:01"},
    ]
    found = by_radius(labelled(rows, SETS["boston311"]), Radius(50.0, 7.0))
    assert found == [(False, "1"), (True, "1"), (False, "3"), (False, "4")]
