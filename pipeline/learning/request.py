"""What ``wangge train`` asks of a trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigFaults, Fault


def silent(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """One training: rows from where, the model to where."""

    dataset: str
    """Name of the set, which decides its layout."""
    path: Path
    """Folder of the set."""
    out: Path
    until: float = 1.0
    """Only the first rows by time up to this share are learned from."""
    seed: int = 0
    day: str = ""
    """Day of the training for the card, ``YYYY-MM-DD``."""
    corrections: Path | None = None
    """A table of corrections by people (``wangge models corrections``), learned from beside the set by ``classify``."""
    part: str = ""
    """The one table of a set of several that is learned from; "" all of them."""
    say: Callable[[str], None] = silent
    """Is told what is being done."""

    def refuse_corrections(self, remedy: str) -> None:
        """For tasks that learn from the set alone. Raises ``ConfigFaults`` rather than leave corrections out unseen."""
        if self.corrections is not None:
            raise ConfigFaults([Fault("arguments", "--corrections", str(self.corrections), remedy)])
