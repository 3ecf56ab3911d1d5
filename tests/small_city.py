"""A small city whose tile edge runs through its middle, over the reference set that the product ships.

Places are metres east and north of a point on the border of two tiles: x < 0 lies in ``WEST``, x > 0 in ``EAST``, and
anything within 150 m of x = 0 is told to the other tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as with_fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.domain.geo.layers import Cell, Layer, Shape, polygon
from pipeline.domain.geo.projection import LocalPlane
from pipeline.domain.geo.tiles import tile_bounds, tile_of
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import (
    Area,
    City,
    Component,
    Department,
    Device,
    ManagedKind,
    Person,
    Reference,
    SourceCategory,
)
from pipeline.stages.screen import ScreenPolicy
from pipeline.topology import Topology
from schemas.catalogue import limits

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MONDAY = 1_785_718_800_000
"""2026-08-03T09:00:00+08:00."""
NEW, OLD = "GB/T 47678.5-2026", "GB/T 30428.2-2013"
WASTE = (NEW, "incident", "06010")
"""Exposed garbage: filed from 1 m2 or on sight, 30 m, a week; sanitation, no power to enforce needed."""
BINS = (NEW, "incident", "06042")
"""Overflowing bins: same family as ``WASTE``."""
NOISE = (NEW, "incident", "06028")
STALLS = (NEW, "incident", "09006")
"""Trading on the road: needs the power to enforce, three laws fit."""
ROAD = (NEW, "incident", "06013")
"""Road damage: measured only; one of its groups has two rows."""
COVER = (NEW, "component", "01002")
"""Sewage manhole cover: owner first, then the street, then the water bureau."""
COLLAPSE = (OLD, "incident", "0505")

_MIDDLE = tile_bounds(tile_of(121.5, 31.2))
PLANE = LocalPlane(_MIDDLE[2], (_MIDDLE[1] + _MIDDLE[3]) / 2)


def at(x: float, y: float = 0.0) -> tuple[float, float]:
    """Degrees of a point in metres."""
    return PLANE.to_degrees(x, y)


WEST, EAST = tile_of(*at(-10)), tile_of(*at(10))
CITY_CODE, DISTRICT, STREET_W, STREET_E = "310000", "310199", "310199001", "310199002"
COMMUNITY_W, COMMUNITY_E, GRID_W, GRID_E = "310199001001", "310199002001", "310199001001001", "310199002001001"
COMPONENT, NOBODYS = "3101990102000001", "3101990102000002"
KEY = b"a key for the tests, not a secret"


def box(west: float, south: float, east: float, north: float) -> Shape:
    """A rectangle in metres."""
    return polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


def a_layer(kind: str, shapes: Mapping[str, Shape], **given: Any) -> Layer:
    """A layer of shapes by code."""
    named: dict[str, Any] = {"name": kind, "system": "unit", "kind": kind, "version": "2026"} | given
    return Layer(cells=tuple(Cell(code=code, shape=shape) for code, shape in shapes.items()), **named)


def layers() -> tuple[Layer, ...]:
    """Two communities that meet at x = 0, one unit grid in each, police districts and noise zones."""
    return (
        a_layer("community", {COMMUNITY_W: box(-900, -900, 0, 900), COMMUNITY_E: box(0, -900, 900, 900)}),
        a_layer("unit", {GRID_W: box(-200, -100, 0, 100), GRID_E: box(0, -100, 200, 100)}),
        a_layer("police", {"P1": box(-900, -900, 300, 900)}, system="police"),
        a_layer("zones", {"2-0001": box(-900, -900, 0, 900), "4-0001": box(0, -900, 900, 900)}, system="noise_zone"),
    )


def _areas() -> tuple[Area, ...]:
    tree = [
        ("city", CITY_CODE, ""), ("district", DISTRICT, CITY_CODE), ("street", STREET_W, DISTRICT),
        ("street", STREET_E, DISTRICT), ("community", COMMUNITY_W, STREET_W), ("community", COMMUNITY_E, STREET_E),
        ("grid", GRID_W, COMMUNITY_W), ("grid", GRID_E, COMMUNITY_E),
    ]  # fmt: skip
    units = [
        Area(
            code=code, name=f"{tier} {code}", parent=parent, tier=tier, level_role=tier, local_level=1,
            aliases=("柳湾小区",) if code == COMMUNITY_W else ("同名村",) if tier == "community" else (),
        )
        for tier, code, parent in tree
    ]  # fmt: skip
    double = Area(code="310199009", name="同名村", parent=DISTRICT, tier="street", level_role="street", local_level=3)
    police = Area(
        code="P1", name="Police 1", parent=STREET_W, tier="community", level_role="beat", local_level=1, system="police"
    )
    return (*units, double, police)


@lru_cache
def national() -> Reference:
    """The reference set that the product ships."""
    return load_reference(Path(__file__).parent.parent / "deploy" / "reference")


@lru_cache
def city() -> Reference:
    """The shipped set with a small city: two streets, two communities, two grids, two manhole covers, one device."""
    return with_tables()


def with_tables(**changes: Any) -> Reference:
    """The small city with other tables."""
    base = national()
    t = base.tables
    streets = tuple(
        Department(id=f"street-{code}", name_zh=code, name_en=code, kind="street", level="street", area=code)
        for code in (STREET_W, STREET_E)
    )
    worker = Person(id="p-west", name="W", department="sanitation", post="handler", areas=(GRID_W,))
    given: dict[str, Any] = {
        "areas": _areas(),
        "departments": (*t.departments, *streets),
        "persons": (*t.persons, worker),
        "components": (
            Component(code=COMPONENT, standard=NEW, category="01002", owner="telecom", grid_code=GRID_W),
            Component(code=NOBODYS, standard=NEW, category="01002"),
        ),
        "devices": (
            Device(device_id="d1", kind="noise_meter", metrics=("noise",), lon=at(-500)[0], lat=at(-500)[1], zone="2"),
        ),
        "source_categories": (
            SourceCategory(source_system="311", text="Pothole", standard=NEW, kind=ManagedKind.INCIDENT, code="06013"),
        ),
    }  # fmt: skip
    return Reference(with_fields(t, **(given | changes)), City(), "test", base.calendar)


def screening(**changes: Any) -> ScreenPolicy:
    """The screening of the small city: 20 km around it are the city."""
    west, south = at(-20_000, -20_000)
    east, north = at(20_000, 20_000)
    given: dict[str, Any] = {
        "key": KEY, "bounding_box": (west, south, east, north), "default_points": frozenset({(0.0, 0.0), at(7777)}),
        "max_lengths": {name: limits(name) for name in ("GridWorkerReport", "HotlineOrder", "Report")},
    }  # fmt: skip
    return ScreenPolicy(**(given | changes))


def topology() -> Topology:
    """All stages of the small city."""
    return Topology(city(), layers(), screening())
