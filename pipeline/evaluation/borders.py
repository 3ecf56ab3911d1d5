"""Border cases of a labelled set, judged one after the other: the area recorded against the area that is drawn.

A *disagreement* is a case whose recorded area is not the one its point lies in on the map. A good judge flags it before
anybody has to find out, and flags little else. Cases come in order of time; the ledger of practice is told the recorded
area of a case only after that case was judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geo.index import LayerIndex
from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.practice import USUAL, Practice, PracticeRules, weighed
from pipeline.domain.geo.probability import Line, loosened
from pipeline.domain.geo.projection import Floats, Ints
from pipeline.evaluation.measures import bootstrap, brier, wilson
from pipeline.evaluation.report import Figures

Bools = NDArray[np.bool_]
BINS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class BorderCases:
    """Cases in order of time. ``recorded`` and ``drawn`` are codes of areas, "" where not known."""

    ids: tuple[str, ...]
    lons: Floats
    lats: Floats
    errors_m: Floats
    """Standard deviation of each position on an axis."""
    recorded: tuple[str, ...]
    drawn: tuple[str, ...]
    """The area by polygon that the set states as truth."""
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What to slice by: a value for each case."""


@dataclass(frozen=True, slots=True)
class BorderRule:
    """How a border case is flagged: the line, the ledger, and the doubt from which a person should look."""

    line: Line
    band_m: float = 100.0
    flag_at: float = 0.01
    practice: PracticeRules | None = USUAL


@dataclass(frozen=True, slots=True)
class Judged:
    """Per case: the probability that it belongs elsewhere than drawn, and the distance to the next area."""

    doubt: Floats
    border_m: Floats
    own: tuple[str, ...]


def judge(cases: BorderCases, layer: Layer, rule: BorderRule) -> Judged:
    """Judge all cases in their order, with a ledger that is empty before the first of them."""
    scan = LayerIndex(layer).borders(cases.lons, cases.lats, cases.errors_m, rule.band_m)
    prior = loosened(scan.distances_m, scan.probabilities, scan.starts, rule.line)
    own = tuple([layer.codes[cell] if cell >= 0 else "" for cell in scan.own.tolist()])
    other_m = _to_others(scan.own, scan.cells, scan.distances_m, scan.starts)
    ledger = Practice(layer.plane, rule.practice or USUAL)
    doubt = np.ones(len(own))
    cells = [layer.codes[cell] for cell in scan.cells.tolist()]
    starts, shares = scan.starts.tolist(), prior.tolist()
    for number, (area, lon, lat, border_m) in enumerate(
        zip(own, cases.lons.tolist(), cases.lats.tolist(), other_m.tolist(), strict=True)
    ):
        part = slice(starts[number], starts[number + 1])
        likely = dict(zip(cells[part], shares[part], strict=True)) or {area: 1.0}
        if rule.practice is not None:
            likely = weighed(likely, ledger.near(lon, lat, area, border_m), ledger.rules)
            if cases.recorded[number] and area:
                ledger.add(lon, lat, area, cases.recorded[number], border_m)
        doubt[number] = 1.0 - likely.get(area, 0.0) if area else 1.0
    return Judged(np.clip(doubt, 0.0, 1.0), other_m, own)


def _to_others(own: Ints, cells: Ints, distances_m: Floats, starts: Ints) -> Floats:
    """Distance of each point to the nearest area that is not its own; infinite beyond reach."""
    point = np.repeat(np.arange(len(own)), np.diff(starts))
    nearest = np.full(len(own), np.inf)
    other = cells != own[point]
    np.minimum.at(nearest, point[other], np.maximum(distances_m[other], 0.0))
    return nearest


@dataclass(frozen=True, slots=True)
class Flagging:
    """What flags catch: all arrays are over the same cases."""

    flagged: Bools
    wrong: Bools
    """A true disagreement."""
    sure: Bools
    """Both areas are known."""

    def figures(self) -> tuple[Figures, dict[str, tuple[float, float]]]:
        """Recall over true disagreements, precision, share of all cases flagged; with Wilson intervals."""
        hits, wrong = int((self.flagged & self.wrong).sum()), int(self.wrong.sum())
        flagged, rows, judged = int(self.flagged.sum()), len(self.flagged), int((self.flagged & self.sure).sum())
        figures = {
            "recall": hits / wrong if wrong else 0.0,
            "flagged": flagged / rows if rows else 0.0,
            "precision": hits / judged if judged else 0.0,
        }
        limits = {"recall": (hits, wrong), "flagged": (flagged, rows), "precision": (hits, judged)}
        return figures, {name: wilson(*counts) for name, counts in limits.items()}

    def at(self, score: Floats, share: float) -> float:
        """Recall when the ``share`` of cases with the highest score is flagged (ties in order of the cases)."""
        best = np.argsort(-score, kind="stable")[: int(share * len(score))]
        return float(self.wrong[best].sum() / self.wrong.sum()) if self.wrong.any() else 0.0


def briers(doubt: Floats, wrong: Bools, seed: int) -> tuple[Figures, dict[str, tuple[float, float]]]:
    """Brier score of the doubt beside that of a constant (the share of disagreements), with a bootstrap interval."""
    rate = float(wrong.mean()) if len(wrong) else 0.0
    found = {"brier": brier(doubt, wrong), "brier_constant": rate * (1.0 - rate)}
    square = (doubt - wrong) ** 2
    return found, {"brier": bootstrap(lambda rows: float(square[rows].mean()), len(square), seed=seed)}


def calibration(doubt: Floats, wrong: Bools) -> dict[str, Figures]:
    """Mean probability and what happened, by classes of the probability."""
    place = np.clip(np.digitize(doubt, BINS) - 1, 0, len(BINS) - 2)
    table: dict[str, Figures] = {}
    for number, (low, high) in enumerate(pairwise(BINS)):
        inside = place == number
        if count := int(inside.sum()):
            table[f"{low:g}-{high:g}"] = {
                "cases": count,
                "mean": float(doubt[inside].mean()),
                "happened": float(wrong[inside].mean()),
            }
    return table


def by_group(groups: dict[str, tuple[str, ...]], flags: Flagging, rows: Ints) -> dict[str, dict[str, Figures]]:
    """Recall, share flagged and number of disagreements for each value of each grouping."""
    return {name: _sliced([values[row] for row in rows.tolist()], flags) for name, values in groups.items()}


def _sliced(values: Sequence[str], flags: Flagging) -> dict[str, Figures]:
    column = np.array(values)
    found: dict[str, Figures] = {}
    for value in sorted(set(values)):
        inside = column == value
        part = Flagging(flags.flagged[inside], flags.wrong[inside], flags.sure[inside])
        figures, _ = part.figures()
        found[value] = {"cases": int(inside.sum()), "disagreements": int(part.wrong.sum()), **figures}
    return found
