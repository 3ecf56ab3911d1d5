"""Users, passwords and certificates against a real broker, with every client library in use."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from kafka import KafkaConsumer, KafkaProducer

from connectors.kafka import admin
from connectors.kafka.admin import Cluster
from connectors.kafka.config import for_aiokafka, for_faust, for_kafka_python, for_librdkafka
from connectors.librdkafka.doorstep import refusal
from deploy.stack.servers import KafkaServer
from pipeline.errors import ConfigFaults
from pipeline.runtime.kafka.brought import _credentials
from pipeline.settings import KafkaSettings
from tests.integration.secured import SECRET, City, begun
from tests.support.servers import DoorsServer


@pytest.fixture(scope="module")
def city(kafka_secured: KafkaServer) -> City:
    """A city with users and access lists."""
    return begun(kafka_secured)


# -- every client -------------------------------------------------------------------------------------------------


def sent_by_kafka_python(settings: KafkaSettings, topic: str) -> None:
    producer = KafkaProducer(**for_kafka_python(settings))
    producer.send(topic, b"value", b"key").get(30)
    producer.close()


def read_by_kafka_python(settings: KafkaSettings, topic: str, group: str) -> bytes:
    consumer = KafkaConsumer(
        topic, **for_kafka_python(settings), group_id=group, auto_offset_reset="earliest", consumer_timeout_ms=30_000
    )
    value: bytes = next(iter(consumer)).value
    consumer.close()
    return value


def sent_by_aiokafka(settings: KafkaSettings, topic: str) -> None:
    async def send() -> None:
        async with AIOKafkaProducer(**for_aiokafka(settings)) as producer:
            await producer.send_and_wait(topic, b"value", b"key")

    asyncio.run(send())


def read_by_aiokafka(settings: KafkaSettings, topic: str, group: str) -> bytes:
    async def read() -> bytes:
        consumer = AIOKafkaConsumer(topic, **for_aiokafka(settings), group_id=group, auto_offset_reset="earliest")
        async with consumer:
            value: bytes = (await asyncio.wait_for(consumer.getone(), 30)).value
            return value

    return asyncio.run(read())


def sent_by_librdkafka(settings: KafkaSettings, topic: str) -> None:
    producer = Producer(for_librdkafka(settings))
    producer.produce(topic, b"value", b"key")
    assert producer.flush(30) == 0


def read_by_librdkafka(settings: KafkaSettings, topic: str, group: str) -> bytes:
    consumer = Consumer({**for_librdkafka(settings), "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    message = consumer.poll(30)
    assert message is not None
    assert message.error() is None
    consumer.close()
    return bytes(message.value())


def read_by_faust(settings: KafkaSettings, topic: str, group: str) -> bytes:
    """Faust's own way from credentials to its client."""
    access = for_faust(settings)
    app = faust.App(group, broker=list(access.brokers), broker_credentials=_credentials(access))

    async def read() -> bytes:
        consumer = AIOKafkaConsumer(
            topic, group_id=group, auto_offset_reset="earliest",
            bootstrap_servers=[f"{url.host}:{url.port}" for url in app.conf.broker_consumer],
            **credentials_to_aiokafka_auth(app.conf.broker_credentials),
        )  # fmt: skip
        async with consumer:
            value: bytes = (await asyncio.wait_for(consumer.getone(), 30)).value
            return value

    return asyncio.run(read())


