"""Does the duty list leave open who answers? The second kind of border: between duties instead of areas.

``DUTY_OVERLAP``: several units lead for this very category at this place, by lines that name its code. ``DUTY_GAP``: no
line names the category, its family or its major group there, only the line for everything, or none. Both are findings;
who acts meanwhile is the router's to say, by priority.
"""

from __future__ import annotations

from functools import lru_cache

from pipeline.domain.ids import DAY_MS
from pipeline.domain.reference.model import BEGIN, END, CategoryKey, Reference
from pipeline.events.base import Millis
from pipeline.events.intake import Classification

OVERLAP, GAP = ("DUTY_OVERLAP",), ("DUTY_GAP",)
ALL = "*"


class DutyDoubt:
    """The duty list of a reference set, asked about clarity only."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._named = reference.areas_of_duties()
        self._asked = lru_cache(maxsize=100_000)(self._flags)
        self._everywhere: dict[CategoryKey, tuple[str, ...] | None] = {}
        """What holds of a category at any place and time; ``None`` where that depends."""

    def flags(self, about: Classification, areas: tuple[str, ...], at: Millis) -> tuple[str, ...]:
        """What is open about a category at a place (its area codes); nothing for a matter without a category."""
        if not about.code:
            return ()
        key = (about.standard, about.kind, about.code)
        found = self._everywhere[key] if key in self._everywhere else self._looked_up(key)
        if found is not None:
            return found
        named = self._named
        telling = tuple([area for area in areas[:4] if area in named]) if named else ()
        return self._asked(key, telling, at // DAY_MS)

    def _looked_up(self, key: CategoryKey) -> tuple[str, ...] | None:
        category = self.reference.category(*key)
        lines = self.reference.duty_lines(category) if category is not None else ()
        depends = any(line.area or line.area_type or (line.valid_from, line.valid_to) != (BEGIN, END) for line in lines)
        if category is not None:
            self._everywhere[key] = None if depends else self._flags(key, (), 0)
            return self._everywhere[key]
        return ()

    def _flags(self, key: CategoryKey, areas: tuple[str, ...], day: int) -> tuple[str, ...]:
        category = self.reference.category(*key)
        if category is None:
            return ()
        lines = self.reference.duties_for(category, areas, day * DAY_MS)
        named = {line.lead for line in lines if line.code != ALL and ":" not in line.code}
        if len(named) > 1:
            return OVERLAP
        return () if any(line.code != ALL for line in lines) else GAP
