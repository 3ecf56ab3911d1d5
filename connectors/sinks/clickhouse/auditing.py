"""Reads all partitions of the sink's topics for :mod:`verify`, without joining a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.clickhouse.reader import Reader
from connectors.sinks.clickhouse.verify import Account, Auditor

CHUNK = 5_000
"""Most records that are compared at a time."""
CHUNK_BYTES = 4_000_000
"""Most bytes of them: a record of readings makes a row of every few bytes."""


async def audit(reader: Reader, auditor: Auditor, tell: Callable[[Account], None] = lambda _: None) -> list[Account]:
    """The account of every partition, in order. ``tell`` hears of each when it is ready."""
    accounts = []
    places = await reader.places()
    totals = auditor.totals(sorted({topic for topic, _ in places})) if places else Counter()
    for place in places:
        begin, done, end = await reader.bounds(place)
        account = Account(*place, pending=max(end - done, 0))
        async for taken in _ranges(reader, place, begin, done):
            auditor.compare(taken, account)
        if totals[place] != account.found + account.doubled:  # not yet committed, deleted from the log, or from nowhere
            account.stray = auditor.between(*place, begin, done) - account.found - account.doubled
        accounts.append(account)
        tell(account)
    return accounts


async def _ranges(reader: Reader, place: tuple[str, int], begin: int, end: int) -> AsyncIterator[Range]:
    start, records = begin, list[Record]()
    async for batch, position in reader.read(place, begin, end):
        records += batch
        while count := full(records):
            head, records = records[:count], records[count:]
            yield Range(*place, start, head[-1].offset + 1, head)
            start = head[-1].offset + 1
        if position >= end:
            break
    yield Range(*place, start, end, records)


def full(records: Sequence[Record]) -> int:
    """How many of the first records fill a range; 0 when all of them do not. The same log is cut the same way."""
    size = 0
    for number, record in enumerate(records[:CHUNK], 1):
        size += len(record.value)
        if number == CHUNK or size >= CHUNK_BYTES:
            return number
    return 0
