"""Routing measured: trained and learned on the way, blind to outcomes and future, renamed units counted as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.domain.unitfile import unpacked
from pipeline.domain.unitmodel import UnitModel
from pipeline.domain.unitquestion import question
from pipeline.errors import ConfigFaults
from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.tasks.routing import answered, evaluate
from pipeline.learning.modelfile import read_model
from pipeline.learning.request import TrainRequest
from pipeline.learning.trainers.routing import train
from pipeline.learning.unitrows import LAYOUTS, handled, in_order, role_of
from tests.leakage import Row, assert_blind_to_future
from tests.unit_rows import invented, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("set"), invented())


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    out = folder / "m.wmodel"
    train(TrainRequest("pingshan", folder, out, until=0.7, day="2026-01-01"))
    return out


def test_a_trained_model_finds_the_unit_though_units_were_renamed(folder: Path, model: Path) -> None:
    report = evaluate(EvaluateRequest("pingshan", folder, model, after=0.7))
    assert report.rows == 120
    assert report.figures["top1"] > 0.8
    assert report.figures["top3"] >= report.figures["top1"]
    assert set(report.figures) == {"top1", "top3", "surest_half"} == set(report.intervals)
    assert any("2 of them changed their name" in note for note in report.notes)
    assert not any("WARNING" in note for note in report.notes)
    assert report.slices["street"]["东街道"]["rows"] > 20
    assert len(report.peers) == 2


def test_the_rows_that_a_model_was_trained_on_are_told(folder: Path, model: Path) -> None:
    report = evaluate(EvaluateRequest("pingshan", folder, model))
    assert "WARNING" in report.notes[0]


def test_without_a_model_units_are_learned_on_the_way(folder: Path) -> None:
    report = evaluate(EvaluateRequest("pingshan", folder, after=0.7))
    assert report.model == "shipped default"
    assert report.figures["top1"] > 0.8


def test_the_same_rows_and_seed_give_the_same_model(folder: Path, model: Path, tmp_path: Path) -> None:
    card = train(TrainRequest("pingshan", folder, tmp_path / "again", until=0.7, day="2026-01-01"))
    assert (tmp_path / "again").read_bytes() == model.read_bytes()
    assert card == read_model(model, "routing").card
    assert card.rows == 280


def test_too_few_rows_and_unknown_sets_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="at least 200"):
        train(TrainRequest("pingshan", folder, tmp_path / "m", until=0.1))
    with pytest.raises(ConfigFaults, match="boston311"):
        handled("nowhere", folder)


def test_a_model_is_learned_from_the_history_of_a_store_and_rejects_triage(tmp_path: Path) -> None:
    lines = ["case_id,at,standard,kind,code,family,street,community,channel,nature,department"]
    for number in range(300):
        unit = "manual-triage" if number % 10 == 0 else ("water", "roads")[number % 2]
        code = ("01001", "02001")[number % 2]
        day = f"2026-01-{number // 24 + 1:02d} {number % 24:02d}:00:00"
        lines.append(f"c{number},{day},S,component,{code},f,s1,k1,hotline,fault,{unit}")
    (tmp_path / "cases.csv").write_text("\n".join(lines), encoding="utf-8")
    card = train(TrainRequest("history", tmp_path, tmp_path / "m", day="2026-02-01"))
    assert set(card.labels) == {"water", "roads"}
    file = read_model(tmp_path / "m", "routing")
    model = unpacked(file.card.version, file.arrays, file.tables)
    assert model.rank(question("S", "component", "02001", "f", "s1", "k1", "hotline", "fault"))[0].unit == "roads"


def _decide(rows: Sequence[Row]) -> list[object]:
    """Answers in order of the rows; a row without a unit is asked all the same."""
    cases = in_order(
        LAYOUTS["pingshan"].rows([{**row, "DISPOSE_UNIT_ID": row["DISPOSE_UNIT_ID"] or "0"} for row in rows])
    )
    return list(answered(cases, UnitModel("v", [])))


def test_what_comes_later_changes_no_answer() -> None:
    rows = invented(160)
    keep = ("REC_ID", "CREATE_TIME", "STREET_NAME", "COMMUNITY_NAME")
    assert_blind_to_future(_decide, rows, 100, keep=keep)


def test_the_outcome_of_a_case_and_of_those_of_the_last_day_changes_no_answer() -> None:
    rows = invented(160)
    changed = [*rows[:100], *({**row, "DISPOSE_UNIT_ID": "77", "INTIME_ARCHIVE_NUM": "0"} for row in rows[100:])]
    assert _decide(changed)[:124] == _decide(rows)[:124]
    assert _decide(changed)[130:] != _decide(rows)[130:]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        pytest.param("东街道执法队（东街道办事处）", "执法队", id="place and brackets"),
        pytest.param("东办事处", "东办事处", id="nothing but a place keeps its name"),
        pytest.param("ROAD_District 02: North", "ROAD_District", id="a number and what follows"),
    ],
)
def test_the_role_of_a_unit_is_its_name_without_places(name: str, role: str) -> None:
    assert role_of(name, ("东",)) == role
