"""The state of casework: open and lately ended cases, ghosts of neighbour tiles, and the reports already answered.

Everything is found by tile: an index never hands out an entry of another tile, because on Kafka two tiles that share a
partition today may not share one tomorrow. A look-up touches only cells of about 110 m around a point.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, floor, radians
from typing import Any, ClassVar

import msgspec

from pipeline.domain.ids import DAY_MS, number
from pipeline.events.casework import NeighbourNotice
from pipeline.stages.entries import CaseEntry, Ghost, KeptReport, SeenReport, families_of
from pipeline.state import KeyedState

CELL_DEG = 0.001
"""Side of a cell of the index: 111 m north-south."""
METRES_PER_DEGREE = 111_195.0
KEEP_SEEN_DAYS = 35
"""How long a report's answer is remembered, so that a redelivery meets it."""
BY_REPORT = ("seen", "kept")
"""Spaces whose entries are found by the report's id alone and leave with the report's day."""
KEEP_ENDED_DAYS = 31
"""How long an ended case is remembered, so that a recurrence within 30 days (counted to the ms) is recognised."""


@lru_cache(maxsize=4096)
def _family_bits(family: str) -> int:
    return number("family", family) & 0xFFFFF


def cell_key(row: int, column: int, family: str) -> int:
    """One number for a cell and a category family."""
    return ((row + 90_000) << 39) | ((column + 180_000) << 20) | _family_bits(family)


def keys_around(lon: float, lat: float, radius_m: float, family: str) -> list[int]:
    """Index keys of all cells that a circle touches."""
    high = radius_m / METRES_PER_DEGREE
    wide = high / max(0.05, cos(radians(lat)))
    low, bits = floor((lon - wide) / CELL_DEG), _family_bits(family)
    columns = range(low + 180_000, floor((lon + wide) / CELL_DEG) + 180_001)
    rows = range(floor((lat - high) / CELL_DEG) + 90_000, floor((lat + high) / CELL_DEG) + 90_001)
    return [(row << 39) | (column << 20) | bits for row in rows for column in columns]


