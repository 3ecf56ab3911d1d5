"""Topic files: complete, of known schemas, and short-lived where they hold personal data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigFaults
from schemas.catalogue import FOLDER, catalogue
from schemas.topics import DAY_MS, RESTRICTED_DAYS, STAGES, Topic, instances, load, of_schema, topic_part, topics

WHOLE = yaml.safe_load((FOLDER / "topics" / "reports.hotline.yaml").read_text("utf-8"))


def faults_of(folder: Path, *files: object) -> list[tuple[str, str]]:
    for number, text in enumerate(files):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(text), "utf-8")
    with pytest.raises(ConfigFaults) as caught:
        load(folder)
    return [(fault.where, fault.field) for fault in caught.value.faults]


def test_every_schema_flows_on_a_topic() -> None:
    assert [name for name in catalogue() if not of_schema(name)] == []


@pytest.mark.parametrize("topic", [t for t in topics().values() if t.restricted], ids=lambda t: t.name)
def test_personal_data_is_short_lived(topic: Topic) -> None:
    assert topic.retention_ms is not None
    assert topic.retention_ms <= RESTRICTED_DAYS * DAY_MS
    assert topic.cleanup == "delete"


def test_raw_inputs_and_quarantine_are_restricted() -> None:
    raw = {t.name for t in topics().values() if "sources" in t.producers} | {"quarantine", "actions.<department>"}
    assert raw <= {t.name for t in topics().values() if t.restricted}


def test_what_feeds_casework_is_keyed_by_tile_and_copartitioned() -> None:
    fed = [t for t in topics().values() if t.copartitioned == "casework"]
    assert {t.name for t in fed} == {
        "reports.located",
        "reports.located.urgent",
        "reports.located.spotted",
        "casework.notices",
        "actions.<department>",
    }
    assert {(t.key, t.partitions, t.stateful) for t in fed} == {("tile", fed[0].partitions, True)}


def test_emergencies_share_no_state_with_other_reports() -> None:
    assert [t.name for t in topics().values() if t.copartitioned == "urgent"] == [
        "reports.spotted",
        "reports.urgent",
    ]


def test_a_parameter_is_filled_in() -> None:
    template = topics()["assignments.<department>"]
    assert (template.parameter, template.named("d-water")) == ("department", "assignments.d-water")
    assert topics()["notices"].named("anything") == "notices"


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    bad = {
        **WHOLE,
        "name": "Reports Hotline",
        "partitions": 0,
        "retention": "a week",
        "schemas": ["Nobody"],
        "colour": 1,
    }
    del bad["key"]
    found = faults_of(tmp_path, bad, {**WHOLE, "retention": "90d", "cleanup": "compact"}, ["no topic"])
    assert {("0.yaml", field) for field in ("name", "partitions", "retention", "schemas", "colour", "key")} <= set(
        found
    )
    assert {("1.yaml", "retention"), ("1.yaml", "cleanup"), ("2.yaml", "topic")} <= set(found)


def test_a_double_name_and_a_count_out_of_step_are_faults(tmp_path: Path) -> None:
    found = faults_of(tmp_path, WHOLE, WHOLE, {**WHOLE, "name": "reports.more", "partitions": 7})
    assert found == [("reports.hotline", "name"), ("reports.more", "partitions")]


def test_a_stateful_topic_names_its_group(tmp_path: Path) -> None:
    assert ("0.yaml", "copartitioned") in faults_of(tmp_path, {k: v for k, v in WHOLE.items() if k != "copartitioned"})


@pytest.mark.parametrize(
    ("value", "part"),
    [
        pytest.param("water-supply", "water-supply", id="as it is"),
        pytest.param("HOTLINE_12345", "HOTLINE_12345", id="capitals and underscores stay"),
        pytest.param("水务局", "x-HASH", id="Chinese"),
        pytest.param("d.water", "d-water-HASH", id="a dot parts names and stands in none"),
        pytest.param("a b/c", "a-b-c-HASH", id="spaces and slashes"),
        pytest.param("", "x-HASH", id="nothing"),
        pytest.param("a" * 81, "a" * 40 + "-HASH", id="too long"),
    ],
)
def test_a_value_becomes_part_of_a_name(value: str, part: str) -> None:
    found = topic_part(value)
    assert re.fullmatch(part.replace("HASH", "[0-9a-f]{8}"), found)
    assert topic_part(value) == found


@given(st.text(), st.text())
def test_parts_are_legal_and_distinct(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", topic_part(one))
    assert (topic_part(one) == topic_part(other)) == (one == other)


def test_each_value_has_its_topic_and_each_stage_its_changelog() -> None:
    found = instances({"department": ["water", "水务局"], "source_system": []})
    assert {"assignments.water", "actions.water", f"actions.{topic_part('水务局')}", "notices"} <= found.keys()
    assert {found[f"changelog.{stage}"].copartitioned for stage in STAGES} == set(STAGES)
    assert found["changelog.detect"].producers == ("detect",)
    assert not [name for name in found if "<" in name or name.startswith("status.")]


def test_two_values_of_one_name_and_a_name_too_long_are_faults() -> None:
    taken = topic_part("水务局")
    with pytest.raises(ConfigFaults) as caught:
        instances({"department": ["水务局", taken], "source_system": []})
    assert [(fault.where, fault.value) for fault in caught.value.faults] == [
        ("actions.<department>", taken),
        ("assignments.<department>", taken),
    ]


def test_a_changelog_out_of_step_with_its_stage_is_a_fault(tmp_path: Path) -> None:
    changelog = yaml.safe_load((FOLDER / "topics" / "changelogs.yaml").read_text("utf-8"))
    found = faults_of(tmp_path, WHOLE, {**changelog, "partitions": 7})
    assert found == [("changelog.intake", "partitions")]
