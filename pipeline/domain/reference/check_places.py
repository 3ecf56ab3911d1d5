"""Checks of the gazetteer: points, errors, roads, names that would mean two things. Codes are in ``check_codes``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.domain.geo.datum import Datum, to_wgs84
from pipeline.domain.geo.places import inside
from pipeline.domain.reference.model import Reference
from pipeline.domain.reference.rows import NamedPlace
from pipeline.domain.text import fold
from pipeline.errors import Fault

MOST_ERROR_M = 500.0
"""How far borders are looked for: a place that is less exact than that says nothing of areas."""
LEAST_SIGNS = 2
"""Signs of the shortest name: a single one stands in every other word."""


def roads(reference: Reference) -> Iterator[Fault]:
    """A datum that nobody knows, and roads of what is no crossing."""
    for number, row in enumerate(reference.tables.gazetteer):
        where = reference.origin("gazetteer", number)
        if _datum(row) is None:
            yield Fault(where, "datum", row.datum, f"write one of {', '.join(Datum)}")
        if row.roads and (row.kind != "crossing" or len(row.roads) < 2):
            yield Fault(where, "roads", "|".join(row.roads), "name two roads or more, and only of a crossing")


def points(reference: Reference) -> Iterator[Fault]:
    """A point outside the city, an error that is none."""
    for number, row in enumerate(reference.tables.gazetteer):
        where = reference.origin("gazetteer", number)
        lon, lat = to_wgs84(row.lon, row.lat, _datum(row) or Datum.WGS84)
        if not inside(lon, lat, reference.city.bounding_box):
            remedy = "the point lies outside the bounding box of city.toml; mind the order and the datum"
            yield Fault(where, "lon, lat", f"{row.lon}, {row.lat}", remedy)
        if not 0.0 < row.error_m <= MOST_ERROR_M:
            remedy = f"give metres above 0, at most {MOST_ERROR_M:g}; write a long road by sections"
            yield Fault(where, "error_m", str(row.error_m), remedy)


def names(reference: Reference) -> Iterator[Fault]:
    """A name too short to be told from other words, or given twice in one area at one time."""
    given: dict[tuple[str, str], list[int]] = {}
    rows = reference.tables.gazetteer
    for number, row in enumerate(rows):
        where = reference.origin("gazetteer", number)
        for name in dict.fromkeys([fold(text) for text in (row.name, *row.aliases)]):
            if len(name) < LEAST_SIGNS:
                yield Fault(where, "name", name, f"give a name of {LEAST_SIGNS} signs or more")
            twins = [one for area in row.areas or ("",) for one in given.get((name, area), ()) if one != number]
            for other in dict.fromkeys(twins):
                if row.valid_from < rows[other].valid_to and rows[other].valid_from < row.valid_to:
                    remedy = f"keep one of a name in an area; the other is at {reference.origin('gazetteer', other)}"
                    yield Fault(where, "name", name, remedy)
            for area in row.areas or ("",):
                given.setdefault((name, area), []).append(number)


def _datum(row: NamedPlace) -> Datum | None:
    try:
        return Datum.named(row.datum)
    except ValueError:
        return None


CHECKS: tuple[Callable[[Reference], Iterator[Fault]], ...] = (roads, points, names)
