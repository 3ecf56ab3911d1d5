"""What MQTT messages become."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mqtt.payloads import QUARANTINE, Payloads
from pipeline.errors import ConfigFaults
from pipeline.events.facts import RecordQuarantined
from pipeline.wire.serde import decode, decode_struct, encode
from schemas.text import body_from_text
from tests.connectors.kafka.orders import AT_MS, NOW, order, readings

TOPIC = "sensors/n-1/noise_laeq"
MAPPED = Payloads("mqtt-sensors")


@pytest.mark.parametrize(
    ("payload", "started", "values"),
    [
        pytest.param(b'{"value": 61.5, "time": %d}' % AT_MS, [AT_MS], [61.5], id="object"),
        pytest.param(b"21.5", [NOW], [21.5], id="bare number"),
        pytest.param(b'[{"value": 1, "time": %d}, {"value": 2}]' % AT_MS, [AT_MS, NOW], [1.0, 2.0], id="list"),
    ],
)
def test_a_payload_becomes_readings_by_the_mapping(payload: bytes, started: list[int], values: list[float]) -> None:
    records = MAPPED.records(TOPIC, payload, NOW)
    assert {(record.topic, record.key) for record in records} == {("readings.sensor", b"n-1")}
    assert [record.body["started_at"] for record in records] == started
    assert [record.body["values"][0] for record in records] == values
    assert {record.body["metric"] for record in records} == {"noise_laeq"}


def test_avro_and_plain_fields_need_no_mapping() -> None:
    body = body_from_text("SensorReadings", readings("n-7"))
    (from_avro,) = Payloads().records("any", encode("SensorReadings", body), NOW)
    (from_json,) = Payloads().records("any", json.dumps(readings("n-7")).encode(), NOW)
    assert from_avro.value == from_json.value


ACTION = {"source_system": "x", "source_ref": "1", "case_id": "wtw3sj-20260316-000000000001", "action": "sign",
          "actor_unit": "water", "at": AT_MS, "received_at": AT_MS}  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "topic"),
    [
        pytest.param(encode("HotlineOrder", body_from_text("HotlineOrder", order())), "reports.hotline", id="a report"),
        pytest.param(json.dumps({"schema": "CaseAction", **ACTION}).encode(), "actions.water", id="an action"),
    ],
)
def test_nobody_on_the_mqtt_broker_reports_or_acts_for_others(payload: bytes, topic: str) -> None:
    (record,) = Payloads().records("any", payload, NOW)
    fact = decode_struct(record.value)
    assert isinstance(fact, RecordQuarantined)
    assert (record.topic, fact.reason, fact.raw) == (QUARANTINE, "unknown_schema", payload)
    assert topic in fact.remedy


@pytest.mark.parametrize("options", [{"schema": "HotlineOrder"}, {"mapping": "police-110"}, {"schema": "Nothing"}])
def test_a_bridge_of_what_it_may_not_write_does_not_start(options: dict[str, str]) -> None:
    with pytest.raises(ConfigFaults, match="producer of its topic"):
        Payloads(**options)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"oops", "undecodable", id="no JSON"),
        pytest.param(b"", "undecodable", id="empty"),
        pytest.param(b"true", "undecodable", id="no object"),
        pytest.param(b"[]", "undecodable", id="empty list"),
        pytest.param(b"\xc3\x01\x00", "undecodable", id="cut Avro"),
        pytest.param(b"\xc3\x01" + bytes(8), "unknown_schema", id="unknown Avro"),
        pytest.param(b'{"value": "much"}', "wrong_type", id="no number"),
        pytest.param(b'{"unit": "m"}', "missing_field", id="no value"),
        pytest.param(b'[{"value": 1}, {"value": "much"}]', "wrong_type", id="one of a list"),
        pytest.param(b'{"value": 1, "time": 5}', "ancient_time", id="before 2000"),
    ],
)
def test_a_payload_that_breaks_its_contract_goes_to_quarantine_with_its_bytes(payload: bytes, reason: str) -> None:
    (record,) = MAPPED.records(TOPIC, payload, NOW)
    fact = decode_struct(record.value)
    assert isinstance(fact, RecordQuarantined)
    assert (record.topic, fact.reason, fact.raw) == (QUARANTINE, reason, payload)
    assert fact.topic == f"mqtt:{TOPIC}"
    assert record.key.decode() == f"{fact.topic}/{fact.partition}/{fact.offset}"


def test_the_same_refused_payload_has_the_same_id_and_another_has_another() -> None:
    first, again, other = (MAPPED.records(TOPIC, payload, NOW)[0].key for payload in (b"a", b"a", b"b"))
    elsewhere = MAPPED.records("sensors/n-2/x", b"a", NOW)[0].key
    assert first == again
    assert len({first, other, elsewhere}) == 3


@given(payload=st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_bytes_become_records_or_go_to_quarantine(payload: bytes) -> None:
    for record in MAPPED.records(TOPIC, payload, NOW):
        assert record.topic in {"readings.sensor", QUARANTINE}
        assert decode(record.value)
