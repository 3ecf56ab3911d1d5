"""Filing by the written standard: below, at and above thresholds, unmeasured, zones, and what never becomes a case."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.events.records import Evidence
from pipeline.stages.decisions import Filing
from pipeline.stages.file import file
from tests.builders import located, measured
from tests.small_city import BINS, COLLAPSE, COVER, HOUR, MONDAY, NOISE, OLD, ROAD, STALLS, STREET_W, WASTE, city

FLOOD = (OLD, "incident", "0506")
"""Road flooding, an emergency by itself: more than 100 m2 and more than 15 cm, both."""
NIGHT = MONDAY - 9 * HOUR
"""Midnight."""
CRACK = (Evidence(measure="crack_length", value=1.5, unit="m"), Evidence(measure="crack_width", value=3.0, unit="mm"))


def filed(category: Any = WASTE, **fields: Any) -> Filing:
    return file(located("1", 0, category, **fields), city())


@pytest.mark.parametrize(
    ("category", "evidence", "outcome", "rule"),
    [
        pytest.param(WASTE, measured("area", 0.99, "m2"), "below_standard", "F-26i06010-1", id="just below"),
        pytest.param(WASTE, measured("area", 1.0, "m2"), "dispatched", "F-26i06010-1", id="at an inclusive one"),
        pytest.param(WASTE, measured("area", 1.01, "m2"), "dispatched", "F-26i06010-1", id="above"),
        pytest.param(COVER, measured("damage_area", 25.0, "cm2"), "below_standard", "F-26c01002-2", id="at"),
        pytest.param(COVER, measured("damage_area", 25.1, "cm2"), "dispatched", "F-26c01002-2", id="over"),
        pytest.param(WASTE, measured("area", 0.5, "cm2"), "dispatched", "F-26i06010-2", id="another unit is no value"),
        pytest.param(WASTE, measured("length", 0.5, "m2"), "dispatched", "F-26i06010-2", id="another measure neither"),
        pytest.param(WASTE, (), "dispatched", "F-26i06010-2", id="seen by a person"),
        pytest.param(ROAD, (), "unmeasured", "F-26i06013-1", id="only measured rows and no value"),
        pytest.param(ROAD, measured("depth", 2.9, "cm"), "below_standard", "F-26i06013-4", id="one alternative below"),
        pytest.param(ROAD, CRACK[:1], "unmeasured", "F-26i06013-1", id="half of what must hold together"),
        pytest.param(ROAD, CRACK, "dispatched", "F-26i06013-3a", id="both of what must hold together"),
        pytest.param(
            ROAD, (CRACK[0], *measured("crack_width", 2.9, "mm")), "below_standard", "F-26i06013-3b", id="one fails"
        ),
        pytest.param(
            ROAD, (*measured("depth", 1.0, "cm"), *measured("damage_area", 0.5, "m2")), "dispatched", "F-26i06013-1",
            id="one alternative is enough",
        ),
    ],
)  # fmt: skip
def test_the_standard_decides(category: Any, evidence: Any, outcome: str, rule: str) -> None:
    found = filed(category, evidence=evidence)
    assert (found.outcome, found.rule) == (outcome, rule)


def test_the_value_is_kept_with_its_own_unit_and_the_reason_names_the_threshold() -> None:
    assert (filed(ROAD, evidence=CRACK).measured, filed(ROAD, evidence=CRACK).unit) == (1.5, "m")
    below = filed(evidence=measured("area", 0.5, "m2"))
    assert (below.measured, below.unit, below.reason) == (0.5, "m2", "area 0.5 m2 is not >= 1")


def test_the_row_gives_the_handling_limit() -> None:
    found = filed()
    assert (found.state, found.limit_value, found.clock) == ("dispatched", 4, "work_hour")


def test_what_was_not_measured_is_verified_and_never_dropped() -> None:
    found = filed(ROAD)
    assert (found.fate, found.state) == ("filed", "verifying")


@pytest.mark.parametrize(
    ("zone", "at", "level", "outcome", "rule"),
    [
        pytest.param("2", MONDAY, 60.0, "below_standard", "F-26i06028-3", id="zone 2 by day: 60 is not over 60"),
        pytest.param("2", MONDAY, 60.1, "dispatched", "F-26i06028-3", id="zone 2 by day: over 60"),
        pytest.param("4", MONDAY, 60.1, "below_standard", "F-26i06028-5", id="zone 4 by day: 70"),
        pytest.param("2", NIGHT, 50.0, "below_standard", "F-26i06028-8", id="zone 2 by night: 50 is not over 50"),
        pytest.param("2", NIGHT, 50.1, "dispatched", "F-26i06028-8", id="zone 2 by night: over 50"),
        pytest.param("2", NIGHT + 6 * HOUR, 55.0, "below_standard", "F-26i06028-3", id="the day begins at 6"),
        pytest.param("2", NIGHT + 6 * HOUR - 1, 55.0, "dispatched", "F-26i06028-8", id="the night lasts until 6"),
        pytest.param("2", NIGHT - 2 * HOUR, 55.0, "dispatched", "F-26i06028-8", id="the night begins at 22"),
        pytest.param("2", NIGHT - 2 * HOUR - 1, 55.0, "below_standard", "F-26i06028-3", id="the day lasts until 22"),
        pytest.param("", MONDAY, 90.0, "dispatched", "F-26i06028-11", id="no zone known: what was observed decides"),
    ],
)
def test_noise_is_judged_by_its_zone_and_by_day_or_night(
    zone: str, at: int, level: float, outcome: str, rule: str
) -> None:
    evidence = measured("noise", level, "dB(A)")
    found = filed(NOISE, evidence=evidence, occurred_at=at, placed={"zone": zone})
    assert (found.outcome, found.rule) == (outcome, rule)


@pytest.mark.parametrize(
    ("fields", "fate", "outcome", "rule"),
    [
        pytest.param({"drill": True}, "logged", "drill", "F0-drill", id="a drill"),
        pytest.param({"drill": True, "category": COLLAPSE}, "logged", "drill", "F0-drill", id="a drill, urgent"),
        pytest.param(
            {"classified": {"referral": "110", "referral_rule": "R110"}}, "logged", "out_of_scope", "R110", id="110"
        ),
        pytest.param(
            {"classified": {"referral": "110", "referral_rule": "R110"}, "category": COLLAPSE}, "filed", "dispatched",
            "F-13i0505-1", id="an emergency is kept although it is referred",
        ),
        pytest.param({"classified": {"nature": "praise"}}, "logged", "not_accepted", "F0-praise", id="praise"),
        pytest.param({"self_handled": True}, "logged", "handled_in_grid", "F1-self-handled", id="handled on the spot"),
        pytest.param(
            {"self_handled": True, "category": STALLS}, "filed", "dispatched", "F-26i09006-2",
            id="what needs the power to enforce cannot be handled in the grid",
        ),
        pytest.param(
            {"self_handled": True, "category": COLLAPSE}, "filed", "dispatched", "F-13i0505-1", id="nor an emergency"
        ),
        pytest.param({"self_handled": True, "category": None}, "filed", "waiting_person", "F2-no-category", id="what?"),
        pytest.param({"category": None}, "filed", "waiting_person", "F2-no-category", id="no category"),
        pytest.param({"xy": None}, "filed", "waiting_information", "F3-no-place", id="no place"),
        pytest.param(
            {"placed": {"city": "", "district": "", "street": "", "community": "", "grid": ""}}, "filed", "orphan",
            "F4-no-area", id="no area",
        ),
        pytest.param(
            {"xy": None, "placed": {"area": STREET_W}}, "filed", "dispatched", "F-26i06010-2", id="an area is a place"
        ),
    ],
)  # fmt: skip
def test_what_is_no_case_and_what_waits(fields: Any, fate: str, outcome: str, rule: str) -> None:
    found = filed(**fields)
    assert (found.fate, found.outcome, found.rule) == (fate, outcome, rule)
    assert bool(found.state) is (fate == "filed")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("waiting_person", "pending_filing"),
        ("waiting_information", "waiting_information"),
        ("orphan", "pending_filing"),
    ],
)
def test_what_waits_starts_in_the_state_of_who_it_waits_for(outcome: str, state: str) -> None:
    nowhere = {"city": "", "district": "", "street": "", "community": "", "grid": ""}
    fields: dict[str, Any] = {
        "waiting_person": {"category": None}, "waiting_information": {"xy": None}, "orphan": {"placed": nowhere},
    }[outcome]  # fmt: skip
    found = filed(**fields)
    assert (found.outcome, found.state) == (outcome, state)


EMERGENCY = {"case_class": "emergency"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"category": None}, id="for a category"),
        pytest.param({"xy": None}, id="for a place"),
        pytest.param({"category": ROAD}, id="for a value"),
        pytest.param({"category": FLOOD, "evidence": measured("depth", 3.0, "cm")}, id="for the water to rise"),
        pytest.param({"evidence": measured("area", 0.1, "m2")}, id="for a larger heap"),
        pytest.param(
            {"placed": {"city": "", "district": "", "street": "", "community": "", "grid": ""}}, id="for an area"
        ),
    ],
)
def test_an_emergency_waits_for_nothing(fields: Any) -> None:
    found = filed(**(fields | {"classified": EMERGENCY}))
    assert (found.fate, found.outcome, found.state) == ("filed", "dispatched", "dispatched")


@pytest.mark.parametrize("level", [1.0, 90.0])
def test_an_alarm_is_filed_on_the_sensor_limit_that_raised_it(level: float) -> None:
    found = filed(NOISE, channel="alarm", evidence=measured("noise", level, "dB(A)"))
    assert (found.outcome, found.state) == ("dispatched", "dispatched")
    assert found.limit_value > 0


def test_an_alarm_drill_is_a_drill() -> None:
    assert filed(NOISE, channel="alarm", drill=True).outcome == "drill"


def test_a_category_without_a_row_is_filed_without_a_limit() -> None:
    bare = city()
    without = type(bare)(type(bare.tables)(categories=bare.tables.categories), bare.city, "bare", bare.calendar)
    found = file(located("1", 0, BINS), without)
    assert (found.rule, found.outcome, found.limit_value, found.clock) == ("F6-no-standard", "dispatched", 0, "")
