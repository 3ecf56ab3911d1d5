"""Places near lines: the small city with one more community in a street, and one in another district."""

from __future__ import annotations

from typing import Any

from pipeline.domain.reference.model import Area, BorderRule, Reference
from pipeline.events.intake import Place
from pipeline.stages.locate import Locator
from tests.builders import a_report, about
from tests.small_city import COMMUNITY_E, COMMUNITY_W, STREET_W, a_layer, box, city, with_tables

SAME_STREET = "310199001002"
"""A community of the western street that lies south of its other one."""
OTHER_DISTRICT, FAR_STREET, FAR_COMMUNITY = "310198", "310198001", "310198001001"


def rule(id: str, flag_at: float, line: str = "rigid", drift_share: float = 0.0) -> BorderRule:
    return BorderRule(id=id, line=line, flag_at=flag_at, drift_share=drift_share)


RIGID = (rule("district", 0.05), rule("street", 0.05), rule("community", 0.2), rule("grid", 1.0))


def reference(*, rules: tuple[BorderRule, ...] = RIGID, **tables: Any) -> Reference:
    """The small city with one more community in the western street, and one in another district."""
    more = [
        ("community", SAME_STREET, STREET_W), ("district", OTHER_DISTRICT, "310000"),
        ("street", FAR_STREET, OTHER_DISTRICT), ("community", FAR_COMMUNITY, FAR_STREET),
        ("grid", f"{COMMUNITY_W}002", COMMUNITY_W),
    ]  # fmt: skip
    rows = [
        Area(code=code, name=code, parent=parent, tier=tier, level_role=tier, local_level=1)
        for tier, code, parent in more
    ]
    return with_tables(areas=(*city().tables.areas, *rows), border_rules=rules, **tables)


def locator(*more: Any, given: Reference | None = None) -> Locator:
    """Communities: west and east of x = 0, one of the western street south of y = -900, a district beyond x = 900."""
    shapes = {
        COMMUNITY_W: box(-900, -900, 0, 900), COMMUNITY_E: box(0, -900, 900, 900),
        SAME_STREET: box(-900, -1800, 0, -900), FAR_COMMUNITY: box(900, -900, 1800, 900),
    }  # fmt: skip
    return Locator(given or reference(), (a_layer("community", shapes), *more))


def place(where: Locator, xy: tuple[float, float], error_m: float, **fields: Any) -> Place:
    return where.locate(a_report("1", xy=xy, error_m=error_m, **fields), about())


def told(found: Place, layer: str) -> dict[str, float]:
    return {one.code: one.probability for one in found.border_candidates if one.layer == layer}
