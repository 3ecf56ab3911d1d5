"""Routing by hour, kind of day and answers: by the time of the report, and the decision says which condition spoke."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.domain.reference.conditions import ANSWER, answers_asked
from pipeline.domain.reference.model import Duty, ManagedKind, Reference
from pipeline.events.records import Evidence
from pipeline.stages.classify import Classifier
from pipeline.stages.decisions import Route
from pipeline.stages.duty_doubt import DutyDoubt
from pipeline.stages.file import file
from pipeline.stages.reported import settled_fact
from pipeline.stages.route import Router
from pipeline.stages.screen import screen
from tests.builders import a_body, about, arrival_of, located, measured
from tests.small_city import COMPONENT, COVER, MONDAY, STREET_E, WASTE, at, city, screening, with_tables

NIGHT = "22:00-06:00"


def duty(id: str, lead: str, category: Any = WASTE, **fields: Any) -> Duty:
    given: dict[str, Any] = {
        "id": id, "standard": category[0], "kind": ManagedKind(category[1]), "code": category[2], "lead": lead,
        "legal_basis": id, "priority": 500,
    }  # fmt: skip
    return Duty(**(given | fields))


def city_with(*duties: Duty) -> Reference:
    return with_tables(duties=(*city().tables.duties, *duties))


def millis(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def answered(name: str, value: str) -> tuple[Evidence, ...]:
    return (Evidence(measure=f"{name}={value}", value=1.0, unit=ANSWER),)


def routed(reference: Reference, category: Any = WASTE, when: str = "2026-08-03T09:00", **fields: Any) -> Route:
    report = located("1", 0, category, received_at=millis(when), **fields)
    return Router(reference).route(report, 4, "work_hour", report.report.received_at, urgent=False)


@pytest.mark.parametrize(
    ("when", "department"),
    [
        ("2026-08-03T21:59:59", "sanitation"),
        ("2026-08-03T22:00:00", "police"),
        ("2026-08-04T00:00:00", "police"),
        ("2026-08-04T05:59:59", "police"),
        ("2026-08-04T06:00:00", "sanitation"),
    ],
)
def test_who_acts_by_night(when: str, department: str) -> None:
    assert routed(city_with(duty("N", "police", hours=NIGHT)), when=when).department == department


@pytest.mark.parametrize(
    ("when", "department"),
    [
        pytest.param("2026-08-07T12:00", "sanitation", id="Friday"),
        pytest.param("2026-08-08T12:00", "water", id="Saturday"),
        pytest.param("2026-10-10T12:00", "sanitation", id="a make-up Saturday"),
        pytest.param("2026-10-01T12:00", "water", id="a holiday on a Thursday"),
    ],
)
def test_who_acts_on_days_off(when: str, department: str) -> None:
    assert routed(city_with(duty("H", "water", days="holiday")), when=when).department == department


@pytest.mark.parametrize(
    ("evidence", "department"),
    [
        pytest.param((), "sanitation", id="not answered"),
        pytest.param(answered("blocks_road", "yes"), "police", id="answered so"),
        pytest.param(answered("blocks_road", "no"), "sanitation", id="answered otherwise"),
        pytest.param(measured("area", 30.0, "m2"), "water", id="a measured value"),
        pytest.param(measured("area", 29.0, "m2"), "sanitation", id="a smaller one"),
    ],
)
def test_who_acts_by_what_the_report_says(evidence: Any, department: str) -> None:
    reference = city_with(duty("A", "police", when="blocks_road=yes"), duty("B", "water", when="area>=30 m2"))
    assert routed(reference, evidence=evidence).department == department


def test_the_decision_names_the_condition_and_keeps_the_usual_unit_as_the_next() -> None:
    reference = city_with(duty("N", "police", hours=NIGHT, days="workday", when="blocks_road=yes"))
    found = routed(reference, when="2026-08-03T23:00", evidence=answered("blocks_road", "yes"))
    assert (found.duty, found.legal_basis) == ("N", "N")
    assert found.reason == "duty list; hours 22:00-06:00, days workday, blocks_road=yes"
    assert found.candidates[:2] == ("police", "sanitation")
    assert routed(reference).reason == "duty list"


def test_among_lines_whose_conditions_hold_the_smallest_priority_leads() -> None:
    reference = city_with(
        duty("N", "police", hours=NIGHT, priority=20), duty("A", "water", when="blocks_road=yes", priority=10)
    )
    assert routed(reference, when="2026-08-03T23:00").department == "police"
    both = routed(reference, when="2026-08-03T23:00", evidence=answered("blocks_road", "yes"))
    assert both.candidates[:3] == ("water", "police", "sanitation")


def test_a_line_for_everything_may_be_for_the_night_and_for_an_area() -> None:
    everything = duty("N", "police", ("*", "incident", "*"), hours=NIGHT, area=STREET_E)
    reference = city_with(everything)
    assert routed(reference, when="2026-08-03T23:00", xy=(500.0, 0.0)).department == "police"
    assert routed(reference, when="2026-08-03T23:00").department == "sanitation"
    assert routed(reference, xy=(500.0, 0.0)).department == "sanitation"


def test_an_owner_may_be_asked_by_night() -> None:
    owned = {"placed": {"component_code": COMPONENT, "component_owner": "telecom"}}
    by_night = duty("N", "police", COVER, hours=NIGHT, owner_first=True, unknown_owner="water")
    found = routed(city_with(by_night), COVER, "2026-08-03T23:00", **owned)
    assert (found.department, found.reason) == ("telecom", "owner of the component; hours 22:00-06:00")
    unknown = routed(city_with(by_night), COVER, "2026-08-03T23:00")
    assert (unknown.department, unknown.reason) == ("water", "owner unknown: acts first; hours 22:00-06:00")


def test_one_router_asked_at_all_hours_answers_each_by_its_own_time() -> None:
    """Answers are kept; the kept one must not be that of another hour, and the same report is answered the same."""
    router = Router(city_with(duty("N", "police", hours=NIGHT)))
    reports = [located("1", 0, received_at=millis(f"2026-08-03T{hour:02}:00")) for hour in range(24)]
    asked = [*reports, *reversed(reports)]
    units = [router.route(one, 4, "work_hour", one.report.received_at, urgent=False).department for one in asked]
    day = ["police"] * 6 + ["sanitation"] * 16 + ["police"] * 2
    assert units == [*day, *reversed(day)]


def test_lines_with_conditions_neither_lead_as_a_rule_nor_leave_open_who_answers() -> None:
    by_night = city_with(duty("N", "police", hours=NIGHT))
    assert DutyDoubt(by_night).flags(about(WASTE), (), MONDAY) == ()
    only = with_tables(duties=(duty("N", "police", hours=NIGHT),))
    assert DutyDoubt(only).flags(about(WASTE), (), MONDAY) == ("DUTY_GAP",)
    category = by_night.category(*WASTE)
    assert category is not None
    assert Classifier(by_night)._lead(category) == "sanitation"


# -- answers on their way -----------------------------------------------------------------------------------------

ASKING = city_with(duty("A", "police", when="blocks_road=yes"))


@pytest.mark.parametrize("schema", ["GridWorkerReport", "HotlineOrder", "Report"])
@pytest.mark.parametrize(
    ("extra", "said"),
    [
        pytest.param({"blocks_road": "yes"}, ("blocks_road=yes",), id="as asked"),
        pytest.param({"blocks_road": " Yes "}, ("blocks_road=yes",), id="written otherwise"),
        pytest.param({"blocks_road": "no"}, (), id="another answer"),
        pytest.param({"name": "张三", "phone": "13812345678"}, (), id="nothing that was asked"),
        pytest.param({}, (), id="nothing"),
    ],
)
def test_of_what_a_source_adds_only_answers_that_are_asked_for_go_on(schema: str, extra: Any, said: Any) -> None:
    lon, lat = at(-500)
    depth = [{"measure": "depth", "value": 3.5, "unit": "cm"}]
    arrival = arrival_of(schema, a_body(schema, lon=lon, lat=lat, extra=extra, evidence=depth))
    asking = screen(arrival, screening(asked=answers_asked(ASKING.tables.duties)))
    assert asking.evidence == (*measured("depth", 3.5, "cm"), *(one for text in said for one in _as_evidence(text)))
    assert screen(arrival, screening()).evidence == measured("depth", 3.5, "cm")


def _as_evidence(text: str) -> tuple[Evidence, ...]:
    return answered(*text.split("="))


def test_an_answer_is_kept_with_the_report_and_is_no_measured_value() -> None:
    plain, answering = located("1"), located("1", evidence=answered("blocks_road", "yes"))
    assert file(answering, ASKING) == file(plain, ASKING)
    fact = settled_fact(answering, "filed", "dispatched", "", "", "c")
    assert fact.evidence == ("blocks_road=yes",)
