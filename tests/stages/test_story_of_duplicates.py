"""One place through its whole life: duplicate report, reminder, repeat complaint and recurrence, each with its name."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.events.facts import ActionRefused, CaseFiled, FeedbackSent, ReportLinked
from tests.builders import PATH, an_action, case_of, located
from tests.town import Town

DAY = 24 * 60
TEXT = "花坛边堆了很多垃圾没有人清理"


def told(town: Town, ref: str, minute: float, person: str, **fields: Any) -> Any:
    """A report of the place by one person."""
    report = located(ref, minute, text=TEXT, reporter_key=person, **fields)
    town.send(report)
    return report


def test_a_story_is_labelled_rightly_at_each_step() -> None:
    town = Town()
    first = told(town, "1", 0, "an")
    told(town, "2", 30, "bo")
    told(town, "3", 60, "an")
    links = {fact.report_id: fact.how for fact in town.said(ReportLinked)}
    assert list(links.values()) == ["duplicate", "reminder"]
    town.act(case_of(first), *PATH, minute=90)
    again = told(town, "4", DAY, "an")
    town.act(case_of(again), *PATH, minute=DAY + 60)
    anew = told(town, "5", 3 * DAY, "cy")
    filed = {fact.case_id: fact for fact in town.said(CaseFiled)}
    assert (filed[case_of(again)].repeat_complaint_of, filed[case_of(again)].recurrence_of) == (case_of(first),) * 2
    assert (filed[case_of(anew)].repeat_complaint_of, filed[case_of(anew)].recurrence_of) == ("", case_of(again))
    assert len(filed) == 3


def test_closing_a_report_that_joined_another_leaves_the_master_open() -> None:
    """A department closes "its" number, which is part of another case: refused, and the master goes on."""
    town = Town()
    first, second = told(town, "1", 0, "an"), told(town, "2", 30, "bo")
    town.send(an_action(case_of(second), "close", 60))
    assert [fact.case_id for fact in town.said(ActionRefused)] == [case_of(second)]
    assert (town.case(case_of(first)).open, town.case(case_of(first)).merged_into) == (True, "")


def test_a_merged_report_still_hears_the_outcome() -> None:
    town = Town()
    first, second = told(town, "1", 0, "an"), told(town, "2", 30, "bo")
    town.act(case_of(first), *PATH, minute=90)
    assert {fact.report_id for fact in town.said(FeedbackSent)} == {
        first.report.report_id, second.report.report_id,
    }  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [("emergency", "general"), ("general", "emergency")])
def test_an_emergency_and_an_ordinary_case_are_never_merged(first: str, second: str) -> None:
    town = Town()
    for number, case_class in enumerate((first, second)):
        report = located(f"{number}", number, text=TEXT)
        about = replace(report.classification, case_class=case_class)
        town.send(replace(report, classification=about))
    assert not town.said(ReportLinked)
    assert [fact.case_class for fact in town.said(CaseFiled)] == [first, second]
