"""The counts of a run add up, agree with the tables, and account for every record of the simulated truth."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.ids import report_id
from pipeline.errors import Reason
from pipeline.events.base import Fate, Filed, Linked, Logged
from pipeline.runtime.counts import OUTCOMES, reconciles
from tests.integration.conftest import Whole
from tests.integration.stores import rows

CLOSED = {"filed": Filed, "linked": Linked, "logged": Logged, "quarantined": Reason}
REPORTING = {"grid-worker", "hotline", "chat-group", "citizen-app", "leader", "media", "platform", "police-110",
             "video-ai"}  # fmt: skip


@pytest.fixture(scope="module")
def truth(city: Path) -> list[dict[str, str]]:
    with (city / "truth" / "reports.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def reports(whole: Whole) -> list[dict[str, str]]:
    return rows(whole.tables["reports"])


def outcomes(whole: Whole, *, derived: bool) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for row in rows(whole.tables["outcomes"]):
        if (row["derived"] == "true") is derived:
            found[row["fate"], row["outcome"]] += int(row["records"])
    return found


def split(counts: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(fate, name): number for fate in OUTCOMES for name, number in counts[fate]["outcomes"].items() if number}


@pytest.mark.parametrize("fate", list(CLOSED))
def test_every_fate_is_split_into_its_closed_outcomes_and_adds_up(whole: Whole, fate: str) -> None:
    part = whole.result["counts"][fate]
    assert set(part["outcomes"]) == set(map(str, CLOSED[fate]))
    assert sum(part["outcomes"].values()) == part["total"]


def test_the_fates_add_up_to_what_was_received(whole: Whole) -> None:
    counts = whole.result["counts"]
    assert reconciles(counts)
    assert sum(counts["received"]["channels"].values()) == counts["received"]["total"] == whole.result["records"]


def test_the_table_of_outcomes_says_what_the_run_said(whole: Whole) -> None:
    counts = whole.result["counts"]
    assert outcomes(whole, derived=False) == split(counts)
    derived = {(fate, name): n for fate, part in counts["derived"]["fates"].items() for name, n in part.items()}
    assert outcomes(whole, derived=True) == derived


def test_quarantine_has_a_row_for_every_refused_record(whole: Whole) -> None:
    found = Counter(row["reason"] for row in rows(whole.tables["quarantine"]))
    said = whole.result["counts"]["quarantined"]["outcomes"]
    assert found == {reason: number for reason, number in said.items() if number}


@pytest.mark.parametrize("fate", ["filed", "linked", "logged"])
def test_the_table_of_reports_agrees_outcome_by_outcome(whole: Whole, reports: list[dict[str, str]], fate: str) -> None:
    counts = whole.result["counts"]
    found = Counter(row["outcome"] for row in reports if row["fate"] == fate)
    said = Counter({name: number for name, number in counts[fate]["outcomes"].items() if name in REPORT_OUTCOMES})
    said.update(counts["derived"]["fates"].get(fate, {}))
    assert found == +said


REPORT_OUTCOMES = {*Filed, *Linked, Logged.BELOW_STANDARD, Logged.NOT_ACCEPTED, Logged.OUT_OF_SCOPE,
                   Logged.HANDLED_IN_GRID, Logged.DRILL}  # fmt: skip
"""Outcomes that a report can have (a redelivered one has had its row)."""


def test_every_case_was_filed_by_one_report_and_every_filing_report_has_its_case(
    whole: Whole, reports: list[dict[str, str]]
) -> None:
    filed = Counter(row["case_id"] for row in reports if row["fate"] == "filed")
    assert filed == Counter(row["case_id"] for row in rows(whole.tables["cases"]))
    known = {row["case_id"] for row in rows(whole.tables["cases"])}
    assert [row["report_id"] for row in reports if row["fate"] == "linked" and row["case_id"] not in known] == []


def test_every_record_of_the_truth_is_received_and_none_beside_it(whole: Whole, truth: list[dict[str, str]]) -> None:
    channels = whole.result["counts"]["received"]["channels"]
    assert sum(number for name, number in channels.items() if name in REPORTING) == len(truth)
    assert set(channels) - REPORTING <= {"action", "calls", "patrol", "rating", "sensor", "staff", "survey", "task"}


def test_every_report_of_the_truth_has_a_row_or_stands_in_quarantine(
    whole: Whole, truth: list[dict[str, str]], reports: list[dict[str, str]]
) -> None:
    kept = {(row["source_system"], row["source_ref"]) for row in reports}
    told = {(row["source_system"], row["source_ref"]) for row in truth if not row["expected"].startswith("quarantined")}
    assert told - kept == set()
    assert len(reports) == len({row["report_id"] for row in reports})
    assert all(row["report_id"] == report_id(row["source_system"], row["source_ref"]) for row in reports[:50])


def test_refused_redelivered_and_drill_records_end_as_the_truth_expects(
    whole: Whole, truth: list[dict[str, str]]
) -> None:
    said = split(whole.result["counts"])
    expected = Counter(tuple(row["expected"].split(":")) for row in truth if ":" in row["expected"])
    refused_readings = Counter(
        row["reason"] for row in rows(whole.tables["quarantine"]) if row["schema"] == "SensorReadings"
    )
    for fate, outcome in [*((Fate.QUARANTINED, reason) for reason in Reason), ("logged", "redelivered"),
                          ("logged", "drill")]:  # fmt: skip
        found = said.get((str(fate), str(outcome)), 0)
        if fate == Fate.QUARANTINED:
            found -= refused_readings[str(outcome)]
        assert (outcome, found) == (outcome, expected[str(fate), str(outcome)])


def test_faults_of_readings_end_as_the_truth_expects(whole: Whole, city: Path) -> None:
    with (city / "truth" / "readings.csv").open(encoding="utf-8", newline="") as file:
        faults = Counter(row["fault"] for row in csv.DictReader(file))
    logged = whole.result["counts"]["logged"]["outcomes"]
    assert set(faults) == {"unknown_device", "not_a_number"}
    assert logged["readings_unknown_device"] == faults["unknown_device"]


@pytest.mark.parametrize("expected", ["logged:below_standard", "logged:handled_in_grid"])
def test_reports_below_the_standard_or_handled_on_the_spot_mostly_end_so(
    truth: list[dict[str, str]], reports: list[dict[str, str]], expected: str
) -> None:
    """Most, not all: such a report may be of a problem that is filed already, or name its category wrongly."""
    ended = {(row["source_system"], row["source_ref"]): f"{row['fate']}:{row['outcome']}" for row in reports}
    found = Counter(ended[row["source_system"], row["source_ref"]] for row in truth if row["expected"] == expected)
    joined = sum(number for fate, number in found.items() if fate.startswith("linked"))
    assert found[expected] > 0
    assert found[expected] + joined >= 0.7 * found.total(), found
