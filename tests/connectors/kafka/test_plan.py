"""Plans: what a city needs on Kafka against what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.plan import (
    TRIAGE,
    Shape,
    Step,
    enforce_partitions,
    parameters,
    plan,
    refused,
    settings_of,
    wanted,
)
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Department, Reference, SourceCategory
from pipeline.errors import ConfigFaults
from pipeline.settings import REFERENCE
from pipeline.stages import route
from schemas.topics import topic_part, topics

VALUES = {"department": ("water", "water-supply", "水务局"), "source_system": ("hotline-12345",)}
WISH = wanted(VALUES)


def reference() -> Reference:
    return load_reference(REFERENCE)


def actions(steps: list[Step]) -> dict[str, str]:
    return {step.shape.name: step.action for step in steps if step.action != "leave"}


def test_every_department_and_source_has_its_topics() -> None:
    assert {"assignments.water", "actions.water", "actions.water-supply", "status.hotline-12345"} <= WISH.keys()
    assert f"assignments.{topic_part('水务局')}" in WISH
    assert WISH["reports.hotline"].partitions == 12
    assert WISH["reports.hotline"].copies == 3


def test_departments_are_those_of_the_table_and_of_the_duty_list() -> None:
    set_ = reference()
    duty = set_.tables.duties[0]
    extra = Department(id="d-new", name_zh="x", name_en="x", kind="bureau", level="city")
    duties = (
        *set_.tables.duties,
        msgspec.structs.replace(duty, lead="lead-only", assist=("assist-only",), unknown_owner="first"),
    )
    row = SourceCategory(source_system="s-words", text="t", standard="", kind=duty.kind, code="")
    tables = replace(
        set_.tables, departments=(*set_.tables.departments, extra), duties=duties, source_categories=(row,)
    )
    found = parameters(replace(set_, tables=tables), ["given"])
    assert {"d-new", "lead-only", "assist-only", "first", "water"} <= set(found["department"])
    assert found["source_system"] == ("given", "s-words", "unlisted")
    assert "" not in found["department"]
    assert TRIAGE in found["department"]
    assert TRIAGE == route.TRIAGE


def test_inputs_carry_the_brokers_time_and_personal_data_leaves_in_time() -> None:
    config = settings_of(topics()["reports.hotline"], 3)
    assert config == {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * 86_400_000),
        "min.insync.replicas": "2",
        "max.message.bytes": "1048588",
        "message.timestamp.type": "LogAppendTime",
        "segment.ms": str(86_400_000),
    }
    assert settings_of(topics()["actions.<department>"], 3)["message.timestamp.type"] == "LogAppendTime"
    assert settings_of(topics()["facts.cases"], 3)["message.timestamp.type"] == "CreateTime"


def test_a_changelog_is_compacted_and_kept_for_ever() -> None:
    config = settings_of(topics()["changelog.<stage>"], 1)
    assert (config["cleanup.policy"], config["retention.ms"], config["min.insync.replicas"]) == ("compact", "-1", "1")
    assert int(config["segment.bytes"]) < 2**30


@given(st.integers(1, 64))
def test_partitions_for_development_leave_all_groups_in_step(count: int) -> None:
    shapes = wanted(VALUES, 1, count)
    groups: dict[str, set[int]] = {}
    for shape in shapes.values():
        groups.setdefault(shape.group, set()).add(shape.partitions)
    assert {group: counts for group, counts in groups.items() if group and counts != {count}} == {}
    assert max(groups[""]) <= max(count, 12)


def test_nothing_there_is_all_created_and_then_all_left() -> None:
    assert set(actions(plan(WISH, {})).values()) == {"create"}
    assert actions(plan(WISH, WISH)) == {}


@pytest.mark.parametrize(
    ("name", "change", "does"),
    [
        pytest.param("reports.located", {"partitions": 8}, "refuse", id="fewer where state lies"),
        pytest.param("reports.located", {"partitions": 24}, "refuse", id="more where state lies"),
        pytest.param("changelog.casework", {"partitions": 8}, "refuse", id="a changelog"),
        pytest.param("facts.readings", {"partitions": 1}, "grow", id="fewer without state"),
        pytest.param("facts.cases", {"partitions": 24}, None, id="more without state"),
        pytest.param("facts.cases", {"copies": 1}, "refuse", id="too few copies"),
        pytest.param("facts.cases", {"copies": 5}, None, id="more copies"),
        pytest.param("facts.cases", {"config": {}}, "configure", id="settings that are missing"),
    ],
)
def test_a_difference_is_mended_or_refused(name: str, change: dict[str, object], does: str | None) -> None:
    seen = {**WISH, name: replace(WISH[name], **change)}  # type: ignore[arg-type]
    assert actions(plan(WISH, seen)) == ({name: does} if does else {})


def test_only_what_differs_is_set() -> None:
    was = WISH["quarantine"]
    seen = {**WISH, "quarantine": replace(was, config={**was.config, "retention.ms": "5", "other": "1"})}
    (step,) = [step for step in plan(WISH, seen) if step.action != "leave"]
    assert step.changes == {"retention.ms": was.config["retention.ms"]}
    assert "5 -> " in step.said


def test_a_stranger_is_left_alone() -> None:
    assert actions(plan(WISH, {**WISH, "reports.hotlnie": Shape("reports.hotlnie", 1, 1)})) == {
        "reports.hotlnie": "unknown"
    }


def test_a_refusal_names_topic_counts_and_remedy() -> None:
    seen = {**WISH, "work.logs": replace(WISH["work.logs"], partitions=8)}
    (fault,) = refused(plan(WISH, seen))
    assert fault.where == "work.logs"
    assert "has 8 partitions, 12 are wanted" in fault.remedy
    assert "replay" in fault.remedy


SHAPES = st.builds(
    lambda partitions, copies, retention: (partitions, copies, {"retention.ms": retention}),
    st.integers(1, 30), st.integers(1, 5), st.sampled_from(["5", "604800000"]),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(WISH)), SHAPES))
def test_no_plan_shrinks_or_deletes_and_what_is_applied_stays(
    some: Mapping[str, tuple[int, int, dict[str, str]]],
) -> None:
    seen = {name: Shape(name, *shape) for name, shape in some.items()}
    steps = plan(WISH, seen)
    for step in steps:
        before = seen.get(step.shape.name)
        if step.action == "grow":
            assert before is not None
            assert step.shape.partitions > before.partitions
            assert not step.shape.group
    if not refused(steps):
        assert set(actions(plan(WISH, applied(seen, steps))).values()) <= {"unknown"}


def applied(seen: Mapping[str, Shape], steps: list[Step]) -> dict[str, Shape]:
    after = dict(seen)
    for step in steps:
        name = step.shape.name
        if step.action == "create":
            after[name] = step.shape
        elif step.action == "grow":
            after[name] = replace(after[name], partitions=step.shape.partitions)
        elif step.action == "configure":
            after[name] = replace(after[name], config={**after[name].config, **step.changes})
    return after


class Broker:
    """Knows counts."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = dict(counts)

    def counts(self) -> dict[str, int]:
        return self._counts


