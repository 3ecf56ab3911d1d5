"""What librdkafka says went wrong, in the words of this project: refused, too large, or a neighbour that is away."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError

from connectors.kafka.rights import refused
from pipeline.errors import NeighbourAway, Refused, StopRun


def user_of(config: Mapping[str, Any]) -> str:
    """Who a client with these properties is; "" for one without a user."""
    return str(config.get("sasl.username", ""))


def unheard() -> dict[str, Any]:
    """Properties for a client of a command that ends: it is told by what is raised, not again in the client's lines."""
    log = logging.getLogger("wangge.unheard")
    log.disabled = True
    return {"logger": log}


def in_our_words(error: KafkaError, user: str, what: str) -> Refused | NeighbourAway | StopRun:
    """What to raise for an error while ``user`` did ``what`` (a topic, as a rule).

    A record that is too large is refused as often as it is sent, and a right that is missing is missed the next time,
    too: trying again would go on for ever.
    """
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return StopRun(f"{what}: a record is larger than Kafka takes here (see max_bytes of its topic): {error}")
    return refused(error.code(), user, what, error.str()) or NeighbourAway(f"{what}: {error}")
