"""Border cases: doubt by tier, candidates by layer, flexible lines, practice, other layers, duties, versions."""

from __future__ import annotations

from math import erfc, exp, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.reference.model import Duty, ManagedKind, PracticeSpot
from pipeline.events.facts import ActionRefused, BoundaryFlagged, CaseDispatched
from pipeline.events.intake import LocatedReport
from pipeline.stages.locate import Locator
from tests.builders import a_report, about, an_action
from tests.small_city import (
    COMMUNITY_E,
    COMMUNITY_W,
    COVER,
    DAY,
    DISTRICT,
    GRID_E,
    GRID_W,
    MONDAY,
    NEW,
    STREET_E,
    STREET_W,
    WASTE,
    a_layer,
    at,
    box,
    layers,
)
from tests.stages.border_builders import (
    FAR_COMMUNITY,
    FAR_STREET,
    OTHER_DISTRICT,
    RIGID,
    locator,
    place,
    reference,
    rule,
    told,
)
from tests.town import Town


def beyond(metres: float, error_m: float) -> float:
    return 0.5 * erfc(metres / error_m / sqrt(2))


def test_six_metres_from_a_district_line_with_twenty_of_error_is_a_border_case_with_two_candidates() -> None:
    found = place(locator(), (894.0, 0.0), 20.0)
    assert found.border_flags == ("BORDER",)
    for layer, here, there in (
        ("district", DISTRICT, OTHER_DISTRICT), ("street", STREET_E, FAR_STREET),
        ("community", COMMUNITY_E, FAR_COMMUNITY),
    ):  # fmt: skip
        assert told(found, layer) == {
            here: pytest.approx(1 - beyond(6, 20), abs=1e-3), there: pytest.approx(beyond(6, 20), abs=1e-3)
        }  # fmt: skip
    assert found.border_m == pytest.approx(6.0, abs=0.02)
    assert {one.code: round(one.distance_m) for one in found.border_candidates}[OTHER_DISTRICT] == 6


def test_a_border_case_that_two_units_refused_is_designated() -> None:
    report, what = a_report("1", xy=(894.0, 0.0), error_m=20.0), about(COVER)
    town = Town()
    town.send(LocatedReport(report=report, classification=what, place=locator().locate(report, what)))
    (flagged,), (filed,) = town.said(BoundaryFlagged), town.said(CaseDispatched)
    assert ("BORDER" in flagged.flags, flagged.lead) == (True, filed.department)
    for _ in range(2):
        town.act(flagged.case_id, "refuse", actor_unit=town.said(CaseDispatched)[-1].department)
    hops = [(one.hop, "designated" in one.reason) for one in town.said(CaseDispatched)]
    assert hops == [(1, False), (2, False), (3, True)]
    refused = town.send(an_action(flagged.case_id, "refuse", actor_unit=town.said(CaseDispatched)[-1].department))
    assert isinstance(refused.facts[0], ActionRefused)


@pytest.mark.parametrize(
    ("xy", "error_m", "flagged"),
    [
        pytest.param((-1.64 * 20, 0.0), 20.0, True, id="street: 5.05 % beyond"),
        pytest.param((-1.65 * 20, 0.0), 20.0, False, id="street: 4.95 % beyond"),
        pytest.param((-450.0, -900 + 0.83 * 20), 20.0, True, id="community of the same street: 20.3 % beyond"),
        pytest.param((-450.0, -900 + 0.85 * 20), 20.0, False, id="community of the same street: 19.8 % beyond"),
        pytest.param((-14.0, 0.0), 1.0, False, id="near but exact"),
        pytest.param((-1.0, 0.0), 1.0, True, id="near and as exact as that"),
        pytest.param((-450.0, 0.0), 30.0, False, id="far from all"),
        pytest.param((-450.0, 899.0), 30.0, False, id="the outer edge of the city is no border between two"),
    ],
)
def test_the_doubt_of_a_tier_raises_the_flag(xy: Any, error_m: float, flagged: bool) -> None:
    found = place(locator(), xy, error_m)
    assert found.border_flags == (("BORDER",) if flagged else ())
    assert bool(found.border_candidates) is flagged


def test_a_quiet_place_near_a_border_still_knows_its_distance() -> None:
    found = place(locator(), (-14.0, 0.0), 1.0)
    assert (found.border_flags, found.border_candidates) == ((), ())
    assert found.border_m == pytest.approx(14.0, abs=0.02)


def test_between_communities_of_one_street_only_the_community_is_open() -> None:
    found = place(locator(), (-450.0, -895.0), 20.0)
    assert {one.layer for one in found.border_candidates} == {"community"}


