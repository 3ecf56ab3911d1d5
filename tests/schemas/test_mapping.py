"""Mapping files: shipped ones turn their channel's records into bodies; faulty ones tell all their faults."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigFaults, InvalidRecord, Reason
from pipeline.wire import serde
from schemas.mapping import Mapping, load_all

AT = 1772410500000  # 2026-03-02 08:15:00 in Shanghai
OPEN311 = {
    "service_request_id": "638344",
    "service_code": "006",
    "service_name": "Sidewalk",
    "description": "Slab is broken",
    "requested_datetime": "2026-03-02T08:15:00+08:00",
    "address_string": "1 Sample Road",
    "lat": 34.26,
    "long": "117.2",
    "status": "open",
}

SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "open311": (
        OPEN311,
        {
            "source_system": "open311",
            "source_ref": "638344",
            "channel": "open311",
            "received_at": AT,
            "lon": 117.2,
            "lat": 34.26,
            "address": "1 Sample Road",
            "text": "Slab is broken",
            "category_code": "006",
            "category_text": "Sidewalk",
            "extra": {"status": "open"},
        },
    ),
    "police-110": (
        {
            "接警单号": "JJ-1",
            "发生时间": "2026-03-02 08:10",
            "移交时间": "2026-03-02 08:15:00",
            "经度": "117.2",
            "纬度": "-",
            "警情内容": "路面积水",
            "处警反馈": "无",
            "来电性质": "投诉",
            "紧急程度": "紧急",
            "报警电话": "13800000000",
        },
        {
            "source_ref": "JJ-1",
            "occurred_at": AT - 300_000,
            "received_at": AT,
            "lon": 117.2,
            "lat": None,
            "datum": "GCJ02",
            "text": "路面积水",
            "appeal_type": "complaint",
            "urgent": True,
            "source_family": "political_legal",
        },
    ),
    "citizen-app": (
        {
            "id": 7,
            "submitted": AT // 1000,
            "place": {"lng": 117.2, "lat": 34.2, "coord": "bd09ll", "accuracy": 30},
            "kind": "举报",
            "content": "占道经营",
            "images": ["a", "b"],
            "category": {"main": "街面", "sub": "占道"},
        },
        {
            "source_ref": "7",
            "received_at": AT,
            "datum": "BD09",
            "error_m": 30.0,
            "appeal_type": "accusation",
            "photos": ["a", "b"],
            "category_text": "占道",
            "extra": {"main": "街面"},
        },
    ),
    "chat-group": (
        {
            "group_id": "g",
            "message_id": "m1",
            "time": "2026/03/02 08:15",
            "group_name": "示例小区",
            "message": "路灯不亮",
        },
        {
            "source_ref": "g/m1",
            "received_at": AT,
            "place_name": "示例小区",
            "text": "路灯不亮",
            "reporter_unit": "示例小区",
        },
    ),
    "media": (
        {"url": "u", "published": "2026-03-02 08:15:00", "event_date": "2026-03-02", "headline": "H", "heat": "高"},
        {"source_ref": "u", "received_at": AT, "occurred_at": AT - (8 * 60 + 15) * 60_000, "urgent": True},
    ),
    "leader": (
        {
            "交办编号": "L-1",
            "交办时间": "2026-03-02 08:15",
            "发现日期": "2026年03月02日",
            "事项": "河面漂浮物",
            "来文号": "甲1、乙2",
        },
        {
            "source_ref": "L-1",
            "received_at": AT,
            "title": "河面漂浮物",
            "related_refs": ["甲1", "乙2"],
            "channel": "leader",
        },
    ),
    "platform": (
        {
            "taskNo": "P-1",
            "platform": {"code": "province"},
            "dispatchTime": "20260302081500",
            "type": "部件",
            "smallClassCode": "0102",
            "measure": {"area": "2.5"},
            "orderNo": "X-9",
            "origin": "leader-hotline",
        },
        {
            "source_system": "province",
            "received_at": AT,
            "category_kind": "component",
            "channel": "leader-hotline",
            "datum": "CGCS2000",
            "evidence": [{"measure": "area", "value": 2.5, "unit": "m2"}],
            "related_refs": ["X-9"],
        },
    ),
    "video-ai": (
        {
            "alert_id": "A",
            "detected": AT,
            "camera": {"id": "C1", "lon": 117.2, "lat": 34.2},
            "label": "garbage",
            "score": 0.9,
        },
        {
            "received_at": AT,
            "device_id": "C1",
            "error_m": 50.0,
            "category_code": "garbage",
            "evidence": [{"measure": "score", "value": 0.9, "unit": ""}],
        },
    ),
    "mqtt-sensors": (
        {"value": 61.5, "unit": "dB(A)", "mqtt": {"levels": ["sensors", "n-1", "noise_laeq"], "received_at": AT}},
        {
            "source_system": "mqtt",
            "device_id": "n-1",
            "metric": "noise_laeq",
            "unit": "dB(A)",
            "received_at": AT,
            "started_at": AT,
            "offsets_ms": [0],
            "values": [61.5],
        },
    ),
}


def test_every_shipped_mapping_has_a_sample_here() -> None:
    assert set(SAMPLES) == set(load_all())
    assert all(mapping.name == stem and mapping.description for stem, mapping in load_all().items())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_record_of_the_channel_becomes_a_body_that_fits_the_wire(name: str) -> None:
    record, expected = SAMPLES[name]
    before = copy.deepcopy(record)
    schema, body = Mapping.load(name).apply(record)
    assert {field: body[field] for field in expected} == expected
    assert record == before
    assert serde.decode(serde.encode(schema, body)) == (schema, body)


def test_a_time_without_zone_is_refused_in_the_source_s_own_words() -> None:
    with pytest.raises(InvalidRecord, match="requested_datetime") as refused:
        Mapping.load("open311").apply(OPEN311 | {"requested_datetime": "2026-03-02T08:15:00"})
    assert refused.value.reason is Reason.NAIVE_TIME
    assert refused.value.value == "'2026-03-02T08:15:00'"
    assert "2026-03-02T08:15:00" in str(refused.value)


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        pytest.param({"requested_datetime": "soon"}, Reason.WRONG_TYPE, "requested_datetime", id="no time"),
        pytest.param({"requested_datetime": ["2026"]}, Reason.WRONG_TYPE, "requested_datetime", id="time as a list"),
        pytest.param({"lat": "north"}, Reason.WRONG_TYPE, "lat", id="no number"),
        pytest.param({"service_request_id": None}, Reason.MISSING_FIELD, "source_ref", id="no number of its own"),
    ],
)
def test_a_bad_record_is_refused(change: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(InvalidRecord) as refused:
        Mapping.load("open311").apply(OPEN311 | change)
    assert refused.value.reason is reason
    assert field in refused.value.field


def parsed(**fields: Any) -> Mapping:
    whole = {
        "source_system": {"value": "s"},
        "source_ref": "id",
        "channel": {"value": "c"},
        "received_at": {"from": "t", "format": "epoch_ms"},
    }
    return Mapping.parse("test", {"name": "test", "schema": "Report", "fields": whole | fields})


RECORD = {"id": "1", "t": AT}


@pytest.mark.parametrize(
    ("field", "spec", "record", "expected"),
    [
        pytest.param("title", "a.0.b", {"a": [{"b": "x"}]}, "x", id="path through a list"),
        pytest.param("title", "a.1.b", {"a": [{"b": "x"}]}, "", id="path beyond a list"),
        pytest.param("title", {"from": ["a", "b"]}, {"a": " ", "b": "x"}, "x", id="first that is not blank"),
        pytest.param("title", {"from": ["a", "b"], "join": "+"}, {"a": "x", "b": "x"}, "x", id="joined once"),
        pytest.param("title", {"from": ["a", "b"], "join": "+"}, {"a": "x", "b": "y"}, "x+y", id="joined"),
        pytest.param("title", {"from": "a", "default": "d"}, {}, "d", id="default"),
        pytest.param("title", {"from": "a", "lookup": {"1": "one"}}, {"a": 1}, "one", id="lookup of a number"),
        pytest.param("title", {"from": "a", "lookup": {"1": "one"}}, {"a": 2}, "2", id="unknown word is kept"),
        pytest.param("appeal_type", {"from": "a", "lookup": {}}, {"a": "寻人"}, "unknown", id="unknown symbol"),
        pytest.param("photos", {"from": "a", "split": "|"}, {"a": "x| |y"}, ["x", "y"], id="split"),
        pytest.param("evidence", {"measurements": [{"measure": "m", "from": "a"}]}, {"a": "-"}, [], id="blank measure"),
        pytest.param("found_at", {"from": "a", "format": "epoch_s"}, {"a": "1.5"}, 1500, id="seconds with fraction"),
        pytest.param("found_at", {"from": "a", "zone": "UTC"}, {"a": "1970-01-02"}, 86_400_000, id="day in a zone"),
        pytest.param(
            "found_at", {"from": "a", "zone": "UTC"}, {"a": "1970-01-01T08:00+08:00"}, 0, id="own zone goes first"
        ),
    ],
)
def test_a_field_is_picked(field: str, spec: Any, record: dict[str, Any], expected: Any) -> None:
    assert parsed(**{field: spec}).apply(RECORD | record)[1][field] == expected


def test_the_rest_is_kept_on_demand() -> None:
    text = {"name": "t", "schema": "Report", "keep": "rest", "fields": {"title": "a", "source_system": {"value": "s"}}}
    text["fields"] |= {
        "source_ref": "id",
        "channel": {"value": "c"},
        "received_at": {"from": "t", "format": "epoch_ms"},
    }
    assert Mapping.parse("t", text).apply(RECORD | {"a": "x", "b": [1], "c": ""})[1]["extra"] == {"b": "[1]"}


def test_readings_are_mapped_too() -> None:
    fields = {name: {"value": "x"} for name in ("source_system", "device_id", "metric")}
    times = {name: {"from": "t", "format": "epoch_ms"} for name in ("received_at", "started_at")}
    text = {
        "name": "r",
        "schema": "SensorReadings",
        "fields": {**fields, **times, "offsets_ms": {"value": [0]}, "values": "v"},
    }
    schema, body = Mapping.parse("r", text).apply({"t": AT, "v": "55.2"})
    assert (schema, body["offsets_ms"], body["values"]) == ("SensorReadings", [0], [55.2])


def faults_of(text: Any) -> set[str]:
    with pytest.raises(ConfigFaults) as caught:
        Mapping.parse("test.yaml", text)
    return {fault.field for fault in caught.value.faults}


def test_all_faults_of_a_mapping_are_told_at_once() -> None:
    fields = {
        "source_ref": {"from": "a", "value": "b"},
        "colour": "a",
        "title": {"form": "a"},
        "text": [1],
        "lon": {"from": "a", "zone": "UTC"},
        "found_at": {"from": "a", "zone": "Mars/Base"},
        "datum": {"from": "a", "lookup": {"x": "Mars"}},
        "error_m": {"value": "wide"},
        "address": {"from": [1]},
        "photos": {"measurements": [{"measure": "m"}]},
    }
    found = faults_of({"name": "", "schema": "Report", "fields": fields, "keep": "all", "colour": 1})
    assert found >= fields.keys() | {"name", "keep", "colour", "source_system", "channel", "received_at"}


def test_a_mapping_of_no_schema_or_no_shape_is_a_fault() -> None:
    assert faults_of({"name": "t", "schema": "Nobody", "fields": {}}) == {"schema"}
    assert faults_of(["nothing"]) == {"fields"}


def test_a_mapping_file_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="open311"):
        Mapping.load("nobody")
    with pytest.raises(ConfigFaults, match="open311"):
        Mapping.load(tmp_path / "x.yaml")
