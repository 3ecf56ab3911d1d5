"""Hearing that something came on a topic, and nothing of what it says. Joins no group."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from connectors.librdkafka.faults import user_of
from connectors.librdkafka.sending import partitions_of
from pipeline.errors import NeighbourAway, Refused

log = logging.getLogger("wangge.hearing")
TURN_S, LATER_S = 0.5, 5.0
AT_ONCE = 1_000
"""Of so many records that are here already one is told."""


class Hearing(Thread):
    """Calls ``heard`` as soon as anything comes on a topic from now on, from a thread of its own, until it is ended.

    What comes while the broker is away or the topic is missing is not heard; nothing is ever raised.
    """

    def __init__(self, config: Mapping[str, Any], topic: str, group: str, heard: Callable[[], None]) -> None:
        """``group`` is never joined, but the broker asks whether the user may read it."""
        super().__init__(name=f"hearing-{topic}", daemon=True)
        self._config, self._topic, self._group, self._heard = config, topic, group, heard
        self._ended = Event()

    def run(self) -> None:
        """Hear until it is ended; after a fault begin anew a little later."""
        while not self._ended.is_set():
            try:
                self._hear()
            except (KafkaException, NeighbourAway, Refused) as fault:
                log.warning("%s is not heard for %g s: %s", self._topic, LATER_S, fault)
                self._ended.wait(LATER_S)

    def end(self) -> None:
        """Hear no more."""
        self._ended.set()
        self.join()

    def _hear(self) -> None:
        settings = {"group.id": self._group, "enable.auto.commit": False, "fetch.wait.max.ms": 500, "log_level": 3}
        consumer = Consumer({**self._config, **settings})
        try:
            # a consumer asks without making the topic
            count = partitions_of(consumer, self._topic, user_of(self._config))
            consumer.assign([TopicPartition(self._topic, number, OFFSET_END) for number in range(count)])
            while not self._ended.is_set():
                first = consumer.poll(TURN_S)
                if first is None:
                    continue
                errors = [message.error() for message in (first, *consumer.consume(AT_ONCE, 0))]
                # not `None in errors`: an error compared with None leaves an exception behind that ends the thread
                if any(error is None for error in errors):
                    self._heard()
                for error in errors:
                    if error is not None and not error.retriable():
                        raise KafkaException(error)
        finally:
            consumer.close()
