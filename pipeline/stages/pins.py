"""A point for a report that came without one: by its component, its unit grid, or a place that it names.

Each stands in a table of the city with a point and says how exact it is; the least exact is asked last. Communities and
streets are no points: they are larger than any search for the same problem.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from msgspec.structs import replace

from pipeline.domain.gazetteer import Gazetteer
from pipeline.domain.geo.places import inside
from pipeline.domain.reference.model import Area, Reference
from pipeline.events.intake import ScreenedReport
from pipeline.stages.classify import unbroken

COMPONENT_ERROR_M = 5.0
"""How exact the register of components is (1 sigma; assumed)."""
MOST_AREA_ERROR_M = 60.0
"""Of a unit grid whose middle is still a point: a square of about 200 m, the largest that is cut."""
BY_COMPONENT, BY_AREA, BY_NAME = "component", "area_code", "gazetteer"
"""Methods of a place, as they are kept with the report."""


class Pin(NamedTuple):
    """A point, how exact it is (1 sigma on each axis, metres), and how it was found."""

    lon: float
    lat: float
    error_m: float
    method: str
    name: str = ""
    """The named place, component or unit grid that it is the point of."""
    area: str = ""
    """The area that surely holds it; "" when only the point tells."""


class Pins:
    """The tables that give points, made ready once. Pure: the same report, the same point."""

    def __init__(self, reference: Reference) -> None:
        tables = reference.tables
        self.reference = reference
        self._box = reference.city.bounding_box
        self._gazetteer = Gazetteer(tables.gazetteer, tables.areas, reference.area_path)

    def of(self, report: ScreenedReport) -> Pin | None:
        """The point of a report without one, or ``None``."""
        return self._by_component(report) or self._by_area(report) or self._by_name(report)

    def _by_component(self, report: ScreenedReport) -> Pin | None:
        row = self.reference.component(report.component_code) if report.component_code else None
        if row is None or row.lon is None or row.lat is None or not inside(row.lon, row.lat, self._box):
            return None
        area = row.grid_code if self.reference.area(row.grid_code) is not None else ""
        return Pin(row.lon, row.lat, COMPONENT_ERROR_M, BY_COMPONENT, row.code, area)

    def _by_area(self, report: ScreenedReport) -> Pin | None:
        area = self.reference.area(report.area_code) if report.area_code else None
        if area is None or area.lon is None or area.lat is None or not inside(area.lon, area.lat, self._box):
            return None
        error = _error_of(area)
        return Pin(area.lon, area.lat, error, BY_AREA, area.code, area.code) if error is not None else None

    def _by_name(self, report: ScreenedReport) -> Pin | None:
        if not self._gazetteer:
            return None
        texts = [unbroken(text) for text in (report.address, report.place_name, report.title, report.text)]
        spot = self._gazetteer.find(texts, report.area_code, report.received_at)
        if spot is None:
            return None
        known = report.area_code if self.reference.area(report.area_code) is not None else spot.area
        return Pin(spot.lon, spot.lat, spot.error_m, BY_NAME, spot.name, known)


def _error_of(area: Area) -> float | None:
    """1 sigma on each axis of what lies anywhere in a small grid; ``None`` for areas that are no point."""
    if area.tier != "grid" or area.area_m2 is None or area.area_m2 <= 0.0:
        return None
    error = sqrt(area.area_m2 / 12.0)
    return error if error <= MOST_AREA_ERROR_M else None


def pinned(report: ScreenedReport, pin: Pin) -> ScreenedReport:
    """The report at the point that was found for it; its flags still say that it came without."""
    return replace(report, lon=pin.lon, lat=pin.lat, error_m=pin.error_m)
