"""Shares with their intervals."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


def wilson(right: float, of: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927); (0, 1) without rows."""
    if of <= 0:
        return 0.0, 1.0
    share, square = right / of, z * z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
