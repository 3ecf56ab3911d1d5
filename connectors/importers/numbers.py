"""Case numbers: the identity of a record at its source."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b

MOST_REPEATED = 0.01
"""Above this share of rows that repeat a number with other content, the number is no identity in this set."""


def references(numbers: Sequence[str], contents: Iterable[str]) -> list[str]:
    """The number of each row as it is, so that a repeated one is refused or taken as redelivered, as in a real feed.

    Where more than 1 % of the rows repeat a number with other content, the set uses it for different matters: those
    rows get ``#2``, ``#3`` … behind it, in their order. A row without a number is named by its content.
    """
    seen: defaultdict[str, list[str]] = defaultdict(list)
    orders: list[int] = []
    for number, content in zip(numbers, contents, strict=True):
        known = seen[number]
        if content not in known:
            known.append(content)
        orders.append(known.index(content))
    named = [number or row_name(seen[""][order]) for number, order in zip(numbers, orders, strict=True)]
    repeated = sum(1 for number, order in zip(numbers, orders, strict=True) if number and order)
    if repeated <= MOST_REPEATED * len(named):
        return named
    return [
        f"{name}#{order + 1}" if number and order else name
        for name, number, order in zip(named, numbers, orders, strict=True)
    ]


def row_name(content: str) -> str:
    """A number for a row that has none: a digest of what it says, so that the same row has the same number anywhere."""
    return f"row-{blake2b(content.encode(errors='replace'), digest_size=8).hexdigest()}"


def repeats(references: Iterable[str]) -> int:
    """How many rows come under a number that another row has had before."""
    return sum(count - 1 for count in Counter(references).values())
