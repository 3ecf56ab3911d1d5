"""Categories that are compared: two lists' codes of one kind, and reports that nobody could name a category for."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.domain.mentions import marks_of
from pipeline.domain.pairmodel import build
from pipeline.events.base import Channel
from pipeline.events.facts import ReportLinked
from pipeline.events.intake import Candidate
from pipeline.stage import Change
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Verdict
from pipeline.stages.deduplicate import deduplicate
from pipeline.stages.entries import CaseEntry
from pipeline.stages.pairing import centre_of
from pipeline.stages.screen import screen
from tests.builders import PATH, an_action, an_arrival, case_of, located
from tests.small_city import BINS, COLLAPSE, COVER, OLD, STALLS, WASTE, screening
from tests.town import Town

OLD_WASTE = (OLD, "incident", "0110")
"""The same kind as ``WASTE`` under the code of the older list."""

RULES: dict[str, Any] = {
    "merge": 0.5, "suggest": 0.25, "reach_m": 150.0, "window_days": 90, "slope": 1.0, "shift": 0.0, "codes": {},
    "channels": {}, "families": [], "rate": 0.1,
}  # fmt: skip
ARRAYS: dict[str, Any] = {
    "feature": np.array([-1]), "threshold": np.array([0.0]), "left": np.array([0]), "right": np.array([0]),
    "value": np.array([3.0]), "roots": np.array([0]), "base": np.array([0.0]),
}  # fmt: skip
"""A model that joins whatever it is shown."""


def unnamed(*keys: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    """A classifier that abstained, with its candidates."""
    candidates = tuple(Candidate(key="|".join(key), share=0.4) for key in keys)
    return {"category": None, "classified": {"candidates": candidates} | fields}


def verdict(first: dict[str, Any], second: dict[str, Any], minute: float = 10) -> Verdict:
    """What a second report is at the place of the first."""
    town = Town()
    town.send(located("1", 0, **first))
    one = located("2", minute, **second)
    return deduplicate(town.book(one.place.tile), one, town.stage.policy.duplicates)


def named(category: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    return {"category": category} | fields


@pytest.mark.parametrize(
    ("first", "second", "linked"),
    [
        pytest.param(named(WASTE), named(OLD_WASTE), True, id="one kind under two lists"),
        pytest.param(named(WASTE), unnamed(WASTE, STALLS), True, id="the likeliest is the category of the case"),
        pytest.param(named(OLD_WASTE), unnamed(WASTE, STALLS), True, id="also under the older list"),
        pytest.param(named(WASTE), unnamed(STALLS, WASTE), True, id="the second likeliest is"),
        pytest.param(named(WASTE), unnamed(STALLS, BINS, WASTE), False, id="only the third is"),
        pytest.param(named(WASTE), unnamed(BINS), False, id="another of the family"),
        pytest.param(named(WASTE), unnamed(), False, id="nothing is likely"),
        pytest.param(unnamed(WASTE, STALLS), unnamed(WASTE, BINS), True, id="neither has one"),
        pytest.param(unnamed(WASTE), unnamed(STALLS), False, id="neither has one, and they differ"),
        pytest.param(unnamed(WASTE), named(OLD_WASTE), True, id="the case has none"),
        pytest.param(unnamed(STALLS), named(WASTE), False, id="the case has none and seems another"),
        pytest.param(named(WASTE), unnamed(WASTE, nature="praise"), False, id="thanks"),
        pytest.param(named(WASTE), unnamed(WASTE, referral="police"), False, id="a matter for others"),
        pytest.param(named(WASTE), unnamed(WASTE) | {"appeal_type": "consult"}, False, id="a question"),
        pytest.param(named(WASTE), named(WASTE, appeal_type="consult"), False, id="a question with a category"),
        pytest.param(named(WASTE), named(WASTE, appeal_type="suggestion"), False, id="a suggestion with one"),
        pytest.param(named(WASTE), named(WASTE, classified={"nature": "praise"}), False, id="thanks with one"),
        pytest.param(
            named(WASTE), named(WASTE, classified={"referral": "police"}), True, id="words of others' matters"
        ),
        pytest.param(named(WASTE), named(WASTE, appeal_type="complaint"), True, id="a complaint"),
    ],
)
def test_what_joins_at_one_place(first: dict[str, Any], second: dict[str, Any], linked: bool) -> None:
    assert bool(verdict(first, second).case_id) is linked


@pytest.mark.parametrize(
    ("first", "second", "linked"),
    [
        pytest.param(named(WASTE), unnamed(WASTE, case_class="emergency"), False, id="an ordinary case"),
        pytest.param(named(COLLAPSE), unnamed(COLLAPSE), False, id="no emergency at an emergency"),
        pytest.param(named(COLLAPSE), unnamed(COLLAPSE, case_class="emergency"), True, id="the likeliest is the same"),
        pytest.param(
            named(COLLAPSE), unnamed(WASTE, COLLAPSE, case_class="emergency"), False, id="only the second likeliest is"
        ),
    ],
)
def test_an_emergency_without_a_category(first: dict[str, Any], second: dict[str, Any], linked: bool) -> None:
    assert bool(verdict(first, second).case_id) is linked


def test_a_candidate_that_is_no_category_stands_for_none() -> None:
    family = {"category": None, "classified": {"candidates": (Candidate(key="waste", share=0.9),)}}
    assert not verdict(named(WASTE), family).case_id


def test_a_report_with_a_category_says_what_a_case_without_one_is_about() -> None:
    town = Town()
    first = located("1", 0, **unnamed(STALLS, WASTE))
    town.send(first)
    town.send(located("2", 5, WASTE))
    assert town.case(case_of(first)).likely[:2] == ("waste|" + "|".join(WASTE), "street_order|" + "|".join(STALLS))
    assert town.case(case_of(first)).code == ""


def test_a_report_without_a_category_comes_after_nothing() -> None:
    town = Town()
    first = located("1", 0, WASTE)
    town.send(first)
    town.act(case_of(first), *PATH)
    one = located("2", 120, **unnamed(WASTE))
    found = deduplicate(town.book(one.place.tile), one, town.stage.policy.duplicates)
    assert (found.case_id, found.recurrence_of) == ("", "")


def test_a_recurrence_is_told_across_the_lists() -> None:
    town = Town()
    first = located("1", 0, WASTE)
    town.send(first)
    town.act(case_of(first), *PATH)
    one = located("2", 120, OLD_WASTE)
    found = deduplicate(town.book(one.place.tile), one, town.stage.policy.duplicates)
    assert found.recurrence_of == case_of(first)


def test_a_case_without_a_category_is_known_across_an_edge() -> None:
    town = Town()
    first = located("1", 0, xy=(-2.0, 0.0), **unnamed(WASTE))
    town.send(first)
    found = town.send(located("2", 5, WASTE, xy=(2.0, 0.0)))
    assert [fact.case_id for fact in found.facts if isinstance(fact, ReportLinked)] == [case_of(first)]


@pytest.mark.parametrize(
    ("channel", "how"),
    [
        pytest.param("hotline", "reminder", id="a citizen asks again"),
        pytest.param(Channel.GRID_WORKER, "", id="a grid worker finds something else"),
    ],
)
def test_the_same_person_again(channel: str, how: str) -> None:
    first = named(WASTE, channel=channel, reporter_key="p", text="花坛边堆了很多垃圾")
    second = named(WASTE, channel=channel, reporter_key="p", text="垃圾袋散落一地", xy=(-500.0, 25.0))
    assert verdict(first, second, minute=1200).how == how


def test_a_case_lies_in_the_middle_of_its_reports() -> None:
    town = Town()
    first = located("1", 0, error_m=30.0)
    town.send(first)
    alone = centre_of(town.case(case_of(first)), 12.0)
    town.send(located("2", 5, error_m=30.0, xy=(-480.0, 0.0)))
    case = town.case(case_of(first))
    lon, _, square = centre_of(case, 12.0)
    assert alone == (case.lon, case.lat, 900.0)
    assert lon == pytest.approx((case.lon + case.also[0].lon) / 2)
    assert square == pytest.approx((900.0 + 72.0) / 2 - 72.0)


def test_entries_of_older_versions_are_still_read() -> None:
    town = Town()
    first = located("1", 0, **unnamed(WASTE))
    town.send(first)
    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(town.case(case_of(first))))
    older = msgspec.msgpack.encode(whole[: CaseEntry.__struct_fields__.index("likely")])
    book = CaseBook()
    book.restore("case", case_of(first), older)
    assert book.case(case_of(first)) == replace(town.case(case_of(first)), likely=(), mentions=b"")


def test_an_action_finds_the_case_as_before() -> None:
    town, first = Town(), located("1", 0, **unnamed(WASTE))
    town.send(first)
    town.send(an_action(case_of(first), "sign"))
    assert town.case(case_of(first)).likely == ("waste|" + "|".join(WASTE),)


def found(book: CaseBook, case: CaseEntry) -> list[tuple[str, int]]:
    """Under which families, and how often, a case is found at its own place."""
    assert case.lon is not None
    assert case.lat is not None
    families = ("waste", "street_order", "manhole", "")
    return [(one, len(book.cases_near(case.tile, one, case.lon, case.lat, 10.0))) for one in families]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([], [1, 1, 0, 0], id="under the families of its candidates"),
        pytest.param([located("2", 5, WASTE)], [1, 1, 0, 0], id="also when a report has said which it is"),
        pytest.param(["|".join(WASTE)], [1, 0, 0, 0], id="under its own once a person has named it"),
        pytest.param(["|".join(COVER)], [0, 0, 1, 0], id="even if that is none of them"),
        pytest.param([located("2", 5, WASTE), "|".join(STALLS)], [0, 1, 0, 0], id="one after the other"),
    ],
)
def test_a_case_is_found_where_it_belongs_and_nowhere_else(steps: list[Any], expected: list[int]) -> None:
    town, first = Town(), located("1", 0, **unnamed(WASTE, STALLS))
    town.send(first)
    for step in steps:
        town.send(an_action(case_of(first), "reclassify", to_category=step) if isinstance(step, str) else step)
    case, book, again = town.case(case_of(first)), town.book(first.place.tile), CaseBook()
    for space, key, data in book.entries():
        again.restore(space, key, data)
    assert [count for _, count in found(book, case)] == [count for _, count in found(again, case)] == expected
    book.restore("case", case.case_id, None)
    assert [count for _, count in found(book, case)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(named(WASTE), unnamed(WASTE), id="the report has no category"),
        pytest.param(unnamed(WASTE), named(WASTE), id="the case has none"),
    ],
)
def test_a_learned_model_is_asked_about_categories_only(first: dict[str, Any], second: dict[str, Any]) -> None:
    town = Town()
    town.send(located("1", 0, **first))
    one, rule = located("2", 10, **second), town.stage.policy.duplicates
    always = build("v", ARRAYS, {"rules": RULES | {"families": ["waste"]}})
    assert deduplicate(town.book(one.place.tile), located("3", 10, **named(WASTE)), rule).case_id
    assert deduplicate(town.book(one.place.tile), one, rule).case_id
    assert deduplicate(town.book(one.place.tile), one, changed(rule, model=always)) == Verdict(rule="D0-new")


def test_what_nobody_could_name_is_no_recurrence() -> None:
    town = Town()
    first = located("1", 0, **unnamed(WASTE))
    town.send(first)
    book = town.book(first.place.tile)
    ended = replace(town.case(case_of(first)), ended_at=first.report.received_at + 60_000)
    book.apply((Change("case", ended.case_id, ended),))
    again = deduplicate(book, located("2", 60, **unnamed(WASTE)), town.stage.policy.duplicates)
    assert (again.case_id, again.recurrence_of) == ("", "")


POLES = {"7": marks_of(["人民路，7号灯杆"]), "9": marks_of(["人民路，9号灯杆"])}


@pytest.mark.parametrize("x", [pytest.param(-500.0, id="in a tile"), pytest.param(2.0, id="across an edge")])
def test_another_pole_is_another_problem(x: float) -> None:
    town = Town()
    first = {"xy": (x, 0.0), "error_m": 20.0, "mentions": POLES["7"]}
    town.send(located("1", 0, COVER, **first))
    there = {"xy": (x - 4.0, 20.0), "error_m": 20.0}
    linked = {}
    for name in POLES:
        one = located("2", 240, COVER, mentions=POLES[name], **there)
        linked[name] = deduplicate(town.book(one.place.tile), one, town.stage.policy.duplicates).how
    assert linked == {"7": "duplicate", "9": ""}


def test_places_are_read_from_what_is_left_after_redaction() -> None:
    arrival = an_arrival(text="人民路18号2单元703室门口，7号灯杆不亮", address="人民路18号2单元703室")
    assert screen(arrival, screening()).mentions == marks_of(["人民路，7号灯杆"])
