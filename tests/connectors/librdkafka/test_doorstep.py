"""Why a topic is not seen: Kafka away, a topic not ready and one that is not there are not the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from connectors.kafka.faults import missing
from connectors.librdkafka import doorstep
from connectors.librdkafka.doorstep import absent
from pipeline.errors import ConfigFaults, NeighbourAway, Refused
from pipeline.settings import KafkaSettings

TOPIC = "t.facts.cases"


class Client:
    """Says one thing of every topic."""

    def __init__(self, error: KafkaError | None) -> None:
        self._error = error

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(error=self._error)})

    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, ConfigFaults),
        (KafkaError._UNKNOWN_TOPIC, ConfigFaults),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Refused),
        (KafkaError.LEADER_NOT_AVAILABLE, NeighbourAway),
        (None, NeighbourAway),
    ],
    ids=["not there", "not there, says the client", "not ours", "just made", "there by now"],
)
def test_what_is_said_of_a_topic_decides(
    monkeypatch: pytest.MonkeyPatch, code: int | None, kind: type[Exception]
) -> None:
    monkeypatch.setattr(doorstep, "Consumer", lambda config: Client(None if code is None else KafkaError(code)))
    found = absent(KafkaSettings(bootstrap="127.0.0.1:9"), TOPIC)
    assert type(found) is kind
    assert TOPIC in str(found)
    if isinstance(found, ConfigFaults):
        assert (found.faults == [missing(TOPIC)]) is (kind is ConfigFaults)


def test_a_kafka_that_does_not_answer_is_not_told_as_a_missing_topic() -> None:
    found = absent(KafkaSettings(bootstrap="127.0.0.1:9"), TOPIC, patience_s=0.5)
    assert isinstance(found, NeighbourAway)
    assert str(found).startswith(f"{TOPIC}: ")
