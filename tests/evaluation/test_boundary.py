"""Borders measured on a set of wards drawn for the test: figures, the ledger, leakage, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.domain.geo.probability import FLEXIBLE
from pipeline.errors import ConfigFaults
from pipeline.evaluation.borders import BorderCases, BorderRule, Flagging, judge
from pipeline.evaluation.boston_wards import ward
from pipeline.evaluation.report import EvaluateRequest, Report
from pipeline.evaluation.tasks.boundary import evaluate
from tests.domain.geo.geo_builders import at, two_squares
from tests.leakage import Row, assert_blind_to_future, shuffled

CASE = ("case_id", "channel", "opened_at", "lat", "lon", "address", "status", "close_text", "dup")
TRUTH = ("case_enquiry_id", "ward", "ward_polygon", "m_to_other_ward")
MOVED_M = 12.0
"""The wards of the test are held as if their line ran so far to the west of where it is drawn."""


def rows(count: int = 120) -> list[Row]:
    """Cases about the line: inside ``west`` by the map and beyond 12 m from it also by practice."""
    found = []
    for n in range(count):
        x = (-150.0, -40.0, -6.0, 8.0, 60.0, -9.0)[n % 6]
        lon, lat = at(x, 20.0 + n % 7 * 15)
        held = "2" if x > -MOVED_M else "1"
        found.append(
            {"id": f"{n:04d}", "lon": repr(lon), "lat": repr(lat), "held": held, "drawn": "2" if x > 0 else "1"}
        )
    return found


def doubts(given: Sequence[Row]) -> list[float]:
    """The decision of each row, by the ledger that grows."""
    cases = BorderCases(
        ids=tuple(row["id"] for row in given),
        lons=np.array([float(row["lon"]) for row in given]),
        lats=np.array([float(row["lat"]) for row in given]),
        errors_m=np.full(len(given), 3.0),
        recorded=tuple({"1": "west", "2": "east"}.get(row["held"], "") for row in given),
        drawn=(),
    )
    return judge(cases, two_squares(), BorderRule(FLEXIBLE)).doubt.round(12).tolist()


def write(folder: Path, given: Sequence[Row], *, outcome: str = "closed") -> Path:
    """The folder of the set, with its polygons within."""
    (folder / "polygons").mkdir(parents=True)
    squares = {"1": (-1000, 0, 0, 1000), "2": (0, 0, 1000, 1000)}
    features = [
        {
            "type": "Feature",
            "properties": {"WARD": int(number)},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[at(w, s), at(e, s), at(e, n), at(w, n), at(w, s)]],
            },
        }
        for number, (w, s, e, n) in squares.items()
    ]
    (folder / "polygons" / "boston_wards.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    with (folder / "cases.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(CASE)
        for n, row in enumerate(given):
            opened = f"2020-01-{1 + n // 24:02d}T{n % 24:02d}:00:00"
            table.writerow((row["id"], "Call", opened, row["lat"], row["lon"], "1 Main St", outcome, outcome, outcome))
    with (folder / "ward_boundary.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(TRUTH)
        table.writerows((row["id"], f"Ward {row['held']}" if row["held"] else "", row["drawn"], "1") for row in given)
    return folder


def measured(folder: Path, **given: object) -> Report:
    return evaluate(EvaluateRequest("boston311", folder, **given))  # type: ignore[arg-type]


def test_what_the_map_draws_otherwise_is_flagged_and_the_ledger_makes_the_rest_quiet(tmp_path: Path) -> None:
    report = measured(write(tmp_path / "set", rows()))
    assert report.figures["disagreements"] == 40
    assert report.figures["recall"] == 1.0
    assert report.figures["flagged"] < report.peers["a border within 50 m"]["flagged"]
    assert report.figures["brier"] < report.figures["brier_constant"]
    assert report.figures["brier"] < report.peers["without the ledger"]["brier"]
    assert set(report.intervals) == {"recall", "flagged", "precision", "brier"}


def test_scoring_the_later_part_still_learns_from_the_earlier_one(tmp_path: Path) -> None:
    report = measured(write(tmp_path / "set", rows()), after=0.5)
    assert report.rows == 60
    assert report.figures["precision"] == 1.0


def test_outcomes_in_the_files_change_nothing(tmp_path: Path) -> None:
    one, other = (measured(write(tmp_path / text, rows(), outcome=text)) for text in ("closed", "open"))
    assert one == other


def test_a_decision_does_not_hang_on_what_comes_later() -> None:
    assert_blind_to_future(doubts, rows(), 60)


def test_a_decision_does_not_hang_on_its_own_recorded_area() -> None:
    given = rows()
    for judged in (0, 5, 61, len(given) - 1):
        other = [dict(row) for row in given]
        other[judged]["held"] = "1" if given[judged]["held"] == "2" else "2"
        assert doubts(other)[: judged + 1] == doubts(given)[: judged + 1]


def test_the_ledger_does_hang_on_what_came_before() -> None:
    """Guards the guards: earlier recorded areas are used, so the checks above prove something."""
    given = rows()
    assert doubts([*shuffled(given[:60], ["held"], seed=1), *given[60:]])[60:] != doubts(given)[60:]


def test_unknown_wards_are_neither_right_nor_wrong(tmp_path: Path) -> None:
    given = [row | ({"held": ""} if n % 10 == 0 else {}) for n, row in enumerate(rows())]
    report = measured(write(tmp_path / "set", given))
    assert report.rows == 120
    assert report.figures["disagreements"] == sum(row["held"] not in ("", row["drawn"]) for row in given)
    assert any(note.startswith("12 cases without a recorded ward") for note in report.notes)


def test_without_polygons_the_remedy_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", rows(6))
    (folder / "polygons" / "boston_wards.geojson").unlink()
    with pytest.raises(ConfigFaults, match="polygons"):
        measured(folder)


@pytest.mark.parametrize("place", ["set/polygons", "polygons", "../polygons", "set"])
def test_polygons_are_found_in_the_folder_and_beside_it(tmp_path: Path, place: str) -> None:
    folder = write(tmp_path / "parts" / "set", rows(6))
    target = (folder.parent / place).resolve()
    target.mkdir(exist_ok=True)
    (folder / "polygons" / "boston_wards.geojson").rename(target / "boston_wards.geojson")
    assert measured(folder).rows == 6


def test_there_is_no_model_of_borders(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="learns as it goes"):
        measured(tmp_path, model=tmp_path / "m")


def test_a_set_without_borders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="boston311"):
        evaluate(EvaluateRequest("taidi", tmp_path))


@pytest.mark.parametrize(
    ("text", "expected"), [("Ward 3", "3"), ("03", "3"), ("3.0", "3"), ("", ""), (" ", ""), ("ward:17", "17")]
)
def test_one_ward_is_written_in_many_ways(text: str, expected: str) -> None:
    assert ward(text) == expected


def test_recall_at_a_share_of_cases() -> None:
    wrong = np.array([True, False, True, False, False])
    flags = Flagging(wrong.copy(), wrong, np.ones(5, np.bool_))
    assert flags.at(np.array([0.9, 0.8, 0.7, 0.1, 0.0]), 0.4) == 0.5
    assert flags.at(np.array([0.9, 0.8, 0.7, 0.1, 0.0]), 0.6) == 1.0
