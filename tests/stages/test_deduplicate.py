"""Duplicate, reminder, repeat complaint, recurrence or new: the rule at its thresholds.

``WASTE`` has a radius of 30 m and a window of 168 h; texts are equal unless a case says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.events.facts import ReportLinked
from pipeline.stages.decisions import Verdict
from pipeline.stages.deduplicate import deduplicate
from pipeline.stages.duplicate_policy import DuplicatePolicy
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import BINS, COLLAPSE, COMPONENT, COVER, MINUTE, MONDAY, STALLS, STREET_W, WASTE
from tests.town import Town

WEEK = 7 * 24 * 60
TEXT = "花坛边堆了很多垃圾没有人清理"


def verdict(first: Any, second: Any, **policy: Any) -> Verdict:
    """What the second report is when the first has opened a case."""
    town = Town()
    town.send(first, hold=True)
    rule = town.stage.policy.duplicates
    changed = DuplicatePolicy(**({"systems": rule.systems, "spans": rule.spans, "widest": rule.widest} | policy))
    return deduplicate(town.book(second.place.tile), second, changed)


def pair(minute: float = 10, category: Any = WASTE, *, first: Any = None, **second: Any) -> tuple[Any, Any]:
    """A report, and another at the same place some minutes later."""
    one: dict[str, Any] = {"xy": (-500.0, 0.0), "text": TEXT} | (first or {})
    return located("1", 0, **one), located(
        "2", minute, **({"xy": (-500.0, 0.0), "text": TEXT, "category": category} | second)
    )


@pytest.mark.parametrize(
    ("metres", "linked"),
    [
        pytest.param(0.0, True, id="same place"),
        pytest.param(29.99, True, id="within the radius"),
        pytest.param(30.01, False, id="just outside the radius"),
    ],
)
def test_a_report_within_the_radius_is_a_duplicate(metres: float, linked: bool) -> None:
    found = verdict(*pair(0, xy=(-500.0, metres)))
    assert (found.how, found.rule) == (("duplicate", "D3-place") if linked else ("", "D0-new"))


def test_exactly_on_the_radius_is_within_it() -> None:
    first, second = pair(0, xy=(-500.0, 20.0))
    reach = verdict(first, second, threshold=0.0).distance_m
    assert reach is not None
    on = {("GB/T 47678.5-2026", "incident", "06010"): (reach, WEEK * MINUTE)}
    below = {key: (span[0] - 1e-6, span[1]) for key, span in on.items()}
    assert verdict(first, second, spans=on).how == "duplicate"
    assert verdict(first, second, spans=below).how == ""


@pytest.mark.parametrize(
    ("stated", "metres", "linked"),
    [
        pytest.param(20.0, 69.9, True, id="the error of a report widens the radius"),
        pytest.param(20.0, 70.1, False, id="by no more than twice itself"),
        pytest.param(60.0, 129.9, True, id="a great error"),
        pytest.param(60.0, 130.1, False, id="counts for 100 m"),
        pytest.param(900.0, 5.0, False, id="a place that is no place tells nothing"),
    ],
)
@pytest.mark.parametrize("whose", ["first", "second"])
def test_the_larger_location_error_widens_the_radius(whose: str, stated: float, metres: float, linked: bool) -> None:
    errors = {"first": {"error_m": 0.0}, "second": {"error_m": 0.0}} | {whose: {"error_m": stated}}
    found = verdict(*pair(0, first=errors["first"], xy=(-500.0, metres), **errors["second"]))
    assert bool(found.case_id) is linked


def test_no_radius_is_larger_than_the_reach_of_notices() -> None:
    wide = {"spans": {WASTE: (500.0, WEEK * MINUTE)}, "widest": {"waste": 500.0}}
    coarse: dict[str, Any] = {"error_m": 50.0}
    assert verdict(*pair(0, first=coarse, xy=(-500.0, 149.0), **coarse), **wide).how == "duplicate"
    assert verdict(*pair(0, first=coarse, xy=(-500.0, 151.0), **coarse), **wide).how == ""


@pytest.mark.parametrize(
    ("minutes", "linked"),
    [
        pytest.param(WEEK, True, id="at the end of the window"),
        pytest.param(WEEK + 0.001, False, id="window has closed"),
        pytest.param(-WEEK, True, id="begun a week before the known one"),
        pytest.param(-WEEK - 0.001, False, id="begun earlier still"),
    ],
)
def test_a_report_within_the_window_is_a_duplicate(minutes: float, linked: bool) -> None:
    begun = MONDAY + round(minutes * MINUTE)
    assert bool(verdict(*pair(WEEK + 1, occurred_at=begun)).case_id) is linked


@pytest.mark.parametrize(
    ("category", "linked"),
    [
        pytest.param(WASTE, True, id="same category"),
        pytest.param(STALLS, False, id="other family"),
        pytest.param(None, False, id="no category"),
    ],
)
def test_categories_of_other_families_are_never_duplicates(category: Any, linked: bool) -> None:
    found = verdict(*pair(0, category, xy=(-500.0, 5.0)))
    assert bool(found.case_id) is linked


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        pytest.param({"text": "垃圾桶满了"}, "", id="other words"),
        pytest.param({}, "duplicate", id="same words"),
        pytest.param({"text": "垃圾桶满了", "reporter_key": "p"}, "reminder", id="other words of the same person"),
    ],
)
def test_another_category_of_the_family_needs_more_in_common(fields: Any, how: str) -> None:
    late = 14 * 60
    assert verdict(*pair(late, BINS, first={"reporter_key": "p"}, xy=(-500.0, 18.0), **fields)).how == how


@pytest.mark.parametrize(
    ("threshold", "suggest", "linked", "suggested"),
    [
        pytest.param(0.0, 0.0, True, False, id="at the threshold"),
        pytest.param(1e-9, 0.0, False, True, id="below the threshold and at that of a suggestion"),
        pytest.param(1e-9, 1e-9, False, False, id="below both"),
    ],
)
def test_two_thresholds_make_three_outcomes(threshold: float, suggest: float, linked: bool, suggested: bool) -> None:
    far = pair(WEEK, text="", xy=(-500.0, 20.0))
    likely = verdict(*far, threshold=0.0).score
    found = verdict(*far, threshold=likely + threshold, suggest=likely + suggest)
    assert (bool(found.case_id), bool(found.suggested)) == (linked, suggested)


@pytest.mark.parametrize(
    ("one", "other"), [("emergency", "general"), ("general", "emergency"), ("difficult", "emergency")]
)
def test_an_emergency_is_never_merged_into_an_ordinary_case_nor_the_other_way_round(one: str, other: str) -> None:
    first, second = pair(0, first={"classified": {"case_class": one}}, classified={"case_class": other})
    assert verdict(first, second).case_id == ""


def test_two_emergencies_at_one_place_are_one() -> None:
    assert verdict(*pair(0, COLLAPSE, first={"category": COLLAPSE})).how == "duplicate"


def test_a_difficult_and_a_general_case_may_be_one() -> None:
    assert verdict(*pair(0, classified={"case_class": "difficult"})).how == "duplicate"


def test_the_nearest_of_several_cases_is_taken() -> None:
    town = Town()
    for name, x in (("far", -520.0), ("near", -485.0)):
        town.send(located(name, 0, xy=(x, 0.0), text=TEXT))
    found = town.send(located("3", 1, xy=(-498.0, 0.0), text=TEXT))
    assert [fact.case_id for fact in found.facts if isinstance(fact, ReportLinked)] == [
        case_of(located("near", 0, xy=(-485.0, 0.0)))
    ]


# -- without a place, by component, by number ---------------------------------------------------------------------

NOWHERE: dict[str, Any] = {"xy": None, "placed": {"area": STREET_W}}


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        pytest.param({"address_key": "door"}, "duplicate", id="same door"),
        pytest.param({"reporter_key": "person"}, "reminder", id="same person"),
        pytest.param({"address_key": "another", "reporter_key": "other"}, "", id="neither"),
        pytest.param({}, "", id="nothing known"),
    ],
)
def test_without_coordinates_the_person_or_the_door_tells(fields: Any, how: str) -> None:
    known = NOWHERE | {"address_key": "door", "reporter_key": "person"}
    assert verdict(*pair(1, first=known, **(NOWHERE | fields))).how == how


def test_a_person_or_door_of_another_street_is_not_looked_for() -> None:
    other = {"xy": None, "placed": {"area": "310199002"}, "reporter_key": "person"}
    assert verdict(*pair(1, first=NOWHERE | {"reporter_key": "person"}, **other)).case_id == ""


def test_reports_of_one_component_are_one_case_whatever_the_window() -> None:
    known = {"category": COVER, "component_code": COMPONENT}
    found = verdict(*pair(100 * 24 * 60, COVER, first=known, component_code=COMPONENT, xy=(-500.0, 60.0), text=""))
    assert (found.how, found.score, found.rule) == ("duplicate", 1.0, "D2-component")
    assert verdict(*pair(100 * 24 * 60, COVER, first=known, component_code="other", text="")).case_id == ""


def test_reports_of_one_component_without_coordinates_are_one_case() -> None:
    nowhere = NOWHERE | {"component_code": COMPONENT}
    assert verdict(*pair(1, COVER, first=nowhere | {"category": COVER}, **nowhere)).rule == "D2-component"


@pytest.mark.parametrize(
    ("fields", "how"),
    [
        pytest.param({"related_refs": ("1",)}, "same_order", id="number of the same system"),
        pytest.param({"related_refs": ("1",), "source_system": "app"}, "", id="number of a system nobody named"),
        pytest.param({"related_refs": ("77",)}, "", id="unknown number"),
    ],
)
def test_a_report_that_names_an_order_of_an_open_case_joins_it_wherever_it_is(fields: Any, how: str) -> None:
    found = verdict(*pair(50 * 24 * 60, STALLS, xy=(-700.0, 300.0), text="other", **fields))
    assert (found.how, found.rule) == ((how, "D1-order") if how else ("", "D0-new"))


def test_a_number_of_a_known_system_is_understood_from_another() -> None:
    second = {"related_refs": ("1",), "source_system": "app", "xy": (-700.0, 300.0)}
    assert verdict(*pair(5, STALLS, **second), systems=("crm",)).how == "same_order"


def test_an_order_of_a_case_that_has_ended_is_nothing_to_join() -> None:
    town, first = Town(), located("1", 0)
    town.send(first)
    town.act(case_of(first), *PATH)
    second = located("2", 90, STALLS, xy=(-700.0, 300.0), related_refs=("1",))
    assert deduplicate(town.book(second.place.tile), second, town.stage.policy.duplicates).case_id == ""


def test_an_emergency_that_names_an_ordinary_order_opens_its_own_case() -> None:
    found = verdict(*pair(5, COLLAPSE, related_refs=("1",)))
    assert found.case_id == ""


def test_the_same_person_asking_again_while_the_case_runs_is_a_reminder() -> None:
    found = verdict(*pair(5, first={"reporter_key": "p"}, reporter_key="p"))
    assert found.how == "reminder"
    assert verdict(*pair(5, first={"reporter_key": "p"}, reporter_key="q")).how == "duplicate"


def test_the_answer_does_not_hang_on_the_order_of_the_book() -> None:
    reports = [located(str(number), number, xy=(-500.0 + 31 * number, 0.0)) for number in range(4)]
    asked = located("x", 10, xy=(-453.5, 0.0))
    answers = set()
    for order in (reports, reports[::-1], [*reports[2:], *reports[:2]]):
        town = Town()
        for report in order:
            town.send(report)
        answers.add(deduplicate(town.book(asked.place.tile), asked, town.stage.policy.duplicates))
    assert len(answers) == 1


def test_an_action_on_the_case_leaves_it_a_candidate() -> None:
    town, first = Town(), located("1", 0)
    town.send(first)
    town.send(an_action(case_of(first), "sign"))
    assert town.send(located("2", 70)).settled[0].outcome == "duplicate"


def test_a_suggestion_is_told_to_people_and_a_replay_tells_it_again() -> None:
    """Too unsure to merge: the report opens a case, and the reason of its settlement names the case it may repeat."""
    from dataclasses import replace

    from pipeline.stages.casework import Casework

    town = Town()
    first, second = pair(10, text="", xy=(-500.0, 20.0))
    town.send(first)
    unsure = replace(town.stage.policy.duplicates, threshold=1.0, suggest=0.01)
    town.stage = Casework(replace(town.stage.policy, duplicates=unsure))
    said = town.send(second)
    settled = next(fact for fact in said.facts if fact.fact_id == second.report.report_id)
    assert (settled.fate, f"may repeat {case_of(first)}" in settled.reason) == ("filed", True)
    assert town.send(second).facts == said.facts


def test_what_nobody_could_name_is_merged_neither_within_a_tile_nor_across_its_edge() -> None:
    within, across = Town(), Town()
    for number, x in enumerate((-500.0, -499.0)):
        within.send(located(str(number), number, xy=(x, 0.0), text=TEXT, category=None))
    for number, x in enumerate((-4.0, 4.0)):
        across.send(located(str(number), number, xy=(x, 0.0), text=TEXT, category=None), hold=True)
    across.deliver()
    for town in (within, across):
        cases = [case for book in town.books.values() for case in _cases(book)]
        assert [case.merged_into for case in cases] == ["", ""]


def _cases(book: Any) -> list[Any]:
    return [book.case(key) for space, key, _ in book.entries() if space == "case"]
