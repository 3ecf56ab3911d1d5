"""Measures of decisions, with their formulas. All are pure; chance comes from a seed.

Shapes: ``n`` rows, ``k`` classes. Shares and probabilities are in [0, 1].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.domain.shares import wilson as wilson

Array = np.ndarray[Any, np.dtype[Any]]


def bootstrap(measure: Callable[[Array], float], rows: int, *, seed: int = 0, times: int = 500) -> tuple[float, float]:
    """95 % percentile interval of ``measure(rows drawn with replacement)`` (Efron 1979); same seed, same interval."""
    if rows == 0:
        return 0.0, 0.0
    chance = np.random.default_rng(seed)
    values = [measure(chance.integers(0, rows, rows)) for _ in range(times)]
    low, high = np.quantile(np.asarray(values), [0.025, 0.975])
    return float(low), float(high)


class Score(NamedTuple):
    """Precision, recall and their harmonic mean; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


def score(hits: float, found: float, wanted: float) -> Score:
    """From counts: right ones, all that were found, all that there are."""
    precision = hits / found if found else 0.0
    recall = hits / wanted if wanted else 0.0
    both = precision + recall
    return Score(precision, recall, 2 * precision * recall / both if both else 0.0)


def per_class(truth: Sequence[Hashable], found: Sequence[Hashable]) -> dict[Hashable, Score]:
    """The score of every class that occurs in the truth, in order of its name."""
    wanted, given = Counter(truth), Counter(found)
    hits = Counter(one for one, other in zip(truth, found, strict=True) if one == other)
    return {name: score(hits[name], given[name], wanted[name]) for name in sorted(wanted, key=str)}


def macro_f1(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Unweighted mean of the F1 of every class that occurs in the truth."""
    scores = per_class(truth, found)
    return sum(one.f1 for one in scores.values()) / len(scores) if scores else 0.0


def accuracy(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Share of rows that are right."""
    return sum(one == other for one, other in zip(truth, found, strict=True)) / len(truth) if truth else 0.0


def ece(confidence: Sequence[float] | Array, right: Sequence[bool] | Array, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): mean over equal bins of |accuracy - confidence| by rows."""
    sure, good = np.asarray(confidence, float), np.asarray(right, float)
    if not len(sure):
        return 0.0
    where = np.minimum((sure * bins).astype(int), bins - 1)
    total = 0.0
    for number in range(bins):
        inside = where == number
        if inside.any():
            total += abs(good[inside].mean() - sure[inside].mean()) * inside.sum()
    return float(total / len(sure))


def brier(probability: Sequence[float] | Array, truth: Sequence[bool] | Array) -> float:
    """Mean squared difference of a probability and what happened (Brier 1950); lower is better."""
    gap = np.asarray(probability, float) - np.asarray(truth, float)
    return float((gap * gap).mean()) if len(gap) else 0.0


def surest(confidence: Sequence[float] | Array, right: Sequence[bool] | Array, share: float) -> float:
    """Share of right ones among the surest ``share`` of all rows; equal confidences in order of the rows."""
    sure, good = np.asarray(confidence, float), np.asarray(right, float)
    keep = math.ceil(share * len(sure))
    return float(good[np.argsort(-sure, kind="stable")[:keep]].mean()) if keep else 0.0


def pairwise(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """Score of two groupings over all pairs of rows that stand in one group. ``None`` is a row in no group."""
    together = Counter(pair for pair in zip(truth, found, strict=True) if None not in pair)
    return score(_pairs(together.values()), _pairs(_sizes(found)), _pairs(_sizes(truth)))


def _sizes(groups: Sequence[Hashable]) -> Iterable[int]:
    return Counter(one for one in groups if one is not None).values()


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)
