"""Units that were renamed, merged or dissolved: who acts for them now."""

from __future__ import annotations

from pipeline.domain.reference.model import Reference


def living(reference: Reference, unit: str) -> str:
    """The unit that acts now for ``unit``: itself, or who took over; "" when none of that name is known, or a ring."""
    seen: set[str] = set()
    while (row := reference.department(unit)) is not None and row.merged_into:
        if unit in seen:
            return ""
        seen.add(unit)
        unit = row.merged_into
    return unit if row is not None else ""