def test_unit_grids_of_a_border_case_are_told_but_raise_no_flag() -> None:
    grids = a_layer("unit", {GRID_W: box(-100, -50, 0, 50), GRID_E: box(0, -50, 100, 50)})
    where = locator(grids)
    assert set(told(place(where, (-3.0, 0.0), 10.0), "grid")) == {GRID_W, GRID_E}
    inner = a_layer("unit", {GRID_W: box(-500, -50, -450, 50), f"{COMMUNITY_W}002": box(-450, -50, -400, 50)})
    assert place(locator(inner), (-449.0, 0.0), 10.0).border_flags == ()


@pytest.mark.parametrize(("line", "flagged"), [("rigid", False), ("flexible", True)])
def test_a_flexible_line_leaves_doubt_where_a_rigid_one_leaves_none(line: str, flagged: bool) -> None:
    rules = tuple(rule(tier, 0.05, line, 0.06) for tier in ("district", "street", "community"))
    found = place(locator(given=reference(rules=rules)), (-5.0, 0.0), 0.5)
    assert ("BORDER" in found.border_flags) is flagged
    if flagged:
        assert told(found, "street")[STREET_E] == pytest.approx(0.06 * exp(-0.1), abs=1e-3)


@pytest.mark.parametrize("distance", [2.0, 10.0, 25.0, 45.0])
def test_probabilities_come_true(distance: float) -> None:
    """Points drawn around a true place: of those told a probability, that share lies beyond the line."""
    chance = np.random.default_rng(5)
    noise = chance.normal(0.0, 25.0, 4_000)
    reports = [a_report(str(n), xy=(-distance + x, 0.0), error_m=25.0) for n, x in enumerate(noise)]
    # The place that is judged is the report; the truth lies as far from it as it from the truth.
    found = locator().locate_many(reports, [about()] * len(reports))
    said = [told(one, "street").get(STREET_E, float(one.street == STREET_E)) for one in found]
    truth = chance.normal(np.array([-distance + x for x in noise]), 25.0) > 0
    assert np.mean(said) == pytest.approx(truth.mean(), abs=0.025)
    sure = np.array(said) > 0.3
    assert np.mean(np.array(said)[sure]) == pytest.approx(truth[sure].mean(), abs=0.05)


def spots(*rows: tuple[float, float, str, str, float]) -> tuple[PracticeSpot, ...]:
    return tuple(
        PracticeSpot(
            lon=at(x, y)[0], lat=at(x, y)[1], tier="street", drawn=drawn, held=held, border_m=abs(x), cases=cases
        )
        for x, y, drawn, held, cases in rows
    )  # fmt: skip


def test_a_place_held_otherwise_than_drawn_says_so_and_names_who_holds_it() -> None:
    where = locator(given=reference(practices=spots((-30.0, 0.0, STREET_W, STREET_E, 4))))
    found = place(where, (-30.0, 3.0), 1.0)
    assert found.border_flags == ("ACTUAL_VS_GRID", "BORDER")
    assert max(told(found, "street").items(), key=lambda item: item[1])[0] == STREET_E
    assert found.street == STREET_W, "the map is told as it is"
    assert place(where, (-30.0, 300.0), 1.0).border_flags == ()


def test_practice_that_agrees_with_the_map_takes_doubt_away() -> None:
    where = locator(given=reference(practices=spots((-20.0, 0.0, STREET_W, STREET_W, 40))))
    assert place(locator(), (-20.0, 2.0), 15.0).border_flags == ("BORDER",)
    assert place(where, (-20.0, 2.0), 15.0).border_flags == ()


def test_a_place_far_from_every_border_may_be_held_elsewhere() -> None:
    far = spots((-450.0, 0.0, STREET_W, FAR_STREET, 3))[0]
    far = PracticeSpot(**{name: getattr(far, name) for name in far.__struct_fields__} | {"border_m": None})
    found = place(locator(given=reference(practices=(far,))), (-450.0, 0.0), 1.0)
    assert found.border_flags == ("ACTUAL_VS_GRID", "BORDER")
    assert set(told(found, "street")) == {STREET_W, FAR_STREET}


@pytest.mark.parametrize(
    ("x", "flags", "codes"),
    [
        pytest.param(104.0, ("BORDER",), {"R1"}, id="beside the river"),
        pytest.param(97.0, ("BORDER",), {"R1"}, id="in it, near its bank"),
        pytest.param(130.0, (), set(), id="out of reach"),
        pytest.param(60.0, (), set(), id="well within"),
    ],
)
def test_a_layer_of_another_system_is_asked_when_it_has_a_rule(x: float, flags: Any, codes: set[str]) -> None:
    river = a_layer("river", {"R1": box(20, -900, 100, 900)}, system="river")
    with_rule = locator(river, given=reference(rules=(*RIGID, rule("river", 0.2))))
    found = place(with_rule, (x, 0.0), 10.0)
    assert found.border_flags == flags
    assert set(told(found, "river")) == codes
    assert place(locator(river), (x, 0.0), 10.0).border_flags == ()


