"""Measures of duplicates, and peers' rules on the same rows.

``precision``, ``recall``, ``f1``: a row that joined an earlier case at its arrival, against its flag.
``pair_recall``: share of the known pairs (child, parent) that came to be in one case. ``wrong_parent``: share of the
children that joined a case although it is not their parent's, of all that joined one and whose parent had come before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import cos, floor, radians

import numpy as np

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.ids import DAY_MS
from pipeline.evaluation.measures import bootstrap, score, wilson
from pipeline.evaluation.report import Figures
from pipeline.learning.duplicates import Labelled

Slicer = Callable[["Told"], str]


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a row: whether it joined an earlier case, and the case that it is part of."""

    row: Labelled
    joined: bool
    case: str
    suggested: bool = False
    scored: bool = True


def figures_of(told: Sequence[Told], seed: int = 0) -> tuple[Figures, dict[str, tuple[float, float]]]:
    """Figures over the scored rows with 95 % intervals."""
    scored = [one for one in told if one.scored]
    flagged = np.array([one.joined for one in scored], bool)
    truth = np.array([one.row.duplicate for one in scored], bool)
    hits, found, wanted = int((flagged & truth).sum()), int(flagged.sum()), int(truth.sum())
    whole = score(hits, found, wanted)
    figures = {"precision": whole.precision, "recall": whole.recall, "f1": whole.f1}
    intervals = {"precision": wilson(hits, found), "recall": wilson(hits, wanted)}

    def f1(rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        right = (flagged[rows] & truth[rows]).sum()
        return float(2 * right / max(1, flagged[rows].sum() + truth[rows].sum()))

    intervals["f1"] = bootstrap(f1, len(scored), seed=seed)
    pairs = _pairs(told)
    if pairs:
        together = sum(child.case == parent.case for child, parent in pairs)
        joined = [(c, p) for c, p in pairs if c.joined and p.row.at <= c.row.at]
        wrong = sum(child.case != parent.case for child, parent in joined)
        figures |= {"pair_recall": together / len(pairs), "wrong_parent": wrong / max(1, len(joined))}
        intervals |= {"pair_recall": wilson(together, len(pairs)), "wrong_parent": wilson(wrong, len(joined))}
    figures |= {"suggested": sum(one.suggested for one in scored) / max(1, len(scored)), "duplicates": float(wanted)}
    return figures, intervals


def _pairs(told: Sequence[Told]) -> list[tuple[Told, Told]]:
    """Children among the scored rows with their parents, where both are in the set."""
    by_id = {one.row.id: one for one in told}
    return [(one, by_id[one.row.parent]) for one in told if one.scored and one.row.parent in by_id]


def slices_of(told: Sequence[Told], most: int = 15) -> dict[str, dict[str, Figures]]:
    """F1 by channel and category, and how many true pairs were found where the two sides differ."""
    found: dict[str, dict[str, Figures]] = {}
    for name in ("channel", "category"):
        groups: dict[str, list[Told]] = defaultdict(list)
        for one in told:
            if one.scored:
                groups[one.row.group[name]].append(one)
        kept = sorted(groups, key=lambda key: (-sum(one.row.duplicate for one in groups[key]), key))[:most]
        found[name] = {key: _short(groups[key]) for key in kept if any(one.row.duplicate for one in groups[key])}
    pairs = _pairs(told)
    if pairs:
        found["pairs"] = {
            f"across {name}": _pair_figures([(c, p) for c, p in pairs if c.row.group[name] != p.row.group[name]])
            for name in ("channel", "category", "area")
        } | {"child older than parent": _pair_figures([(c, p) for c, p in pairs if c.row.at < p.row.at])}
    return found


def _short(told: Sequence[Told]) -> Figures:
    hits = sum(one.joined and one.row.duplicate for one in told)
    whole = score(hits, sum(one.joined for one in told), sum(one.row.duplicate for one in told))
    return {"rows": len(told), "duplicates": sum(one.row.duplicate for one in told), **whole._asdict()}


def _pair_figures(pairs: Sequence[tuple[Told, Told]]) -> Figures:
    together = sum(child.case == parent.case for child, parent in pairs)
    return {"known": len(pairs), "pair_recall": together / len(pairs) if pairs else 0.0}


@dataclass(frozen=True, slots=True)
class Radius:
    """A rule of one radius and one window among reports of the same category; the nearest earlier one is the parent."""

    metres: float
    days: float = float("inf")


PEERS = {
    "FixMyStreet: 250 m, same category": Radius(250.0),
    "Signalen: 50 m, 12 weeks, same sub-category": Radius(50.0, 84.0),
    "simple rule: 50 m, 7 days, same category": Radius(50.0, 7.0),
}


def by_radius(rows: Iterable[Labelled], rule: Radius) -> list[tuple[bool, str]]:
    """For each row in its order, whether the rule links it, and its group."""
    side = rule.metres / 111_195.0
    cells: dict[tuple[str, int, int], list[tuple[Labelled, str]]] = defaultdict(list)
    answers = []
    for row in rows:
        report = row.located.report
        if report.lon is None or report.lat is None:
            answers.append((False, row.id))
            continue
        wide = side / max(0.05, cos(radians(floor(report.lat))))
        at, across = floor(report.lat / side), floor(report.lon / wide)
        best: tuple[float, str] | None = None
        for key in ((row.group["category"], at + i, across + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            for other, group in cells.get(key, ()):
                other_report = other.located.report
                metres = distance_m(report.lon, report.lat, other_report.lon or 0.0, other_report.lat or 0.0)
                if metres <= rule.metres and row.at - other.at <= rule.days * DAY_MS:
                    best = (metres, group) if best is None or metres < best[0] else best
        group = best[1] if best is not None else row.id
        cells[row.group["category"], at, across].append((row, group))
        answers.append((best is not None, group))
    return answers
