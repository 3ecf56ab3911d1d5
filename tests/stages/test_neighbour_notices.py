"""Two reports eight metres apart on two sides of a tile's edge: linked or merged, whichever notice comes first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.geo.projection import distance_m
from pipeline.events.casework import LinkNotice, MergeNotice, NeighbourNotice
from pipeline.events.facts import CaseFiled, CaseMerged, CaseMoved, FeedbackSent, ReportLinked
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import BINS, COLLAPSE, DAY, EAST, NOISE, WEST
from tests.town import Town

ORDERS = [pytest.param(lambda waiting: 0, id="in order"), pytest.param(lambda waiting: waiting - 1, id="last first")]


def west(ref: str, minute: float = 0, x: float = -4.0, **fields: Any) -> Any:
    return located(ref, minute, xy=(x, 0.0), **fields)


def east(ref: str, minute: float = 0, x: float = 4.0, **fields: Any) -> Any:
    return located(ref, minute, xy=(x, 0.0), **fields)


def test_the_builders_place_them_in_two_tiles_eight_metres_apart() -> None:
    one, other = west("1"), east("2")
    assert (one.place.tile, other.place.tile) == (WEST, EAST)
    assert distance_m(*_point(one), *_point(other)) == pytest.approx(8.0, abs=0.01)


def _point(report: Any) -> tuple[float, float]:
    return report.report.lon, report.report.lat


def test_a_case_near_an_edge_is_told_to_the_tile_beyond_it_and_no_other() -> None:
    near, far = Town().send(west("1")), Town().send(west("1", x=-200.0))
    assert [(type(one), one.tile, one.open) for one in near.messages] == [(NeighbourNotice, EAST, True)]
    assert far.messages == ()


@pytest.mark.parametrize("shared", [False, True], ids=["own books", "one book"])
def test_a_report_beyond_the_edge_is_linked_and_its_owner_hears_of_it(shared: bool) -> None:
    town, first, second = Town(shared=shared), west("1"), east("2", 1)
    town.send(first)
    outcome = town.send(second, hold=True)
    (link,) = [fact for fact in outcome.facts if isinstance(fact, ReportLinked)]
    assert (link.case_id, link.tile, link.case_tile, link.how) == (case_of(first), EAST, WEST, "duplicate")
    assert [type(message) for message in outcome.messages] == [LinkNotice]
    assert town.case(case_of(first)).report_ids == (first.report.report_id,)
    town.deliver()
    assert town.case(case_of(first)).report_ids == (first.report.report_id, second.report.report_id)


def test_a_linked_report_is_joined_once_however_often_the_notice_comes() -> None:
    town, first = Town(), west("1")
    town.send(first)
    outcome = town.send(east("2", 1))
    town.send(outcome.messages[0])
    assert len(town.case(case_of(first)).report_ids) == 2


@pytest.mark.parametrize("choose", ORDERS)
@pytest.mark.parametrize(
    ("minutes", "winner"),
    [
        pytest.param((0, 1), 0, id="west filed earlier"),
        pytest.param((1, 0), 1, id="east filed earlier"),
        pytest.param((0, 0), None, id="at once: the smaller id"),
    ],
)
def test_both_filed_at_once_the_earlier_then_the_smaller_id_wins(choose: Any, minutes: Any, winner: int | None) -> None:
    town, reports = Town(), [west("1", minutes[0]), east("2", minutes[1])]
    for report in reports:
        town.send(report, hold=True)
    town.deliver(choose)
    ids = [case_of(report) for report in reports]
    wins = min(ids) if winner is None else ids[winner]
    (loses,) = set(ids) - {wins}
    assert [(fact.case_id, fact.into) for fact in town.said(CaseMerged)] == [(loses, wins)]
    assert (town.case(wins).state, town.case(loses).state) == ("dispatched", "merged")
    assert set(town.case(wins).report_ids) == {report.report.report_id for report in reports}
    assert [fact.to_state for fact in town.said(CaseMoved)] == ["merged"]
    tile = wins.partition("-")[0]
    assert town.book(tile).get("ghost", f"{tile}/{loses}").notice.open is False


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({}, {"x": 30.0}, id="too far apart"),
        pytest.param({}, {"category": NOISE}, id="other category"),
        pytest.param({}, {"category": BINS}, id="other category of the family"),
        pytest.param(
            {"category": COLLAPSE}, {"category": COLLAPSE, "classified": {"case_class": "general"}}, id="class"
        ),
        pytest.param({}, {"minute": 8 * 24 * 60}, id="window closed"),
    ],
)
def test_different_problems_on_both_sides_stay_two_cases(one: Any, other: Any) -> None:
    town = Town()
    town.send(west("1", **one), hold=True)
    town.send(east("2", **other), hold=True)
    town.deliver()
    assert (town.said(CaseMerged), town.said(ReportLinked)) == ([], [])


def test_the_end_of_a_case_is_told_so_that_a_recurrence_beyond_the_edge_is_known() -> None:
    town, first = Town(), west("1")
    town.send(first)
    town.act(case_of(first), *PATH)
    town.send(east("2", 120))
    (filed,) = [fact for fact in town.said(CaseFiled) if fact.tile == EAST]
    assert filed.recurrence_of == case_of(first)


def test_a_ghost_of_a_closed_case_is_kept_as_long_as_a_recurrence_may_refer_to_it() -> None:
    town, first = Town(), west("1")
    town.send(first)
    town.act(case_of(first), *PATH, minute=30 * 24 * 60)
    book, second = town.book(EAST), east("2", 40 * 24 * 60)
    book.apply(town.stage.expire(book, second.report.received_at // DAY).changes)
    town.send(second)
    (filed,) = [fact for fact in town.said(CaseFiled) if fact.tile == EAST]
    assert filed.recurrence_of == case_of(first)


def told(town: Town) -> set[str]:
    return {fact.report_id for fact in town.said(FeedbackSent)}


@pytest.mark.parametrize("when", ["before closing", "after closing"])
def test_the_reporter_of_a_linked_report_hears_the_outcome_also_when_the_link_comes_late(when: str) -> None:
    town, first, second = Town(), west("1"), east("2", 1)
    town.send(first)
    town.send(second, hold=True)
    if when == "before closing":
        town.deliver()
    town.act(case_of(first), *PATH, minute=60) if when == "before closing" else _close_held(town, case_of(first))
    town.deliver()
    assert told(town) == {first.report.report_id, second.report.report_id}


def _close_held(town: Town, case: str) -> None:
    """Close a case while the notices for it are still on their way."""
    for verb in PATH:
        town.send(an_action(case, verb), hold=True)


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed before the merge is heard"])
def test_reports_of_a_merged_case_hear_the_outcome_of_the_case_it_became_part_of(closed: bool) -> None:
    town, first, second = Town(), west("1"), east("2", 1)
    town.send(first, hold=True)
    town.send(second, hold=True)
    if closed:
        _close_held(town, case_of(first))
        town.waiting.sort(key=lambda notice: (not getattr(notice, "open", False), notice.at))
    town.deliver()
    if not closed:
        town.act(case_of(first), *PATH)
    assert [fact.into for fact in town.said(CaseMerged)] == [case_of(first)]
    assert told(town) == {first.report.report_id, second.report.report_id}


def test_a_link_to_a_case_that_was_merged_meanwhile_is_passed_on() -> None:
    town, first, second = Town(), west("1"), east("2", 1)
    town.send(first, hold=True)
    town.send(second, hold=True)
    town.deliver()
    late = LinkNotice(tile=EAST, case_id=case_of(second), report_id="late", reporter_key="", at=0, recorded=0)
    town.send(late)
    assert "late" in town.case(case_of(first)).report_ids


def test_a_merge_into_a_case_that_was_merged_meanwhile_is_passed_on() -> None:
    town, first, second = Town(), west("1"), east("2", 1)
    town.send(first, hold=True)
    town.send(second, hold=True)
    town.deliver()
    late = MergeNotice(tile=EAST, case_id="x", into=case_of(second), report_ids=("late",), at=0, recorded=0)
    town.send(late)
    assert "late" in town.case(case_of(first)).report_ids


def test_a_case_that_has_ended_is_not_merged_when_the_neighbours_notice_comes_late() -> None:
    town, first, second = Town(), west("1"), east("2", 1)
    town.send(first, hold=True)
    town.send(second, hold=True)
    _close_held(town, case_of(second))
    town.deliver()
    assert town.said(CaseMerged) == []
    assert town.case(case_of(second)).state == "closed"


def test_a_tile_does_not_look_at_the_ghosts_of_another_that_shares_its_book() -> None:
    """The eastern ghost of the western case is out of date until the end of the case is heard there."""
    town, first = Town(shared=True), west("1")
    town.send(first)
    _close_held(town, case_of(first))
    town.send(west("2", 90), hold=True)
    assert town.said(ReportLinked) == []


def test_an_order_number_that_only_the_other_tile_knows_is_unknown_also_when_they_share_a_book() -> None:
    for shared in (False, True):
        town = Town(shared=shared)
        town.send(west("1"))
        town.send(east("2", 1, x=500.0, category=NOISE, related_refs=("1",)))
        assert town.said(ReportLinked) == [], shared


def test_an_order_number_of_the_tile_beyond_is_found_alike_with_one_book_and_with_two() -> None:
    answers = []
    for shared in (False, True):
        town = Town(shared=shared)
        town.send(west("1", text="垃圾堆积"))
        town.send(east("2", 1, text="垃圾堆积"))
        town.send(east("3", 2, x=500.0, category=NOISE, related_refs=("2",)))
        answers.append([(fact.report_id, fact.case_id, fact.rule) for fact in town.said(ReportLinked)])
    assert answers[0] == answers[1]
    assert answers[0][-1][2] == "D1-order"


@pytest.mark.parametrize(
    ("recorded", "later", "code"),
    [
        pytest.param((5, 7), True, BINS[2], id="one after the other"),
        pytest.param((7, 5), True, NOISE[2], id="the later one came first, on another way"),
        pytest.param((7, 7), True, BINS[2], id="at the same time: as they come"),
        pytest.param((7, 5), False, BINS[2], id="an end is an end, whenever it was recorded"),
    ],
)
def test_of_two_notices_of_a_case_that_runs_the_one_recorded_later_counts(
    recorded: tuple[int, int], later: bool, code: str
) -> None:
    (notice,) = Town().send(west("1"), hold=True).messages
    town = Town()
    town.send(replace(notice, code=NOISE[2], recorded=recorded[0]))
    town.send(replace(notice, code=BINS[2], recorded=recorded[1], open=later))
    assert town.book(EAST).get("ghost", f"{notice.tile}/{notice.case_id}").code == code
