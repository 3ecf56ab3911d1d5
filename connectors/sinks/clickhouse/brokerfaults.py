"""What aiokafka raises, in the words of this project."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from connectors.kafka.rights import refused
from pipeline.errors import NeighbourAway
from pipeline.settings import KafkaSettings


def quiet() -> None:
    """Keep aiokafka from logging what the caller of a command is told anyway."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def closed(consumer: Any) -> None:
    """Leave the group and let go of the connections, whether Kafka is there or not.

    aiokafka cancels a fetch that waits to be tried again (its broker is away) and hands the cancellation on to whoever
    closes: nobody cancelled us, and the connections are still to be closed.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        await consumer._client.close()


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
