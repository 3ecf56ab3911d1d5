"""A row of the matrix, the rows that are known so far, and the table they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from pipeline.commands.options import table

COLUMNS = ("scenario", "records", "effects", "rows", "lost", "doubled", "kills", "recovery s", "verify", "seconds")


class Row(msgspec.Struct, kw_only=True):
    """What became of the records of one scenario."""

    name: str
    scenario: str
    records: int = 0
    """Sent by sources; a record that a producer repeats counts each time."""
    effects: int = 0
    """Different facts and assignments in Kafka, as a reader of committed records sees them; counts left out."""
    rows: int = 0
    """Rows in ClickHouse, all copies counted."""
    lost: int = 0
    doubled: int = 0
    kills: int = 0
    wanted_kills: int = 0
    """Deaths without which the run proves nothing."""
    recovery_s: float = 0.0
    """The longest time from a fault until the group that it struck committed something new; 0: nothing was struck."""
    verified: bool = False
    """Whether `wangge verify` found nothing missing, doubled, different or from nowhere."""
    seconds: float = 0.0
    notes: list[str] = []
    unmet: list[str] = []
    """What else the scenario was to show and did not."""
    broken: str = ""
    """Why the scenario did not run to its end."""

    @property
    def clean(self) -> bool:
        """Ran to its end, killed whom it was to kill, showed what it was to show, nothing lost, nothing doubled, and
        `wangge verify` agrees.
        """
        wrong = self.broken or self.lost or self.doubled or self.unmet
        return not wrong and self.verified and self.kills >= self.wanted_kills

    def cells(self) -> dict[str, object]:
        """The row by the columns of the table."""
        kills = f"{self.kills}/{self.wanted_kills}" if self.kills < self.wanted_kills else str(self.kills)
        recovery = f"{self.recovery_s:.1f}" if self.recovery_s else "-"
        values = (
            self.scenario, self.records, self.effects, self.rows, self.lost, self.doubled, kills,
            recovery, "agrees" if self.verified else "NO", f"{self.seconds:.0f}",
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True))


class Results:
    """Rows in a file, so that a matrix that was cut off is gone on with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, Row] = {}

    def load(self) -> None:
        """Take in what an earlier run left."""
        if self.path.exists():
            self.rows = msgspec.json.decode(self.path.read_bytes(), type=dict[str, Row])

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows[row.name] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(msgspec.json.format(msgspec.json.encode(self.rows)))


def text_of(rows: Iterable[Row]) -> str:
    """The matrix as text: the table, then what is to be said of single rows."""
    listed = list(rows)
    said = [f"{row.name}: {'; '.join(_said(row))}" for row in listed if _said(row)]
    return "\n".join([table([row.cells() for row in listed], list(COLUMNS)), *said, _sum_of(listed)])


def _said(row: Row) -> Sequence[str]:
    broken = [f"DID NOT END: {row.broken}"] if row.broken else []
    return [*broken, *(f"NOT SHOWN: {one}" for one in row.unmet), *row.notes]


def _sum_of(rows: Sequence[Row]) -> str:
    clean = sum(row.clean for row in rows)
    lost, doubled, kills = (sum(getattr(row, name) for row in rows) for name in ("lost", "doubled", "kills"))
    return f"{clean} of {len(rows)} scenarios clean; {kills} kills; lost {lost}, doubled {doubled}"
