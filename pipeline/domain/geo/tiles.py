"""Tiles: coarse cells of about 2 km that are the partition keys of casework (ADR 0003).

The globe is cut into 10,000 rows of 0.018 degrees (2.0 km); each row into as many equal columns as keep them about 2 km
wide, so that a tile is the same size in every city and nothing special happens at a pole or at the antimeridian.
All arithmetic is on whole ten-millionths of a degree, so the scalar and the numpy form cannot disagree.

A tile's name has letters and digits only: ``t`` and six base-36 digits for a place, ``a`` for a record that has only an
area code, ``nowhere`` for a record that has neither. Names are for ever: case ids carry them.
"""

from __future__ import annotations

from hashlib import blake2b
from math import cos, floor, radians

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.domain.geo.projection import METRES_PER_DEGREE, Floats, Ints

NO_PLACE = "nowhere"
"""The tile of a record without coordinates and without an area code."""
LARGEST_RADIUS_M = 20_000.0

_UNIT = 10_000_000  # of one degree
_TURN = 360 * _UNIT
_ROW = 180_000  # units of latitude a row is high
_ROWS = 180 * _UNIT // _ROW
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SLACK = 1.001  # a neighbour too many costs a notice, one too few loses a duplicate


def _columns_of(row: int) -> int:
    south = abs((row + 0.5) * _ROW / _UNIT - 90.0)
    return max(1, round(_TURN / _ROW * cos(radians(south))))


_COLUMNS = [_columns_of(row) for row in range(_ROWS)]
_COLUMNS_ARRAY: Ints = np.array(_COLUMNS, np.int64)
_NARROWEST = [
    max(1e-9, min(cos(radians(min(90.0, abs(edge * _ROW / _UNIT - 90.0)))) for edge in (row - 10, row + 11)))
    for row in range(_ROWS)
]
"""The least cosine of latitude within 20 km of each row: a circle's width in degrees is bounded by it."""
_NARROWEST_ARRAY: Floats = np.array(_NARROWEST)
_names: dict[int, str] = {}


