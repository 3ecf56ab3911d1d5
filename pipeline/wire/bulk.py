"""Records of a container by the block: the loops around a compiled reader, which cost as much as what they go round."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Millis
from pipeline.events.records import Arrival, Body, Origin
from pipeline.wire.avrocode import Reader, refuse

Read = tuple[str, Body | InvalidRecord]
"""Schema name and body of a record, or the fault of one that cannot be read."""


def read_all(name: str, read: Reader, data: bytes, count: int, cap: int, found: list[Read]) -> None:
    """Append ``count`` records of an unpacked block to ``found``; what is longer than ``cap`` bytes as a fault.

    Raises what the reader raises, with all records before the broken one in ``found``.
    """
    at, end = 0, len(data)
    for _ in range(count):
        start = at
        body, at = read(data, at)
        if at > end:
            refuse("the block ends within a record")
        if at - start > cap:
            fault = InvalidRecord(Reason.OVERSIZE, name, f"{at - start} bytes", f"send at most {cap} bytes")
            found.append((name, fault))
        else:
            found.append((name, body))
    if at != end:
        refuse("bytes left over after the last record")


def arrived(block: Sequence[Read], topic: str, first: int, appended_at: Millis) -> list[Arrival]:
    """The records of a block as they stand in the log of a file, numbered from ``first``."""
    arrivals: list[Arrival] = []
    number = first
    for schema, body in block:
        if isinstance(body, InvalidRecord):
            arrivals.append(Arrival(schema, Origin(topic, 0, number), appended_at, fault=body))
        else:
            arrivals.append(Arrival(schema, Origin(topic, 0, number), appended_at, body))
        number += 1
    return arrivals
