"""Topic files: complete, of known schemas, and short-lived where they hold personal data."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.errors import ConfigFaults
from schemas.catalogue import FOLDER, catalogue
from schemas.topics import DAY_MS, RESTRICTED_DAYS, Topic, load, of_schema, topics

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
    raw = {t.name for t in topics().values() if t.producers == ("sources",)} | {"quarantine", "actions.<department>"}
    assert raw <= {t.name for t in topics().values() if t.restricted}


def test_what_feeds_casework_is_keyed_by_tile_and_copartitioned() -> None:
    fed = [t for t in topics().values() if t.copartitioned == "casework"]
    assert {t.name for t in fed} == {"reports.located", "casework.notices", "actions.<department>"}
    assert {(t.key, t.partitions, t.stateful) for t in fed} == {("tile", fed[0].partitions, True)}


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
