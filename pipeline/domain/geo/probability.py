"""How likely the true place lies in each of several cells, given the distances to their borders and the error.

The error is Gaussian with the same standard deviation on both axes, and each border is taken for a straight line: the
true place lies beyond a line at distance d with probability Phi(-d / error). The shares are normalised to sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, sqrt

import numpy as np

from pipeline.domain.geo.projection import Floats, Ints

_ROOT_2 = sqrt(2.0)


def candidate_probabilities(distances_m: Sequence[float], error_m: float) -> tuple[float, ...]:
    """The share of each candidate; distances are signed, negative inside the cell.

    The shares sum to 1; on a border of two cells they are one half each. With no error, or where every candidate is
    too far to tell apart, the nearest has all (equally near ones share it). ValueError for an error that is negative
    or not a number.
    """
    if not error_m >= 0.0:
        message = f"error_m = {error_m!r}: give metres, 0 or more"
        raise ValueError(message)
    weights = [_beyond(distance, error_m) for distance in distances_m]
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
    weights = np.array([_beyond(distance, error) for distance, error in pairs], np.float64)
    totals = np.bincount(point, weights, minlength=len(counts))
    for lost in np.flatnonzero((totals <= 0.0) & (counts > 0)):
        part = slice(int(starts[lost]), int(starts[lost + 1]))
        weights[part] = distances_m[part] == distances_m[part].min()
        totals[lost] = weights[part].sum()
    result: Floats = weights / totals[point]
    return result


def _beyond(distance: float, error: float) -> float:
    if error <= 0.0:
        return 0.5 if distance == 0.0 else float(distance < 0.0)
    return 0.5 * erfc(distance / (error * _ROOT_2))
