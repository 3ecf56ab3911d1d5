"""Access lists: each principal has exactly what its role needs, by what the topic files say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.kafka.acls import Grant, districts_of, grants, load_principals, stale
from pipeline.commands.topics import PRINCIPALS
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Area, Department, Reference
from pipeline.errors import ConfigFaults
from pipeline.settings import REFERENCE
from schemas.topics import instances, topic_part, topics

VALUES = {
    "department": ("heating", "water", "water-supply", "水务局"),
    "source_system": ("hotline-12345", "new-app", "iot-gateway", "wangge-detect"),
}
DISTRICTS = {"310101": ("water", "水务局"), "310104": ("water-supply",)}
RULES = load_principals(PRINCIPALS)
ALL = grants(RULES, VALUES, DISTRICTS, "")
NAMES = instances(VALUES)


def may(principal: str, operation: str, resource: str = "TOPIC") -> set[str]:
    """Names a principal may do something with; a star ends those of prefixes."""
    return {
        grant.name + ("*" if grant.pattern == "PREFIXED" else "")
        for grant in ALL
        if (grant.principal, grant.operation, grant.resource) == (principal, operation, resource)
    }


def test_a_department_reads_its_assignments_and_writes_its_actions_and_nothing_else() -> None:
    for department in VALUES["department"]:
        name = topic_part(department)
        assert may(f"department.{name}", "READ") == {f"assignments.{name}"}
        assert may(f"department.{name}", "WRITE") == {f"actions.{name}"}
        assert len([grant for grant in ALL if grant.principal == f"department.{name}"]) == 4


def test_the_groups_of_one_department_are_no_beginning_of_anothers() -> None:
    groups = may("department.water", "READ", "GROUP")
    assert groups == {"department.water", "department.water.*"}
    others = may("department.water-supply", "READ", "GROUP")
    assert not any(other.startswith(one.removesuffix("*")) for one in groups if one[-1] == "*" for other in others)


@pytest.mark.parametrize(
    ("source", "writes"),
    [
        pytest.param("hotline-12345", {"reports.hotline", "reports.urgent", "work.logs"}, id="a source with a line"),
        pytest.param("new-app", {"reports.other", "reports.urgent"}, id="a source without one"),
        pytest.param("iot-gateway", {"readings.sensor"}, id="devices"),
        pytest.param("wangge-detect", set(), id="ourselves"),
    ],
)
def test_a_source_writes_its_inputs_and_reads_its_status(source: str, writes: set[str]) -> None:
    assert may(f"source.{source}", "WRITE") == writes
    assert may(f"source.{source}", "READ") == {f"status.{source}"}


def test_a_district_writes_the_actions_of_its_departments_only() -> None:
    part = topic_part("水务局")
    assert may("district.310101", "WRITE") == {"actions.water", f"actions.{part}"}
    assert may("district.310101", "READ") == {"assignments.water", f"assignments.{part}"}
    assert may("district.310104", "WRITE") == {"actions.water-supply"}


def test_the_city_reads_figures_and_writes_nothing() -> None:
    assert may("city", "WRITE") == set()
    assert may("city", "READ") == {f"facts.{name}" for name in ("cases", "counts", "readings", "reports", "work")} | {
        "notices"
    }


def test_nobody_but_workers_and_sources_touches_raw_reports() -> None:
    raw = {"reports.grid-worker", "reports.hotline", "reports.other"}
    readers = {grant.principal for grant in ALL if grant.name in raw and grant.operation == "READ"}
    assert readers == {"worker", "worker.intake", "spotter"}


def test_only_workers_write_what_departments_and_the_store_read() -> None:
    written = [name for name in NAMES if re.match(r"facts\.|assignments\.|status\.|notices|changelog\.", name)]
    writers = {grant.principal for grant in ALL if grant.name in written and grant.operation == "WRITE"}
    assert writers == {"worker", "worker.intake", "worker.urgent", "worker.detect", "worker.casework", "assess"}


def test_a_stage_has_its_own_changelog_group_and_transactions() -> None:
    assert may("worker.detect", "WRITE") & {name for name in NAMES if name.startswith("changelog.")} == {
        "changelog.detect"
    }
    assert may("worker.detect", "READ") == {"readings.sensor", "changelog.detect"}
    assert "worker-detect*" in may("worker.detect", "READ", "GROUP")
    assert may("worker.detect", "WRITE", "TRANSACTIONAL_ID") == {"detect-*"}


def test_who_gives_way_to_emergencies_hears_that_they_come() -> None:
    hears = {one.principal for one in ALL if one.name == "reports.urgent" and one.operation == "READ"}
    assert hears == {"worker", "worker.intake", "worker.urgent", "spotter"}


def test_the_canary_writes_every_input_and_sees_where_its_records_end() -> None:
    found = grants(RULES, {**VALUES, "source_system": ("canary",)}, DISTRICTS, "")
    theirs = [grant for grant in found if (grant.principal, grant.resource) == ("source.canary", "TOPIC")]
    reads = {grant.name for grant in theirs if grant.operation == "READ"}
    assert reads == {"status.canary", "facts.reports", "facts.readings"}
    assert {grant.name for grant in theirs if grant.operation == "WRITE"} == {
        topic.name for topic in topics().values() if "sources" in topic.producers
    }


def test_the_bridge_writes_readings_and_what_it_refuses_and_has_no_other_right() -> None:
    assert may("bridge", "WRITE") == {"readings.sensor", "quarantine"}
    assert len([grant for grant in ALL if grant.principal == "bridge"]) == 2
    assert "quarantine" not in may("source.iot-gateway", "WRITE")


def test_nobody_has_a_right_that_its_process_does_not_use() -> None:
    assert {one.principal for one in ALL if one.name == "readings.sensor" and one.operation == "WRITE"} == {
        "source.iot-gateway", "bridge", "clock", "desk"
    }  # fmt: skip
    assert may("spotter", "WRITE", "TRANSACTIONAL_ID") == set(), "it sends without transactions"
    assert may("assess", "WRITE") == may("boards", "READ") == {"notices"}
    assert may("assess", "READ") == may("boards", "WRITE") == set()


def test_operators_read_and_write_no_record() -> None:
    theirs = [grant for grant in ALL if grant.principal == "operator"]
    assert theirs
    assert not [grant for grant in theirs if grant.operation in ("READ", "WRITE", "ALL")]
    assert not [grant for grant in ALL if grant.operation == "ALL" or (grant.name == "*" and grant not in theirs)]


def test_only_operators_may_touch_the_cluster() -> None:
    assert {grant.principal for grant in ALL if grant.resource == "CLUSTER"} == {"operator"}


def test_every_topic_has_somebody_who_writes_and_somebody_who_reads() -> None:
    for operation in ("READ", "WRITE"):
        assert set(NAMES) - {grant.name for grant in ALL if grant.operation == operation} == set()


def test_two_cities_on_one_cluster_share_nothing() -> None:
    one, two = (grants(RULES, VALUES, DISTRICTS, prefix) for prefix in ("hz.", "sh."))
    assert not {grant.principal for grant in one} & {grant.principal for grant in two}
    assert {grant.name.split(".")[0] for grant in one if grant.resource != "CLUSTER"} == {"hz"}


def test_what_a_dissolved_department_had_is_stale_and_strangers_are_left() -> None:
    old = Grant("department.parks", "READ", "TOPIC", "assignments.parks")
    wrong = Grant("city", "WRITE", "TOPIC", "actions.water")
    stranger = Grant("billing", "READ", "TOPIC", "invoices")
    assert stale(RULES, {*ALL, old, wrong, stranger}, ALL, "") == {old, wrong}


def test_a_grant_reads_as_a_sentence() -> None:
    assert str(Grant("sink", "READ", "GROUP", "sink", "PREFIXED")) == "sink may read group sink*"


# -- districts ----------------------------------------------------------------------------------------------------


def city(*districts: str, departments: tuple[Department, ...]) -> Reference:
    areas = [area("31", "", "city")]
    for district in districts:
        areas += [area(district, "31", "district"), area(f"{district}001", district, "street")]
    found = load_reference(REFERENCE)
    return replace(found, tables=replace(found.tables, areas=tuple(areas), departments=departments))


def area(code: str, parent: str, tier: str) -> Area:
    return Area(code=code, name=code, parent=parent, tier=tier, level_role=tier, local_level=1)


def department(name: str, level: str, area_code: str = "") -> Department:
    return Department(id=name, name_zh=name, name_en=name, kind="bureau", level=level, area=area_code)


def test_a_department_belongs_to_the_district_it_acts_in() -> None:
    found = city(
        "310101", "310104",
        departments=(
            department("a", "district", "310101"), department("b", "street", "310104001"),
            department("c", "district"), department("d", "city", "31"),
        ),
    )  # fmt: skip
    assert districts_of(found) == {"310101": ("a",), "310104": ("b",)}


def test_the_only_district_has_all_departments_below_the_city() -> None:
    found = city(
        "310101", departments=(department("a", "district"), department("b", "street"), department("c", "city"))
    )
    assert districts_of(found) == {"310101": ("a", "b")}


# -- the file -----------------------------------------------------------------------------------------------------


def faults_of(tmp_path: Path, change: Any) -> list[tuple[str, str]]:
    text = yaml.safe_load(PRINCIPALS.read_text("utf-8"))
    change(text)
    file = tmp_path / "principals.yaml"
    file.write_text(yaml.safe_dump(text), "utf-8")
    with pytest.raises(ConfigFaults) as caught:
        load_principals(file)
    return [(fault.field, fault.value) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        pytest.param(lambda t: t.pop("sources"), [("principals", None)], id="half a file"),
        pytest.param(lambda t: t["roles"].pop("sink"), [("roles", "sink")], id="a role of the topic files is missing"),
        pytest.param(
            lambda t: t["roles"]["departments"].update(names=["department"]), [("roles.departments", "department")],
            id="one principal for all departments",
        ),
        pytest.param(
            lambda t: t["roles"]["departments"].update(groups={"department*": ["read"]}),
            [("roles.departments", "department*")], id="one group for all departments",
        ),
        pytest.param(
            lambda t: t["roles"]["city"].update(topics={"*": ["all"]}), [("roles.city", "all")], id="everything"
        ),
        pytest.param(lambda t: t["roles"]["city"].update(users=["x"]), [("roles.city", None)], id="an unknown key"),
        pytest.param(
            lambda t: t["sources"].update({"app": ["facts.cases"]}), [("sources.app", "facts.cases")],
            id="a source that writes no input",
        ),
        pytest.param(
            lambda t: (t["roles"].pop("sink"), t["sources"].update({"app": ["nothing"]})),
            [("sources.app", "nothing"), ("roles", "sink")], id="all faults at once",
        ),
    ],
)  # fmt: skip
def test_a_faulty_file_gives_nobody_anything(change: Any, faults: list[tuple[str, str | None]], tmp_path: Path) -> None:
    found = faults_of(tmp_path, change)
    assert [field for field, _ in found] == [field for field, _ in faults]
    assert [value for _, value in faults if value] == [v for (_, v), (_, due) in zip(found, faults, strict=True) if due]


def test_every_role_of_the_file_is_asked_for_or_has_rights_of_its_own() -> None:
    asked = {role for topic in topics().values() for role in (*topic.producers, *topic.consumers)}
    idle = [name for name, role in RULES.roles.items() if name not in asked and not role.cluster and not role.also]
    assert idle == []
