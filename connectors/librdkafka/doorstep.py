"""Why a broker does not let us in, or to a topic. The other clients say that they could not connect, or that there is
none; librdkafka says why."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from connectors.kafka.config import for_librdkafka
from connectors.kafka.faults import missing
from connectors.librdkafka.faults import in_our_words, unheard
from connectors.librdkafka.sending import NO_TOPIC
from pipeline.errors import ConfigFaults, Fault, NeighbourAway, StopRun
from pipeline.settings import KafkaSettings

PATIENCE_S = 10.0


def absent(
    settings: KafkaSettings, topic: str, patience_s: float = PATIENCE_S
) -> ConfigFaults | NeighbourAway | StopRun:
    """Why a topic (by its whole name) is not seen: it is not there, or this user may not look (:class:`Refused`).

    kafka-python asks for all topics, and a broker leaves out what the user may not see. When Kafka does not answer, or
    the topic is there and not yet ready, the reason is that (:class:`NeighbourAway`): the same may be tried again.
    """
    # a consumer, for it asks without making the topic; it never joins its group
    client = Consumer({**for_librdkafka(settings), **unheard(), "group.id": "looks"})
    try:
        error = client.list_topics(topic, timeout=patience_s).topics[topic].error
    except KafkaException as fault:
        error = fault.args[0]
    finally:
        client.close()
    if error is None:
        return NeighbourAway(f"{topic}: it was not there when it was asked for, and is now")
    if error.code() in NO_TOPIC:
        return ConfigFaults([missing(topic)])
    return in_our_words(error, settings.username, topic)


def refusal(settings: KafkaSettings, patience_s: float = PATIENCE_S) -> Fault | None:
    """What to mend when the broker refuses the user or we refuse its certificate; ``None`` when neither is so.

    Meant for a client that could not connect: ``None`` then means that nobody answers. Raises :class:`ConfigFaults`
    when the file of certificates cannot be read.
    """
    told: list[KafkaError] = []
    config: dict[str, Any] = {**for_librdkafka(settings), "error_cb": told.append, "log_level": 0}
    client = AdminClient(config)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            client.list_topics(timeout=0.5)
        except KafkaException:
            client.poll(0.1)
        else:
            return None
        for error in told:
            if error.code() == KafkaError._AUTHENTICATION:
                remedy = f"check user, password and WANGGE_KAFKA_MECHANISM ({settings.mechanism}): {error.str()}"
                return Fault("kafka", "WANGGE_KAFKA_USER", settings.username, remedy)
            if error.code() == KafkaError._SSL:
                remedy = (
                    f"name the authority that signed the broker's certificate, and its host as in it: {error.str()}"
                )
                return Fault("kafka", "WANGGE_KAFKA_CA", settings.ca_file, remedy)
    return None
