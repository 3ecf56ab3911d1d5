"""What coordinates are worth before they are looked up: how many decimals they have, and whether a box holds them.

Whether they are missing, on a default point, swapped or outside the city is asked where a report is screened.
"""

from __future__ import annotations

LEAST_DECIMALS = 3
"""Coordinates with fewer (steps of 1.1 km or more) are no location: no street follows from them, nor a duplicate."""


def decimals(lon: float, lat: float) -> int:
    """Decimals of the finer of the two coordinates as they are written shortest; whole degrees have 0."""
    return max(_decimals(lon), _decimals(lat))


def inside(lon: float, lat: float, box: tuple[float, float, float, float]) -> bool:
    """Whether a point lies in a box of west, south, east and north, its edges included."""
    return box[0] <= lon <= box[2] and box[1] <= lat <= box[3]


def _decimals(value: float) -> int:
    mantissa, _, exponent = repr(value).partition("e")
    digits = len(mantissa.partition(".")[2].rstrip("0"))
    return max(0, digits - int(exponent or 0))
