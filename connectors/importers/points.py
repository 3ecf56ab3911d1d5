"""What the coordinates of a set tell about themselves: how coarse they are, and which of them mean "no place"."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from math import cos, hypot, isfinite, radians, sqrt

from connectors.importers.base import Row

METRES_PER_DEGREE = 111_195.0
FINE_DIGITS = 5
"""Decimals from which a coordinate says nothing about its error any more (half a unit is below a metre)."""
MIN_ADDRESSES = 20
MIN_SHARE = 0.005

Point = tuple[float, float]


def number(text: str) -> float | None:
    """A finite number, or ``None``."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def rounding_m(lon: str, lat: str) -> float | None:
    """Error in metres (1 sigma) that rounding alone makes; ``None`` for coordinates with enough decimals."""
    digits = max(len(text.partition(".")[2]) for text in (lon, lat))
    at = number(lat)
    if digits >= FINE_DIGITS or at is None:
        return None
    half = METRES_PER_DEGREE * 0.5 * 10.0**-digits
    return round(hypot(half, half * cos(radians(at))) / sqrt(3.0), 1)  # evenly spread over the rounding cell


def default_points(rows: Iterable[Row]) -> list[Point]:
    """Points that a system writes when it knows no place.

    A true place has one address or a few ways to write it; a default point is shared by many addresses (at least
    20) and by at least 0.5 % of all rows.
    """
    counts: Counter[Point] = Counter()
    addresses: defaultdict[Point, set[str]] = defaultdict(set)
    for row in rows:
        lon, lat = number(row["lon"]), number(row["lat"])
        if lon is not None and lat is not None:
            counts[lon, lat] += 1
            if len(addresses[lon, lat]) < MIN_ADDRESSES:
                addresses[lon, lat].add(row["address"].strip().casefold())
    total = sum(counts.values())
    return sorted(p for p, n in counts.items() if n >= MIN_SHARE * total and len(addresses[p]) >= MIN_ADDRESSES)


def bounding_box(points: Iterable[Point], margin: float = 0.05) -> tuple[float, float, float, float]:
    """West, south, east, north around the middle 99.8 % of the points, with a margin in degrees.

    A few rows with a wrong place must not make the city as large as their error.
    """
    found = list(points)
    if not found:
        return (-180.0, -90.0, 180.0, 90.0)
    lons, lats = sorted(lon for lon, _ in found), sorted(lat for _, lat in found)
    cut = len(found) // 1000
    west, east = lons[cut], lons[-1 - cut]
    south, north = lats[cut], lats[-1 - cut]
    return (round(west - margin, 4), round(south - margin, 4), round(east + margin, 4), round(north + margin, 4))
