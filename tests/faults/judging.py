"""When all is quiet: what was lost and what was doubled, by three counts that do not know each other.

1. Kafka, read as every reader reads it: each record settled once, each effect there once, each assignment on one
   department's list once.
2. The tables of ClickHouse, counted by their keys, with merges switched off.
3. `wangge verify`, partition by partition.

A row of the matrix holds the worst of the three.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.faults.progress import Struck
from tests.faults.rows import Row
from tests.faults.tables import compare
from tests.faults.world import World

PATIENCE_S = 480
"""Seconds that the pipeline has to settle and write everything after the last fault."""


@dataclass
class Found:
    """One count."""

    by: str
    lost: int
    doubled: int
    told: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """What it has to say when something is wrong."""
        if not (self.lost or self.doubled):
            return []
        return [f"{self.by}: lost {self.lost}, doubled {self.doubled} {', '.join(self.told)}".rstrip()]


def judge(
    name: str, what: str, world: World, records: int, *, struck: Sequence[Struck] | None = None, wanted_kills: int = 0,
) -> Row:  # fmt: skip
    """Wait until every record is settled and every fact written, then count. Raises ``TimeoutError``."""
    world.published()
    _wait_for_workers(world, records)
    world.ledger.rest()
    _wait_for_sinks(world)
    world.ledger.rest()  # what the sink set aside in the meantime
    _wait_for_sinks(world)
    told, counts = verified(world), world.tables.counts()
    found = [_in_kafka(world, records), Found("tables", *compare(counts, world.ledger.in_tables())), _by_verify(told)]
    return Row(
        name=name, scenario=what, records=records, effects=world.ledger.distinct(),
        rows=sum(rows for rows, _ in counts.values()), lost=max(one.lost for one in found),
        doubled=max(one.doubled for one in found), kills=len(world.deaths()), wanted_kills=wanted_kills,
        recovery_s=world.progress.longest(world.deaths() if struck is None else struck), verified=told["right"],
        seconds=time.monotonic() - world.begun, notes=[*world.notes, *(note for one in found for note in one.notes())],
    )  # fmt: skip


def _wait_for_workers(world: World, records: int) -> None:
    try:
        world.ledger.wait(records, PATIENCE_S)
    except TimeoutError as late:
        told = [*world.notes, *world.progress.behind(), *world.progress.unread(world.sent.keys()), f"sent {world.sent}"]
        message = f"{late}; {'; '.join(told)}"
        raise TimeoutError(message) from late


def _wait_for_sinks(world: World) -> None:
    """Until the sinks have passed all that there is (marks of transactions included)."""
    deadline = time.monotonic() + PATIENCE_S
    while behind := world.behind():
        if time.monotonic() > deadline:
            message = f"the sink is {behind} offsets behind after {PATIENCE_S} s"
            raise TimeoutError(message)
        world.ledger.read()


def verified(world: World) -> dict[str, Any]:
    """The answer of `wangge verify`."""
    words = [sys.executable, "-m", "pipeline", "verify", "--json"]
    done = subprocess.run(words, env=world.environment(), capture_output=True, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr.decode())
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


def _in_kafka(world: World, records: int) -> Found:
    ledger = world.ledger
    unsettled, unassigned = max(records - ledger.records, 0), ledger.unassigned()
    told = [f"{unassigned} assignments are not on the list of their department"] if unassigned else []
    return Found("Kafka", unsettled + unassigned, ledger.doubled() + max(ledger.records - records, 0), told)


def _by_verify(told: dict[str, Any]) -> Found:
    total = told["totals"]
    return Found(
        "verify", total["missing"] + total["pending"] + total["differing"], total["doubled"] + total["stray"]
    )  # fmt: skip
