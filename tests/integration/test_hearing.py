"""Whoever gives way hears that something came on a topic, with the rights it has, and makes no topic."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import pytest

from connectors.kafka.acls import Grant
from connectors.kafka.admin import Cluster
from connectors.kafka.config import for_librdkafka
from connectors.librdkafka.hearing import Hearing
from connectors.librdkafka.sending import Sender
from deploy.stack.servers import KafkaServer
from pipeline.runtime.kafka.lanes import STATE_READERS
from pipeline.runtime.kafka.spotter import GROUP
from pipeline.settings import KafkaSettings
from tests.integration.secured import City, begun
from tests.integration.test_clients import make

PATIENCE_S = 120


@pytest.fixture(scope="module")
def city(kafka_secured: KafkaServer) -> City:
    """A city with users and access lists."""
    return begun(kafka_secured)


def sent_until(done: Callable[[], bool], kafka: KafkaSettings, topic: str) -> None:
    """Send record after record: nothing is heard before a listener has its partitions."""
    sender, deadline = Sender(for_librdkafka(kafka)), time.monotonic() + PATIENCE_S
    while not done() and time.monotonic() < deadline:
        sender.send(topic, b"k", b"its bytes say nothing here")
        sender.flush()
        time.sleep(0.1)


def test_whoever_listens_hears_what_comes_from_then_on_until_it_is_ended(kafka_settings: KafkaSettings) -> None:
    heard, topic = Event(), make(kafka_settings, "alarms").prefix + "alarms"
    ears = Hearing(for_librdkafka(kafka_settings), topic, "listeners", heard.set)
    sender = Sender(for_librdkafka(kafka_settings))
    sender.send(topic, b"k", b"before")
    sender.flush()
    ears.start()
    assert not heard.wait(3.0), "what was there before"
    sent_until(heard.is_set, kafka_settings, topic)
    assert heard.is_set()
    ears.end()
    assert not ears.is_alive()


def test_it_waits_for_a_topic_that_is_missing_and_does_not_make_it(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.librdkafka.hearing.LATER_S", 0.2)
    heard = Event()
    topic = kafka_settings.prefix + "not-yet"
    ears = Hearing(for_librdkafka(kafka_settings), topic, "listeners", heard.set)
    ears.start()
    assert not heard.wait(1.0)
    sent_until(heard.is_set, make(kafka_settings, "not-yet"), topic)
    ears.end()
    assert heard.is_set()


def test_who_is_refused_hears_as_soon_as_it_may(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("connectors.librdkafka.hearing.LATER_S", 0.2)
    heard, topic, group = Event(), f"{city.prefix}reports.urgent", f"{city.prefix}others"
    ears = Hearing(for_librdkafka(city.of("spotter")), topic, group, heard.set)
    ears.start()
    deadline = time.monotonic() + PATIENCE_S
    while "is not heard" not in caplog.text and ears.is_alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "Group authorization failed" in caplog.text
    with Cluster(city.door) as cluster:
        cluster.allow({Grant(f"{city.prefix}spotter", "READ", "GROUP", group)})
    sent_until(heard.is_set, city.of("source.hotline-12345"), topic)
    ears.end()
    assert heard.is_set()


@pytest.mark.parametrize(("user", "group"), [("spotter", GROUP), ("worker.intake", STATE_READERS)])
def test_who_gives_way_may_hear_that_emergencies_come(city: City, user: str, group: str) -> None:
    heard = Event()
    topic = f"{city.prefix}reports.urgent"
    ears = Hearing(for_librdkafka(city.of(user)), topic, city.prefix + group, heard.set)
    ears.start()
    sent_until(heard.is_set, city.of("source.hotline-12345"), topic)
    ears.end()
    assert heard.is_set()
