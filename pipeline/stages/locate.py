"""Where is it? Tile, the five levels, the unit grid, the other grid systems, the component, and the border flags.

A point is looked up in the finest layer of the unit system; the tree of areas gives the levels above. One layer of the
unit system is asked for borders: the finest above the unit grids (every point is near the border of a 100 m cell).
A report without a point is placed by its component, its area code or the name of its place, in this order; a report
with none of them has no place and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.domain.geo.borders import BorderFlag, BorderScan
from pipeline.domain.geo.index import LayerIndex
from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.tiles import NO_PLACE, area_tile, neighbours_of, tiles_of
from pipeline.domain.reference.model import Reference
from pipeline.events.intake import BorderCandidate, Classification, Place, ScreenedReport

TIERS = ("city", "district", "street", "community", "grid")
MAIN_SYSTEM = "unit"
ZONE_SYSTEM = "noise_zone"
REACH_M = 150.0
"""How far a notice to neighbour tiles reaches: the largest search radius of ``deduplicate``."""
BAND_M = 15.0
"""A point this near to a border is a border case however exact its position."""


class Levels(NamedTuple):
    """The codes of an area and of those above it, by tier; "" where a tree has no such level."""

    city: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    grid: str = ""


class Located(NamedTuple):
    """One layer's answer for a batch: the number of each point's cell, -1 for none."""

    layer: LayerIndex
    cells: list[int]


class Locator:
    """The layers and areas of a reference set, indexed once. Pure: the same report, the same place."""

    def __init__(self, reference: Reference, layers: Sequence[Layer]) -> None:
        self.reference = reference
        self._levels: dict[str, Levels] = {}
        indexes = [LayerIndex(layer) for layer in layers if layer.cells]
        main = [index for index in indexes if index.layer.system == MAIN_SYSTEM]
        self._main = sorted(main, key=self._rank, reverse=True)
        self._others = [index for index in indexes if index.layer.system != MAIN_SYSTEM]
        self._border = self._border_layer()

    # --- batches --------------------------------------------------------------------------------------------------

    def locate(self, report: ScreenedReport, about: Classification) -> Place:
        """The place of one report."""
        return self.locate_many([report], [about])[0]

    def locate_many(self, reports: Sequence[ScreenedReport], about: Sequence[Classification]) -> list[Place]:
        """The same for many; equal to one by one."""
        places: list[Place | None] = [None] * len(reports)
        pointed = [number for number, report in enumerate(reports) if report.lon is not None]
        for number, place in zip(pointed, self._by_point([reports[number] for number in pointed]), strict=True):
            places[number] = place
        return [
            place if place is not None else self._without_point(report)
            for place, report in zip(places, reports, strict=True)
        ]

    def _by_point(self, reports: list[ScreenedReport]) -> list[Place]:
        if not reports:
            return []
        lons = np.array([report.lon for report in reports], np.float64)
        lats = np.array([report.lat for report in reports], np.float64)
        errors = np.array([report.error_m or 0.0 for report in reports], np.float64)
        times = [report.received_at for report in reports]
        main = [Located(index, self._find(index, lons, lats, times)) for index in self._main]
        others = [Located(index, self._find(index, lons, lats, times)) for index in self._others]
        scan = self._border.borders(lons, lats, errors, BAND_M) if self._border is not None else None
        tiles, near = tiles_of(lons, lats), neighbours_of(lons, lats, REACH_M)
        return [
            self._place(number, report, tiles[number], near[number], main, others, scan)
            for number, report in enumerate(reports)
        ]

    def _find(self, index: LayerIndex, lons: object, lats: object, times: list[int]) -> list[int]:
        found: list[int] = index.find(lons, lats).tolist()  # type: ignore[arg-type]  # arrays of this batch
        layer = index.layer
        if all(layer.valid_at(at) for at in (times[0], times[-1], min(times), max(times))):
            return found
        return [cell if layer.valid_at(at) else -1 for cell, at in zip(found, times, strict=True)]

    # --- one report -----------------------------------------------------------------------------------------------

    def _place(
        self,
        number: int,
        report: ScreenedReport,
        tile: str,
        near: tuple[str, ...],
        main: list[Located],
        others: list[Located],
        scan: BorderScan | None,
    ) -> Place:
        levels, version = self._main_levels(number, main)
        systems = self._systems(number, others)
        zone = next((code for system, code in systems if system == ZONE_SYSTEM), "")
        flags, candidates, border_m = self._borders(number, levels, scan)
        if self._conflicts(levels, systems):
            flags = (*flags, "LAYER_CONFLICT")
        component = self.reference.component(report.component_code) if report.component_code else None
        return Place(
            tile=tile, method="point", city=levels.city, district=levels.district, street=levels.street,
            community=levels.community, grid=levels.grid, grid_version=version,
            systems=tuple([pair for pair in systems if pair[0] != ZONE_SYSTEM]), zone=_zone_class(zone),
            component_code=component.code if component else "", component_owner=component.owner if component else "",
            border_flags=flags, border_candidates=candidates, border_m=border_m, neighbour_tiles=near,
        )  # fmt: skip

    def _main_levels(self, number: int, main: list[Located]) -> tuple[Levels, str]:
        """The levels by the finest layer that holds the point."""
        for found, cells in main:
            cell = cells[number]
            if cell >= 0:
                return self.levels(found.layer.codes[cell]), found.layer.version
        return Levels(), ""

    def _systems(self, number: int, others: list[Located]) -> tuple[tuple[str, str], ...]:
        return tuple(
            [(found.layer.system, found.layer.codes[cells[number]]) for found, cells in others if cells[number] >= 0]
        )

    def _conflicts(self, levels: Levels, systems: tuple[tuple[str, str], ...]) -> bool:
        """Another grid system puts the point under an area of the unit tree that does not hold it."""
        for _, code in systems:
            area = self.reference.area(code)
            if area is not None and area.parent and area.parent not in levels:
                above = self.reference.area(area.parent)
                if above is not None and above.system == MAIN_SYSTEM and above.tier in ("street", "community"):
                    return True
        return False

    def _borders(
        self, number: int, levels: Levels, scan: BorderScan | None
    ) -> tuple[tuple[str, ...], tuple[BorderCandidate, ...], float | None]:
        """Flags and candidates, counting only borders at which community, street or district change."""
        if scan is None or self._border is None or not scan.flags[number]:
            return (), (), None
        names = set(BorderFlag.names_of(int(scan.flags[number])))
        codes = self._border.layer.codes
        found = [(self.levels(codes[cell]), distance, share) for cell, distance, share in scan.candidates(number)]
        border_m = float(scan.border_m[number])
        crossing = [one for one in found if one[0][:4] != levels[:4]]
        if not crossing:
            names.discard("BORDER")
        if not any(levels) and "GAP" not in names:
            names.add("GAP")
        if not names:
            return (), (), border_m if np.isfinite(border_m) else None
        candidates = [
            BorderCandidate(
                layer=_tier_of_change(levels, other), code=_deepest(other), distance_m=distance, probability=share
            )
            for other, distance, share in found
        ]
        return tuple(sorted(names)), tuple(candidates), border_m if np.isfinite(border_m) else None

    # --- without a point ------------------------------------------------------------------------------------------

    def _without_point(self, report: ScreenedReport) -> Place:
        component = self.reference.component(report.component_code) if report.component_code else None
        if component is not None and component.grid_code:
            return self._by_area(component.grid_code, "component", component.code, component.owner)
        if report.area_code and self.reference.area(report.area_code) is not None:
            return self._by_area(report.area_code, "area_code")
        named = self.reference.areas_by_name(report.place_name) if report.place_name else ()
        if len(named) == 1:
            return self._by_area(named[0].code, "place_name")
        return Place(tile=NO_PLACE, method="none")

    def _by_area(self, code: str, method: str, component: str = "", owner: str = "") -> Place:
        levels = self.levels(code)
        return Place(
            tile=area_tile(code), method=method, city=levels.city, district=levels.district, street=levels.street,
            community=levels.community, grid=levels.grid, component_code=component, component_owner=owner,
        )  # fmt: skip

    # --- areas ----------------------------------------------------------------------------------------------------

    def levels(self, code: str) -> Levels:
        """The five levels of an area code, itself included."""
        found = self._levels.get(code)
        if found is None:
            areas = [self.reference.area(step) for step in self.reference.area_path(code)]
            found = Levels(**{area.tier: area.code for area in areas if area is not None and area.tier in TIERS})
            self._levels[code] = found
        return found

    def _rank(self, index: LayerIndex) -> int:
        """How fine a layer is: the tier of its areas."""
        area = self.reference.area(index.layer.codes[0])
        return TIERS.index(area.tier) if area is not None and area.tier in TIERS else -1

    def _border_layer(self) -> LayerIndex | None:
        """The finest layer above the unit grids, else the finest there is."""
        above = [index for index in self._main if self._rank(index) < TIERS.index("grid")]
        return next(iter(above or self._main), None)


def _tier_of_change(own: Levels, other: Levels) -> str:
    """The highest level at which two places differ."""
    return next((tier for tier, a, b in zip(TIERS, own, other, strict=True) if a != b), "same")


def _deepest(levels: Levels) -> str:
    return next((code for code in reversed(levels) if code), "")


def _zone_class(code: str) -> str:
    """The class of a noise zone cell, written before the dash of its code (``2-0031``)."""
    return code.partition("-")[0]
