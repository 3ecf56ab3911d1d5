"""What aiokafka raises, in the words of this project."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from connectors.kafka.rights import refused
from pipeline.errors import NeighbourAway
from pipeline.settings import KafkaSettings


def quiet() -> None:
    """Keep aiokafka from logging what the caller of a command is told anyway."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@contextmanager
def told(settings: KafkaSettings, what: str) -> Iterator[None]:
    """Raise what goes wrong inside as :class:`Refused`, or as :class:`NeighbourAway` when it may pass.

    What is neither is raised as it is: nobody knows what it means.
    """
    try:
        yield
    except KafkaError as error:
        said = f"{type(error).__name__}: {', '.join(map(str, error.args))}".removesuffix(": ")
        if found := refused(getattr(error, "errno", 0), settings.username, what, said):
            raise found from error
        if not (error.retriable or isinstance(error, KafkaConnectionError | KafkaTimeoutError)):
            raise
        message = f"Kafka at {settings.bootstrap} does not answer for {what}: {said}"
        raise NeighbourAway(message) from error
