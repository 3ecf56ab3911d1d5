"""What a sink tells while it waits: that it turns although its loop has not begun, and whether Kafka is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from connectors.kafka.answering import Answering

T = TypeVar("T")
TURN_S = 1.0


async def turning(work: Awaitable[T], touched: Callable[[], None], stop: asyncio.Event) -> T | None:
    """What comes of ``work``; ``None`` when it is to stop before. ``touched`` is called at each turn meanwhile.

    Connecting may take longer than a loop may stand until its process counts as one that hangs.
    """
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        while not task.done() and not stopping.done():
            touched()
            await asyncio.wait([task, stopping], timeout=TURN_S, return_when=asyncio.FIRST_COMPLETED)
        return await task if task.done() else None
    finally:
        task.cancel()
        stopping.cancel()
        await asyncio.wait([task, stopping])  # what is cancelled lets go of its connections


async def look(kafka: Answering, answers: Callable[[], Awaitable[bool]], every_s: float = TURN_S) -> None:
    """Ask Kafka, for ever, whenever nothing came for a while: a consumer whose broker is away only gets nothing."""
    while True:
        await asyncio.sleep(every_s)
        if kafka.is_due:
            kafka.came(answers=await answers())
