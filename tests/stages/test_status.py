"""What the sources of reports hear: each report when it is taken, and every report of a case at each of its changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.domain.ids import member, report_of, source_of
from pipeline.events.casework import CaseworkInput, LinkNotice, tile_of_input
from pipeline.events.facts import CaseMoved
from pipeline.events.status import CaseStatus
from pipeline.stage import Outcome
from pipeline.stages.status import statuses
from tests.builders import PATH, an_action, case_of, located
from tests.small_city import BINS, COVER, NOISE
from tests.town import Town

ORDERS = [pytest.param(lambda waiting: 0, id="in order"), pytest.param(lambda waiting: waiting - 1, id="last first")]


class TellingTown(Town):
    """A town that keeps what its sources hear."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.heard: list[CaseStatus] = []

    def send(self, message: CaseworkInput, *, hold: bool = False) -> Outcome:
        book = self.book(tile_of_input(message))
        self.heard += statuses(book, message, self.stage.step(book, message))
        return super().send(message, hold=hold)

    def told(self, report: Any) -> list[CaseStatus]:
        """What the source of a report heard of it."""
        return [status for status in self.heard if status.report_id == report.report.report_id]


def west(ref: str, minute: float = 0, category: Any = BINS) -> Any:
    return located(ref, minute, category, xy=(-4.0, 0.0))


def east(ref: str, minute: float = 1, category: Any = BINS) -> Any:
    return located(ref, minute, category, xy=(4.0, 0.0))


def test_a_member_of_a_case_tells_its_report_and_its_source() -> None:
    report = located("1").report
    kept = member(report.report_id, report.source_system, report.source_ref)
    assert (report_of(kept), source_of(kept)) == (report.report_id, (report.source_system, report.source_ref))
    assert (member("late", "a", "b"), report_of("late"), source_of("late")) == ("late", "late", ("", ""))


def test_a_filed_report_is_told_with_its_case_its_department_and_its_limit() -> None:
    town, report = TellingTown(), located("1", 0, COVER)
    town.send(report)
    (status,) = town.heard
    case = town.case(case_of(report))
    assert (status.action, status.outcome, status.final) == ("filed", "dispatched", False)
    assert (status.source_system, status.source_ref) == (report.report.source_system, report.report.source_ref)
    assert (status.case_id, status.state, status.department, status.due_at) == (
        case.case_id, "dispatched", case.department, case.due_at,
    )  # fmt: skip
    assert status.due_at is not None


def test_nothing_that_is_told_names_a_person() -> None:
    said = set(CaseStatus.__struct_fields__)
    assert not said & {"reporter_key", "address", "address_key", "text", "summary", "actor_person", "person", "lon"}


def test_a_report_that_opens_no_case_is_told_and_that_is_final() -> None:
    town = TellingTown()
    town.send(located("1", 0, BINS, drill=True))
    (status,) = town.heard
    assert (status.action, status.outcome, status.case_id, status.final) == ("logged", "drill", "", True)


def test_every_report_of_a_case_hears_every_change_and_the_outcome_before_the_end() -> None:
    town, first, second = TellingTown(), located("1", 0), located("2", 5)
    town.send(first)
    town.send(second)
    assert [(s.action, s.outcome, s.state) for s in town.told(second)] == [("linked", "duplicate", "dispatched")]
    town.heard.clear()
    case = case_of(first)
    for number, verb in enumerate(PATH):
        said = {"reason": "已清理"} if verb == "handle" else {}
        town.send(an_action(case, verb, 60 + number, **said))
    for report in (first, second):
        told = town.told(report)
        assert [s.action for s in told] == ["sign", "handle", "check_pass", "feedback", "close"]
        assert [s.done for s in told] == ["", "已清理", "", "", ""]
        assert [s.final for s in told] == [False, False, False, True, False]
        assert (told[-1].state, told[-1].case_id, told[-1].source_ref) == ("closed", case, report.report.source_ref)


