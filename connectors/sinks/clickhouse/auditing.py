"""Reads all partitions of the sink's topics for :mod:`verify`, without joining a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable

from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.clickhouse.reader import Reader
from connectors.sinks.clickhouse.verify import CHUNK, Account, Auditor

RANGES_SAMPLED = 5
"""Every so many-th range is compared value by value, and always the first."""


async def audit(reader: Reader, auditor: Auditor, tell: Callable[[Account], None] = lambda _: None) -> list[Account]:
    """The account of every partition, in order. ``tell`` hears of each when it is ready."""
    accounts = []
    places = await reader.places()
    totals = auditor.totals(sorted({topic for topic, _ in places})) if places else Counter()
    for place in places:
        begin, done, end = await reader.bounds(place)
        account = Account(*place, pending=max(end - done, 0))
        number = 0
        async for taken in _ranges(reader, place, begin, done):
            auditor.compare(taken, account, sample=number % RANGES_SAMPLED == 0)
            number += 1
        if totals[place] != account.found + account.doubled:  # not yet committed, deleted from the log, or from nowhere
            account.stray = auditor.between(*place, begin, done) - account.found - account.doubled
        accounts.append(account)
        tell(account)
    return accounts


async def _ranges(reader: Reader, place: tuple[str, int], begin: int, end: int) -> AsyncIterator[Range]:
    start, records = begin, list[Record]()
    async for batch, position in reader.read(place, begin, end):
        records += batch
        while len(records) >= CHUNK:
            head, records = records[:CHUNK], records[CHUNK:]
            yield Range(*place, start, head[-1].offset + 1, head)
            start = head[-1].offset + 1
        if position >= end:
            break
    yield Range(*place, start, end, records)
