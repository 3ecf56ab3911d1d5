"""The registry of a city's models: what is in force, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigFaults
from pipeline.learning.modelfile import Card, write_model
from pipeline.learning.registry import Registry


def model(path: Path, number: int, task: str = "classify") -> str:
    return write_model(path, Card(task=task, rows=number), {"weights": np.array([number])}, {}).version


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_nothing_is_in_force_at_first(registry: Registry) -> None:
    assert (registry.promoted(), registry.history(), registry.cards()) == ({}, [], [])


def test_promotions_and_the_way_back(registry: Registry, tmp_path: Path) -> None:
    one, two = model(tmp_path / "one", 1), model(tmp_path / "two", 2)
    units = model(tmp_path / "units", 3, "routing")
    for at, name in enumerate(["one", "two", "units"]):
        registry.promote(str(tmp_path / name), f"day {at}")
    assert registry.in_force() == {"classify": two, "routing": units}
    assert registry.promoted()["classify"].exists()
    assert registry.rollback("classify", "day 3").version == one
    assert registry.rollback("classify", "day 4").version == ""
    assert registry.in_force() == {"routing": units}
    assert [step.version for step in registry.history()] == [one, two, units, one, ""]
    assert {card.version for card in registry.cards()} == {one, two, units}
    with pytest.raises(ConfigFaults, match="nothing to roll back"):
        registry.rollback("classify", "day 5")


def test_a_version_is_promoted_again(registry: Registry, tmp_path: Path) -> None:
    one, two = model(tmp_path / "one", 1), model(tmp_path / "two", 2)
    for name in ("one", "two"):
        registry.promote(str(tmp_path / name), "")
    registry.promote(one, "")
    assert registry.in_force() == {"classify": one}
    assert registry.rollback("classify", "").version == two


def test_a_dry_run_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    model(tmp_path / "one", 1)
    registry.promote(str(tmp_path / "one"), "", dry_run=True)
    assert not registry.folder.exists()


def test_a_file_that_is_no_model_is_not_promoted(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(ConfigFaults, match="wangge train"):
        registry.promote(str(tmp_path / "x"), "")
    assert registry.history() == []


def test_a_promoted_model_that_is_gone_is_a_fault(registry: Registry, tmp_path: Path) -> None:
    version = model(tmp_path / "one", 1)
    registry.promote(str(tmp_path / "one"), "")
    (registry.folder / f"{version}.wmodel").unlink()
    with pytest.raises(ConfigFaults, match="gone"):
        registry.promoted()


def test_a_damaged_history_is_a_fault(registry: Registry) -> None:
    registry.folder.mkdir()
    (registry.folder / "registry.json").write_text("{")
    with pytest.raises(ConfigFaults, match="history"):
        registry.history()
