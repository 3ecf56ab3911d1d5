"""The component register as points: which registered component does a report mean that names none?

A report about a kind of component (a manhole cover, a lamp) means the nearest one of that kind within the error of its
place. Its code and its owner then decide where the case goes: components go to their owner first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.domain.geo.nearest import PointIndex
from pipeline.domain.geo.projection import Floats
from pipeline.domain.reference.model import Component, Reference
from pipeline.events.intake import Classification, ScreenedReport

LEAST_REACH_M, MOST_REACH_M = 10.0, 50.0
"""A component of the right kind is meant when it lies within the error of the place, within these bounds."""


class Register:
    """The components of a reference set that have a place, indexed once."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._rows = [row for row in reference.tables.components if row.lon is not None and row.lat is not None]
        self._kinds: dict[tuple[str, str, str], str] = {}
        self._index = _index_of(self._rows)

    def meant(
        self,
        reports: Sequence[ScreenedReport],
        about: Sequence[Classification],
        lons: Floats,
        lats: Floats,
        errors: Floats,
    ) -> dict[int, Component]:
        """The component that each report means, by the report's number; reports that mean none are left out."""
        if self._index is None:
            return {}
        kinds = [self._kind(one) for one in about]
        asked = np.array(
            [number for number, kind in enumerate(kinds) if kind and not reports[number].component_code], np.int64
        )
        if not len(asked):
            return {}
        reach = np.clip(errors[asked], LEAST_REACH_M, MOST_REACH_M)
        nearest = self._index.nearest(lons[asked], lats[asked], [kinds[number] for number in asked.tolist()], reach)
        pairs = zip(asked.tolist(), nearest.number.tolist(), strict=True)
        return {number: self._rows[found] for number, found in pairs if found >= 0}

    def _kind(self, about: Classification) -> str:
        """``standard|code`` of the kind of component a category is about; "" for matters that are no component."""
        key = (about.standard, about.kind, about.code)
        known = self._kinds.get(key)
        if known is None:
            category = self.reference.category(*key)
            code = (category.component or (category.code if category.kind == "component" else "")) if category else ""
            known = self._kinds[key] = f"{about.standard}|{code}" if code else ""
        return known


def _index_of(rows: Sequence[Component]) -> PointIndex | None:
    if not rows:
        return None
    lons, lats = [row.lon or 0.0 for row in rows], [row.lat or 0.0 for row in rows]
    return PointIndex(lons, lats, [f"{row.standard}|{row.category}" for row in rows])