@pytest.mark.parametrize("send", [sent_by_kafka_python, sent_by_aiokafka, sent_by_librdkafka])
def test_every_producer_comes_in_by_password_over_tls(city: City, send: Callable[..., None]) -> None:
    settings = city.of("source.hotline-12345")
    assert (settings.protocol, settings.mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    send(settings, f"{city.prefix}reports.hotline")


@pytest.mark.parametrize("read", [read_by_kafka_python, read_by_aiokafka, read_by_librdkafka, read_by_faust])
def test_every_consumer_comes_in_by_password_over_tls(city: City, read: Callable[..., bytes]) -> None:
    group = f"{city.prefix}department.water.{read.__name__}"
    assert read(city.of("department.water"), f"{city.prefix}assignments.water", group) == b"value"


Send, Take = Callable[[KafkaSettings, str], None], Callable[[KafkaSettings, str, str], bytes]
CLIENTS: dict[str, tuple[Send, Take]] = {
    "kafka-python": (sent_by_kafka_python, read_by_kafka_python),
    "aiokafka": (sent_by_aiokafka, read_by_aiokafka),
    "librdkafka": (sent_by_librdkafka, read_by_librdkafka),
    "Faust": (sent_by_aiokafka, read_by_faust),
}
DOORS = {
    "SHA-256 over TLS": ("both", {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-256"}),
    "SHA-256": ("users", {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-256"}),
    "SHA-512 without TLS": ("users", {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-512"}),
    "TLS without users": ("tls", {"protocol": "SSL", "username": "", "password": ""}),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_comes_in_by_the_other_doors(
    city: City, kafka_secured: DoorsServer, client: str, door: str
) -> None:
    (name, words), (send, read) = DOORS[door], CLIENTS[client]
    there = {**words, "bootstrap": kafka_secured.door(name)}
    send(replace(city.of("source.hotline-12345"), **there), f"{city.prefix}reports.hotline")
    group = f"{city.prefix}department.water.{client}-{door}"
    assert read(replace(city.of("department.water"), **there), f"{city.prefix}assignments.water", group) == b"value"


@pytest.mark.parametrize(
    ("door", "field"),
    [("users", "WANGGE_KAFKA_USER"), ("tls", "WANGGE_KAFKA_CA"), ("both", "WANGGE_KAFKA_USER")],
)
def test_the_other_doors_are_no_less_shut(
    city: City, kafka_secured: DoorsServer, foreign_authority: str, door: str, field: str
) -> None:
    words = {"users": {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-256", "password": "wrong"},
             "both": {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-256", "password": "wrong"},
             "tls": {"protocol": "SSL", "ca_file": foreign_authority}}[door]  # fmt: skip
    fault = refusal(replace(city.of("sink"), **{**words, "bootstrap": kafka_secured.door(door)}), 20)
    assert fault is not None
    assert fault.field == field


@pytest.fixture(scope="module")
def foreign_authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate that signed nothing of ours."""
    file = tmp_path_factory.mktemp("foreign") / "ca.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=foreign", "-keyout",
         str(file.with_suffix(".key")), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(file)


Wrong = Callable[[KafkaSettings, str], KafkaSettings]
WRONG: dict[str, tuple[Wrong, str]] = {
    "a wrong password": (lambda s, _: replace(s, password="wrong"), "WANGGE_KAFKA_USER"),
    "an unknown user": (lambda s, _: replace(s, username="nobody"), "WANGGE_KAFKA_USER"),
    "a mechanism the broker does not have": (lambda s, _: replace(s, mechanism="SCRAM-SHA-256"), "WANGGE_KAFKA_USER"),
    "another authority": (lambda s, ca: replace(s, ca_file=ca), "WANGGE_KAFKA_CA"),
    "a host the certificate is not for": (
        lambda s, _: replace(s, bootstrap=s.bootstrap.replace("127.0.0.1", "127.1")), "WANGGE_KAFKA_CA",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "field"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_at_the_door_is_told(city: City, foreign_authority: str, wrong: Wrong, field: str) -> None:
    fault = refusal(wrong(city.of("sink"), foreign_authority), 20)
    assert fault is not None
    assert fault.field == field
    assert SECRET not in str(fault)


def test_who_may_come_in_has_no_fault(city: City) -> None:
    assert refusal(city.of("stranger"), 20) is None


@pytest.mark.parametrize(
    "wrong", [WRONG["a wrong password"], WRONG["another authority"]], ids=["password", "authority"]
)
@pytest.mark.parametrize("send", [sent_by_kafka_python, sent_by_aiokafka, sent_by_librdkafka])
def test_no_client_sends_anything_without_password_and_certificate(
    city: City, foreign_authority: str, wrong: tuple[Wrong, str], send: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings = wrong[0](city.of("source.hotline-12345"), foreign_authority)
    if send is sent_by_librdkafka:
        producer = Producer({**for_librdkafka(settings), "log_level": 0})
        producer.produce(f"{city.prefix}reports.hotline", b"x")
        assert producer.flush(3) == 1
        return
    if send is sent_by_kafka_python:
        monkeypatch.setitem(KafkaProducer.DEFAULT_CONFIG, "bootstrap_timeout_ms", 2_000)
    with pytest.raises(Exception, match="bootstrap"):
        send(settings, f"{city.prefix}reports.hotline")


def test_topics_say_why_they_are_not_let_in(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE_MS", 2_000)
    with pytest.raises(ConfigFaults, match="WANGGE_KAFKA_USER") as caught:
        Cluster(replace(city.of("operator"), password="wrong"))
    assert "wrong" not in str(caught.value)
