"""When a block is large or old enough to be written: by records, bytes and age, and adapted to how long writing takes.

A lane that spends little time writing may write often; one that spends much waits longer and writes more at once. After
a failure blocks get smaller (the server may be short of memory or parts) and grow again slowly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that adapting keeps to."""

    records: int = 20_000
    """Most records in a block."""
    least_records: int = 500
    """Blocks are never made smaller than this for a failing server."""
    bytes: int = 8_000_000
    """Most bytes of records in a block."""
    shortest_ms: int = 200
    """How long the first record of a block waits at least, when writing is quick."""
    longest_ms: int = 500
    """How long it waits at most."""
    share: float = 0.2
    """The part of its time that a lane may spend writing before it waits longer."""

    def __post_init__(self) -> None:
        ordered = 0 < self.least_records <= self.records and 0 <= self.shortest_ms <= self.longest_ms
        if not ordered or self.bytes <= 0 or not 0 < self.share <= 1:
            message = f"impossible limits of a block: {self}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Pace:
    """How large and how old the next block may become."""

    records: int
    age_ms: float


def first_pace(limits: Limits) -> Pace:
    """Large and quick, until something is known."""
    return Pace(limits.records, limits.shortest_ms)


def after_block(pace: Pace, limits: Limits, took_ms: float) -> Pace:
    """The pace after a block that took so long to write."""
    wanted = took_ms / limits.share
    age = wanted if wanted > pace.age_ms else pace.age_ms + (wanted - pace.age_ms) / 4
    grown = pace.records + max(limits.records // 20, 1)
    return Pace(min(grown, limits.records), min(max(age, limits.shortest_ms), limits.longest_ms))


def after_failure(pace: Pace, limits: Limits) -> Pace:
    """The pace after the server did not take a block."""
    return replace(pace, records=max(pace.records // 2, limits.least_records), age_ms=limits.longest_ms)


def is_due(pace: Pace, limits: Limits, records: int, size: int, age_ms: float) -> bool:
    """Whether what waits is to be written now."""
    return records > 0 and (records >= pace.records or size >= limits.bytes or age_ms >= pace.age_ms)


def backoff(attempt: int, longest: float = 15.0) -> float:
    """Seconds to wait before the next attempt: doubling from a fifth of a second."""
    return float(min(0.2 * 2 ** min(attempt - 1, 16), longest))
