"""The set that ships with the project: sound, whole, and true to the vectors the standards give."""

from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.domain.calendar import ClockKind
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import EXTENSION, GBT_30428_2, GBT_47678_5, Category, Reference

FOLDER = Path(__file__).parents[3] / "deploy" / "reference"


@cache
def shipped() -> Reference:
    """The national set; loading it raises when it has a fault."""
    return load_reference(FOLDER)


def at(text: str) -> int:
    """Milliseconds of a civil time in Shanghai."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def category(standard: str, kind: str, code: str) -> Category:
    """A category that must be there."""
    found = shipped().category(standard, kind, code)
    assert found is not None, code
    return found


def test_the_shipped_set_has_no_fault() -> None:
    assert shipped().version


@pytest.mark.parametrize(
    ("standard", "kind", "least"),
    [
        pytest.param(GBT_47678_5, "component", 153, id="components of 2026"),
        pytest.param(GBT_47678_5, "incident", 250, id="matters of 2026"),
        pytest.param(GBT_30428_2, "component", 90, id="components of 2013 that a source confirmed"),
        pytest.param(GBT_30428_2, "incident", 67, id="incidents of 2013 that a source confirmed"),
    ],
)
def test_the_lists_are_as_long_as_known(standard: str, kind: str, least: int) -> None:
    assert sum((row.standard, row.kind) == (standard, kind) for row in shipped().tables.categories) >= least


def test_one_code_names_a_component_and_an_incident_apart() -> None:
    assert category(GBT_47678_5, "component", "01001").name_zh != category(GBT_47678_5, "incident", "01001").name_zh


@pytest.mark.parametrize("code", ["0501", "0502", "0503", "0504", "0505", "0506"])
def test_emergencies_that_the_newer_list_drops_stay(code: str) -> None:
    assert category(GBT_30428_2, "incident", code).successor == ""


def test_a_code_follows_its_successor_in_duty_and_limit() -> None:
    old, new = category(GBT_30428_2, "incident", "0406"), category(GBT_47678_5, "incident", "09006")
    assert shipped().duty_lines(old) == shipped().duty_lines(new) != ()
    assert shipped().filing_for(old) == shipped().filing_for(new) != ()


def test_the_fault_of_a_component_follows_the_component() -> None:
    fault, thing = category(GBT_47678_5, "incident", "01037"), category(GBT_47678_5, "component", "01037")
    assert shipped().duty_lines(fault)[0].lead == shipped().duty_lines(thing)[0].lead
    assert [row.id for row in shipped().filing_for(fault)] == [row.id for row in shipped().filing_for(thing)]


def test_road_occupation_stands_under_several_laws_in_a_stated_order() -> None:
    lines = shipped().duties_for(category(GBT_47678_5, "incident", "09006"), (), at("2026-11-01"))
    assert len({line.legal_basis for line in lines}) >= 2
    assert [line.priority for line in lines] == sorted({line.priority for line in lines})


def test_ponding_is_filed_by_area_and_depth_together() -> None:
    rows = shipped().filing_for(category(GBT_30428_2, "incident", "0506"))
    measured = {(row.measure, row.operator, row.threshold, row.unit) for row in rows if row.numeric}
    assert measured == {("area", ">", 100.0, "m2"), ("depth", ">", 15.0, "cm")}
    assert len({row.group for row in rows if row.numeric}) == 1


def test_every_category_has_one_positive_limit_with_a_clock() -> None:
    for row in shipped().tables.categories:
        assert all(standard.limit_value > 0 for standard in shipped().filing_for(row)), row.key


def test_every_emergency_runs_on_a_clock_that_never_stops() -> None:
    emergencies = [row for row in shipped().tables.categories if row.case_class_default == "emergency"]
    assert emergencies
    for row in emergencies:
        assert any(not standard.limit_clock.working for standard in shipped().filing_for(row)), row.key


@pytest.mark.parametrize(
    ("metric", "day", "limit"),
    [
        pytest.param("pm25", "2026-02-28 12:00", 75.0, id="PM2.5 under the 2012 edition"),
        pytest.param("pm25", "2026-03-01 00:00", 60.0, id="PM2.5 in the transition"),
        pytest.param("pm25", "2030-12-31 23:59", 60.0, id="PM2.5 on its last day"),
        pytest.param("pm25", "2031-01-01 00:00", 50.0, id="PM2.5 final"),
        pytest.param("pm10", "2026-11-01 12:00", 120.0, id="PM10 in the transition"),
    ],
)
def test_air_limits_change_on_their_days(metric: str, day: str, limit: float) -> None:
    rows = shipped().limits_for("air", metric, "*", at(day))
    assert [row.limit for row in rows if row.period_minutes == 1440 and row.alarm == "SIMPLE"] == [limit]


@pytest.mark.parametrize(
    ("zone", "window", "limit"),
    [
        pytest.param("1", "day", 55.0, id="homes by day"),
        pytest.param("1", "night", 45.0, id="homes by night"),
        pytest.param("4a", "night", 55.0, id="beside main roads by night"),
        pytest.param("4b", "night", 60.0, id="beside railways by night"),
    ],
)
def test_noise_limits_depend_on_zone_and_hour(zone: str, window: str, limit: float) -> None:
    rows = shipped().limits_for("noise", "leq", zone, at("2026-11-01"))
    assert min(row.limit for row in rows if row.window == window) == limit
    assert all(row.period_minutes > 0 for row in rows)


def test_a_sudden_noise_at_night_may_exceed_by_fifteen_decibels() -> None:
    (row,) = [row for row in shipped().limits_for("noise", "lmax", "2", at("2026-11-01")) if row.alarm == "SIMPLE"]
    assert (row.window, row.limit) == ("night", 65.0)


def test_dust_may_exceed_once_a_day() -> None:
    repeating = [row for row in shipped().limits_for("dust", "tsp", "*", 0) if row.alarm == "REPEATING"]
    assert [(row.allowed, row.allowed_per_h) for row in repeating] == [(1, 24)]


def test_three_missing_periods_of_any_device_are_no_data() -> None:
    rows = [row for row in shipped().limits_for("bin", "fill", "*", 0) if row.alarm == "NO_DATA"]
    assert [row.limit for row in rows] == [3.0]


@pytest.mark.parametrize(
    ("start", "due"),
    [
        pytest.param("2026-09-30 17:00", "2026-10-08 09:00", id="over National Day"),
        pytest.param("2026-10-09 17:00", "2026-10-10 09:00", id="into a make-up Saturday"),
        pytest.param("2026-02-13 17:00", "2026-02-14 09:00", id="into the make-up day before Spring Festival"),
        pytest.param("2025-09-30 17:00", "2025-10-09 09:00", id="the eight days of 2025"),
    ],
)
def test_two_work_hours_cross_the_holidays(start: str, due: str) -> None:
    assert shipped().calendar.add(at(start), 2, ClockKind.WORK_HOUR) == at(due)


def test_what_is_unverified_says_so() -> None:
    assert {duty.confidence for duty in shipped().tables.duties} <= {"unverified", "proposal"}
    assert {person.confidence for person in shipped().tables.persons} == {"example"}
    assert {row.confidence for row in shipped().tables.categories if row.standard == EXTENSION} == {"proposal"}


def test_rows_give_their_source() -> None:
    for table in ("categories", "filing_standards", "sensor_limits", "duties", "departments", "stage_limits"):
        assert all(row.source for row in getattr(shipped().tables, table)), table


def test_the_hotline_tree_knows_five_appeals_disputes_and_services() -> None:
    tree = shipped().tables.hotline_tree
    assert {row.appeal for row in tree} == {"consult", "help", "complaint", "accusation", "suggestion"}
    assert {"dispute", "service", "fault"} == {row.nature.value for row in tree}
    assert len({row.subject for row in tree}) >= 12


def test_a_phrase_is_written_as_texts_are_folded() -> None:
    assert [row.phrase for row in shipped().tables.lexicon if row.phrase != row.phrase.casefold().strip()] == []


def test_common_categories_have_many_phrases() -> None:
    counts: dict[tuple[str, str, str], int] = {}
    for entry in shipped().tables.lexicon:
        counts[entry.category_key] = counts.get(entry.category_key, 0) + 1
    assert sum(count >= 6 for count in counts.values()) >= 80
