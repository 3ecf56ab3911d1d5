"""What kafka-python raises, in the words of this project: a neighbour that is away, or a configuration to mend."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaConfigurationError,
    KafkaError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailedError,
    UnknownTopicOrPartitionError,
)

from connectors.kafka.rights import refused
from pipeline.errors import ConfigFaults, Fault, NeighbourAway
from pipeline.settings import KafkaSettings

_OURS = (
    AuthorizationError, SaslAuthenticationFailedError, KafkaConfigurationError, InvalidTopicError,
    MessageSizeTooLargeError, UnknownTopicOrPartitionError,
)  # fmt: skip
"""Errors that no repetition mends."""
_WRAPPED = re.compile(r"\[Error ([0-9]+)\]")
"""A code of the broker within the words of another error: so a producer says that it was refused its number, which
whoever may write any topic gets."""


@contextmanager
def told(settings: KafkaSettings, what: str) -> Iterator[None]:
    """Raise what goes wrong inside as :class:`ConfigFaults` (mend it) or :class:`NeighbourAway` (try it again)."""
    try:
        yield
    except KafkaError as error:
        raise in_our_words(error, settings, what) from error


def in_our_words(error: BaseException, settings: KafkaSettings, what: str) -> ConfigFaults | NeighbourAway:
    """The exception to raise for an error of the client while it did ``what`` (a topic, as a rule)."""
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    if found := refused(_code(error), settings.username, what, said):
        return found
    if isinstance(error, SaslAuthenticationFailedError):
        return ConfigFaults([Fault("kafka", "WANGGE_KAFKA_USER", settings.username, "check user and password")])
    if isinstance(error, UnknownTopicOrPartitionError):
        return ConfigFaults([missing(what)])
    if isinstance(error, _OURS):
        return ConfigFaults([Fault("kafka", what, settings.bootstrap, said)])
    return NeighbourAway(f"Kafka at {settings.bootstrap} does not answer for {what}: {said}")


def _code(error: BaseException) -> int:
    """What the broker said, as a number; 0 when it is not known."""
    if isinstance(error, AuthorizationError):
        return int(error.errno)
    wrapped = _WRAPPED.search(str(error)) if type(error) is KafkaError else None
    return int(wrapped[1]) if wrapped else 0


def quiet() -> None:
    """Keep kafka-python from logging what the caller is told anyway, again and again while Kafka is away."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def creates_nothing(cluster: Any) -> None:
    """Keep a client from making topics by asking for them.

    kafka-python 3.0.12 takes ``allow_auto_create_topics`` and does not pass it on to the part that asks; a broker that
    makes topics by itself would make them with any count of partitions.
    """
    cluster.config["allow_auto_create_topics"] = False


def missing(topic: str) -> Fault:
    """A topic that is not there."""
    return Fault("kafka", "topic", topic, "make it with `wangge topics apply`, or name a department or source that is")
