"""What aiokafka raises is told as what it means, those of its errors too that Kafka has no number for."""

from __future__ import annotations

import pytest
from aiokafka import errors

from connectors.sinks.clickhouse.brokerfaults import told
from pipeline.errors import NeighbourAway, Refused
from pipeline.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap="127.0.0.1:9", username="sink")


@pytest.mark.parametrize(
    ("raised", "meant"),
    [
        (errors.KafkaConnectionError("nobody there"), NeighbourAway),
        (errors.NodeNotReadyError("starting"), NeighbourAway),
        (errors.KafkaTimeoutError(), NeighbourAway),
        (errors.CoordinatorNotAvailableError(), NeighbourAway),
        (errors.TopicAuthorizationFailedError("facts.cases"), Refused),
        (errors.GroupAuthorizationFailedError("sink"), Refused),
        (errors.CommitFailedError("moved on"), errors.CommitFailedError),
        (errors.UnsupportedVersionError("old"), errors.UnsupportedVersionError),
    ],
    ids=lambda one: one.__class__.__name__ if isinstance(one, Exception) else "",
)
def test_each_is_told_as_what_it_means(raised: Exception, meant: type[Exception]) -> None:
    with pytest.raises(meant) as found, told(SETTINGS, "facts.cases"):
        raise raised
    assert found.type is meant
