"""The levels of an area code: what tree of areas stands above a cell."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.domain.reference.model import Reference

TIERS = ("city", "district", "street", "community", "grid")


class Levels(NamedTuple):
    """The codes of an area and of those above it, by tier; "" where a tree has no such level."""

    city: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    grid: str = ""


NOBODY = Levels()


class AreaTree:
    """Levels of codes, each worked out once."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._levels: dict[str, Levels] = {}
        self._lists: dict[Levels, tuple[str, ...]] = {}

    def levels(self, code: str) -> Levels:
        """The five levels of an area code, itself included."""
        found = self._levels.get(code)
        if found is None:
            areas = [self.reference.area(step) for step in self.reference.area_path(code)]
            found = Levels(**{area.tier: area.code for area in areas if area is not None and area.tier in TIERS})
            self._levels[code] = found
        return found

    def listed(self, levels: Levels) -> tuple[str, ...]:
        """The known levels, from city to grid."""
        found = self._lists.get(levels)
        if found is None:
            found = self._lists[levels] = tuple(code for code in levels if code)
        return found

    def rank(self, code: str) -> int:
        """How fine an area is: the place of its tier; -1 for an unknown one."""
        area = self.reference.area(code)
        return TIERS.index(area.tier) if area is not None and area.tier in TIERS else -1
