"""Merging and then un-merging leaves everything as it was, within a tile and across the edge of two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.ids import mark_of_case
from pipeline.events.base import Fate, Logged
from pipeline.events.facts import (
    ActionRefused,
    CaseDispatched,
    CaseFiled,
    CaseMerged,
    CaseMoved,
    CaseUnmerged,
    FeedbackSent,
    ReportLinked,
    ReportSettled,
)
from pipeline.stages.casework import Casework
from pipeline.stages.status import statuses
from pipeline.stages.track import notice
from tests.builders import PATH, an_action, case_of, located, measured
from tests.small_city import DAY, EAST, MINUTE, MONDAY, ROAD, WEST
from tests.town import Town

BOTH = pytest.mark.parametrize("shared", [False, True], ids=["own books", "one book"])
PLACES = pytest.mark.parametrize("x", [-300.0, 4.0], ids=["within a tile", "across the edge"])


def linked_pair(town: Town, x: float = -300.0) -> tuple[Any, Any]:
    """A case, and a report eight metres away that was linked to it a minute later."""
    first, second = located("1", 0, xy=(x - 8.0, 0.0)), located("2", 1, xy=(x, 0.0))
    town.send(first)
    town.send(second)
    return first, second


def merged_pair(town: Town) -> tuple[Any, Any]:
    """Two cases on two sides of an edge that were filed at once, so that the later became part of the earlier."""
    west, east = located("w", 0, xy=(-4.0, 0.0)), located("e", 1, xy=(4.0, 0.0))
    town.send(west, hold=True)
    town.send(east, hold=True)
    town.deliver()
    assert town.case(case_of(east)).merged_into == case_of(west)
    return west, east


@BOTH
@PLACES
@pytest.mark.parametrize("named", ["crm|2", "id"])
def test_a_linked_report_gets_a_case_with_a_clock_from_its_own_receipt(x: float, shared: bool, named: str) -> None:
    town = Town(shared=shared)
    first, second = linked_pair(town, x)
    town.facts.clear()
    town.act(case_of(first), "unmerge", report=second.report.report_id if named == "id" else named)
    (undone,) = town.said(CaseUnmerged)
    assert (undone.case_id, undone.from_case, undone.undone) == (case_of(second), case_of(first), "link")
    assert (undone.undoes, undone.reason_code, undone.at) == (
        f"{second.report.report_id}:linked", "not_the_same", MONDAY + 60 * MINUTE,
    )  # fmt: skip
    alone = Town()
    alone.send(second)
    due = {fact.due_at for fact in (*alone.said(CaseDispatched), *town.said(CaseDispatched))}
    assert len(due) == 1
    assert None not in due
    assert town.said(ReportSettled) == []
    assert town.case(case_of(first)).report_ids == (first.report.report_id,)
    assert town.case(case_of(second)).report_ids == (second.report.report_id,)


@BOTH
@PLACES
def test_who_was_taken_out_hears_its_own_outcome_and_not_the_others(x: float, shared: bool) -> None:
    town = Town(shared=shared)
    first, second = linked_pair(town, x)
    town.act(case_of(first), "unmerge", report="crm|2")
    town.act(case_of(first), *PATH, minute=90)
    assert [fact.report_id for fact in town.said(FeedbackSent)] == [first.report.report_id]
    town.act(case_of(second), *PATH, minute=120)
    said = [(fact.case_id, fact.report_id) for fact in town.said(FeedbackSent)]
    assert said[1:] == [(case_of(second), second.report.report_id)]


def test_the_source_hears_that_its_report_has_a_case_of_its_own() -> None:
    town = Town()
    first, second = linked_pair(town)
    book, action = town.book(WEST), an_action(case_of(first), "unmerge", report="crm|2")
    heard = statuses(book, action, town.stage.step(book, action))
    assert [(one.source_ref, one.case_id, one.action, one.state) for one in heard] == [
        ("2", case_of(second), "unmerge", "dispatched")
    ]


def test_after_the_end_of_its_case_a_report_can_still_be_taken_out() -> None:
    town = Town()
    first, second = linked_pair(town)
    town.act(case_of(first), *PATH)
    town.act(case_of(first), "unmerge", report="crm|2", minute=200)
    entry = town.case(case_of(first))
    assert (entry.state, entry.told, entry.members) == ("closed", 1, entry.members[:1])
    assert town.case(case_of(second)).open


@BOTH
@pytest.mark.parametrize("verbs", [(), ("sign",), ("sign", "handle")])
def test_a_merged_case_goes_on_as_it_was(shared: bool, verbs: tuple[str, ...]) -> None:
    town = Town(shared=shared)
    west, east = located("w", 0, xy=(-4.0, 0.0)), located("e", 1, xy=(4.0, 0.0))
    town.send(west, hold=True)
    town.send(east, hold=True)
    for verb in verbs:
        town.send(an_action(case_of(east), verb, 2), hold=True)
    before = {case: town.case(case) for case in (case_of(west), case_of(east))}
    town.deliver()
    assert town.case(case_of(east)).state == "merged"
    town.act(case_of(east), "unmerge", minute=90)
    for case, was in before.items():
        assert _plain(town.case(case)) == _plain(was)
    (undone,) = town.said(CaseUnmerged)
    (merged,) = town.said(CaseMerged)
    assert (undone.undone, undone.undoes, undone.from_case) == ("merge", merged.fact_id, case_of(west))
    (moved,) = [fact for fact in town.said(CaseMoved) if fact.action == "unmerge"]
    assert (moved.from_state, moved.to_state) == ("merged", before[case_of(east)].state)
    assert town.book(WEST).get("ghost", f"{WEST}/{case_of(east)}").open


def _plain(case: Any) -> tuple[Any, ...]:
    """What of a case anybody sees."""
    return (
        case.state, case.members, case.told, case.merged_into, case.ended_at, case.due_at, case.department, case.hop,
        case.case_class, case.code, case.also,
    )  # fmt: skip


def test_taking_the_first_report_of_a_merged_case_out_brings_back_the_case_with_all_its_reports() -> None:
    town = Town()
    west, east = located("w", 0, xy=(-4.0, 0.0)), located("e", 1, xy=(4.0, 0.0))
    more = located("e2", 2, xy=(5.0, 0.0))
    for report in (west, east, more):
        town.send(report, hold=True)
    town.deliver()
    assert len(town.case(case_of(west)).members) == 3
    town.act(case_of(west), "unmerge", report="crm|e")
    assert town.case(case_of(west)).report_ids == (west.report.report_id,)
    assert town.case(case_of(east)).report_ids == (east.report.report_id, more.report.report_id)
    assert town.case(case_of(east)).open


def test_one_report_of_a_merged_case_can_be_taken_out_of_both() -> None:
    town = Town()
    west, east = located("w", 0, xy=(-4.0, 0.0)), located("e", 1, xy=(4.0, 0.0))
    more = located("e2", 2, xy=(5.0, 0.0))
    for report in (west, east, more):
        town.send(report, hold=True)
    town.deliver()
    town.act(case_of(west), "unmerge", report="crm|e2")
    gone = more.report.report_id
    assert all(gone not in town.case(case_of(one)).report_ids for one in (west, east))
    assert town.case(case_of(more)).report_ids == (gone,)
    town.act(case_of(east), "unmerge", minute=70)
    assert town.case(case_of(east)).report_ids == (east.report.report_id,)


@BOTH
def test_what_a_person_parted_is_not_joined_again_by_the_rule(shared: bool) -> None:
    town = Town(shared=shared)
    west, east = merged_pair(town)
    merge = town.said(CaseMerged)
    town.act(case_of(east), "unmerge")
    town.act(case_of(west), "reclassify", minute=90, reason_code="wrong_class", to_class="difficult")
    town.act(case_of(east), "reclassify", minute=91, reason_code="wrong_class", to_class="difficult")
    assert town.said(CaseMerged) == merge
    assert mark_of_case(case_of(east)) in town.case(case_of(west)).apart
    town.send(west)
    town.send(east)
    assert town.said(CaseMerged) == merge


def test_a_case_may_be_merged_into_another_one_later_under_an_id_of_its_own() -> None:
    town = Town()
    _, east = merged_pair(town)
    town.act(case_of(east), "unmerge")
    other = located("0", -5, xy=(-8.0, 0.0), offset=900_000)
    book = town.book(WEST)
    book.apply(Casework(town.stage.policy)._alone(other).changes)
    entry = town.case(case_of(other))
    town.send(notice(entry, EAST, entry.filed_at, 900_000))
    ids = [fact.fact_id for fact in town.said(CaseMerged)]
    assert len(ids) == len(set(ids)) == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({}, "name the report to take out", id="no report"),
        pytest.param({"report": "crm|9"}, "is not part of this case", id="stranger"),
        pytest.param({"report": "crm|1"}, "opened this case", id="the first"),
        pytest.param({"report": "crm|2", "actor_role": "handler"}, "may not", id="role"),
        pytest.param({"report": "crm|2", "reason_code": ""}, "needs a reason", id="no reason"),
        pytest.param({"report": "crm|2", "reason_code": "weather"}, "is not one of", id="reason"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(fields: Any, said: str) -> None:
    town = Town()
    first, _ = linked_pair(town)
    before = town.case(case_of(first))
    town.act(case_of(first), "unmerge", **fields)
    (refused,) = town.said(ActionRefused)
    assert said in refused.reason
    assert town.case(case_of(first)) == before
    assert (town.settled[-1].fate, town.settled[-1].outcome) == (Fate.LOGGED, Logged.ACTION_REFUSED)


def test_a_report_that_alone_would_be_no_case_stays_where_it_is() -> None:
    town = Town()
    first = located("1", 0, ROAD, evidence=measured("depth", 9.0, "cm"))
    town.send(first)
    town.send(located("2", 1, ROAD, evidence=measured("depth", 0.1, "cm")))
    assert town.said(ReportLinked)
    town.act(case_of(first), "unmerge", report="crm|2")
    assert [fact.reason for fact in town.said(ActionRefused)] == ["alone the report would be no case"]
    assert len(town.case(case_of(first)).members) == 2


def test_a_report_of_long_ago_cannot_be_taken_out_any_more() -> None:
    town = Town()
    first, _ = linked_pair(town)
    book = town.book(WEST)
    book.apply(town.stage.expire(book, MONDAY // DAY + 36).changes)
    assert book.count("kept") == 0
    town.act(case_of(first), "unmerge", report="crm|2", minute=36 * 24 * 60)
    assert "35 days" in town.said(ActionRefused)[0].reason


@BOTH
@PLACES
def test_the_same_action_again_and_a_notice_again_change_nothing(x: float, shared: bool) -> None:
    town = Town(shared=shared)
    first, second = linked_pair(town, x)
    action = an_action(case_of(first), "unmerge", report="crm|2")
    heard: list[Any] = [action]
    town.send(action, hold=True)
    while town.waiting:
        heard.append(town.waiting[0])
        town.send(town.waiting.pop(0), hold=True)
    before = {tile: sorted(book.entries()) for tile, book in town.books.items()}
    for message in (*heard, first, second):
        town.send(message)
    assert {tile: sorted(book.entries()) for tile, book in town.books.items()} == before
    assert len(town.said(CaseUnmerged)) == 1
    assert town.said(ActionRefused) == []


def test_an_order_that_names_the_report_is_linked_to_its_own_case() -> None:
    town = Town()
    first, second = linked_pair(town)
    town.act(case_of(first), "unmerge", report="crm|2")
    town.send(located("3", 70, xy=(-900.0, 50.0), related_refs=("2",)))
    assert town.said(ReportLinked)[-1].case_id == case_of(second)


XS = st.lists(st.sampled_from([-6.0, -3.0, 3.0, 6.0]), min_size=2, max_size=5)


@settings(max_examples=60, deadline=None)
@given(xs=XS, held=st.booleans(), order=st.randoms(use_true_random=False))
def test_merging_and_then_unmerging_is_as_if_each_had_come_alone(xs: list[float], held: bool, order: Any) -> None:
    """However reports were linked and cases merged: once all is taken apart, each has its case, report and outcome."""
    town = Town()
    reports = [located(str(number), number, xy=(x, 0.0)) for number, x in enumerate(xs)]
    for report in reports:
        town.send(report, hold=held)
    town.deliver(lambda waiting: order.randrange(waiting))
    minute = 60
    for report in reversed(reports):
        minute += 1
        if (case := town.case(case_of(report))) is not None and case.merged_into:
            town.act(case_of(report), "unmerge", minute=minute)
    for report in reports:
        for owner in [case_of(other) for other in reports if town.case(case_of(other)) is not None]:
            case = town.case(owner)
            if report.report.report_id in case.report_ids[1:]:
                minute += 1
                town.act(owner, "unmerge", minute=minute, report=f"crm|{report.report.source_ref}")
    for report in reports:
        alone = Town()
        alone.send(report)
        assert _plain(town.case(case_of(report))) == _plain(alone.case(case_of(report)))
    town.facts.clear()
    for report in reports:
        minute += 10
        town.act(case_of(report), *PATH, minute=minute)
    told = [(fact.case_id, fact.report_id) for fact in town.said(FeedbackSent)]
    assert sorted(told) == sorted((case_of(one), one.report.report_id) for one in reports)
    assert town.said(CaseFiled) == []
