"""A small city, and its run to the end without interruption: what every other run must equal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.sinks.columns import ALL_TABLES
from pipeline.simulation.simulate import simulate
from pipeline.simulation.switches import Switches
from tests.integration import stores

SPOILED = ("sensor_faults=0.3", "refused_records=0.02", "below_standard=0.15", "personal_details=0.5")
"""More of what goes wrong than in a usual city, so that a small one has all of it."""


@dataclass(frozen=True)
class Whole:
    """A store that was filled in one go."""

    store: Path
    result: dict[str, Any]
    tables: dict[str, bytes]


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of a small district."""

    def make(folder: Path) -> None:
        simulate(folder, seed=26, days=2, scale=0.1, start=date(2026, 3, 16), switches=Switches.from_pairs(SPOILED))

    return stores.once(tmp_path_factory, "city", make)


@pytest.fixture(scope="session")
def whole(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The city's input read to its end."""

    def make(folder: Path) -> None:
        result = stores.run(city, stores.begun(folder / "store", city))
        (folder / "result.json").write_text(json.dumps(result))
        stores.dumps(folder / "store", folder / "dump")

    folder = stores.once(tmp_path_factory, "whole", make)
    tables = {name: (folder / "dump" / f"{name}.tsv").read_bytes() for name in ALL_TABLES}
    return Whole(folder / "store", json.loads((folder / "result.json").read_text()), tables)