def test_the_version_in_force_is_asked_for_borders() -> None:
    old = a_layer(
        "community", {COMMUNITY_W: box(-900, -900, 0, 900), COMMUNITY_E: box(0, -900, 900, 900)},
        version="old", valid_to=MONDAY,
    )  # fmt: skip
    new = a_layer(
        "community", {COMMUNITY_W: box(-900, -900, 200, 900), COMMUNITY_E: box(200, -900, 900, 900)},
        version="new", valid_from=MONDAY,
    )  # fmt: skip
    where = Locator(reference(), (old, new))
    for x, before, after in ((-2.0, True, False), (198.0, False, True)):
        for received_at, flagged in ((MONDAY - 1, before), (MONDAY, after)):
            found = place(where, (x, 0.0), 5.0, received_at=received_at)
            assert found.border_flags == (("BORDER",) if flagged else ())
    mixed = [a_report(str(n), xy=(-2.0, 0.0), error_m=5.0, received_at=MONDAY + n - 2) for n in range(4)]
    found = where.locate_many(mixed, [about()] * 4)
    assert [bool(one.border_flags) for one in found] == [True, True, False, False]


def duty(id: str, code: str, lead: str, priority: int = 100, **more: Any) -> Duty:
    return Duty(
        id=id, standard=NEW, kind=ManagedKind.INCIDENT, code=code, lead=lead, legal_basis="x", priority=priority, **more
    )


@pytest.mark.parametrize(
    ("duties", "flags"),
    [
        pytest.param((duty("1", WASTE[2], "sanitation"),), (), id="one owner"),
        pytest.param((duty("1", WASTE[2], "sanitation"), duty("2", "*", "police", 900)), (), id="and a last resort"),
        pytest.param(
            (duty("1", WASTE[2], "sanitation"), duty("2", WASTE[2], "police", 200)), ("DUTY_OVERLAP",), id="two owners"
        ),
        pytest.param((duty("1", "*", "police"),), ("DUTY_GAP",), id="only the line for everything"),
        pytest.param((), ("DUTY_GAP",), id="no line"),
        pytest.param(
            (duty("1", WASTE[2], "sanitation"), duty("2", WASTE[2], "police", 50, area=STREET_E)), (),
            id="another owner, in another street",
        ),
        pytest.param(
            (duty("1", WASTE[2], "sanitation"), duty("2", WASTE[2], "police", 50, area=STREET_W)), ("DUTY_OVERLAP",),
            id="another owner, in this street",
        ),
        pytest.param(
            (duty("1", WASTE[2], "sanitation", valid_to=MONDAY - 2 * DAY),), ("DUTY_GAP",), id="no longer in force"
        ),
    ],
)  # fmt: skip
def test_the_duty_list_may_leave_open_who_answers(duties: Any, flags: Any) -> None:
    where = locator(given=reference(duties=duties))
    assert where.locate(a_report("1", xy=(-450.0, 0.0)), about(WASTE)).border_flags == flags
    no_point = where.locate(a_report("1", xy=None, area_code=STREET_W), about(WASTE))
    assert (no_point.method, no_point.border_flags) == ("area_code", flags)


def test_several_findings_hold_at_once() -> None:
    duties = (duty("1", WASTE[2], "sanitation"), duty("2", WASTE[2], "police", 200))
    where = Locator(reference(duties=duties), layers())
    found = where.locate(a_report("1", xy=(4.0, 0.0), error_m=10.0), about(WASTE))
    assert found.border_flags == ("BORDER", "DUTY_OVERLAP", "LAYER_CONFLICT")


PLACES = st.tuples(st.floats(-950, 950), st.floats(-950, 950), st.floats(0, 80))


@given(st.lists(PLACES, min_size=1, max_size=6))
def test_with_a_ledger_a_batch_gives_what_its_reports_give_one_by_one(rows: list[Any]) -> None:
    where = locator(given=reference(practices=spots((-30.0, 0.0, STREET_W, STREET_E, 4))))
    reports = [a_report(str(n), xy=(x, y), error_m=error) for n, (x, y, error) in enumerate(rows)]
    found = where.locate_many(reports, [about()] * len(reports))
    assert found == [where.locate(report, about()) for report in reports]
    for one in found:
        for layer in ("district", "street", "community"):
            shares = told(one, layer)
            assert not shares or 0.97 <= sum(shares.values()) <= 1.0 + 1e-9
