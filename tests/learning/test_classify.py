"""Training of text models: reproducible, honest on what it held out, and blind to what it may not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.domain.textgrams import Array
from pipeline.domain.textmodel import TextModel
from pipeline.errors import ConfigFaults
from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.tasks.classification import evaluate
from pipeline.learning.labelled import folds_of, groups_of
from pipeline.learning.modelfile import Card, read_model
from pipeline.learning.request import TrainRequest
from pipeline.learning.textmachines import Table
from pipeline.learning.trainers.classify import (
    across_folds,
    bits_for,
    calibration,
    packed,
    softmax,
    summed,
    threshold,
    train,
)
from tests.learning.labels import messages, write_set

ROWS = messages(150)


def trained(folder: Path, name: str = "m", **options: float | str) -> Card:
    return train(TrainRequest("taidi", folder, folder / name, day="2026-01-01", **options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    folder = write_set(tmp_path_factory.mktemp("set"), ROWS)
    return folder, trained(folder)


def predictor(path: Path) -> TextModel:
    found = read_model(path, "classify")
    return TextModel.of(found.card.version, found.arrays, found.tables)


def test_a_model_learns_what_the_words_tell(learned: tuple[Path, Card]) -> None:
    folder, card = learned
    assert card.labels == ("噪声", "垃圾", "路灯")
    assert card.figures["accuracy"] > 0.9
    unseen = messages(60, seed=9)
    guesses = predictor(folder / "m").guess_many([row["text"] for row in unseen])
    right = [guess.candidates[0][0] == row["label"] for guess, row in zip(guesses, unseen, strict=True)]
    assert np.mean(right) > 0.9


def test_the_same_rows_give_the_same_file(learned: tuple[Path, Card]) -> None:
    folder, card = learned
    assert trained(folder, "again") == card
    assert (folder / "again").read_bytes() == (folder / "m").read_bytes()


def test_until_sees_nothing_that_came_later(learned: tuple[Path, Card], tmp_path: Path) -> None:
    folder, _ = learned
    early = trained(folder, "early", until=0.5)
    later_changed = [*ROWS[:75], *({**row, "label": "别的", "text": "别的事"} for row in ROWS[75:])]
    assert trained(write_set(tmp_path, later_changed), until=0.5) == early
    assert early.rows == 75


def test_words_alone_help_but_are_never_judged(tmp_path: Path) -> None:
    words = [{"tokens": " ".join(row["text"]), "label": row["label"]} for row in messages(80, seed=4)]
    card = trained(write_set(tmp_path, ROWS, words))
    assert card.rows == 230
    assert card.figures["held_out_rows"] == 150


def test_an_evaluation_on_unseen_rows_and_on_those_of_the_training(learned: tuple[Path, Card], tmp_path: Path) -> None:
    folder, card = learned
    unseen = [{**row, "id": f"x{row['id']}"} for row in messages(80, seed=7)]
    report = evaluate(EvaluateRequest("taidi", write_set(tmp_path, unseen), folder / "m"))
    assert {"macro_f1", "accuracy", "ece", "micros_per_text", "surest_80", "coverage"} <= set(report.figures)
    assert report.model == card.version
    assert report.figures["macro_f1"] > 0.9
    assert report.intervals["macro_f1"][0] <= report.figures["macro_f1"] <= report.intervals["macro_f1"][1]
    assert set(report.per_class) == {"噪声", "垃圾", "路灯"}
    assert any("SVM" in name for name in report.peers)
    assert not any(note.startswith("WARNING") for note in report.notes)
    same = evaluate(EvaluateRequest("taidi", folder, folder / "m", peers=False))
    assert same.notes[0].startswith("WARNING: the model was trained on about 100%")
    assert same.peers == {}


def test_the_shipped_default_is_measured_without_a_model(tmp_path: Path) -> None:
    report = evaluate(EvaluateRequest("taidi", write_set(tmp_path, ROWS[:30]), peers=False))
    assert report.model == "shipped default"
    assert 0 <= report.figures["accuracy"] <= 1


@pytest.mark.parametrize("name", ["boston311", "nothing"])
def test_another_set_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="taidi"):
        evaluate(EvaluateRequest(name, tmp_path))
    with pytest.raises(ConfigFaults, match="taidi"):
        train(TrainRequest(name, tmp_path, tmp_path / "m"))


def test_rows_of_one_label_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="two labels"):
        trained(write_set(tmp_path, [{**row, "label": "x"} for row in ROWS[:20]]))


def test_texts_nearly_the_same_stay_together() -> None:
    texts = [row["text"] for row in messages(40)]
    twins = [*texts, *(f"{text}！" for text in texts)]
    groups, folds = groups_of(twins), folds_of(twins, 5, seed=3)
    assert groups[:40].tolist() == groups[40:].tolist()
    assert folds[:40].tolist() == folds[40:].tolist()
    assert set(folds) == set(range(5))


@pytest.mark.parametrize(
    ("sure", "right", "expected"),
    [
        pytest.param([0.9, 0.8, 0.7], [1, 1, 1], 0.7, id="all right"),
        pytest.param([0.9, 0.8], [0, 0], 1.0, id="none right"),
        pytest.param([0.95, 0.9, 0.6], [1, 1, 0], 0.9, id="down to the first that pulls it below"),
        pytest.param([0.9] * 9 + [0.5], [1] * 9 + [0], 0.5, id="nine of ten are enough"),
        pytest.param([0.99998, 0.99996], [1, 1], 0.9999, id="never rounded up beyond the rows that set it"),
        pytest.param([], [], 1.0, id="no rows"),
    ],
)
def test_thresholds(sure: list[float], right: list[int], expected: float) -> None:
    assert threshold(np.array(sure), np.array(right, bool)) == expected


def test_tables_stay_below_their_bound() -> None:
    assert bits_for(7) == 18
    assert bits_for(350) == 13
    assert bits_for(100_000) == 8


def test_whole_numbers_keep_the_scores(learned: tuple[Path, Card]) -> None:
    """Packing rounds: weights to 1/32,767 of the largest, so probabilities move by little."""
    chance = np.random.default_rng(0)
    table = Table(1 + chance.random(64), chance.normal(size=(64, 3)), np.zeros(3))
    arrays, step = packed(table)
    assert np.abs(arrays["weights"] * arrays["scale"] * 64 - table.weights * table.value[:, None]).max() < 1e-3
    assert np.abs(arrays["squares"] * step * 64**2 - table.value**2).max() < 1e-3
    assert softmax(np.array([[0.0, 0.0]])).tolist() == [[0.5, 0.5]]


def drawn(rows: int = 300, seed: int = 3) -> tuple[Array, Array]:
    """Scores of two machines over three labels, (n, 2, 3), and true labels that follow both."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=(rows, 2, 3))
    lots = chance.gumbel(size=(rows, 3))
    return scores, (3 * scores.sum(axis=1) + lots).argmax(axis=1)


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.5])
def test_the_scale_of_a_machine_does_not_matter(scale: float) -> None:
    scores, wanted = drawn()
    other = scores * np.array([scale, 1.0])[:, None]
    one, two = (softmax(summed(each, calibration(each, wanted))) for each in (scores, other))
    assert np.abs(one - two).max() < 0.05


def test_a_fold_is_calibrated_by_the_others() -> None:
    scores, wanted = drawn()
    fold = np.arange(len(wanted)) % 3
    changed = np.where(fold == 0, (wanted + 1) % 3, wanted)
    one, other = across_folds(scores, wanted, fold), across_folds(scores, changed, fold)
    assert one[fold == 0].tolist() == other[fold == 0].tolist()
    assert one[fold == 1].tolist() != other[fold == 1].tolist()
