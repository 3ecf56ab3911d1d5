"""Does a record fit its topic? A broker measures whole batches, so what stands around a record counts too. Pure."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from connectors.librdkafka.sending import LARGEST
from schemas.topics import MAX_BYTES, of_name

AROUND = 128
"""More bytes than the head of a batch (61) and the lengths, times and counts of its only record ever take."""
AROUND_HEADER = 12
"""The same for one header: the lengths of its name and value."""


def fits(
    topic: str, key: bytes | None, value: bytes | None, headers: Collection[tuple[str, bytes]] = ()
) -> bool:  # fmt: skip
    """Whether the topic (without prefix) takes the record, sent by us: alone in its batch and not compressed."""
    named = sum(len(name.encode()) + len(said) + AROUND_HEADER for name, said in headers)
    return len(key or b"") + len(value or b"") + named + AROUND <= most(topic)


@lru_cache(maxsize=4096)
def most(topic: str) -> int:
    """Bytes of the largest batch that we can send and the topic takes."""
    file = of_name(topic)
    return MAX_BYTES if file is None else min(file.max_bytes, LARGEST)
