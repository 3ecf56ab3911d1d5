"""What may be published, and where each record goes."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kafka.contract import outgoing, topic_of
from connectors.sources.shapes import INPUT_SCHEMAS
from pipeline.errors import InvalidRecord, Reason
from pipeline.wire.serde import decode
from schemas.catalogue import limits
from schemas.text import body_from_text
from schemas.topics import topics
from tests.connectors.kafka.orders import AT_MS, CASE, NOW, action, order, readings

TOO_LONG = limits("HotlineOrder")["text"] + 1
PATROL = {
    "source_system": "grid-terminal", "source_ref": "P-1", "received_at": AT_MS, "worker_id": "W1", "grid_code": "G1",
    "started_at": AT_MS, "ended_at": AT_MS,
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "fields", "topic", "key"),
    [
        pytest.param("HotlineOrder", order(), "reports.hotline", "hotline-12345/RX-1", id="order"),
        pytest.param("HotlineOrder", order(urgent=True), "reports.urgent", "hotline-12345/RX-1", id="urgent order"),
        pytest.param("GridWorkerReport", order(), "reports.grid-worker", "hotline-12345/RX-1", id="grid worker"),
        pytest.param("Report", order(channel="app"), "reports.other", "hotline-12345/RX-1", id="other channel"),
        pytest.param("SensorReadings", readings(), "readings.sensor", "n-1", id="readings"),
        pytest.param("CaseAction", action(), "actions.water", "wtw3sj", id="action"),
        pytest.param("CaseAction", action(actor_unit="水务局"), "actions.x-c50c755d", "wtw3sj", id="other letters"),
        pytest.param("PatrolLog", PATROL, "work.logs", "grid-terminal/P-1", id="work"),
    ],
)
def test_each_record_goes_to_the_topic_of_its_schema_with_the_key_its_readers_need(
    schema: str, fields: dict[str, Any], topic: str, key: str
) -> None:
    body = body_from_text(schema, fields)
    record = outgoing(schema, body, NOW)
    assert (record.topic, record.key.decode()) == (topic, key)
    assert decode(record.value) == (schema, body)


def test_every_schema_that_comes_in_has_a_topic_and_no_other_has() -> None:
    known = {topic.partition(".<")[0] for topic in topics()}
    assert {topic_of(schema, "any").removesuffix(".any") for schema in INPUT_SCHEMAS} <= known
    with pytest.raises(InvalidRecord, match="publish one of"):
        topic_of("CaseFiled")


def test_the_caller_may_call_a_report_urgent_but_nothing_else() -> None:
    assert outgoing("HotlineOrder", body_from_text("HotlineOrder", order()), NOW, urgent=True).topic == "reports.urgent"
    body = body_from_text("SensorReadings", readings())
    assert outgoing("SensorReadings", body, NOW, urgent=True).topic == "readings.sensor"


@pytest.mark.parametrize(
    ("schema", "fields", "reason", "field"),
    [
        pytest.param("HotlineOrder", order(source_ref=" "), Reason.MISSING_FIELD, "source_ref", id="no number"),
        pytest.param("HotlineOrder", order(text="x" * TOO_LONG), Reason.OVERSIZE, "text", id="long"),
        pytest.param("HotlineOrder", order(received_at=NOW + 400_000), Reason.FUTURE_TIME, "received_at", id="ahead"),
        pytest.param(
            "HotlineOrder", order(occurred_at=1_773_620_100), Reason.ANCIENT_TIME, "occurred_at", id="seconds"
        ),
        pytest.param("HotlineOrder", order(lon=float("nan")), Reason.NOT_A_NUMBER, "lon", id="no number at all"),
        pytest.param("SensorReadings", readings(device=" "), Reason.MISSING_FIELD, "device_id", id="no device"),
        pytest.param("SensorReadings", readings(values=[1.0, 2.0]), Reason.WRONG_TYPE, "offsets_ms", id="unequal"),
        pytest.param("SensorReadings", readings(values=[float("inf")]), Reason.NOT_A_NUMBER, "values", id="infinite"),
        pytest.param("CaseAction", action(case_id="12345"), Reason.MISSING_FIELD, "case_id", id="no case id"),
        pytest.param("CaseAction", action(actor_unit=""), Reason.MISSING_FIELD, "actor_unit", id="no department"),
    ],
)
def test_what_breaks_its_contract_is_refused_with_its_field(
    schema: str, fields: dict[str, Any], reason: Reason, field: str
) -> None:
    with pytest.raises(InvalidRecord) as refused:
        outgoing(schema, body_from_text(schema, fields), NOW)
    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert refused.value.remedy


def test_a_case_id_tells_the_key() -> None:
    assert CASE.startswith("wtw3sj-")
