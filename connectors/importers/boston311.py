"""Boston 311: cases with ward, department and duplicates; wards, precincts and neighbourhoods as layers."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.importers.base import ImportSummary, Job
from connectors.importers.cases import CaseSet, import_cases
from connectors.importers.overlay import Cell
from connectors.importers.polygons import Layer, Properties

ROOT = "BOS"


def _ward(number: object) -> str:
    text = str(number).strip().removesuffix(".0").lstrip("0")
    return f"{ROOT}-{int(text):02d}" if text.isdecimal() else ""


def _precinct(properties: Properties) -> str:
    ward, _, precinct = str(properties.get("DISTRICT", "")).partition("-")
    return f"{_ward(ward)}-{precinct}" if precinct and _ward(ward) else ""


def _neighbourhood(properties: Properties) -> str:
    number = str(properties.get("Neighborhood_ID") or properties.get("neighborhood_id") or "").strip()
    return f"{ROOT}-N{number}" if number else ""


def _ward_of_layer(properties: Properties) -> str:
    ward = _ward(properties.get("WARD", ""))
    return ward.replace(f"{ROOT}-", f"{ROOT}-W") if ward else ""


LAYERS = (
    Layer(
        "boston_precincts*",
        layer="unit",
        system="unit",
        tier="grid",
        level_role="unit",
        local_level=3,
        code=_precinct,
        name=lambda p: f"Precinct {p.get('DISTRICT')}",
        parent=lambda p: _precinct(p).rpartition("-")[0],
        area_type="precinct",
    ),
    Layer(
        "boston_wards*",
        layer="street",
        system="unit",
        tier="street",
        level_role="street",
        local_level=2,
        code=lambda p: _ward(p.get("WARD", "")),
        name=lambda p: f"Ward {p.get('WARD')}",
        parent=lambda p: ROOT,
    ),
    Layer(
        "boston_wards*",
        layer="ward",
        system="ward",
        tier="street",
        level_role="ward",
        local_level=1,
        code=_ward_of_layer,
        name=lambda p: f"Ward {p.get('WARD')}",
        parent=lambda p: ROOT,
    ),
    Layer(
        "boston_neighborhoods*",
        layer="neighbourhood",
        system="neighbourhood",
        tier="community",
        level_role="neighbourhood",
        local_level=1,
        code=_neighbourhood,
        name=lambda p: str(p.get("Name") or p.get("name") or _neighbourhood(p)),
        parent=lambda p: ROOT,
    ),
)

SYSTEMS: tuple[dict[str, Cell], ...] = (
    {"id": "ward", "name_zh": "Ward", "name_en": "Ward", "department": "grid-centre", "roles": ("ward",)},
    {
        "id": "neighbourhood",
        "name_zh": "Neighbourhood",
        "name_en": "Neighbourhood",
        "department": "grid-centre",
        "roles": ("neighbourhood",),
    },
)
KINDS: tuple[dict[str, Cell], ...] = (
    {"id": "unit", "system": "unit", "name_zh": "Precinct", "name_en": "Precinct", "area_type": "precinct"},
)


def _area_rows(areas: dict[str, str]) -> Iterator[dict[str, Cell]]:
    if code := _ward(areas.get("ward", "")):
        yield {
            "code": code,
            "name": f"Ward {int(areas['ward'])}",
            "parent": ROOT,
            "tier": "street",
            "level_role": "street",
            "local_level": 2,
            "system": "unit",
        }


BOSTON = CaseSet(
    name="boston311",
    city="Boston",
    zone="America/New_York",
    files="cases*.csv",
    root=ROOT,
    layers=LAYERS,
    area_code=lambda areas: _ward(areas.get("ward", "")),
    area_rows=_area_rows,
    missing_parent=lambda code: _area_rows({"ward": code.rpartition("-")[2]}),
    systems=SYSTEMS,
    kinds=KINDS,
    default_channel="hotline",
)


def import_set(job: Job) -> ImportSummary:
    """Cases of Boston 311 as ``Report``."""
    return import_cases(job, BOSTON)
