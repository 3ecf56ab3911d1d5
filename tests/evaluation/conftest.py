"""One small simulated city for all that is measured on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.simulation.simulate import simulate


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ``wangge simulate``; whoever changes anything in it takes a copy."""
    out = tmp_path_factory.mktemp("city")
    simulate(out, seed=31, days=1, scale=0.2, start=date(2026, 3, 16))
    return out
