"""What kafka-python raises tells a right that is missing from a Kafka that is away, be it in the words of another."""

from __future__ import annotations

import pytest
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)

from connectors.kafka.faults import in_our_words
from pipeline.errors import NeighbourAway, Refused
from pipeline.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap="127.0.0.1:9")
NUMBER = "Unexpected error in InitProducerIdResponse: {}"
"""What a producer says that gets no number."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TopicAuthorizationFailedError("t"), Refused),
        (KafkaError(NUMBER.format(ClusterAuthorizationFailedError())), Refused),
        (KafkaError(NUMBER.format(NotLeaderForPartitionError())), NeighbourAway),
        (KafkaError("Unexpected error"), NeighbourAway),
        (KafkaTimeoutError("[Error 31]"), NeighbourAway),
        (OSError("[Error 31]"), NeighbourAway),
    ],
    ids=repr,
)
def test_only_a_right_that_is_missing_is_a_refusal(error: BaseException, kind: type[Exception]) -> None:
    found = in_our_words(error, SETTINGS, "t.reports.hotline")
    assert type(found) is kind
    assert "t.reports.hotline" in str(found)
