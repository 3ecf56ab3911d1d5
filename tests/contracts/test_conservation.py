"""Nothing is lost and nothing doubled: random streams of reports and actions over two tiles that share an edge."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.ids import tile_of_case
from pipeline.events.casework import CaseworkInput, tile_of_input
from pipeline.events.facts import (
    BoundaryFlagged,
    CaseDispatched,
    CaseFiled,
    CaseMerged,
    CaseMoved,
    FeedbackSent,
    ReportLinked,
    ReportSettled,
)
from pipeline.stage import Outcome
from pipeline.stages.entries import CaseEntry
from tests.builders import an_action, case_of, located, measured
from tests.small_city import BINS, COLLAPSE, EAST, NOISE, ROAD, WASTE, WEST, city
from tests.town import Town

SPOTS = st.one_of(st.sampled_from([-4.0, 4.0, -20.0, 20.0, -160.0, 160.0]), st.floats(-200, 200))
VERBS = (
    "sign", "refuse", "handle", "check_pass", "check_fail", "close", "cancel", "reassign", "verified", "decline",
    "force_close", "suspend", "reopen",
)  # fmt: skip

Event = tuple[str, Any]


@st.composite
def reports(draw: st.DrawFn) -> Event:
    fields: dict[str, Any] = {
        "xy": draw(st.none() | st.tuples(SPOTS, st.sampled_from([0.0, 0.0, 12.0, 300.0]))),
        "reporter_key": draw(st.sampled_from(["", "p", "q"])), "address_key": draw(st.sampled_from(["", "door"])),
        "drill": draw(st.sampled_from([False] * 9 + [True])), "text": draw(st.sampled_from(["", "垃圾成堆无人清理"])),
        "error_m": draw(st.sampled_from([0.0, 30.0])), "channel": draw(st.sampled_from(["hotline", "alarm"])),
        "evidence": draw(st.sampled_from([(), measured("area", 0.5, "m2")])),
    }  # fmt: skip
    category = draw(st.sampled_from([WASTE, WASTE, WASTE, BINS, NOISE, ROAD, COLLAPSE, None]))
    return ("report", (category, fields, draw(st.integers(0, 200))))


ACTIONS = st.tuples(st.just("act"), st.tuples(st.integers(0, 8), st.sampled_from(VERBS)))
EVENTS = st.lists(reports() | reports() | ACTIONS, min_size=2, max_size=25)


def play(town: Town, events: list[Event], wait: Any = lambda: False, choose: Any = lambda waiting: 0) -> list[Any]:
    """Send the events in order of time; ``wait`` says whether notices stay on their way for now."""
    sent: list[Any] = []
    minute = 0
    for number, (kind, what) in enumerate(events):
        if kind == "report":
            category, fields, gap = what
            minute += gap
            report = located(str(number), minute, category, offset=number + 1, **fields)
            sent.append(report)
            town.send(report, hold=True)
        elif sent:
            which, verb = what
            case = case_of(sent[which % len(sent)])
            town.send(an_action(case, verb, minute, offset=number + 1), hold=True)
        if not wait():
            town.deliver(choose)
    town.deliver(choose)
    return sent


def cases_of(town: Town) -> dict[str, CaseEntry]:
    return {
        key: book.get("case", key)
        for book in town.books.values()
        for space, key, _ in book.entries()
        if space == "case"
    }  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(EVENTS, st.data())
def test_every_report_ends_once_and_every_case_has_its_owner(events: list[Event], data: st.DataObject) -> None:
    town = Town()
    sent = play(town, events, lambda: data.draw(st.booleans()), lambda waiting: data.draw(st.integers(0, waiting - 1)))
    ids = [report.report.report_id for report in sent]
    settled, cases = town.said(ReportSettled), cases_of(town)
    assert sorted(fact.report_id for fact in settled) == sorted(ids)
    assert {fact.fate for fact in settled} <= {"filed", "linked", "logged"}
    of_reports = Counter(one.fate for one in town.settled if one.channel != "action")
    assert of_reports == Counter(fact.fate for fact in settled)
    assert sorted(fact.case_id for fact in settled if fact.fate == "filed") == sorted(cases)
    assert all(fact.case_id in cases for fact in settled if fact.fate == "linked")
    assert all(fact.case_id == "" for fact in settled if fact.fate == "logged")
    for case in cases.values():
        assert case.department
        assert case.tile == tile_of_case(case.case_id)
    _agree(town, cases)
    _every_fact_once(town)


def _agree(town: Town, cases: dict[str, CaseEntry]) -> None:
    """The facts tell of the same cases as the state: filed, dispatched, merged, ended, linked."""
    assert {fact.case_id for fact in town.said(CaseFiled)} == set(cases)
    assert {fact.case_id for fact in town.said(CaseDispatched)} == set(cases)
    merged = {fact.case_id: fact.into for fact in town.said(CaseMerged)}
    assert merged == {key: case.merged_into for key, case in cases.items() if case.merged_into}
    assert set(merged.values()) <= set(cases)
    assert {fact.case_id for fact in town.said(BoundaryFlagged)} <= set(cases)
    last = {fact.case_id: fact.to_state for fact in town.said(CaseMoved)}
    assert {key: cases[key].state for key in last} == last
    linked = {fact.report_id: fact.case_id for fact in town.said(ReportLinked)}
    for report, case in linked.items():
        assert report in _at_the_end(cases, case).report_ids


def _at_the_end(cases: dict[str, CaseEntry], case: str) -> CaseEntry:
    """The case that a case became part of."""
    while cases[case].merged_into:
        assert (cases[cases[case].merged_into].filed_at, cases[case].merged_into) < (cases[case].filed_at, case)
        case = cases[case].merged_into
    return cases[case]


def _every_fact_once(town: Town) -> None:
    ids = Counter((type(fact), fact.fact_id) for fact in town.facts)
    assert [one for one, count in ids.items() if count > 1] == []


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.data())
def test_every_report_of_an_ended_case_hears_its_outcome_once(events: list[Event], data: st.DataObject) -> None:
    town = Town()
    play(town, events, lambda: data.draw(st.booleans()), lambda waiting: data.draw(st.integers(0, waiting - 1)))
    heard = Counter(fact.report_id for fact in town.said(FeedbackSent))
    cases = cases_of(town)
    for case in cases.values():
        if not case.open and not case.merged_into:
            assert all(heard[report] >= 1 for report in case.report_ids)
    told = Counter((fact.report_id, fact.case_id) for fact in town.said(FeedbackSent))
    assert [one for one, count in told.items() if count > 1] == []


ENDS = {state.state for state in city().tables.states if state.terminal} - {"merged"}
"""States in which a case is over; what was merged goes on in another case, and its reporters hear from that."""


class HearingTown(Town):
    """Watches every step: who has heard when a case ends, and that a message that comes again tells nobody again."""

    def __init__(self) -> None:
        super().__init__()
        self.told: set[tuple[str, str]] = set()

    def send(self, message: CaseworkInput, *, hold: bool = False) -> Outcome:
        book = self.book(tile_of_input(message))
        outcome = super().send(message, hold=True)
        for fact in outcome.facts:
            if isinstance(fact, FeedbackSent):
                self.told.add((fact.case_id, fact.report_id))
            elif isinstance(fact, CaseMoved) and fact.to_state in ENDS:
                case = book.case(fact.case_id)
                assert case is not None
                assert {(case.case_id, report) for report in case.report_ids} <= self.told
        again = self.stage.step(book, message)
        assert not [fact for fact in again.facts if isinstance(fact, FeedbackSent | CaseMoved)]
        if not hold:
            self.deliver()
        return outcome


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.data())
def test_a_case_ends_only_after_every_report_it_has_heard(events: list[Event], data: st.DataObject) -> None:
    """Whatever order notices come in; reports of other tiles included, and those that join when it has ended."""
    town = HearingTown()
    play(town, events, lambda: data.draw(st.booleans()), lambda waiting: data.draw(st.integers(0, waiting - 1)))
    for case in cases_of(town).values():
        if not case.open and not case.merged_into:
            assert {(case.case_id, report) for report in case.report_ids} <= town.told


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_two_tiles_in_one_book_answer_as_in_two(events: list[Event]) -> None:
    """Which tiles share a partition is chance: it must not show."""
    apart, together = Town(), Town(shared=True)
    play(apart, events)
    play(together, events)
    assert apart.facts == together.facts
    assert cases_of(apart) == cases_of(together)


@settings(max_examples=60, deadline=None)
@given(st.lists(reports(), min_size=2, max_size=12), st.data())
def test_pairs_across_the_edge_are_one_case_whatever_order_their_notices_come_in(
    events: list[Event], data: st.DataObject
) -> None:
    """Two open cases of one category 8 m apart never both stay open."""
    town = Town()
    play(town, events, lambda: data.draw(st.booleans()), lambda waiting: data.draw(st.integers(0, waiting - 1)))
    west, east = located("w", 10**4, xy=(-4.0, 0.0)), located("e", 10**4 + 1, xy=(4.0, 0.0))
    for report in (west, east):
        town.send(report, hold=True)
    town.deliver(lambda waiting: data.draw(st.integers(0, waiting - 1)))
    ends = {_at_the_end(cases_of(town), fact.case_id).case_id for fact in town.said(ReportSettled)[-2:]}
    open_here = [
        case for case in cases_of(town).values()
        if case.open and case.code == WASTE[2] and case.filed_at >= west.report.received_at and case.lon is not None
    ]  # fmt: skip
    assert len(ends) == 1 or len(open_here) < 2
    assert {WEST, EAST} >= {tile_of_case(case) for case in ends}
