"""Corrections by people come back as labelled rows, with present names of units and where each comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigFaults
from pipeline.learning.corrections import present, read_corrections, read_renamed, write_corrections
from pipeline.learning.labelled import corrected_texts
from pipeline.learning.request import TrainRequest
from pipeline.learning.trainers import TASKS, trainer
from pipeline.learning.trainers.classify import train
from tests.learning.labels import messages, write_set


def row(number: int, before: str, after: str, text: str = "灯坏了 请来看看") -> dict[str, object]:
    return {
        "at": 1000 + number, "subject": f"c{number}", "text": text, "before": before, "after": after,
        "by": "acceptor@centre", "reason": "wrong_category ", "provenance": f"c{number}:f",
    }  # fmt: skip


def test_rows_are_written_with_present_names_and_read_by_task(tmp_path: Path) -> None:
    found = {
        "classify": [row(1, "a|b|1", "a|b|2")],
        "routing": [row(2, "old bureau", "water"), row(3, "old bureau", "older bureau")],
    }
    renamed = {"old bureau": "bureau", "older bureau": "old bureau"}
    assert write_corrections(tmp_path / "c.csv", found, renamed) == 2  # the third only followed a new name
    (routed,) = read_corrections(tmp_path / "c.csv", "routing")
    assert (routed["before"], routed["after"], routed["provenance"]) == ("bureau", "water", "c2:f")
    (text,) = corrected_texts(tmp_path / "c.csv")
    assert (text.id, text.label, text.at, text.source) == ("c1", "a|b|2", 1001, "correction")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", "c"), ("b", "c"), ("c", "c"), ("x", "y"), ("y", "x"), ("other", "other")],
)
def test_names_are_followed_to_the_end_and_circles_end(name: str, expected: str) -> None:
    assert present(name, {"a": "b", "b": "c", "x": "y", "y": "x"}) == expected


def test_tables_without_their_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigFaults, match="provenance"):
        read_corrections(tmp_path / "c.csv", "classify")
    with pytest.raises(ConfigFaults, match="before and after"):
        read_renamed(tmp_path / "c.csv")


def test_a_model_learns_from_corrections_too(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", messages(60))
    found = {"classify": [row(number, "x", "路灯", one["text"]) for number, one in enumerate(messages(10, seed=3))]}
    write_corrections(tmp_path / "c.csv", found, {})
    card = train(TrainRequest("taidi", folder, tmp_path / "m", corrections=tmp_path / "c.csv"))
    assert card.rows == 70
    assert "10 corrections" in card.notes[0]


@pytest.mark.parametrize("task", [task for task in TASKS if task != "classify"])
def test_a_task_that_does_not_learn_from_corrections_refuses_them_with_what_to_do(task: str, tmp_path: Path) -> None:
    write_corrections(tmp_path / "c.csv", {"routing": [row(2, "old bureau", "water")]}, {})
    remedies = {"routing": "--dataset history", "duplicates": "leave it out"}
    with pytest.raises(ConfigFaults, match="--corrections") as refused:
        trainer(task)(TrainRequest("history", tmp_path, tmp_path / "m", corrections=tmp_path / "c.csv"))
    (fault,) = refused.value.faults
    assert (fault.field, fault.value) == ("--corrections", str(tmp_path / "c.csv"))
    assert remedies[task] in fault.remedy
