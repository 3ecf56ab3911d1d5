"""Who must act: owner before place, the street while nobody is known, power to enforce, never one's own unit."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.reference.model import Duty, ManagedKind, Reference
from pipeline.stages.decisions import Route
from pipeline.stages.route import Router
from tests.builders import located
from tests.small_city import (
    COLLAPSE,
    COMPONENT,
    COVER,
    GRID_W,
    HOUR,
    MONDAY,
    NOISE,
    OLD,
    STALLS,
    STREET_E,
    STREET_W,
    WASTE,
    city,
    with_tables,
)

WEST_OFFICE, EAST_OFFICE = f"street-{STREET_W}", f"street-{STREET_E}"


def routed(
    category: Any = WASTE, *, urgent: bool = False, limit: int = 4, clock: str = "work_hour",
    reference: Reference | None = None, **fields: Any,
) -> Route:  # fmt: skip
    report = located("1", 0, category, **fields)
    return Router(reference or city()).route(report, limit, clock, report.report.received_at, urgent=urgent)


OWNED = {"placed": {"component_code": COMPONENT, "component_owner": "telecom"}}


@pytest.mark.parametrize(
    ("category", "fields", "department", "reason"),
    [
        pytest.param(WASTE, {}, "sanitation", "duty list", id="an incident: the duty list"),
        pytest.param(COVER, OWNED, "telecom", "owner of the component", id="a component: its owner first"),
        pytest.param(COVER, {}, WEST_OFFICE, "owner unknown: acts first", id="owner unknown: the street acts first"),
        pytest.param(COVER, {"xy": (500.0, 0.0)}, EAST_OFFICE, "owner unknown: acts first", id="that of the place"),
        pytest.param(WASTE, OWNED, "sanitation", "duty list", id="the owner of a component has no duty for waste"),
        pytest.param(
            WASTE, {"classified": {"case_class": "difficult"}}, "grid-centre", "difficult: coordination names a lead",
            id="difficult: coordination",
        ),
        pytest.param(None, {}, WEST_OFFICE, "territory", id="no category: the street of the place"),
        pytest.param(
            None, {"xy": None}, "grid-centre", "no duty line: the fall-back names a lead", id="neither: the fall-back"
        ),
    ],
)  # fmt: skip
def test_who_acts_and_why(category: Any, fields: Any, department: str, reason: str) -> None:
    found = routed(category, **fields)
    assert (found.department, found.reason) == (department, reason)


def test_the_others_that_were_considered_are_kept_best_first() -> None:
    assert routed(COVER, **OWNED).candidates == ("telecom", "water", WEST_OFFICE, "grid-centre")


def test_the_duty_line_its_basis_its_assistants_and_the_person_of_the_grid_go_with_the_decision() -> None:
    found = routed()
    assert (found.duty, found.assistants, found.person) == ("D0169", ("greening-appearance",), "p-west")
    assert found.legal_basis
    assert routed(xy=(500.0, 0.0)).person == ""
    assert routed(COVER, placed={"grid": GRID_W}).person == ""


# -- power --------------------------------------------------------------------------------------------------------


def _duty(id: str, lead: str, **fields: Any) -> Duty:
    given: dict[str, Any] = {
        "id": id, "standard": STALLS[0], "kind": ManagedKind.INCIDENT, "code": STALLS[2], "lead": lead,
        "legal_basis": id, "priority": 1,
    }  # fmt: skip
    return Duty(**(given | fields))


def _with_duties(*duties: Duty) -> Reference:
    return with_tables(duties=(*duties, *city().tables.duties))


def test_what_needs_the_power_to_enforce_never_goes_to_a_unit_without_it() -> None:
    reference = _with_duties(_duty("x", "sanitation"))
    found = routed(STALLS, reference=reference)
    assert found.department == "urban-management"
    assert found.reason == "duty list; sanitation may not enforce"
    assert "sanitation" in found.candidates


def test_the_owner_without_power_does_not_enforce() -> None:
    reference = _with_duties(_duty("x", "urban-management", owner_first=True))
    found = routed(STALLS, reference=reference, placed={"component_owner": "sanitation"})
    assert found.department == "urban-management"


def test_the_street_does_not_enforce_when_no_line_names_anyone() -> None:
    reference = with_tables(duties=())
    found = routed(STALLS, reference=reference)
    assert found.department == "grid-centre"


# -- one's own unit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "unit", "department", "reason"),
    [
        pytest.param(WASTE, "sanitation", WEST_OFFICE, "territory; sanitation is the reporter's own unit", id="lead"),
        pytest.param(WASTE, "water", "sanitation", "duty list", id="a unit that is not concerned"),
        pytest.param(
            STALLS, "urban-management", "transport", "duty list; urban-management is the reporter's own unit",
            id="with the power to enforce",
        ),
    ],
)  # fmt: skip
def test_a_case_does_not_go_to_the_reporters_own_unit_when_another_may_act(
    category: Any, unit: str, department: str, reason: str
) -> None:
    found = routed(category, reporter_unit=unit)
    assert (found.department, found.reason) == (department, reason)


def test_a_case_goes_to_the_reporters_own_unit_only_with_a_reason() -> None:
    found = routed(None, xy=None, reporter_unit="grid-centre")
    assert found.department == "grid-centre"
    assert "the reporter's own unit, no other may act" in found.reason


# -- laws, urgency, limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "duty", "overlap"),
    [
        pytest.param(STALLS, "D0242", True, id="trading on the road: three laws fit, the first is used"),
        pytest.param((OLD, "incident", "0406"), "D0242", True, id="under its older code"),
        pytest.param(NOISE, "D0188", True, id="noise: two"),
        pytest.param(WASTE, "D0169", False, id="one law only"),
    ],
)
def test_an_overlap_of_laws_keeps_the_law_that_is_used(category: Any, duty: str, overlap: bool) -> None:
    found = routed(category)
    assert (found.duty, found.law_overlap) == (duty, overlap)
    assert found.legal_basis == next(line.legal_basis for line in city().tables.duties if line.id == duty)


def test_a_line_for_everything_is_no_overlap_of_laws() -> None:
    reference = _with_duties(_duty("x", "police", standard="*", code="*", priority=999))
    assert routed(WASTE, reference=reference).law_overlap is False


@pytest.mark.parametrize(
    ("category", "team"),
    [
        pytest.param(COLLAPSE, "t06", id="the team of the family"),
        pytest.param(STALLS, "t09", id="the team of everything"),
    ],
)
def test_an_urgent_case_gets_a_team_on_duty_and_the_street_assists(category: Any, team: str) -> None:
    found = routed(category, urgent=True)
    assert found.team == team
    assert WEST_OFFICE in found.assistants
    assert (routed(category).team, WEST_OFFICE in routed(WASTE).assistants) == ("", False)


def test_only_teams_on_duty_round_the_clock_and_of_the_place_are_called() -> None:
    teams = city().tables.teams
    away = with_tables(teams=tuple(replace(team, areas=(STREET_E,)) for team in teams))
    asleep = with_tables(teams=tuple(replace(team, roster="work_time") for team in teams))
    assert (
        routed(COLLAPSE, urgent=True, reference=away).team,
        routed(COLLAPSE, urgent=True, reference=asleep).team,
    ) == ("", "")
    assert routed(COLLAPSE, urgent=True, reference=away, xy=(500.0, 0.0)).team == "t06"


def test_who_leads_does_not_assist() -> None:
    found = routed(COVER, urgent=True)
    assert found.department == WEST_OFFICE
    assert WEST_OFFICE not in found.assistants


@pytest.mark.parametrize(
    ("limit", "clock", "due"),
    [
        pytest.param(2, "urgent_hour", MONDAY + 2 * HOUR, id="a clock that runs always"),
        pytest.param(4, "work_hour", MONDAY + 6 * HOUR, id="over the midday break from 12 to 14"),
        pytest.param(0, "work_hour", None, id="no limit"),
        pytest.param(4, "", None, id="no clock"),
    ],
)
def test_when_handling_is_due(limit: int, clock: str, due: int | None) -> None:
    assert routed(limit=limit, clock=clock).due_at == due


def test_a_line_that_is_not_in_force_is_not_used() -> None:
    over = tuple(
        replace(line, valid_to=MONDAY - 25 * HOUR) if line.id == "D0169" else line for line in city().tables.duties
    )
    assert routed(reference=with_tables(duties=over)).department == WEST_OFFICE


@pytest.mark.parametrize(("area", "department"), [(STREET_W, "water"), (STREET_E, "sanitation")])
def test_a_line_for_an_area_goes_before_the_common_one_there_and_only_there(area: str, department: str) -> None:
    own = Duty(
        id="x", standard=WASTE[0], kind=ManagedKind.INCIDENT, code=WASTE[2], lead="water", legal_basis="x",
        priority=50, area=area,
    )  # fmt: skip
    assert routed(reference=_with_duties(own)).department == department
