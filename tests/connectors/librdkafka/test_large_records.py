"""Records larger than Kafka takes end in a clear stop, never in trying the same thing for ever. No broker is needed."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.librdkafka import sending, transactions
from connectors.librdkafka.sending import LARGEST, Sender
from connectors.librdkafka.transactions import Transactions, Written
from pipeline.errors import NeighbourAway, StopRun

NOWHERE = {"bootstrap.servers": "127.0.0.1:1"}
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")
AWAY = KafkaError(KafkaError._MSG_TIMED_OUT, "timed out")


class Producer:
    """Takes the settings, and refuses what it is told to refuse: at once, or when it is delivered."""

    def __init__(self, settings: dict[str, Any], refusal: KafkaError, *, at_once: bool) -> None:
        self.settings, self._refusal, self._at_once = settings, refusal, at_once
        self._told: list[Any] = []
        self.aborted = 0

    def produce(self, topic: str, *_: Any, on_delivery: Any = None, **__: Any) -> None:
        if self._at_once:
            raise KafkaException(self._refusal)
        self._told.append(lambda: on_delivery(self._refusal, Message(topic)) if on_delivery else None)

    def flush(self, seconds: float) -> int:
        for tell in self._told:
            tell()
        return 0

    def poll(self, seconds: float) -> None:
        """Nothing."""

    def init_transactions(self, seconds: float) -> None:
        """Nothing."""

    def begin_transaction(self) -> None:
        """Nothing."""

    def commit_transaction(self, seconds: float) -> None:
        raise KafkaException(self._refusal)

    def abort_transaction(self, seconds: float) -> None:
        self.aborted += 1


class Message:
    """What a delivery is told of."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def topic(self) -> str:
        return self._topic


def refusing(monkeypatch: pytest.MonkeyPatch, refusal: KafkaError, *, at_once: bool) -> list[Producer]:
    """Have both kinds of writers use the producer above; gives back those that were made."""
    made: list[Producer] = []

    def make(settings: dict[str, Any]) -> Producer:
        made.append(Producer(settings, refusal, at_once=at_once))
        return made[-1]

    for module in (sending, transactions):
        monkeypatch.setattr(module, "Producer", make)
    return made


def test_what_a_topic_takes_is_sent_and_what_no_topic_takes_stops_the_run() -> None:
    sender: Any = Sender(NOWHERE)
    try:
        sender.send("lane", b"k", b"x" * 1_048_000)
        with pytest.raises(StopRun, match="lane: a record is larger"):
            sender.send("lane", b"k", b"x" * LARGEST)
    finally:
        sender.forget()
        sender._producer = None  # let go of it now: it tells for ever that nobody is there


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "by the broker"])
@pytest.mark.parametrize(("refusal", "raised"), [(TOO_LARGE, StopRun), (AWAY, NeighbourAway)], ids=["large", "away"])
def test_a_sender_tells_what_is_too_large_from_a_broker_that_is_away(
    monkeypatch: pytest.MonkeyPatch, refusal: KafkaError, raised: type[Exception], at_once: bool
) -> None:
    refusing(monkeypatch, refusal, at_once=at_once)
    sender = Sender(NOWHERE)

    def send() -> None:
        sender.send("lane", b"k", b"x")
        sender.flush()

    with pytest.raises(raised, match="lane"):
        send()


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "by the broker"])
@pytest.mark.parametrize(("refusal", "raised"), [(TOO_LARGE, StopRun), (AWAY, NeighbourAway)], ids=["large", "away"])
def test_a_transaction_is_taken_back_and_what_is_too_large_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, refusal: KafkaError, raised: type[Exception], at_once: bool
) -> None:
    made = refusing(monkeypatch, refusal, at_once=at_once)
    writer = Transactions(NOWHERE, "me")
    with pytest.raises(raised):
        writer.commit([Written("reports.other", b"k", b"x", 0, (("h", b"o"),))], {})
    assert (made[0].aborted, made[0].settings["message.max.bytes"]) == (1, LARGEST)
