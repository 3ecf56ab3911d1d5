"""What the stages cost in memory by how many records they are fed at once: without this, task b cannot be read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.kafka.allstages import AllStages
from bench.kafka.inputs import Sent
from bench.kafka.sinking import outputs_of
from pipeline.runtime.kafka.outbox import UNLISTED_STATUS

PARTS = (1_000, 250, 1)
WARM, REPORTS = 200, 2_000
ROUNDS = 3


def measured(city: Path, sent: Sequence[Sent]) -> dict[str, float]:
    """Microseconds of processor a report, by the number of records fed at once; the best of some rounds."""
    return {str(part): min(_cost(city, sent, part) for _ in range(ROUNDS)) for part in PARTS}


def _cost(city: Path, sent: Sequence[Sent], part: int) -> float:
    """Some reports come first and are not timed: codecs are compiled by them."""
    stages, reports = AllStages(city, [UNLISTED_STATUS]), sent[WARM : WARM + REPORTS]
    _worked_off(stages, sent[:WARM], part)
    begun = time.process_time()
    _worked_off(stages, reports, part)
    return round((time.process_time() - begun) / len(reports) * 1e6, 1)


def _worked_off(stages: AllStages, sent: Sequence[Sent], part: int) -> None:
    for _ in outputs_of(stages, sent, part):
        pass
