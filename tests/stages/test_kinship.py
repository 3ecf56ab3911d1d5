"""Categories that are compared: two lists' codes of one kind, and reports that nobody could name a category for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pipeline.events.base import Channel
from pipeline.events.facts import ReportLinked
from pipeline.events.intake import Candidate
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Verdict
from pipeline.stages.deduplicate import deduplicate
from pipeline.stages.entries import CaseEntry
from pipeline.stages.pairing import centre_of
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import BINS, COLLAPSE, OLD, STALLS, WASTE
from tests.town import Town

OLD_WASTE = (OLD, "incident", "0110")
"""The same kind as ``WASTE`` under the code of the older list."""


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