def test_a_refusal_is_told_with_its_code_and_then_who_has_the_case_now() -> None:
    town, report = TellingTown(), located("1", 0, COVER)
    town.send(report)
    case = case_of(report)
    before = town.case(case).department
    town.heard.clear()
    town.act(case, "refuse", reason_code="not_our_territory")
    assert [(s.action, s.outcome, s.department) for s in town.heard] == [
        ("refuse", "not_our_territory", before),
        ("dispatch", "", town.case(case).department),
    ]
    assert town.case(case).department != before


def test_a_report_beyond_the_edge_hears_from_the_case_it_was_linked_to() -> None:
    town, first, second = TellingTown(), west("1"), east("2")
    town.send(first)
    town.send(second)
    case = town.case(case_of(first))
    assert [(s.action, s.state, s.department) for s in town.told(second)] == [
        ("linked", "", ""),
        ("joined", "dispatched", case.department),
    ]
    town.act(case.case_id, "sign")
    assert town.told(second)[-1].action == "sign"
    assert town.told(second)[-1].source_ref == second.report.source_ref


@pytest.mark.parametrize("choose", ORDERS)
def test_the_reports_of_two_cases_that_were_one_all_hear_its_end(choose: Any) -> None:
    town, reports = TellingTown(), [west("1"), east("2"), west("3", 2), east("4", 3)]
    for report in reports:
        town.send(report, hold=True)
    town.deliver(choose)
    ids = {case_of(reports[0]), case_of(reports[1])}
    (winner,) = [case for case in ids if town.case(case).open]
    town.heard.clear()
    town.act(winner, *PATH)
    for report in reports:
        assert [s.action for s in town.told(report)] == ["sign", "handle", "check_pass", "feedback", "close"]
    moves = [fact for fact in town.said(CaseMoved) if fact.action == "close"]
    feedback = Counter(s.report_id for s in town.heard if s.action == "feedback")
    assert set(feedback.values()) == {1}
    assert len(feedback) == len(reports)
    assert len(moves) == 1


def test_who_joins_after_the_end_hears_it_at_once() -> None:
    town, first = TellingTown(), west("1")
    town.send(first)
    town.act(case_of(first), *PATH)
    late = east("2").report
    notice = LinkNotice(
        tile=first.place.tile, case_id=case_of(first), report_id=late.report_id, reporter_key="", at=5, recorded=5,
        source_system=late.source_system, source_ref=late.source_ref,
    )  # fmt: skip
    town.heard.clear()
    town.send(notice)
    assert [(s.action, s.state, s.source_ref, s.final) for s in town.heard] == [
        ("joined", "closed", late.source_ref, False),
        ("feedback", "closed", late.source_ref, True),
    ]


def test_a_case_that_was_opened_again_tells_its_new_outcome_too() -> None:
    town, report = TellingTown(), located("1", 0)
    town.send(report)
    case = case_of(report)
    town.act(case, "sign", "handle", "check_pass")
    town.send(an_action(case, "reopen", 70, actor_role="duty-chief", reason_code="still_there"))
    for number, verb in enumerate(("handle", "check_pass", "close")):
        town.send(an_action(case, verb, 80 + number))
    assert [s.action for s in town.told(report) if s.final] == ["feedback", "feedback"]


def test_ids_tell_every_status_apart_and_are_the_same_for_the_same_step() -> None:
    def told() -> list[str]:
        town = TellingTown()
        for report in (west("1"), east("2"), west("3", 3), located("9", 4, NOISE)):
            town.send(report)
        for number, verb in enumerate(PATH):
            town.send(an_action(case_of(west("1")), verb, 60 + number, offset=900 + number))
        return [status.fact_id for status in town.heard]

    assert told() == told()
    assert len(set(told())) == len(told())


def test_only_the_sources_that_were_asked_for_are_told() -> None:
    town, report = Town(), located("1")
    book = town.book(report.place.tile)
    outcome = town.stage.step(book, report)
    assert statuses(book, report, outcome, frozenset()) == []
    assert len(statuses(book, report, outcome, frozenset({report.report.source_system}))) == 1
