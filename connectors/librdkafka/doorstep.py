"""Why a broker does not let us in. The other clients only say that they could not connect; librdkafka says why."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from connectors.kafka.config import for_librdkafka
from pipeline.errors import Fault
from pipeline.settings import KafkaSettings

PATIENCE_S = 10.0


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
