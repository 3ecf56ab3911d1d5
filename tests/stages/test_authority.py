"""Who may act on a case: by post, unit and area; whoever names no unit is answered for by the keeper of the file."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.reference.model import Department, Reference
from pipeline.events.facts import ActionRefused, CaseMoved
from pipeline.stage import Change
from tests.builders import an_action, case_of, located
from tests.small_city import COMMUNITY_W, DISTRICT, GRID_W, STREET_E, STREET_W, city, with_tables
from tests.town import Town

FIRST = located("1", 0)
CASE = case_of(FIRST)
OLD_UNIT = Department(
    id="old-sanitation", name_zh="环卫所", name_en="Old", kind="utility", level="district", merged_into="sanitation"
)
CENTRES = tuple(
    Department(id=f"centre-{area}", name_zh=area, name_en=area, kind="centre", level="street", area=area)
    for area in (STREET_W, STREET_E, DISTRICT)
)
WARDEN = Department(id="ward", name_zh="居委会", name_en="Ward", kind="community", level="community", area=COMMUNITY_W)


def reference() -> Reference:
    """The small city with a centre for each street and a unit that was merged into sanitation."""
    return with_tables(departments=(*city().tables.departments, OLD_UNIT, *CENTRES, WARDEN))


def a_town(state: str, **fields: Any) -> Town:
    """A town with one case that sanitation has, in the street in the west."""
    town = Town(reference=reference())
    town.send(located("1", 0))
    book = town.book(FIRST.place.tile)
    given = {"department": "sanitation", "street": STREET_W, "grid": GRID_W} | fields
    book.apply([Change("case", CASE, replace(book.case(CASE), state=state, **given))])
    town.facts.clear()
    return town


MAY = [
    pytest.param("dispatched", "sign", {"actor_unit": "sanitation"}, id="its own case"),
    pytest.param("dispatched", "sign", {"actor_unit": ""}, id="a file that names no unit"),
    pytest.param("dispatched", "sign", {"actor_unit": "manual-triage"}, id="the desk for what nobody owns"),
    pytest.param("handling", "handle", {"actor_unit": "sanitation"}, id="handling"),
    pytest.param("pending_check", "check_pass", {"actor_unit": "grid-centre"}, id="the centre checks"),
    pytest.param("pending_check", "check_pass", {"actor_unit": f"centre-{STREET_W}"}, id="a centre in its street"),
    pytest.param("pending_check", "check_pass", {"actor_unit": f"centre-{DISTRICT}"}, id="a centre in its district"),
    pytest.param("pending_check", "check_pass", {"actor_unit": "ward", "actor_role": "grid-worker"}, id="its people"),
    pytest.param("pending_close", "close", {"actor_unit": "grid-centre", "actor_role": "system"}, id="the system"),
    pytest.param("merged", "unmerge", {"actor_unit": "grid-centre"}, id="the centre takes a merge back"),
]  # fmt: skip
MAY_NOT = [
    pytest.param("dispatched", "sign", {"actor_unit": "water"}, "'sanitation', not", id="another's case"),
    pytest.param("dispatched", "sign", {"actor_unit": "nobody"}, "'sanitation', not", id="a unit that nobody knows"),
    pytest.param("dispatched", "sign", {"actor_unit": "grid-centre"}, "'sanitation', not", id="the centre for another"),
    pytest.param("dispatched", "sign", {"actor_unit": "old-sanitation"}, "not with", id="a unit that is no more"),
    pytest.param("pending_check", "check_pass", {"actor_unit": "sanitation"}, "units of kind centre", id="own check"),
    pytest.param("pending_check", "check_pass", {"actor_unit": "nobody"}, "units of kind centre", id="unknown checks"),
    pytest.param("pending_close", "close", {"actor_unit": "sanitation"}, "units of kind centre", id="own closing"),
    pytest.param("pending_close", "close", {"actor_unit": "water", "actor_role": "system"}, "centre", id="as system"),
    pytest.param("handling", "force_close", {"actor_unit": "water"}, "units of kind centre", id="a supervisor's"),
    pytest.param("pending_check", "check_pass", {"actor_unit": f"centre-{STREET_E}"}, "outside", id="another street"),
    pytest.param(
        "pending_check", "check_pass", {"actor_unit": "sanitation", "actor_role": "grid-worker"}, "centre or street",
        id="a grid worker of a department",
    ),
    pytest.param("merged", "unmerge", {"actor_unit": "sanitation"}, "units of kind centre", id="own unmerge"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "verb", "who"), MAY)
def test_who_may_act_does(state: str, verb: str, who: dict[str, str]) -> None:
    town = a_town(state, was="dispatched", merged_into="other" if state == "merged" else "")
    town.send(an_action(CASE, verb, **who))
    assert town.said(ActionRefused) == []


@pytest.mark.parametrize(("state", "verb", "who", "why"), MAY_NOT)
def test_who_may_not_changes_nothing_and_is_told_why(state: str, verb: str, who: dict[str, str], why: str) -> None:
    town = a_town(state, was="dispatched", merged_into="other" if state == "merged" else "")
    before = sorted(town.book(FIRST.place.tile).entries())
    town.send(an_action(CASE, verb, **who))
    (refused,) = town.said(ActionRefused)
    assert why in refused.reason
    assert sorted(town.book(FIRST.place.tile).entries()) == before


def test_whoever_took_over_acts_on_the_cases_of_the_unit_before() -> None:
    town = a_town("dispatched", department="old-sanitation")
    town.send(an_action(CASE, "sign", actor_unit="sanitation"))
    assert [fact.to_state for fact in town.said(CaseMoved)] == ["handling"]


def test_a_case_without_a_place_lies_in_every_area() -> None:
    town = a_town("pending_check", street="", grid="")
    town.send(an_action(CASE, "check_pass", actor_unit=f"centre-{STREET_E}"))
    assert town.said(ActionRefused) == []


def test_what_came_before_is_known_again_though_the_case_is_with_somebody_else_by_now() -> None:
    town = a_town("dispatched")
    refusal = an_action(CASE, "refuse", actor_unit="sanitation")
    town.send(refusal)
    assert town.case(CASE).department != "sanitation"
    assert town.send(refusal).settled[0].outcome == "redelivered"


def test_a_post_of_the_shipped_set_belongs_to_units_and_handling_to_whose_case_it_is() -> None:
    posts = {post.id: post for post in city().tables.posts}
    handling = {"handler", "department-clerk", "department-head", "team-leader"}
    assert {name for name, post in posts.items() if post.own_cases} == handling
    assert {name for name, post in posts.items() if not post.units} == handling
    checks = {role for move in city().tables.lifecycle if move.action in ("check_pass", "close") for role in move.roles}
    assert not checks & handling
