"""A consumer is closed although its broker is away: aiokafka then cancels whoever closes it."""

from __future__ import annotations

import asyncio

import pytest

from connectors.sinks.clickhouse.brokerfaults import closed


class Consumer:
    """A consumer of aiokafka with a fetch that waits to be tried again."""

    def __init__(self) -> None:
        self._client, self.is_closed = self, False

    async def stop(self) -> None:
        again = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.sleep(0)
        again.cancel()
        await again

    async def close(self) -> None:
        self.is_closed = True


class Lasting(Consumer):
    """One that takes its time to leave."""

    async def stop(self) -> None:
        await asyncio.sleep(60)


def test_a_fetch_that_waits_does_not_end_whoever_closes() -> None:
    consumer = Consumer()
    asyncio.run(closed(consumer))
    assert consumer.is_closed


def test_who_is_cancelled_while_it_closes_stays_cancelled() -> None:
    async def cancelled() -> None:
        closing = asyncio.ensure_future(closed(Lasting()))
        await asyncio.sleep(0.01)
        closing.cancel()
        await closing

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
