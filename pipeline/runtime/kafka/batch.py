"""What a poll comes to once it went through the stages: what to write, and how far was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connectors.librdkafka.transactions import Written
from pipeline.events.facts import Fact, Samples
from pipeline.runtime.kafka.steps import Step, added
from pipeline.stage import Settlement


class Batch(NamedTuple):
    """What one poll comes to."""

    written: list[Written]
    offsets: dict[tuple[str, int], int]
    records: int
    settled: list[Settlement]
    facts: list[Fact | Samples]
    acted: Sequence[int] = ()
    """When the log took the actions of departments that are part of it, in milliseconds."""
    steps: Mapping[str, Step] = {}
    """What each lane that had records, and each step after the lanes, took; they say nothing about what is written."""


def together(batches: Sequence[Batch]) -> Batch:
    """Several batches, in the order in which they were fed, as one: of a partition's offsets the last one counts."""
    return Batch(
        written=[one for batch in batches for one in batch.written],
        offsets={place: offset for batch in batches for place, offset in batch.offsets.items()},
        records=sum(batch.records for batch in batches),
        settled=[one for batch in batches for one in batch.settled],
        facts=[one for batch in batches for one in batch.facts],
        acted=[one for batch in batches for one in batch.acted],
        steps=added(batch.steps for batch in batches),
    )
