"""A short form of the fault matrix (`make test-faults` has all of it): kill -9 at every marked point, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.runtime.kafka.points import POINTS
from tests.faults.__main__ import make_city
from tests.faults.scenarios import SHORT, Stage

RECORDS, PER_SECOND = 900, 25.0
"""Slow enough that records still come when the last of the seven deaths is due, however fast the machine is."""


@pytest.mark.parametrize("scenario", SHORT)
def test_nothing_is_lost_and_nothing_is_doubled(scenario: str, kafka, tmp_path: Path):
    stage = Stage(kafka, make_city(tmp_path / "city", RECORDS), tmp_path / "worlds", RECORDS, PER_SECOND)
    row = SHORT[scenario](stage)
    assert row.kills == len(POINTS), "the points are not reached: the run proves nothing"
    assert (row.lost, row.doubled) == (0, 0)
    assert row.distinct > RECORDS
