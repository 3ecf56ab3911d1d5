"""Each behaviour is absent when off and shows when on; unknown names are told all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from pipeline.errors import ConfigFaults
from pipeline.simulation.city import City
from pipeline.simulation.problems import problems_of
from pipeline.simulation.records import Misconduct
from pipeline.simulation.sensors import Episode, readings
from pipeline.simulation.simulate import DayMaker
from pipeline.simulation.switches import OFF, Switches
from pipeline.simulation.work import patrols, staff_changes

START = date(2026, 3, 16)
DAYS = 4


@cache
def seen(name: str, rate: float) -> Counter[str]:
    """What four days of a small city show with one behaviour on and all others off."""
    switches = Switches.all_off(**{name: rate}) if name else Switches.all_off()
    city = City(3, 0.1, switches.vacant_grids, switches.two_grids_per_worker)
    maker = DayMaker(city, switches, START, DAYS)
    found: Counter[str] = Counter()
    misconduct: list[Misconduct] = []
    for day in range(DAYS):
        for item in maker.reports(day, misconduct):
            found.update(item.errors)
            found["grid reports"] += item.channel == "grid-worker"
            found["self_handled"] += bool(item.body.get("self_handled"))
            found["drill"] += bool(item.body.get("drill"))
            found["expected " + item.expected.partition(":")[0]] += 1
            found["evidence"] += "evidence" in item.body
            text = str(item.body.get("text", ""))
            found["laws"] += any(words in text for words in ("归交警", "几个部门", "都有规定"))
            found["wide figures"] += any(sign in text for sign in "０１２３４５６７８９")
            found["reports"] += 1
        for problem in problems_of(city, switches, day, maker.start):
            found["recurrences"] += bool(problem.recurrence_of)
            found["idle"] += problem.chronic_idle
            found["below"] += problem.below
            found["emergencies"] += problem.kind.emergency
            found["twins " + problem.twin_kind] += problem.twin is not None
            found["problems"] += 1
        padded: list[Misconduct] = []
        list(patrols(city, switches, day, maker.start, Counter(), padded))
        found["staff"] += len(list(staff_changes(city, switches, day, maker.start, padded)))
        found.update(item.what for item in padded)
    found["vacant"] = sum(not grid.worker for grid in city.responsibilities)
    found["shared"] = sum(len(grids) > 1 for grids in city.workers.values())
    found.update(item.what for item in misconduct)
    return found


SHOWS = [
    ("grid_under_reporting", 0.5, "grid_under_reporting"),
    ("late_reports", 0.5, "late_report"),
    ("inaccurate_reports", 0.5, "inaccurate_place"),
    ("inaccurate_reports", 0.5, "inaccurate_category"),
    ("border_dead_strip", 0.9, "border_dead_strip"),
    ("quota_hugging", 0.5, "quota_hugging"),
    ("quota_hugging", 0.5, "quota_filler"),
    ("patrol_padding", 0.5, "patrol_padding"),
    ("self_handled", 0.5, "self_handled"),
    ("staff_turnover", 0.2, "staff"),
    ("vacant_grids", 0.3, "vacant"),
    ("two_grids_per_worker", 0.5, "shared"),
    ("duplicate_reports", 0.5, "duplicate"),
    ("border_pairs", 0.3, "twins border_pair"),
    ("tile_pairs", 0.3, "twins tile_pair"),
    ("recurring_problems", 0.3, "recurrences"),
    ("ownerless_idle", 0.1, "idle"),
    ("ownerless_idle", 0.1, "ownerless_idle"),
    ("emergencies", 0.2, "emergencies"),
    ("complaint_after_closing", 0.5, "complaint_after_closing"),
    ("easy_reprocessing", 0.5, "easy_reprocessing"),
    ("law_overlap", 1.0, "laws"),
    ("consultations", 0.2, "consultation"),
    ("praise_and_suggestions", 0.2, "praise"),
    ("out_of_scope", 0.2, "out_of_scope"),
    ("disputes", 0.2, "dispute"),
    ("drills", 0.2, "drill"),
    ("below_standard", 0.5, "below"),
    ("missing_place", 0.3, "missing_place"),
    ("bad_place", 0.5, "zero_point"),
    ("bad_place", 0.5, "default_point"),
    ("bad_place", 0.5, "swapped_axes"),
    ("bad_place", 0.5, "gcj02"),
    ("bad_place", 0.5, "coarse_coordinates"),
    ("bad_place", 0.5, "outside_city"),
    ("unknown_category", 0.3, "unknown_category"),
    ("dirty_values", 0.5, "control_characters"),
    ("dirty_values", 0.5, "names_itself"),
    ("dirty_values", 0.5, "dash_values"),
    ("dirty_values", 0.5, "blank_values"),
    ("typos", 0.9, "wide figures"),
    ("refused_records", 0.5, "expected quarantined"),
    ("refused_records", 0.5, "conflicting_content"),
    ("redelivered", 0.5, "redelivered"),
]


@pytest.mark.parametrize(("name", "rate", "shows"), SHOWS, ids=[f"{a}: {c}" for a, _, c in SHOWS])
def test_a_behaviour_is_absent_when_off_and_shows_when_on(name: str, rate: float, shows: str) -> None:
    assert seen("", 0)[shows] == 0
    assert seen(name, rate)[shows] > 3


def test_emergencies_are_followed_up_badly_only_when_told_so() -> None:
    switches = Switches.all_off(emergencies=0.3, emergency_bad_followup=0.6)
    misconduct: list[Misconduct] = []
    DayMaker(City(3, 0.1), switches, START, 3).reports(0, misconduct)
    assert sum(item.what == "emergency_bad_followup" for item in misconduct) > 10
    assert seen("emergencies", 0.2)["emergency_bad_followup"] == 0


def test_named_duplicates_name_the_first_report() -> None:
    maker = DayMaker(City(3, 0.1), Switches.all_off(duplicate_reports=0.6, named_duplicates=1.0), START, 2)
    made = maker.reports(0, []) + maker.reports(1, [])
    refs = {item.body["source_ref"] for item in made}
    named = [item for item in made if "named_duplicate" in item.errors]
    assert len(named) > 50
    assert sum(item.body["related_refs"][0] in refs for item in named) > 0.9 * len(named)


def test_under_reporting_moves_the_grids_share_down_against_the_hotline() -> None:
    def share(rate: float) -> float:
        found = seen("grid_under_reporting", rate)
        return found["grid reports"] / found["reports"]

    assert share(0.8) < 0.5 * share(0.0)


def test_a_measured_value_is_left_out_as_often_as_told() -> None:
    assert seen("unmeasured", 1.0)["evidence"] == 0
    assert seen("", 0)["evidence"] > 20


def test_private_particulars_in_texts_come_and_go_with_their_switch() -> None:
    def doors(rate: float) -> int:
        maker = DayMaker(City(3, 0.1), Switches.all_off(personal_details=rate), START, 1)
        return sum(kind in ("door", "plate") for item in maker.reports(0, []) for kind, _ in item.private)

    assert doors(0.0) == 0
    assert doors(0.5) > 10


def test_location_error_moves_points_away_from_the_truth() -> None:
    maker = DayMaker(City(3, 0.05), Switches.all_off(), START, 1)
    for item in maker.reports(0, []):
        assert item.point is None or abs(item.body["lon"] - item.point[0]) < 1e-6


def test_thresholds_differ_by_area_only_when_told_so() -> None:
    def limits(value: float) -> set[float]:
        switches = Switches.all_off(area_thresholds=value, below_standard=1.0)
        city = City(5, 0.3)
        found = [p.value for p in problems_of(city, switches, 0, 0) if p.kind.key == "rubbish" and p.value]
        return {limit for limit in (0.9, 1.8) if max(found) <= limit}

    assert limits(0) == {0.9, 1.8}
    assert limits(1) == {1.8}


def test_sensors_fall_silent_and_unknown_ones_report_only_when_told_so() -> None:
    def faults(rate: float) -> Counter[str]:
        episodes: list[Episode] = []
        city = City(3, 1.0)
        found = Counter(fault for _, fault in readings(city, Switches.all_off(sensor_faults=rate), 0, 0, episodes))
        found["silent"] = sum(item.what == "silent" for item in episodes)
        return found

    off, on = faults(0.0), faults(0.3)
    assert not off["silent"]
    assert not off["unknown_device"]
    assert on["silent"] > 10


@pytest.mark.parametrize("name", sorted(item.name for item in fields(Switches)))
def test_every_switch_is_described_and_documented(name: str) -> None:
    row = next(row for row in Switches().describe() if row["name"] == name)
    assert row["meaning"]
    assert row["status"].startswith(("assumed", "stated"))
    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {row['default']:g} |" in page


def test_all_unknown_names_and_bad_values_are_told_at_once() -> None:
    with pytest.raises(ConfigFaults) as told:
        Switches.from_pairs(["no_such=1", "nor_this=2", "typos=much", "drills=7"])
    text = str(told.value)
    assert all(word in text for word in ("no_such", "nor_this", "'much'", "switch drills"))


def test_pairs_set_rates_and_off_turns_the_rest_off() -> None:
    assert Switches.from_pairs(["border_dead_strip=0.5"]).border_dead_strip == 0.5
    alone = Switches.from_pairs(["typos=0.2", "off"])
    assert alone.typos == 0.2
    assert all(getattr(alone, name) == value for name, value in OFF.items() if name != "typos")


def test_defaults_are_within_their_own_bounds() -> None:
    made: Callable[[], Switches] = Switches
    assert made() == Switches.from_pairs([])
