"""After the end of a case: a recurrence, a repeat complaint, or something new."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.events.facts import CaseFiled, ReportLinked, ReportSettled
from pipeline.stages.deduplicate import deduplicate
from tests.builders import PATH, case_of, located
from tests.small_city import BINS, DAY, NOISE, WASTE
from tests.town import Town

TEXT = "花坛边堆了很多垃圾没有人清理"


@pytest.mark.parametrize(
    ("person", "rule", "repeat"),
    [
        pytest.param("same", "D6-repeat-complaint", True, id="same person"),
        pytest.param("other", "D5-recurrence", False, id="another person"),
        pytest.param("", "D5-recurrence", False, id="nobody known"),
    ],
)
def test_after_closing_the_same_place_is_a_recurrence_and_the_same_person_a_repeat_complaint(
    person: str, rule: str, repeat: bool
) -> None:
    town, first = Town(), located("1", 0, text=TEXT, reporter_key="same")
    town.send(first)
    town.act(case_of(first), *PATH)
    second = located("2", 24 * 60, text=TEXT, reporter_key=person)
    found = deduplicate(town.book(second.place.tile), second, town.stage.policy.duplicates)
    assert (found.case_id, found.rule, found.recurrence_of) == ("", rule, case_of(first))
    assert found.repeat_complaint_of == (case_of(first) if repeat else "")
    town.send(second)
    (filed,) = [fact for fact in town.said(CaseFiled) if fact.case_id == case_of(second)]
    assert (filed.recurrence_of, bool(filed.repeat_complaint_of)) == (case_of(first), repeat)


@pytest.mark.parametrize(
    ("days", "metres", "category", "recurs"),
    [
        pytest.param(29.99, 0.0, WASTE, True, id="within 30 days"),
        pytest.param(30.01, 0.0, WASTE, False, id="after 30 days"),
        pytest.param(1, 29.9, WASTE, True, id="within the radius"),
        pytest.param(1, 30.1, WASTE, False, id="outside the radius"),
        pytest.param(1, 0.0, BINS, False, id="another category of the family"),
    ],
)
def test_what_is_a_recurrence(days: float, metres: float, category: Any, recurs: bool) -> None:
    town, first = Town(), located("1", 0)
    town.send(first)
    town.act(case_of(first), *PATH, minute=10)
    second = located("2", 10 + days * 24 * 60, category, xy=(-500.0, metres))
    found = deduplicate(town.book(second.place.tile), second, town.stage.policy.duplicates)
    assert bool(found.recurrence_of) is recurs


def test_a_recurrence_is_known_until_its_last_day_is_over() -> None:
    """Entries are let go by whole days: not before the last recurrence that refers to them."""
    town, first = Town(), located("1", 0)
    town.send(first)
    town.act(case_of(first), *PATH, minute=850)
    book, second = town.book(first.place.tile), located("2", 850 + 29.9 * 24 * 60)
    book.apply(town.stage.expire(book, second.report.received_at // DAY).changes)
    assert deduplicate(book, second, town.stage.policy.duplicates).recurrence_of == case_of(first)


def test_the_latest_of_several_ended_cases_is_the_one_that_recurs() -> None:
    town = Town()
    for number in range(3):
        report = located(str(number), number * 60, NOISE)
        town.send(report)
        town.act(case_of(report), *PATH, minute=number * 60 + 30)
    filed = town.said(CaseFiled)
    assert [fact.recurrence_of for fact in filed] == ["", filed[0].case_id, filed[1].case_id]


@pytest.mark.parametrize("last", ["near", "far"])
def test_the_latest_is_the_one_that_ended_last_wherever_it_stands_in_the_book(last: str) -> None:
    town, cases = Town(), {"near": located("1", 0, xy=(-500.0, 0.0)), "far": located("2", 0, xy=(-460.0, 0.0))}
    for report in cases.values():
        town.send(report)
    for number, name in enumerate(sorted(cases, key=lambda name: name == last)):
        town.act(case_of(cases[name]), *PATH, minute=60 + number)
    third = located("3", 90, xy=(-480.0, 0.0))
    found = deduplicate(town.book(third.place.tile), third, town.stage.policy.duplicates)
    assert found.recurrence_of == case_of(cases[last])


def test_an_open_case_goes_before_an_ended_one() -> None:
    town = Town()
    first, second, third = located("1", 0), located("2", 90), located("3", 120)
    town.send(first)
    town.act(case_of(first), *PATH)
    town.send(second)
    town.send(third)
    assert [fact.case_id for fact in town.said(ReportLinked)] == [case_of(second)]
    assert [fact.outcome for fact in town.said(ReportSettled)] == ["dispatched", "dispatched", "duplicate"]
