"""WGS-84, CGCS2000, GCJ-02 and BD-09: told apart by name and brought to WGS-84.

CGCS2000, the datum that GB/T 47678.5 asks for, agrees with WGS-84 within decimetres and is treated as the same.
GCJ-02 is the shifted datum of Chinese maps: 300 to 700 m off in the east of China, less in the far west. Its formula is
public only as rebuilt by users of the maps; outside a rectangle about China it is the identity. BD-09 is Baidu's
further shift of GCJ-02. The inverses iterate to less than 0.1 m. The numpy forms compute what the scalar ones do.
"""

from __future__ import annotations

from enum import StrEnum
from math import atan2, cos, pi, sin, sqrt

import numpy as np
from numpy.typing import ArrayLike

from pipeline.domain.geo.projection import Floats

CHINA = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north of the rectangle in which GCJ-02 differs from WGS-84."""
_AXIS_M = 6_378_245.0  # of the Krasovsky ellipsoid, on which the shift is computed
_ECCENTRICITY2 = 0.006_693_421_622_965_943
_BD_ANGLE = pi * 3000.0 / 180.0
_ENOUGH = 1e-8  # degrees, about 1 mm
_ROUNDS = 12


class Datum(StrEnum):
    """What the degrees of a record refer to."""

    WGS84 = "WGS-84"
    CGCS2000 = "CGCS2000"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"

    @classmethod
    def named(cls, text: str) -> Datum:
        """The datum of a free spelling (``gcj02``, ``EPSG:4490`` …); ValueError names the spellings that are known."""
        found = _SPELLINGS.get("".join(sign for sign in text.upper() if sign.isalnum()))
        if found is None:
            message = f"datum = {text!r}: write one of {', '.join(cls)}"
            raise ValueError(message)
        return found


_SPELLINGS = {
    **{"".join(sign for sign in datum.upper() if sign.isalnum()): datum for datum in Datum},
    "EPSG4326": Datum.WGS84,
    "CRS84": Datum.WGS84,
    "OGCCRS84": Datum.WGS84,
    "EPSG4490": Datum.CGCS2000,
    "BD09LL": Datum.BD09,
}


def to_wgs84(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    """A point of ``datum`` in WGS-84."""
    if datum is Datum.GCJ02:
        return _unshifted(lon, lat)
    if datum is Datum.BD09:
        return _unshifted(*_gcj02_of_bd09(lon, lat))
    return lon, lat


def from_wgs84(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    """A WGS-84 point in ``datum``."""
    if datum is Datum.GCJ02:
        return _shifted(lon, lat)
    if datum is Datum.BD09:
        return _bd09_of_gcj02(*_shifted(lon, lat))
    return lon, lat


def columns_to_wgs84(lons: ArrayLike, lats: ArrayLike, datum: Datum) -> tuple[Floats, Floats]:
    """:func:`to_wgs84` for columns."""
    x, y = _columns(lons, lats)
    if datum is Datum.BD09:
        x, y = _columns_gcj02_of_bd09(x, y)
    return _columns_unshifted(x, y) if datum in (Datum.GCJ02, Datum.BD09) else (x, y)


def columns_from_wgs84(lons: ArrayLike, lats: ArrayLike, datum: Datum) -> tuple[Floats, Floats]:
    """:func:`from_wgs84` for columns."""
    x, y = _columns(lons, lats)
    if datum is Datum.GCJ02:
        return _columns_shifted(x, y)
    if datum is Datum.BD09:
        return _columns_bd09_of_gcj02(*_columns_shifted(x, y))
    return x, y


def _columns(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats]:
    return np.asarray(lons, np.float64), np.asarray(lats, np.float64)


def _shifted(lon: float, lat: float) -> tuple[float, float]:
    if not (CHINA[0] <= lon <= CHINA[2] and CHINA[1] <= lat <= CHINA[3]):
        return lon, lat
    x, y = lon - 105.0, lat - 35.0
    root = sqrt(abs(x))
    short = 20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (short + 20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (short + 20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    angle = lat / 180.0 * pi
    flat = 1.0 - _ECCENTRICITY2 * sin(angle) ** 2
    rise = north * 180.0 / (_AXIS_M * (1.0 - _ECCENTRICITY2) / (flat * sqrt(flat)) * pi)
    return lon + east * 180.0 / (_AXIS_M / sqrt(flat) * cos(angle) * pi), lat + rise


def _unshifted(lon: float, lat: float) -> tuple[float, float]:
    guess_lon, guess_lat = lon, lat
    for _ in range(_ROUNDS):
        east, north = _shifted(guess_lon, guess_lat)
        miss_lon, miss_lat = lon - east, lat - north
        guess_lon, guess_lat = guess_lon + miss_lon, guess_lat + miss_lat
        if abs(miss_lon) < _ENOUGH and abs(miss_lat) < _ENOUGH:
            break
    return guess_lon, guess_lat


def _bd09_of_gcj02(lon: float, lat: float) -> tuple[float, float]:
    radius = sqrt(lon * lon + lat * lat) + 2e-5 * sin(lat * _BD_ANGLE)
    angle = atan2(lat, lon) + 3e-6 * cos(lon * _BD_ANGLE)
    return radius * cos(angle) + 0.0065, radius * sin(angle) + 0.006


def _gcj02_of_bd09(lon: float, lat: float) -> tuple[float, float]:
    guess_lon, guess_lat = lon - 0.0065, lat - 0.006
    for _ in range(_ROUNDS):
        east, north = _bd09_of_gcj02(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + lon - east, guess_lat + lat - north
        if abs(lon - east) < _ENOUGH and abs(lat - north) < _ENOUGH:
            break
    return guess_lon, guess_lat


def _columns_shifted(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    x, y = lons - 105.0, lats - 35.0
    root = np.sqrt(np.abs(x))
    short = 20.0 * np.sin(6.0 * x * pi) + 20.0 * np.sin(2.0 * x * pi)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (short + 20.0 * np.sin(x * pi) + 40.0 * np.sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * pi) + 300.0 * np.sin(x / 30.0 * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (short + 20.0 * np.sin(y * pi) + 40.0 * np.sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * pi) + 320.0 * np.sin(y * pi / 30.0)) * 2.0 / 3.0
    angle = lats / 180.0 * pi
    flat = 1.0 - _ECCENTRICITY2 * np.sin(angle) ** 2
    rise = north * 180.0 / (_AXIS_M * (1.0 - _ECCENTRICITY2) / (flat * np.sqrt(flat)) * pi)
    inside = (lons >= CHINA[0]) & (lons <= CHINA[2]) & (lats >= CHINA[1]) & (lats <= CHINA[3])
    shifted_lons = lons + east * 180.0 / (_AXIS_M / np.sqrt(flat) * np.cos(angle) * pi)
    return np.where(inside, shifted_lons, lons), np.where(inside, lats + rise, lats)


def _columns_unshifted(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    guess_lons, guess_lats = lons, lats
    for _ in range(_ROUNDS):
        east, north = _columns_shifted(guess_lons, guess_lats)
        guess_lons, guess_lats = guess_lons + (lons - east), guess_lats + (lats - north)
        if not np.any((np.abs(lons - east) >= _ENOUGH) | (np.abs(lats - north) >= _ENOUGH)):
            break
    return guess_lons, guess_lats


def _columns_bd09_of_gcj02(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    radius = np.sqrt(lons * lons + lats * lats) + 2e-5 * np.sin(lats * _BD_ANGLE)
    angle = np.arctan2(lats, lons) + 3e-6 * np.cos(lons * _BD_ANGLE)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _columns_gcj02_of_bd09(lons: Floats, lats: Floats) -> tuple[Floats, Floats]:
    guess_lons, guess_lats = lons - 0.0065, lats - 0.006
    for _ in range(_ROUNDS):
        east, north = _columns_bd09_of_gcj02(guess_lons, guess_lats)
        guess_lons, guess_lats = guess_lons + (lons - east), guess_lats + (lats - north)
        if not np.any((np.abs(lons - east) >= _ENOUGH) | (np.abs(lats - north) >= _ENOUGH)):
            break
    return guess_lons, guess_lats
