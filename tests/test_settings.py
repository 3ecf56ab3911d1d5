"""Settings out of the environment: every value, every fault, all faults at once, and no secret in a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigFaults
from pipeline.settings import (
    DEVELOPMENT_KEY,
    REFERENCE,
    ClickHouseSettings,
    KafkaSettings,
    clickhouse_settings_from,
    kafka_settings_from,
    settings_from,
)

KEY = "sixteen bytes or more"


def faults_of(read: Callable[..., Any], environment: Mapping[str, str]) -> list[tuple[str, str]]:
    with pytest.raises(ConfigFaults) as caught:
        read(environment)
    assert all(fault.where == "environment" and fault.remedy for fault in caught.value.faults)
    return [(fault.field, fault.value) for fault in caught.value.faults]


def file_in(folder: Path) -> str:
    file = folder / "ca.pem"
    file.write_text("certificate")
    return str(file)


# -- reference and key --------------------------------------------------------------------------------------------


def test_nothing_set_is_the_shipped_reference_and_the_public_key() -> None:
    found = settings_from({})
    assert (found.reference, found.key, found.key_is_secret) == (REFERENCE, DEVELOPMENT_KEY, False)
    assert settings_from({"WANGGE_REFERENCE": "", "WANGGE_HMAC_KEY": ""}) == found


def test_reference_and_key_are_read(tmp_path: Path) -> None:
    found = settings_from({"WANGGE_REFERENCE": str(tmp_path), "WANGGE_HMAC_KEY": KEY})
    assert (found.reference, found.key, found.key_is_secret) == (tmp_path, KEY.encode(), True)
    assert found.key_mark != settings_from({}).key_mark
    assert KEY not in found.key_mark


def test_a_city_may_name_its_key_otherwise() -> None:
    assert settings_from({"OUR_KEY": KEY}, key_name="OUR_KEY").key == KEY.encode()


def test_all_faults_of_reference_and_key_are_told_and_the_key_is_not(tmp_path: Path) -> None:
    environment = {"WANGGE_REFERENCE": str(tmp_path / "none"), "WANGGE_HMAC_KEY": "short"}
    assert faults_of(settings_from, environment) == [
        ("WANGGE_REFERENCE", str(tmp_path / "none")),
        ("WANGGE_HMAC_KEY", "5 bytes"),
    ]


@pytest.mark.parametrize(("length", "good"), [(15, False), (16, True), (64, True), (65, False)])
def test_a_key_has_16_to_64_bytes(length: int, good: bool) -> None:
    environment = {"WANGGE_HMAC_KEY": "k" * length}
    if good:
        assert settings_from(environment).key_is_secret
    else:
        assert faults_of(settings_from, environment) == [("WANGGE_HMAC_KEY", f"{length} bytes")]


# -- Kafka --------------------------------------------------------------------------------------------------------


def test_nothing_set_is_a_broker_on_this_machine() -> None:
    assert kafka_settings_from({}) == KafkaSettings()
    assert kafka_settings_from({"WANGGE_KAFKA": "", "WANGGE_KAFKA_SESSION_MS": ""}) == KafkaSettings()


def test_every_setting_of_kafka_is_read(tmp_path: Path) -> None:
    found = kafka_settings_from(
        {
            "WANGGE_KAFKA": "a.city:9092,[::1]:9093",
            "WANGGE_KAFKA_CLUSTER": "city",
            "WANGGE_KAFKA_PROTOCOL": "SASL_SSL",
            "WANGGE_KAFKA_MECHANISM": "SCRAM-SHA-256",
            "WANGGE_KAFKA_USER": "sink",
            "WANGGE_KAFKA_PASSWORD": "geheim",
            "WANGGE_KAFKA_CA": file_in(tmp_path),
            "WANGGE_KAFKA_PREFIX": "hz.",
            "WANGGE_KAFKA_INSTANCE": "casework-1",
            "WANGGE_KAFKA_SESSION_MS": "6000",
        }
    )
    assert found == KafkaSettings(
        bootstrap="a.city:9092,[::1]:9093", cluster="city", protocol="SASL_SSL", mechanism="SCRAM-SHA-256",
        username="sink", password="geheim", ca_file=str(tmp_path / "ca.pem"), prefix="hz.", instance_id="casework-1",
        session_ms=6_000,
    )  # fmt: skip
    assert (found.sasl, found.tls) == (True, True)
    assert "geheim" not in repr(found)


@pytest.mark.parametrize(
    ("protocol", "sasl", "tls"),
    [
        ("PLAINTEXT", False, False),
        ("SSL", False, True),
        ("SASL_PLAINTEXT", True, False),
        ("SASL_SSL", True, True),
    ],
)
def test_a_protocol_says_who_is_asked_for_a_name_and_what_is_encrypted(protocol: str, sasl: bool, tls: bool) -> None:
    found = KafkaSettings(protocol=protocol)
    assert (found.sasl, found.tls) == (sasl, tls)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("WANGGE_KAFKA", "broker", id="no port"),
        pytest.param("WANGGE_KAFKA", ":9092", id="no host"),
        pytest.param("WANGGE_KAFKA", "broker:kafka", id="a port that is no number"),
        pytest.param("WANGGE_KAFKA", "a:1,,b:2", id="an empty place"),
        pytest.param("WANGGE_KAFKA_PROTOCOL", "sasl_ssl", id="a protocol in small letters"),
        pytest.param("WANGGE_KAFKA_MECHANISM", "PLAIN", id="a mechanism that sends the password"),
        pytest.param("WANGGE_KAFKA_CA", "/nowhere/ca.pem", id="a file that is not there"),
        pytest.param("WANGGE_KAFKA_PREFIX", "杭州.", id="a prefix that Kafka cannot have in a name"),
        pytest.param("WANGGE_KAFKA_PREFIX", "h" * 81, id="a prefix that leaves too little for names"),
        pytest.param("WANGGE_KAFKA_SESSION_MS", "5999", id="a session that is too short"),
        pytest.param("WANGGE_KAFKA_SESSION_MS", "300001", id="a session that is too long"),
        pytest.param("WANGGE_KAFKA_SESSION_MS", "10s", id="a session with a unit"),
        pytest.param("WANGGE_KAFKA_SESSION_MS", "-1", id="a negative session"),
        pytest.param("WANGGE_KAFKA_SESSION_MS", "١٠٠٠٠", id="digits of another script"),
    ],
)
def test_a_faulty_setting_of_kafka_is_told_by_name(name: str, value: str) -> None:
    assert faults_of(kafka_settings_from, {name: value}) == [(name, value)]


@pytest.mark.parametrize("given", [{}, {"WANGGE_KAFKA_USER": "sink"}, {"WANGGE_KAFKA_PASSWORD": "geheim"}])
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_sasl_needs_user_and_password(protocol: str, given: dict[str, str]) -> None:
    found = faults_of(kafka_settings_from, {"WANGGE_KAFKA_PROTOCOL": protocol, **given})
    assert found == [("WANGGE_KAFKA_USER", given.get("WANGGE_KAFKA_USER", ""))]


def test_all_faults_of_kafka_are_told_at_once() -> None:
    found = faults_of(
        kafka_settings_from,
        {
            "WANGGE_KAFKA": "broker",
            "WANGGE_KAFKA_PROTOCOL": "TLS",
            "WANGGE_KAFKA_MECHANISM": "GSSAPI",
            "WANGGE_KAFKA_CA": "/nowhere",
            "WANGGE_KAFKA_SESSION_MS": "soon",
        },
    )
    assert [field.removeprefix("WANGGE_KAFKA") for field, _ in found] == [
        "_PROTOCOL", "_MECHANISM", "_CA", "_SESSION_MS", "",
    ]  # fmt: skip


# -- ClickHouse ---------------------------------------------------------------------------------------------------


def test_nothing_set_is_a_store_on_this_machine() -> None:
    assert clickhouse_settings_from({}) == ClickHouseSettings()


def test_every_setting_of_clickhouse_is_read(tmp_path: Path) -> None:
    found = clickhouse_settings_from(
        {
            "WANGGE_CLICKHOUSE": "store.city:9440",
            "WANGGE_CLICKHOUSE_USER": "sink",
            "WANGGE_CLICKHOUSE_PASSWORD": "geheim",
            "WANGGE_CLICKHOUSE_SECURE": "yes",
            "WANGGE_CLICKHOUSE_CA": file_in(tmp_path),
            "WANGGE_CLICKHOUSE_CLUSTER": "city",
        }
    )
    assert found == ClickHouseSettings(
        host="store.city", port=9440, user="sink", password="geheim", secure=True,
        ca_file=str(tmp_path / "ca.pem"), cluster="city",
    )  # fmt: skip
    assert "geheim" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("WANGGE_CLICKHOUSE", "store", ":store", id="no port"),
        pytest.param("WANGGE_CLICKHOUSE", ":9000", ":9000", id="no host"),
        pytest.param("WANGGE_CLICKHOUSE", "store:native", "store:native", id="a port that is no number"),
        pytest.param("WANGGE_CLICKHOUSE_SECURE", "true", "true", id="neither yes nor no"),
        pytest.param("WANGGE_CLICKHOUSE_CA", "/nowhere", "/nowhere", id="a file that is not there"),
    ],
)
def test_a_faulty_setting_of_clickhouse_is_told_by_name(name: str, value: str, told: str) -> None:
    assert faults_of(clickhouse_settings_from, {name: value}) == [(name, told)]


def test_all_faults_of_clickhouse_are_told_at_once() -> None:
    environment = {"WANGGE_CLICKHOUSE": "x", "WANGGE_CLICKHOUSE_SECURE": "1", "WANGGE_CLICKHOUSE_CA": "/nowhere"}
    assert len(faults_of(clickhouse_settings_from, environment)) == 3
