"""What ``wangge train`` asks of a trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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
    """A table of corrections by people (``wangge corrections``), learned from beside the set."""
    part: str = ""
    """The one table of a set of several that is learned from; "" all of them."""
    say: Callable[[str], None] = silent
    """Is told what is being done."""
