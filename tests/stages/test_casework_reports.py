"""What casework says of a report as a whole: settled, filed, dispatched, flagged; and who gets what waits."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.ids import case_id
from pipeline.events.facts import BoundaryFlagged, CaseDispatched, CaseFiled, ReportLinked, ReportSettled
from pipeline.events.intake import BorderCandidate
from pipeline.events.records import Origin
from pipeline.stages.reported import SUMMARY_LENGTH
from pipeline.stages.route import TRIAGE
from tests.builders import an_action, case_of, located, measured
from tests.small_city import COLLAPSE, DAY, MONDAY, ROAD, STALLS, STREET_W
from tests.town import Town, kinds

NO_AREA = {"city": "", "district": "", "street": "", "community": "", "grid": ""}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({}, ["ReportSettled", "CaseFiled", "CaseDispatched"], id="filed"),
        pytest.param({"drill": True}, ["ReportSettled"], id="a drill"),
        pytest.param(
            {"placed": {"border_flags": ("BORDER",)}},
            ["ReportSettled", "CaseFiled", "CaseDispatched", "BoundaryFlagged"], id="filed at a border",
        ),
        pytest.param({"placed": {"border_flags": ("BORDER",)}, "drill": True}, ["ReportSettled"], id="logged"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_report(fields: Any, said: list[str]) -> None:
    assert kinds(Town().send(located("1", **fields)).facts) == said


@pytest.mark.parametrize(
    ("fields", "outcome", "state"),
    [
        pytest.param({"category": None}, "waiting_person", "pending_filing", id="for a category"),
        pytest.param({"xy": None}, "waiting_information", "waiting_information", id="for a place"),
        pytest.param({"placed": NO_AREA}, "orphan", "pending_filing", id="for an area"),
        pytest.param({"category": ROAD}, "unmeasured", "verifying", id="for a value"),
    ],
)
def test_what_waits_goes_to_people_at_once_and_never_stays_without_a_department(
    fields: Any, outcome: str, state: str
) -> None:
    town = Town()
    town.send(located("1", **fields))
    (filed,), (dispatched,) = town.said(CaseFiled), town.said(CaseDispatched)
    assert (filed.state, filed.waits_for, dispatched.department) == (state, outcome, TRIAGE)
    assert dispatched.candidates == (TRIAGE, "grid-centre")
    assert (dispatched.due_at, dispatched.reason != "") == (None, True)


def test_what_waited_goes_the_plain_path_once_a_person_has_decided() -> None:
    town, first = Town(), located("1", category=None)
    town.send(first)
    case = case_of(first)
    town.act(case, "file", actor_role="acceptor")
    town.act(case, "dispatch", actor_role="dispatcher", to_department="water")
    assert (town.case(case).state, town.case(case).department) == ("dispatched", "water")
    town.act(case, "sign", "handle", "check_pass", "close")
    assert town.case(case).state == "closed"


def test_a_case_holds_the_rules_it_was_filed_under() -> None:
    town, first = Town(), located("1", evidence=measured("area", 2.0, "m2"), text="x" * 60)
    town.send(first)
    (settled,), (filed,), (dispatched,) = town.said(ReportSettled), town.said(CaseFiled), town.said(CaseDispatched)
    assert (filed.filing_rule, filed.measured, filed.unit, filed.reference_version) == (
        "F-26i06010-1",
        2.0,
        "m2",
        "test",
    )
    assert (settled.rule, settled.case_id, settled.evidence) == (filed.filing_rule, filed.case_id, ("area=2 m2",))
    assert (filed.waits_for, filed.begun_at, filed.zone) == ("", first.report.begun_at, "2")
    assert (dispatched.case_id, dispatched.hop, dispatched.urgent) == (filed.case_id, 1, False)
    assert len(town.case(filed.case_id).summary) == SUMMARY_LENGTH


def test_a_case_id_has_tile_day_and_report() -> None:
    first = located("1")
    found = case_id(first.place.tile, first.report.received_at, first.report.report_id)
    assert found == f"{first.place.tile}-20260803-{first.report.report_id[:12]}"
    assert Town().send(first).facts[1].case_id == found  # type: ignore[union-attr]  # a CaseFiled


def test_an_emergency_is_dispatched_as_urgent_with_a_team() -> None:
    town = Town()
    town.send(located("1", category=COLLAPSE))
    (dispatched,) = town.said(CaseDispatched)
    assert (dispatched.urgent, dispatched.team, dispatched.department) == (True, "t06", "road-works")
    assert f"street-{STREET_W}" in dispatched.assistants


def test_a_difficult_case_is_not_urgent() -> None:
    town = Town()
    town.send(located("1", classified={"case_class": "difficult"}))
    (dispatched,) = town.said(CaseDispatched)
    assert (dispatched.urgent, dispatched.department) == (False, "grid-centre")


def test_the_laws_that_overlap_are_kept_with_the_dispatch() -> None:
    town = Town()
    town.send(located("1", category=STALLS))
    (dispatched,) = town.said(CaseDispatched)
    assert dispatched.law_overlap
    assert dispatched.legal_basis


def test_a_border_case_has_a_lead_and_its_candidates() -> None:
    near = (
        BorderCandidate(layer="same", code="a", distance_m=-3.456, probability=0.61234),
        BorderCandidate(layer="street", code="b", distance_m=3.456, probability=0.38766),
    )
    town = Town()
    town.send(located("1", placed={"border_flags": ("BORDER",), "border_candidates": near, "border_m": 3.456}))
    (flagged,), (dispatched,) = town.said(BoundaryFlagged), town.said(CaseDispatched)
    assert flagged.lead == dispatched.department
    assert flagged.due_at == MONDAY + DAY, "one working day after Monday at nine"
    assert (flagged.codes, flagged.layers) == (("a", "b"), ("same", "street"))
    assert (flagged.distances_m, flagged.probabilities) == ((-3.46, 3.46), (0.6123, 0.3877))


@pytest.mark.parametrize(
    ("channel", "outcome", "derived"), [("hotline", "duplicate", False), ("alarm", "same_alarm", True)]
)
def test_a_linked_alarm_is_counted_apart(channel: str, outcome: str, derived: bool) -> None:
    town = Town()
    town.send(located("1"))
    (one,) = town.send(located("2", 1, channel=channel)).settled
    assert (one.channel, one.fate, one.outcome, one.derived) == (channel, "linked", outcome, derived)


def test_a_linked_report_says_how_near_and_how_like_it_is() -> None:
    town = Town()
    town.send(located("1", text="垃圾成堆"))
    town.send(located("2", 10, xy=(-500.0, 3.0), text="垃圾成堆", reporter_key="p"))
    (link,) = town.said(ReportLinked)
    assert (link.distance_m, link.gap_ms, link.similarity, link.rule) == (
        pytest.approx(3.0, abs=0.01),
        600_000,
        1.0,
        "D3-place",
    )
    assert (link.reporter_key, link.channel) == ("p", "hotline")


def test_a_report_that_comes_again_from_elsewhere_changes_nothing_and_says_nothing() -> None:
    town, first = Town(), located("1")
    town.send(first)
    again = replace(first, report=replace(first.report, origin=Origin("reports.hotline", 0, 99_999)))
    assert town.send(again) == town.stage.step(town.book(first.place.tile), again)
    assert town.stage.step(town.book(first.place.tile), again).changes == ()
    assert len(town.said(ReportSettled)) == 1


def test_an_origin_of_another_topic_is_another_origin() -> None:
    town, first = Town(), located("1")
    town.send(first)
    for origin in (replace(first.report.origin, topic="other"), replace(first.report.origin, partition=1)):
        again = replace(first, report=replace(first.report, origin=origin))
        assert town.send(again).facts == ()


def test_the_key_of_casework_is_the_tile() -> None:
    town, first = Town(), located("1")
    assert town.stage.key(first) == first.place.tile
    assert town.stage.key(an_action(case_of(first), "sign")) == first.place.tile
