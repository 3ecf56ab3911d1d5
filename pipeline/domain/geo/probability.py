"""How likely the true place lies in each of several cells, given the distances to their borders and the error.

The error is Gaussian with the same standard deviation on both axes, and each border is taken for a straight line: the
true place lies beyond a line at distance d with probability Phi(-d / error). The shares are normalised to sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np

from pipeline.domain.geo.projection import Floats, Ints

_ROOT_2 = sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Line:
    """How firm a border line is (刚性/弹性界线), apart from the error of the point.

    A flexible line (the middle of a street, a fence that moved, an older map) may run elsewhere than drawn: a place
    beside it belongs to the other side with probability ``drift_share`` at the line, falling off as exp(-d / drift_m).
    A rigid one (a river, a wall, a line that was surveyed) lies where it is drawn.
    """

    drift_share: float = 0.0
    drift_m: float = 50.0


RIGID = Line()
FLEXIBLE = Line(0.02)
"""The share is a starting value of our own: of the places within sight of a border one in fifty is held otherwise."""


def loosened(distances_m: Floats, probabilities: Floats, starts: Ints, line: Line) -> Floats:
    """Shares of candidates (as :func:`shares` takes and gives them) when the line itself may be elsewhere.

    What the other side wins is taken from the candidates that hold the point, in proportion.
    """
    if not line.drift_share:
        return probabilities
    counts = np.diff(starts)
    point = np.repeat(np.arange(len(counts)), counts)
    outside = distances_m > 0.0
    inside = np.bincount(point, np.where(outside, 0.0, probabilities), minlength=len(counts))
    won = np.where(outside, line.drift_share * np.exp(-np.maximum(distances_m, 0.0) / line.drift_m), 0.0)
    won = won * inside[point]
    lost = np.bincount(point, won, minlength=len(counts))
    left = np.divide(inside - lost, inside, out=np.ones(len(inside)), where=inside > 0.0)
    result: Floats = np.where(outside, probabilities + won, probabilities * left[point])
    return result


def candidate_probabilities(distances_m: Sequence[float], error_m: float) -> tuple[float, ...]:
    """The share of each candidate; distances are signed, negative inside the cell.

    The shares sum to 1; on a border of two cells they are one half each. With no error, or where every candidate is
    too far to tell apart, the nearest has all (equally near ones share it). ValueError for an error that is negative
    or not a number.
    """
    if not error_m >= 0.0:
        message = f"error_m = {error_m!r}: give metres, 0 or more"
        raise ValueError(message)
    weights = [beyond(distance, error_m) for distance in distances_m]
    total = sum(weights)
    if total <= 0.0 and weights:
        nearest = min(distances_m)
        weights = [float(distance == nearest) for distance in distances_m]
        total = sum(weights)
    return tuple([weight / total for weight in weights])


def shares(distances_m: Floats, starts: Ints, error_m: Floats) -> Floats:
    """:func:`candidate_probabilities` for many points at once.

    Point ``i`` has the candidates ``distances_m[starts[i]:starts[i + 1]]`` and the error ``error_m[i]``.
    """
    counts = np.diff(starts)
    point = np.repeat(np.arange(len(counts)), counts)
    pairs = zip(distances_m.tolist(), error_m[point].tolist(), strict=True)
    weights = np.array([beyond(distance, error) for distance, error in pairs], np.float64)
    totals = np.bincount(point, weights, minlength=len(counts))
    for lost in np.flatnonzero((totals <= 0.0) & (counts > 0)):
        part = slice(int(starts[lost]), int(starts[lost + 1]))
        weights[part] = distances_m[part] == distances_m[part].min()
        totals[lost] = weights[part].sum()
    result: Floats = weights / totals[point]
    return result


def beyond(distance: float, error: float) -> float:
    """How likely the true place lies beyond a straight line at this signed distance."""
    if error <= 0.0:
        return 0.5 if distance == 0.0 else float(distance < 0.0)
    return 0.5 * erfc(distance / (error * _ROOT_2))