def tile_of(lon: float, lat: float) -> str:
    """The tile of a point; ``nowhere`` for NaN. ValueError beyond 180 degrees east or west or beyond a pole."""
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        return _outside(lon, lat)
    row = min(floor((lat + 90.0) * _UNIT) // _ROW, _ROWS - 1)
    column = floor((lon + 180.0) * _UNIT) % _TURN * _COLUMNS[row] // _TURN
    number = row << 15 | column
    return _names.get(number) or _name(number)


def tiles_of(lons: ArrayLike, lats: ArrayLike) -> list[str]:
    """:func:`tile_of` for columns."""
    lon, lat, known = _checked(lons, lats)
    x, _, rows, counts = _places(lon, lat)
    numbers = (rows << 15 | x * counts // _TURN).tolist()
    names = [_names.get(number) or _name(number) for number in numbers]
    return names if known.all() else [name if here else NO_PLACE for name, here in zip(names, known, strict=True)]


def area_tile(area_code: str) -> str:
    """The tile of records that have an area code and no coordinates; ``nowhere`` for an empty code.

    A code of letters and digits is kept as it is, any other is replaced by its digest.
    """
    if not area_code:
        return NO_PLACE
    if area_code.isascii() and area_code.isalnum() and len(area_code) <= 20:
        return "a" + area_code
    return "b" + blake2b(area_code.encode(), digest_size=8).hexdigest()


def tile_bounds(tile: str) -> tuple[float, float, float, float]:
    """West, south, east, north of a place's tile in degrees; ValueError when the name is not of that kind."""
    row, column = _place_of(tile)
    count = _COLUMNS[row]
    west, east = -(-column * _TURN // count), -(-(column + 1) * _TURN // count)
    return west / _UNIT - 180.0, row * _ROW / _UNIT - 90.0, east / _UNIT - 180.0, (row + 1) * _ROW / _UNIT - 90.0


def neighbours_within(lon: float, lat: float, radius_m: float) -> tuple[str, ...]:
    """The other tiles that reach within ``radius_m`` of the point, in order of their names.

    Usually none, up to three while the radius is below half a tile. Two points within ``radius_m`` of each other are
    in one tile, or each one's tile is among the other's neighbours (a tile may be named that lies 1 % beyond).
    ValueError for a radius below 0 or over 20 km.
    """
    reach = _reach(radius_m)
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        _outside(lon, lat)
        return ()
    x, y = floor((lon + 180.0) * _UNIT) % _TURN, floor((lat + 90.0) * _UNIT)
    row = min(y // _ROW, _ROWS - 1)
    if reach <= y - row * _ROW < _ROW - reach:
        count = _COLUMNS[row]
        wide = reach / _NARROWEST[row] * count
        if wide <= x * count % _TURN < _TURN - wide:
            return ()
    return _near_edge(x, y, row, reach)


def neighbours_of(lons: ArrayLike, lats: ArrayLike, radius_m: float) -> list[tuple[str, ...]]:
    """:func:`neighbours_within` for columns."""
    lon, lat, known = _checked(lons, lats)
    reach = _reach(radius_m)
    x, y, rows, counts = _places(lon, lat)
    up, across, wide = y - rows * _ROW, x * counts % _TURN, reach / _NARROWEST_ARRAY[rows] * counts
    quiet = (reach <= up) & (up < _ROW - reach) & (wide <= across) & (across < _TURN - wide)
    near: list[tuple[str, ...]] = [()] * len(x)
    for place in np.flatnonzero(known & ~quiet).tolist():
        near[place] = _near_edge(int(x[place]), int(y[place]), int(rows[place]), reach)
    return near


def _reach(radius_m: float) -> int:
    """The radius in units of latitude, a little more rather than less."""
    if not 0.0 <= radius_m <= LARGEST_RADIUS_M:
        message = f"radius_m = {radius_m!r}: give 0 to {LARGEST_RADIUS_M:.0f} metres"
        raise ValueError(message)
    return int(radius_m * (_SLACK * _UNIT / METRES_PER_DEGREE)) + 2


def _checked(lons: ArrayLike, lats: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Columns in which NaN stands as 0, and where it does not."""
    lon, lat = np.asarray(lons, np.float64), np.asarray(lats, np.float64)
    known = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)
    if known.all():
        return lon, lat, known
    for place in np.flatnonzero(~known).tolist():
        _outside(float(lon[place]), float(lat[place]))
    return np.where(known, lon, 0.0), np.where(known, lat, 0.0), known


def _places(lon: Floats, lat: Floats) -> tuple[Ints, Ints, Ints, Ints]:
    """Units to the east and to the north, row, and columns of the row."""
    x = np.floor((lon + 180.0) * _UNIT).astype(np.int64) % _TURN
    y = np.floor((lat + 90.0) * _UNIT).astype(np.int64)
    rows = np.minimum(y // _ROW, _ROWS - 1)
    return x, y, rows, _COLUMNS_ARRAY[rows]


def _near_edge(x: int, y: int, own: int, reach: int) -> tuple[str, ...]:
    """The other tiles whose rectangle has a point within reach, by a distance that is never more than the true one."""
    cosine, found = _NARROWEST[own], set()
    wide = int(min(reach / cosine, _TURN // 2)) + 2
    for row in range(max(0, (y - reach) // _ROW), min(_ROWS - 1, (y + reach) // _ROW) + 1):
        count = _COLUMNS[row]
        up = max(row * _ROW - y, y - (row + 1) * _ROW, 0)
        first, last = (x - wide) * count // _TURN, (x + wide) * count // _TURN
        for column in range(first, last + 1):
            aside = max(column * _TURN // count - x, x - (column + 1) * _TURN // count, 0)
            # The least cosine within 20 km makes this less than the true distance, also where meridians converge.
            if up * up + (aside * cosine) ** 2 <= reach * reach:
                found.add(row << 15 | column % count)
    found.discard(own << 15 | x * _COLUMNS[own] // _TURN)
    # Numbers and their names have the same order: six digits, and "0" to "9" come before "a" to "z".
    return tuple([_names.get(number) or _name(number) for number in sorted(found)])


def _outside(lon: float, lat: float) -> str:
    if lon != lon or lat != lat:
        return NO_PLACE
    message = f"lon, lat = {lon!r}, {lat!r}: give degrees within 180 east or west and 90 north or south"
    raise ValueError(message)


def _name(number: int) -> str:
    """Six base-36 digits; kept for the places of one city, dropped when the records come from all over the globe."""
    name, rest = "", number
    for _ in range(6):
        rest, digit = divmod(rest, 36)
        name = _DIGITS[digit] + name
    if len(_names) >= 100_000:
        _names.clear()
    return _names.setdefault(number, "t" + name)


def _place_of(tile: str) -> tuple[int, int]:
    try:
        number = int(tile[1:], 36) if len(tile) == 7 and tile[0] == "t" else -1
    except ValueError:
        number = -1
    row, column = number >> 15, number & 0x7FFF
    if not (0 <= row < _ROWS and column < _COLUMNS[row]):
        message = f"tile = {tile!r}: no tile of a place (t and six base-36 digits)"
        raise ValueError(message)
    return row, column
