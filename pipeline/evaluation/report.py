"""What an evaluation is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.learning.modelfile import Card
from pipeline.learning.request import silent
from pipeline.learning.rows import share_known

Figures = dict[str, float]
DEFAULT = "shipped default"
"""The ``model`` of a report that was made without one: rules, lexicon and stated parameters."""


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """One evaluation."""

    dataset: str
    """Name of the set, which decides its layout; ``simulated`` for an output folder of ``wangge simulate``."""
    path: Path
    model: Path | None = None
    """The shipped default is measured without one."""
    truth: Path | None = None
    """A file of truth that lies elsewhere than the set."""
    after: float = 0.0
    """Rows are fed in time order; only those after this share by time are scored."""
    seed: int = 0
    """Of the bootstrap and of shuffles."""
    peers: bool = True
    """Whether peers' rules are run on the same rows too."""
    part: str = ""
    """The one table of a set of several that is scored; "" all of them."""
    say: Callable[[str], None] = silent


class Report(msgspec.Struct, kw_only=True):
    """Point estimates with 95 % intervals, by slice and by class, beside peers' rules on the same rows."""

    task: str
    dataset: str
    model: str = DEFAULT
    rows: int
    """Rows that were scored."""
    figures: Figures
    intervals: dict[str, tuple[float, float]] = {}
    """95 %, by the name of the figure."""
    slices: dict[str, dict[str, Figures]] = {}
    """By what is sliced (``channel``), then by its value."""
    peers: dict[str, Figures] = {}
    """Rules of others, and simple methods, run on the same rows."""
    per_class: dict[str, Figures] = {}
    notes: list[str] = []


def warn_if_known(report: Report, card: Card | None, ids: Collection[str]) -> None:
    """A loud note when the model was trained on rows that it is scored on."""
    share = share_known(card.rows_sample, ids) if card is not None else 0.0
    if share > 0:
        report.notes.insert(
            0, f"WARNING: the model was trained on about {share:.0%} of these rows: the figures are no measure of it"
        )
