"""One set of settings in the words of each client: the same broker, the same user, never an unchecked certificate."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka import config
from pipeline.errors import ConfigFaults
from pipeline.settings import KafkaSettings

PLACES = "a.city:9092, b.city:9093"
OPEN = KafkaSettings(bootstrap=PLACES)
SASL = KafkaSettings(
    bootstrap=PLACES, protocol="SASL_PLAINTEXT", username="sink", password="p", mechanism="SCRAM-SHA-256"
)
TLS = KafkaSettings(bootstrap=PLACES, protocol="SSL")
BOTH = KafkaSettings(bootstrap=PLACES, protocol="SASL_SSL", username="sink", password="p")


@pytest.mark.parametrize("of", [config.for_kafka_python, config.for_aiokafka])
def test_the_python_clients_are_told_protocol_and_user(of: Any) -> None:
    assert of(OPEN) == {"bootstrap_servers": ["a.city:9092", "b.city:9093"], "security_protocol": "PLAINTEXT"}
    assert {key: of(SASL)[key] for key in of(SASL) if key.startswith("sasl")} == {
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "sink",
        "sasl_plain_password": "p",
    }
    assert "ssl_context" not in of(SASL)
    assert of(BOTH)["security_protocol"] == "SASL_SSL"


@pytest.mark.parametrize("settings", [TLS, BOTH], ids=["TLS", "SASL over TLS"])
@pytest.mark.parametrize("of", [config.for_kafka_python, config.for_aiokafka])
def test_the_python_clients_check_certificate_and_host(of: Any, settings: KafkaSettings) -> None:
    context = of(settings)["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True


def test_librdkafka_is_told_protocol_and_user() -> None:
    assert config.for_librdkafka(OPEN) == {
        "bootstrap.servers": "a.city:9092,b.city:9093",
        "security.protocol": "PLAINTEXT",
        "reconnect.backoff.max.ms": 1_000,
    }
    found = config.for_librdkafka(BOTH)
    assert (found["sasl.mechanism"], found["sasl.username"], found["sasl.password"]) == ("SCRAM-SHA-512", "sink", "p")
    assert found["ssl.endpoint.identification.algorithm"] == "https"
    assert "enable.ssl.certificate.verification" not in found


def test_faust_is_given_plain_values() -> None:
    access = config.for_faust(BOTH)
    assert access.brokers == ("kafka://a.city:9092", "kafka://b.city:9093")
    assert (access.username, access.password, access.mechanism) == ("sink", "p", "SCRAM-SHA-512")
    assert access.ssl_context is not None
    assert config.for_faust(OPEN) == config.FaustAccess(access.brokers)
    assert config.for_faust(TLS).ssl_context is not None
    assert config.for_faust(SASL).ssl_context is None


def test_a_file_that_holds_no_certificate_is_a_fault_for_every_client(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    settings = KafkaSettings(protocol="SSL", ca_file=str(file))
    for of in (config.for_kafka_python, config.for_aiokafka, config.for_librdkafka, config.for_faust):
        with pytest.raises(ConfigFaults) as caught:
            of(settings)
        assert [(fault.field, fault.value) for fault in caught.value.faults] == [("WANGGE_KAFKA_CA", str(file))]


def test_passwords_are_in_no_text() -> None:
    assert "geheim" not in repr(config.for_faust(KafkaSettings(protocol="SASL_SSL", username="u", password="geheim")))
    assert "geheim" not in repr(KafkaSettings(password="geheim"))


def test_the_prefix_begins_every_name() -> None:
    assert config.prefixed(KafkaSettings(prefix="hz."), "quarantine") == "hz.quarantine"
