"""Records of one partition that wait to be written, and when a block of them is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from connectors.sinks.clickhouse.flush import Limits, Pace, after_block, after_failure, first_pace, is_due
from connectors.sinks.clickhouse.lane import Fenced
from connectors.sinks.clickhouse.plan import Range, Record

OVERHEAD = 150
"""Bytes of memory that a record takes beside its own."""
IDLE_MS = 1_000
"""How long marks of transactions without records wait until they are passed in the committed position."""


class Inbox:
    """What was read from ``start`` on and not taken. Fed by the poll loop, emptied by the lane."""

    def __init__(self, topic: str, partition: int, limits: Limits, start: int = -1) -> None:
        self.topic, self.partition, self._limits = topic, partition, limits
        self.pace: Pace = first_pace(limits)
        self.records: list[Record] = []
        self.size = 0
        self.position = self._next = start
        self.closing = False
        self.full = False
        """No more is read until some of it is taken."""
        self.gathering = False
        """A planned block is read again and must not be held back."""
        self._since = self._moved = 0.0
        self._news = asyncio.Event()

    def add(self, records: Sequence[Record], position: int | None) -> None:
        """Take in what was polled, each record once; ``position`` is one past it.

        A poll that was on its way when the partition was set to where it stands brings what the next one brings again.
        """
        if records and records[0].offset < self._next:
            records = [record for record in records if record.offset >= self._next]
        if records:
            self._next = records[-1].offset + 1
            if not self.records:
                self._since = time.monotonic()
            self.records.extend(records)
            self.size += sum(len(record.value) + OVERHEAD for record in records)
        if position is not None and position > self.position:
            self.position, self._moved = position, time.monotonic()
        self._news.set()

    def close(self) -> None:
        """Give no further block."""
        self.closing = True
        self._news.set()

    def oldest(self) -> int | None:
        """The timestamp of the first record that waits."""
        return self.records[0].timestamp if self.records else None

    def wrote(self, took_ms: float) -> None:
        """A block was written."""
        self.pace = after_block(self.pace, self._limits, took_ms)

    def failed(self) -> None:
        """A block was not written."""
        self.pace = after_failure(self.pace, self._limits)

    def due(self, start: int) -> Range | None:
        """The next block, if it is time."""
        if self.closing:
            return None
        now = time.monotonic()
        age = (now - self._since) * 1000
        if self.records and (self.full or is_due(self.pace, self._limits, len(self.records), self.size, age)):
            return self._cut(start)
        if not self.records and self.position > start and (now - self._moved) * 1000 >= IDLE_MS:
            return Range(self.topic, self.partition, start, self.position, ())
        return None

    async def take(self, start: int) -> Range | None:
        """Wait for the next block; ``None`` when the inbox is closed."""
        while not self.closing:
            found = self.due(start)
            if found is not None:
                return found
            await self._wait(start)
        return None

    async def take_until(self, start: int, end: int) -> Range:
        """The records below ``end``, as soon as the position says that there are no more of them."""
        self.gathering = True
        while self.position < end and not (self.records and self.records[-1].offset >= end - 1):
            if self.closing:
                message = "the partition was given back before its planned block was read"
                raise Fenced(message)
            await self._wait(end, patient=True)
        self.gathering = False
        count = next((n for n, record in enumerate(self.records) if record.offset >= end), len(self.records))
        return Range(self.topic, self.partition, start, end, self._remove(count))

    def tail(self, end: int) -> int:
        """The position when nothing waits, else ``end``."""
        return max(self.position, end) if not self.records else end

    async def _wait(self, start: int, *, patient: bool = False) -> None:
        """Sleep until something comes in or the oldest record has waited long enough."""
        now = time.monotonic()
        if self.records:
            until: float | None = self._since + self.pace.age_ms / 1000
        else:
            until = self._moved + IDLE_MS / 1000 if self.position > start else None
        self._news.clear()
        try:
            timeout = None if until is None or patient else max(until - now, 0.001)
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            pass

    def _cut(self, start: int) -> Range:
        count, size = 0, 0
        for record in self.records[: self.pace.records]:
            size += len(record.value) + OVERHEAD
            if count and size > self._limits.bytes:
                break
            count += 1
        taken = self._remove(count)
        return Range(self.topic, self.partition, start, taken[-1].offset + 1, taken)

    def _remove(self, count: int) -> list[Record]:
        taken, self.records = self.records[:count], self.records[count:]
        self.size -= sum(len(record.value) + OVERHEAD for record in taken)
        self._since = time.monotonic() if not self.records else self._since
        return taken
