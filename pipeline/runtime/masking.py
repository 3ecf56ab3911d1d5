"""What a screen may show of a record that holds personal data: what it is and where from, not who or what was said.

Numbers, times and yes-or-no are shown, and texts of a closed list of fields that name systems, codes and units. Every
other text becomes its length. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = frozenset(
    [
        "action", "appeal_type", "area_code", "campaign", "case_id", "category_code", "category_kind",
        "category_standard", "channel", "component_code", "datum", "device_id", "grid_code", "metric", "post",
        "reason_code", "reporter_role", "reporter_unit", "source_family", "source_ref", "source_system", "status",
        "subject_code", "to_department", "unit", "actor_role", "actor_unit",
    ]
)  # fmt: skip
"""Fields whose texts name systems, units, codes and places of the grid."""


def masked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with every text that may be personal replaced by how long it is."""
    return {name: value if name in SHOWN else _masked(value) for name, value in body.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, (str, bytes)):
        return f"({len(value)} characters)" if value else ""
    if isinstance(value, Mapping):
        return {"(fields)": len(value)} if value else {}
    if isinstance(value, (list, tuple)):
        texts = sum(not isinstance(one, (int, float)) for one in value)
        return [f"({len(value)} entries)"] if texts else list(value)
    return value
