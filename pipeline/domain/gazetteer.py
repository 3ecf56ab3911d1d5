"""Where is a place that a text names? The gazetteer (地名库): names with points, found in texts and narrowed.

The longest name counts (墨桥路霁川街路口 before 墨桥路). Two roads one after the other mean their crossing. A name that
several places have is narrowed by the areas that the report gives, by code or in its words, and by the other places it
names. What is still in several places far apart, or contradicts itself, has no place here: a person is better asked.

Nothing of a report is read but words that stand in the tables of the city.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import hypot
from typing import NamedTuple

from pipeline.domain.geo.datum import Datum, to_wgs84
from pipeline.domain.geo.projection import distance_m
from pipeline.domain.phrases import as_bytes, automaton_of, outermost
from pipeline.domain.privacy import without_placeholders
from pipeline.domain.reference.rows import Area, NamedPlace
from pipeline.domain.text import fold

__all__ = ["Gazetteer", "Spot"]

CLOSE_M = 150.0
"""Places of one name that all lie this near their middle are told as one, less exact, place."""
APART = 3.0
"""Errors of two named places together (1 sigma) beyond which they contradict each other."""
BETWEEN_ROADS = 12
"""Bytes (four ideographs) that may stand between the names of two roads that cross: 近, 与, 交汇处的 …"""
BETWEEN_TEXTS = "\n" * (BETWEEN_ROADS + 1)
"""Two texts name a road each: that is no crossing yet."""
HINTS = ("district", "street", "community")
"""Tiers of the areas whose names in a text narrow a place."""
Path = Callable[[str], tuple[str, ...]]
"""Codes from the top of the tree of areas down to one."""


class Spot(NamedTuple):
    """A named place as a report means it. ``area`` is the one that surely holds it, "" when there are several."""

    lon: float
    lat: float
    error_m: float
    """1 sigma on each axis, in metres."""
    name: str
    area: str


class _Entry(NamedTuple):
    spot: Spot
    row: NamedPlace


class _Named(NamedTuple):
    """A name that was found in a text: where it ends and begins in bytes, and its number."""

    start: int
    end: int
    number: int


_Group = list[_Entry]
"""The places that one name may mean."""


class Gazetteer:
    """The named places and the areas of a city, compiled once. Pure: the same texts, the same place."""

    def __init__(self, places: Iterable[NamedPlace], areas: Iterable[Area], path: Path) -> None:
        self._path = path
        self._names: dict[str, int] = {}
        self._places: list[_Group] = []
        self._areas: list[tuple[str, ...]] = []
        self._crossings: dict[frozenset[str], _Group] = {}
        rows = list(places)
        for row in rows:
            self._add(_entry(row))
        for area in areas if rows else ():
            if area.tier in HINTS and len(fold(area.name)) > 1:
                number = self._number(fold(area.name))
                self._areas[number] = (*self._areas[number], area.code)
        self._texts = list(self._names)
        encoded = [as_bytes(name) for name in self._texts]
        self._lengths = tuple(map(len, encoded))
        self._automaton = automaton_of(encoded) if encoded else None

    def __bool__(self) -> bool:
        """Whether there is any named place."""
        return self._automaton is not None

    def find(self, texts: Sequence[str], area: str, at: int) -> Spot | None:
        """The place that the redacted texts of a report mean at ``at`` (ms UTC), or ``None``.

        ``area`` is the code of an area that the report gives, "" for none.
        """
        found = list(self._found(BETWEEN_TEXTS.join([fold(without_placeholders(text)) for text in texts if text])))
        if not found:
            return None
        hints = [self._areas[one.number] for one in found if self._areas[one.number]]
        if area and self._path(area):
            hints.append((area,))
        groups = [self._narrowed(group, hints, at) for group in self._groups(found)]
        return _settled(_agreeing([group for group in groups if group]))

    # --- the table -----------------------------------------------------------------------------------------------

    def _add(self, entry: _Entry) -> None:
        row = entry.row
        for name in dict.fromkeys([fold(text) for text in (row.name, *row.aliases)]):
            self._places[self._number(name)].append(entry)
        for road in row.roads:
            self._number(fold(road))
        for one, other in _pairs(row.roads):
            self._crossings.setdefault(frozenset((fold(one), fold(other))), []).append(entry)

    def _number(self, name: str) -> int:
        number = self._names.setdefault(name, len(self._names))
        if number == len(self._places):
            self._places.append([])
            self._areas.append(())
        return number

    # --- a text --------------------------------------------------------------------------------------------------

    def _found(self, text: str) -> Iterator[_Named]:
        """The longest names in a text, in order."""
        if self._automaton is None or not text:
            return
        matches = [*self._automaton.iter(as_bytes(text))]
        for start, number in zip(*outermost(matches, self._lengths), strict=True):
            yield _Named(start, start + self._lengths[number], number)

    def _groups(self, found: list[_Named]) -> list[_Group]:
        """What each name may mean, each once; roads whose crossing is named stand for it."""
        groups: dict[frozenset[str], _Group] = {}
        crossed: set[int] = set()
        for one, other in pairwise(found):
            roads = frozenset((self._texts[one.number], self._texts[other.number]))
            if other.start - one.end <= BETWEEN_ROADS and roads in self._crossings:
                groups[roads] = self._crossings[roads]
                crossed |= {one.number, other.number}
        for one in found:
            if one.number not in crossed and self._places[one.number]:
                groups[frozenset((self._texts[one.number],))] = self._places[one.number]
        return list(groups.values())

    def _narrowed(self, group: _Group, hints: list[tuple[str, ...]], at: int) -> _Group:
        """The places in force that lie in all areas that the report gives."""
        return [one for one in group if all(self._within(one.row, hint) for hint in hints) and one.row.valid_at(at)]

    def _within(self, row: NamedPlace, codes: tuple[str, ...]) -> bool:
        """Whether a place may lie in one of several areas of one name."""
        for area in row.areas:
            above = self._path(area)
            for code in codes:
                if code in above or area in self._path(code):
                    return True
        return not row.areas


def _entry(row: NamedPlace) -> _Entry:
    lon, lat = to_wgs84(row.lon, row.lat, Datum.named(row.datum))
    return _Entry(Spot(lon, lat, row.error_m, row.name, row.areas[0] if len(row.areas) == 1 else ""), row)


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((one, other) for number, one in enumerate(names) for other in names[number + 1 :])


def _agreeing(groups: list[_Group]) -> list[_Group]:
    """Each group without the places that no place of another group lies near, where that leaves any."""
    return [
        [one for one in group if all([_near(one, other) for other in groups if other is not group])] or group
        for group in groups
    ]


def _near(one: _Entry, others: _Group) -> bool:
    return any([not _contradict(one.spot, other.spot) for other in others])


def _contradict(one: Spot, other: Spot) -> bool:
    return distance_m(one.lon, one.lat, other.lon, other.lat) > APART * (one.error_m + other.error_m)


def _settled(groups: list[_Group]) -> Spot | None:
    """The most exact of the places that are certain; ``None`` where there is none, or two contradict each other."""
    spots = [spot for group in groups if (spot := _one_of(group)) is not None]
    if not spots or any([_contradict(one, other) for number, one in enumerate(spots) for other in spots[:number]]):
        return None
    return min(spots, key=lambda spot: (spot.error_m, spot.name, spot.lon, spot.lat))


def _one_of(group: _Group) -> Spot | None:
    """One place of what a name may mean: the only one, or the middle of those that lie close together."""
    spots = [one.spot for one in group]
    if len(spots) == 1:
        return spots[0]
    lon, lat = sum(spot.lon for spot in spots) / len(spots), sum(spot.lat for spot in spots) / len(spots)
    spread = max([distance_m(lon, lat, spot.lon, spot.lat) for spot in spots])
    if spread > CLOSE_M:
        return None
    areas = {spot.area for spot in spots}
    error = hypot(max([spot.error_m for spot in spots]), spread)
    return Spot(lon, lat, error, min([spot.name for spot in spots]), areas.pop() if len(areas) == 1 else "")
