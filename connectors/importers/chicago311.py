"""Chicago 311: sanitation complaints and four kinds of requests of autumn 2018; community areas and wards as layers.

Only the day of a request is known: all of a day come at its midnight, in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.importers.base import ImportSummary, Job
from connectors.importers.cases import CaseSet, import_cases
from connectors.importers.overlay import Cell
from connectors.importers.polygons import Layer, Properties

ROOT = "CHI"


def _code(letters: str, number: object) -> str:
    text = str(number or "").strip().removesuffix(".0")
    return f"{ROOT}-{letters}{int(text):02d}" if text.isdecimal() and int(text) else ""


def _community(properties: Properties) -> str:
    return _code("CA", properties.get("area_numbe") or properties.get("area_num_1"))


LAYERS = (
    Layer(
        "chicago_community_areas*",
        layer="community",
        system="unit",
        tier="community",
        level_role="community",
        local_level=2,
        code=_community,
        name=lambda p: str(p.get("community", _community(p))).title(),
        parent=lambda p: ROOT,
        area_type="community_area",
    ),
    Layer(
        "chicago_wards*",
        layer="ward",
        system="ward",
        tier="street",
        level_role="ward",
        local_level=1,
        code=lambda p: _code("W", p.get("ward")),
        name=lambda p: f"Ward {p.get('ward')}",
        parent=lambda p: ROOT,
    ),
)
SYSTEMS: tuple[dict[str, Cell], ...] = (
    {"id": "ward", "name_zh": "Ward", "name_en": "Ward", "department": "grid-centre", "roles": ("ward",)},
)


def _area_rows(areas: dict[str, str]) -> Iterator[dict[str, Cell]]:
    if code := _code("CA", areas.get("ca")):
        yield {
            "code": code,
            "name": f"Community area {areas['ca']}",
            "parent": ROOT,
            "tier": "community",
            "level_role": "community",
            "local_level": 2,
            "system": "unit",
            "area_type": "community_area",
        }


CHICAGO = CaseSet(
    name="chicago311",
    city="Chicago",
    zone="America/Chicago",
    files="*.csv",
    root=ROOT,
    layers=LAYERS,
    area_code=lambda areas: _code("CA", areas.get("ca")),
    area_rows=_area_rows,
    systems=SYSTEMS,
)


def import_set(job: Job) -> ImportSummary:
    """Requests of Chicago 311 as ``Report``."""
    return import_cases(job, CHICAGO)
