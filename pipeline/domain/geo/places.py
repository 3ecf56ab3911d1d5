"""What coordinates are worth before they are looked up: missing, a default point, swapped, coarse, outside the city.

Nothing is refused here: a place that is not one is flagged, and the record goes on by its area code or to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from pipeline.domain.geo.layers import Shape
from pipeline.domain.geo.projection import METRES_PER_DEGREE, Floats, distances_m

Bits = NDArray[np.uint8]
WORLD = (-180.0, -90.0, 180.0, 90.0)
COARSE_DECIMALS = 4
DEFAULT_POINT_M = 1.0


class PlaceFlag(IntFlag):
    """What is odd about a pair of coordinates; several may hold."""

    MISSING = 1
    """Absent (NaN) or at (0, 0)."""
    DEFAULT_POINT = 2
    """On a point that a source writes when it knows none."""
    OUTSIDE = 4
    """Not in the city, as it is and with its axes exchanged."""
    SWAPPED = 8
    """Latitude and longitude were exchanged, and are mended."""
    COARSE = 16
    """So few decimals that their rounding adds to the error."""

    @classmethod
    def names_of(cls, bits: int) -> tuple[str, ...]:
        """The names of the flags set in ``bits``."""
        return _NAMES[bits]


_NAMES = tuple(tuple(str(flag.name) for flag in PlaceFlag if flag & bits) for bits in range(32))
NO_LOCATION = PlaceFlag.MISSING | PlaceFlag.DEFAULT_POINT | PlaceFlag.OUTSIDE
"""With any of these a record has no location."""


@dataclass(frozen=True, slots=True)
class ReviewedPlaces:
    """Coordinates after mending (NaN where there is no location), flags, and the rounding error of coarse ones."""

    lons: Floats
    lats: Floats
    flags: Bits
    rounding_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRules:
    """What is known of a city: bounds (west, south, east, north), polygon, and the default points of its sources."""

    bounds: tuple[float, float, float, float] = WORLD
    city: Shape = None
    default_points: Sequence[tuple[float, float]] = ()
    coarse_decimals: int = COARSE_DECIMALS
    """Coordinates with at most so many decimals are coarse."""

    def __post_init__(self) -> None:
        """Prepare the polygon once."""
        if self.city is not None:
            shapely.prepare(self.city)

    def review(self, lons: ArrayLike, lats: ArrayLike) -> ReviewedPlaces:
        """Judge and mend columns of coordinates (NaN for missing ones)."""
        x, y = np.array(lons, np.float64, ndmin=1), np.array(lats, np.float64, ndmin=1)
        missing = ~(np.isfinite(x) & np.isfinite(y)) | ((x == 0.0) & (y == 0.0))
        default = ~missing & self._on_default(x, y)
        outside = ~missing & ~default & ~self._in_city(x, y)
        swapped = np.zeros(len(x), np.bool_)
        asked = np.flatnonzero(outside)
        swapped[asked] = self._in_city(y[asked], x[asked])
        x[swapped], y[swapped] = y[swapped], x[swapped]
        outside &= ~swapped
        lost = missing | default | outside
        x[lost] = y[lost] = np.nan
        rounding = self._rounding(x, y)
        flags = np.zeros(len(x), np.uint8)
        for bit, column in enumerate((missing, default, outside, swapped, rounding > 0.0)):
            flags |= column.astype(np.uint8) << np.uint8(bit)
        return ReviewedPlaces(x, y, flags, rounding)

    def _on_default(self, lons: Floats, lats: Floats) -> NDArray[np.bool_]:
        found = np.zeros(len(lons), np.bool_)
        for lon, lat in self.default_points:
            near = (np.abs(lats - lat) < 1e-4) & (np.abs(lons - lon) < 1e-2)
            found[near] |= distances_m(lons[near], lats[near], np.array(lon), np.array(lat)) <= DEFAULT_POINT_M
        return found

    def _in_city(self, lons: Floats, lats: Floats) -> NDArray[np.bool_]:
        west, south, east, north = self.bounds
        inside = (lons >= west) & (lons <= east) & (lats >= south) & (lats <= north)
        if self.city is not None:
            asked = np.flatnonzero(inside)
            inside[asked] = shapely.intersects_xy(self.city, lons[asked], lats[asked])
        return inside

    def _rounding(self, lons: Floats, lats: Floats) -> Floats:
        """The rounding error of coarse places, 0 for finer ones."""
        rounding = np.zeros(len(lons))
        for places in range(self.coarse_decimals, -1, -1):
            steps = 10.0**places
            off = np.maximum(np.abs(lons * steps - np.rint(lons * steps)), np.abs(lats * steps - np.rint(lats * steps)))
            rounding[off < 1e-7 * steps] = rounding_m(places)
        return rounding


def decimals(lon: float, lat: float) -> int:
    """Decimals of the finer of the two coordinates as they are written shortest; whole degrees have 0."""
    return max(_decimals(lon), _decimals(lat))


def rounding_m(places: int) -> float:
    """Half a step of latitude at so many decimals: the largest error that rounding can have made on one axis."""
    return float(0.5 * 10.0**-places * METRES_PER_DEGREE)


def _decimals(value: float) -> int:
    mantissa, _, exponent = repr(value).partition("e")
    digits = len(mantissa.partition(".")[2].rstrip("0"))
    return max(0, digits - int(exponent or 0))
