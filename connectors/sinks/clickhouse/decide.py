"""What to do with a block that may have been written before: pure decisions over what is known.

Inside the memory of the server a token makes a second copy impossible; the memory is bounded in blocks, and old servers
have none. So whatever is written a second time is looked for first, and only what is missing is inserted. The token
stays on the insert, for a copy that is still on its way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.sinks.clickhouse.plan import Plan
from pipeline.events.base import Millis


class Mode(StrEnum):
    """What the server can do against doubles."""

    TOKEN = "token+plan"
    PROBE = "probe"


class Trust(StrEnum):
    """Whether a rebuilt block is the one that was planned."""

    SAME = "same"
    OTHER_VERSION = "other_version"
    CHANGED = "changed"
    LOST = "lost"


def trust_of(plan: Plan, start: int, log_start: int, records: int, digest: str, version: str) -> Trust:
    """Compare what was rebuilt with the plan.

    Records that are gone or differ are real loss and never passed over. Another version only makes other rows of the
    same records: those that are there already stay as they are.
    """
    if log_start > start:
        return Trust.LOST
    if (records, digest) != (plan.n, plan.h):
        return Trust.CHANGED
    return Trust.SAME if plan.sv == version else Trust.OTHER_VERSION


@dataclass(frozen=True, slots=True)
class Step:
    """What to insert: places of rows, and what is put behind the token. No rows: nothing is to be done."""

    rows: Sequence[int]
    mark: str = ""
    views_may_lack: bool = False
    """The rows are there, but a view may have missed them and can no longer be repaired by the token."""


def missing_rows(rows: int, present: Collection[int], *, has_views: bool, age_ms: Millis, safe_ms: Millis) -> Step:
    """What to insert of a block of which some rows are there.

    ``safe_ms`` is how long the server surely remembers a token (0: it has none). A view is fed after its table, so a
    crash between leaves it short; sending all rows again under the same token repairs it without a second copy.
    """
    if len(present) < rows:
        if not present:
            return Step(range(rows))
        missing = [row for row in range(rows) if row not in present]
        return Step(missing, f":r{len(missing)}.{missing[0]}.{missing[-1]}")
    if not has_views:
        return Step(())
    return Step(range(rows)) if age_ms <= safe_ms else Step((), views_may_lack=True)


@dataclass(frozen=True, slots=True)
class RejectLimits:
    """How many refused records are bad records; more is a broken schema or table, and the sink stops."""

    consecutive: int = 100
    ratio: float = 0.1
    least: int = 50
    """Below so many refused records in the window the ratio says nothing."""
    window: int = 10_000


@dataclass(frozen=True, slots=True)
class Strikes:
    """Refused records of one partition lately."""

    records: float = 0
    refused: float = 0
    run: int = 0

    def after(self, offsets: Sequence[int], refused: Collection[int], window: int) -> Strikes:
        """The count after a block; older blocks fade."""
        run = self.run
        for offset in offsets:
            run = run + 1 if offset in refused else 0
        records, bad = self.records + len(offsets), self.refused + len(refused)
        fade = min(1.0, window / records) if records else 1.0
        return Strikes(records * fade, bad * fade, run)

    def passed(self, limits: RejectLimits) -> bool:
        """Whether so much was refused that going on would empty a topic into quarantine."""
        many = self.refused >= limits.least and self.refused > limits.ratio * self.records
        return many or self.run >= limits.consecutive
