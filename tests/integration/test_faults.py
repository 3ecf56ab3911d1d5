"""A short form of the fault matrix (`make test-faults` has all of it): kill -9 of each kind of process at every marked
point of its loop; nothing is lost or doubled, in Kafka, in the tables, and by the word of `wangge verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.__main__ import make_city
from tests.faults.scenarios import Scenario, Stage, marked
from tests.faults.sinking import killed

RECORDS, PER_SECOND = 900, 150.0
SHORT: dict[str, Scenario] = {
    "casework": marked("casework", at=1),
    "intake": marked("intake", at=1),
    "sink": killed("sink", at=1),
}


@pytest.mark.parametrize("scenario", SHORT)
def test_nothing_is_lost_and_nothing_is_doubled(scenario: str, kafka, tmp_path: Path):
    stage = Stage(kafka, make_city(tmp_path / "city", RECORDS), tmp_path / "worlds", RECORDS, PER_SECOND)
    row = SHORT[scenario](stage)
    assert row.kills == row.wanted_kills, "the points are not reached: the run proves nothing"
    assert (row.lost, row.doubled, row.verified) == (0, 0, True), row.notes
    assert min(row.effects, row.rows) > RECORDS