class CaseBook(KeyedState):
    """State of casework in one partition."""

    spaces: ClassVar[dict[str, type[msgspec.Struct]]] = {
        "case": CaseEntry, "seen": SeenReport, "ghost": Ghost, "kept": KeptReport,
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._index: dict[int, str | tuple[str, ...]] = {}
        self._leaving: dict[str, dict[int, list[str]]] = {space: {} for space in self.spaces}
        self._fading: dict[int, list[str]] = {}
        self._faded: set[str] = set()
        self._unnamed: set[str] = set()

    def case(self, case_id: str) -> CaseEntry | None:
        """A case of this partition."""
        found: CaseEntry | None = self.get("case", case_id)
        return found

    def known(self, tile: str, case_id: str) -> CaseEntry | NeighbourNotice | None:
        """A case as ``tile`` knows it: its own, a neighbour's by its ghost, or the case that it became part of."""
        if case_id.startswith(tile + "-"):
            case = self.case(case_id)
            return self.known(tile, case.merged_into) if case is not None and case.merged_into else case
        ghost = self.get("ghost", f"{tile}/{case_id}")
        return None if ghost is None else ghost.notice

    def seen(self, report_id: str) -> SeenReport | None:
        """How a report was answered."""
        found: SeenReport | None = self.get("seen", report_id)
        return found

    def kept(self, report_id: str) -> KeptReport | None:
        """A linked report as it was judged."""
        found: KeptReport | None = self.get("kept", report_id)
        return found

    def cases_near(self, tile: str, family: str, lon: float, lat: float, radius_m: float) -> list[CaseEntry]:
        """Cases of ``tile`` and ``family`` in the cells that the circle touches (some lie outside the circle)."""
        return self._cases_at(keys_around(lon, lat, radius_m, family), tile)

    def cases_of_person(self, tile: str, family: str, pseudonym: str) -> list[CaseEntry]:
        """Cases of ``tile`` without coordinates that came from this door or person, or are of this component."""
        return self._cases_at([_person_key(tile, family, pseudonym)], tile) if pseudonym else []

    def ghosts_near(self, tile: str, family: str, lon: float, lat: float, radius_m: float) -> list[NeighbourNotice]:
        """Ghosts kept by ``tile`` in the cells that the circle touches."""
        prefix = tile + "/"
        found = [name for key in keys_around(lon, lat, radius_m, family) for name in self._ids(-key)]
        return [self.get("ghost", name).notice for name in found if name.startswith(prefix)]

    def leaving(self, day: int) -> list[tuple[str, str]]:
        """Spaces and keys of the entries that may go on ``day``, by space and in order of writing."""
        return [
            (space, key)
            for space, queue in self._leaving.items()
            for due in sorted(queue)
            if due <= day
            for key in queue[due]
        ]

    def left(self, day: int) -> None:
        """The entries due up to ``day`` were looked at, and open cases past their window are not found any more.

        Without the latter, places where cases stay open for ever would make every look-up dearer.
        """
        for queue in self._leaving.values():
            for due in [due for due in queue if due <= day]:
                del queue[due]
        for due in [due for due in self._fading if due <= day]:
            for name in self._fading.pop(due):
                case = self.case(name)
                if case is not None and case.open:
                    self.forgotten("case", name, case)
                    self._faded.add(name)

    def _cases_at(self, keys: list[int], tile: str) -> list[CaseEntry]:
        """The cases of a tile under index keys; a case id begins with its tile, so others are not even decoded."""
        index, entries, decode = self._index, self._entries["case"], self._decoders["case"].decode
        prefix = tile + "-"
        found: list[CaseEntry] = []
        for key in keys:
            ids = index.get(key)
            if ids is not None:
                for case_id in (ids,) if ids.__class__ is str else ids:
                    if case_id.startswith(prefix):
                        found.append(decode(entries[case_id]))  # type: ignore[arg-type]  # entries of this space
        return found

    def _ids(self, key: int) -> tuple[str, ...]:
        found = self._index.get(key, ())
        return (found,) if isinstance(found, str) else found

    def noted(self, space: str, key: str, value: Any, *, fresh: bool) -> None:
        """Index an entry by place (or person) and by the day it may leave."""
        if space in BY_REPORT:
            if fresh:
                self._leave(value.day + KEEP_SEEN_DAYS, space, key)
            return
        if space == "case" and value.ended_at is not None:
            self._leave(value.ended_at // DAY_MS + KEEP_ENDED_DAYS, space, key)
            fresh = fresh or key in self._faded  # an ended case is found again: something may recur there
            self._faded.discard(key)
        elif space == "case" and fresh:
            self._fading.setdefault(value.begun_at // DAY_MS + value.findable_days + 1, []).append(key)
        if space == "ghost":
            self._leave(value.at // DAY_MS + KEEP_SEEN_DAYS, space, key)
        if fresh:
            self._found_at(space, key, value)

    def _put(self, space: str, key: str, data: bytes, value: Any) -> None:
        """What is of another family or place now (it was reclassified) is found there, and no longer where it was."""
        before = None if space in BY_REPORT else self._entries[space].get(key)
        super()._put(space, key, data, value)
        if before is None or key in self._faded:
            return
        # What nobody could name is found under several families: of those, none may stay behind.
        moved = key in self._unnamed or not all(key in self._ids(one) for one in _index_keys(space, value))
        if moved:
            self.forgotten(space, key, self._decoders[space].decode(before))
            self._found_at(space, key, value)

    def _found_at(self, space: str, key: str, value: Any) -> None:
        if value.likely and not value.family:
            self._unnamed.add(key)
        for index_key in _index_keys(space, value):
            ids = self._ids(index_key)
            self._index[index_key] = (*ids, key) if ids else key

    def forgotten(self, space: str, key: str, value: Any) -> None:
        """Take an entry out of the index by place."""
        self._unnamed.discard(key)
        for index_key in _index_keys(space, value):
            ids = tuple(other for other in self._ids(index_key) if other != key)
            if ids:
                self._index[index_key] = ids if len(ids) > 1 else ids[0]
            else:
                self._index.pop(index_key, None)

    def _leave(self, day: int, space: str, key: str) -> None:
        self._leaving[space].setdefault(day, []).append(key)


def _index_keys(space: str, value: Any) -> list[int]:
    if space in BY_REPORT:
        return []
    families = families_of(value)
    if value.lon is not None and value.lat is not None:
        row, column, sign = floor(value.lat / CELL_DEG), floor(value.lon / CELL_DEG), -1 if space == "ghost" else 1
        return [sign * cell_key(row, column, family) for family in families]
    people = [one for one in (value.address_key, value.reporter_key, value.component_code) if one]
    return [_person_key(value.tile, family, pseudonym) for family in families for pseudonym in people]


def _person_key(tile: str, family: str, pseudonym: str) -> int:
    return number("person", tile, family, pseudonym) | (1 << 62)