WHOLE = {name: shape.partitions for name, shape in WISH.items()}


def faults_at_start(counts: Mapping[str, int], group: str, departments: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    with pytest.raises(ConfigFaults) as caught:
        enforce_partitions(Broker(counts), group, departments)
    return [(fault.where, fault.value) for fault in caught.value.faults]


def test_a_worker_is_told_the_counts_of_its_group() -> None:
    found = enforce_partitions(Broker(WHOLE), "casework", VALUES["department"])
    assert found == {name: WHOLE[name] for name, shape in WISH.items() if shape.group == "casework"}
    assert enforce_partitions(Broker(WHOLE), "urgent") == {
        "changelog.urgent": 12,
        "reports.spotted": 12,
        "reports.urgent": 12,
    }


def test_a_worker_refuses_every_count_out_of_step_and_every_missing_topic() -> None:
    counts = {**WHOLE, "casework.notices": 8, "actions.water": 24}
    del counts["reports.located"], counts["actions.water-supply"]
    assert faults_at_start(counts, "casework", VALUES["department"]) == [
        ("actions.water", "24"), ("actions.water-supply", "missing"), ("casework.notices", "8"),
        ("reports.located", "missing"),
    ]  # fmt: skip


def test_a_department_the_worker_does_not_know_counts_all_the_same() -> None:
    assert faults_at_start({**WHOLE, "actions.old": 3}, "casework") == [("actions.old", "3")]


def test_without_its_changelog_no_worker_starts() -> None:
    counts = {name: count for name, count in WHOLE.items() if name != "changelog.intake"}
    assert faults_at_start(counts, "intake") == [("changelog.intake", "missing")]


def test_an_unknown_group_is_a_fault() -> None:
    assert faults_at_start(WHOLE, "sink") == [("sink", "sink")]


def test_the_reference_folder_of_the_product_gives_topics() -> None:
    assert Path(REFERENCE).is_dir()
    assert len(wanted(parameters(reference()))) > 80
