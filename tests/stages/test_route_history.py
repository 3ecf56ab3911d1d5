"""Who handled like cases comes after the rules: candidates, decisions where no rule speaks, triage, merged units."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.reference.check_rules import dead_departments
from pipeline.domain.reference.mergers import living
from pipeline.domain.reference.model import Department, Reference
from pipeline.domain.unitmodel import UnitModel
from pipeline.domain.unitquestion import Unit
from pipeline.stages.decisions import Route
from pipeline.stages.reported import dispatched_fact
from pipeline.stages.route import SURE, TRIAGE, Router, _told
from tests.builders import located
from tests.small_city import STALLS, WASTE, city, with_tables


def history(*cases: tuple[Any, str, int], **fields: Any) -> UnitModel:
    """A model that has seen ``times`` cases of a category handled by a unit."""
    model = UnitModel("routing-test", [])
    for category, unit, times in cases:
        for _ in range(times):
            model.learn(_told(located("1", 0, category, **fields)), Unit(unit, unit), 0)
    return model


def routed(category: Any, units: UnitModel | None, reference: Reference | None = None, **fields: Any) -> Route:
    urgent = fields.pop("urgent", False)
    report = located("1", 0, category, **fields)
    return Router(reference or city(), units).route(report, 4, "work_hour", report.report.received_at, urgent=urgent)


def without_lines() -> Reference:
    """A city whose duty list names nothing."""
    return with_tables(duties=())


def test_a_line_of_the_duty_list_goes_before_history_however_sure() -> None:
    found = routed(WASTE, history((WASTE, "water", 50)))
    assert (found.department, found.reason) == ("sanitation", "duty list")
    assert "water" in found.candidates


def test_where_no_rule_speaks_history_decides_when_it_is_sure() -> None:
    found = routed(WASTE, history((WASTE, "water", 50)), without_lines())
    assert found.department == "water"
    assert found.reason.startswith("history: ")
    assert found.probabilities[found.candidates.index("water")] >= SURE


@pytest.mark.parametrize(
    ("urgent", "department"),
    [
        pytest.param(False, TRIAGE, id="people decide"),
        pytest.param(True, "power", id="an emergency does not wait: the likeliest"),
    ],
)
def test_where_no_rule_speaks_and_history_is_not_sure_people_decide_with_its_candidates(
    urgent: bool, department: str
) -> None:
    found = routed(WASTE, history((WASTE, "water", 9), (WASTE, "power", 10)), without_lines(), urgent=urgent)
    assert found.department == department
    assert {"power", "water"} <= set(found.candidates)


def test_without_a_model_nothing_changes() -> None:
    plain = routed(WASTE, None)
    assert (plain.model, plain.probabilities, plain.features) == ("", (), ())
    asked = routed(WASTE, history((WASTE, "sanitation", 5)))
    assert (asked.department, asked.duty, asked.reason) == (plain.department, plain.duty, plain.reason)


def test_the_decision_keeps_model_candidates_probabilities_and_what_was_asked() -> None:
    found = routed(WASTE, history((WASTE, "water", 50)))
    assert found.model == "routing-test"
    assert len(found.probabilities) == len(found.candidates)
    assert all(0 <= chance <= 1 for chance in found.probabilities)
    assert any(feature.startswith("kind=") for feature in found.features)


def test_history_gives_no_unit_that_may_not_enforce() -> None:
    found = routed(STALLS, history((STALLS, "sanitation", 50)), without_lines())
    assert found.department != "sanitation"


def _merged(**into: str) -> Reference:
    rows = tuple(replace(row, merged_into=into.get(row.id.replace("-", "_"), "")) for row in city().tables.departments)
    old = Department(id="old-water", name_zh="旧水务所", name_en="Old", kind="bureau", level="district", **{
        "merged_into": into.get("old_water", "water")})  # fmt: skip
    return with_tables(departments=(*rows, old), duties=())


def test_cases_of_a_merged_unit_count_for_who_took_over() -> None:
    found = routed(WASTE, history((WASTE, "old-water", 25), (WASTE, "water", 25)), _merged())
    assert found.department == "water"
    assert "old-water" not in found.candidates
    assert found.probabilities[found.candidates.index("water")] > 0.9


def test_a_unit_that_is_not_of_the_city_is_no_candidate() -> None:
    found = routed(WASTE, history((WASTE, "elsewhere", 50)), without_lines())
    assert "elsewhere" not in found.candidates


@pytest.mark.parametrize(
    ("into", "unit", "acts"),
    [
        pytest.param({}, "old-water", "water", id="merged"),
        pytest.param({"water": "power"}, "old-water", "power", id="merged again"),
        pytest.param({"water": "old-water"}, "old-water", "", id="a ring"),
        pytest.param({}, "nowhere", "", id="unknown"),
        pytest.param({}, "power", "power", id="alive"),
    ],
)
def test_who_acts_now(into: dict[str, str], unit: str, acts: str) -> None:
    assert living(_merged(**into), unit) == acts


def test_a_route_to_a_dead_unit_is_a_fault_of_the_set() -> None:
    duty = replace(city().tables.duties[0], lead="old-water", assist=())
    faults = list(dead_departments(replace_duties(_merged(), duty)))
    assert [(fault.field, fault.value) for fault in faults] == [("lead", "old-water")]
    assert "water" in faults[0].remedy
    ring = list(dead_departments(_merged(water="old-water")))
    assert {fault.field for fault in ring} >= {"merged_into"}


def replace_duties(reference: Reference, *duties: Any) -> Reference:
    return with_tables(departments=reference.tables.departments, duties=duties)


def test_the_dispatched_fact_carries_what_the_model_said() -> None:
    report = located("1", 0, WASTE)
    filed = routed(WASTE, history((WASTE, "water", 50)))
    fact = dispatched_fact(report, "case", filed)
    assert (fact.model, fact.probabilities, fact.features) == (filed.model, filed.probabilities, filed.features)
    assert fact.model
