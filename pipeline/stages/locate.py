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
from pipeline.domain.geo.projection import Floats
from pipeline.domain.geo.tiles import NO_PLACE, area_tile, neighbours_of, tiles_of
from pipeline.domain.reference.model import Component, Reference
from pipeline.events.base import Millis
from pipeline.events.intake import BorderCandidate, Classification, Place, ScreenedReport
from pipeline.stages.register import Register

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


NOWHERE = (Levels(), "")
"""Levels and version of a point that no layer holds."""


class Other(NamedTuple):
    """A layer of another grid system with what each of its cells says, written out once."""

    lookup: LayerIndex
    labels: list[str]
    """``system:code`` of each cell; "" for zones, which are no grid."""
    zones: list[str]
    parents: list[str]
    """The area of the unit tree each cell lies under, where the table of areas says so."""


class Locator:
    """The layers and areas of a reference set, indexed once. Pure: the same report, the same place."""

    def __init__(self, reference: Reference, layers: Sequence[Layer]) -> None:
        self.reference = reference
        self._levels: dict[str, Levels] = {}
        indexes = [LayerIndex(layer) for layer in layers if layer.cells]
        main = [index for index in indexes if index.layer.system == MAIN_SYSTEM]
        self._main = sorted(main, key=self._rank, reverse=True)
        self._others = [self._other(index) for index in indexes if index.layer.system != MAIN_SYSTEM]
        self._border = self._border_layer()
        self._area_lists: dict[Levels, tuple[str, ...]] = {}
        self._register = Register(reference)

    # --- batches --------------------------------------------------------------------------------------------------

    def locate(self, report: ScreenedReport, about: Classification) -> Place:
        """The place of one report."""
        return self.locate_many([report], [about])[0]

    def locate_many(self, reports: Sequence[ScreenedReport], about: Sequence[Classification]) -> list[Place]:
        """The same for many; equal to one by one."""
        places: list[Place | None] = [None] * len(reports)
        pointed = [number for number, report in enumerate(reports) if report.lon is not None]
        found = self._by_point([reports[number] for number in pointed], [about[number] for number in pointed])
        for number, place in zip(pointed, found, strict=True):
            places[number] = place
        return [
            place if place is not None else self._without_point(report)
            for place, report in zip(places, reports, strict=True)
        ]

    def _by_point(self, reports: list[ScreenedReport], about: list[Classification]) -> list[Place]:
        if not reports:
            return []
        lons = np.array([report.lon for report in reports], np.float64)
        lats = np.array([report.lat for report in reports], np.float64)
        errors = np.array([report.error_m or 0.0 for report in reports], np.float64)
        times = [report.received_at for report in reports]
        main = self._finest(lons, lats, times)
        near_by = self._register.meant(reports, about, lons, lats, errors)
        others = [(other, self._find(other.lookup, lons, lats, times)) for other in self._others]
        scan = self._border.borders(lons, lats, errors, BAND_M) if self._border is not None else None
        tiles, near = tiles_of(lons, lats), neighbours_of(lons, lats, REACH_M)
        return [
            self._place(number, report, tiles[number], near[number], main[number], others, scan, near_by)
            for number, report in enumerate(reports)
        ]

    def _finest(self, lons: Floats, lats: Floats, times: list[Millis]) -> list[tuple[Levels, str]]:
        """Levels and version of each point by the finest layer that holds it; coarser layers are asked for the rest."""
        found: list[tuple[Levels, str]] = [NOWHERE] * len(times)
        left = np.arange(len(times))
        for index in self._main:
            if not len(left):
                break
            layer = index.layer
            cells = self._find(index, lons[left], lats[left], [times[number] for number in left.tolist()])
            for number, cell in zip(left.tolist(), cells, strict=True):
                if cell >= 0:
                    found[number] = (self.levels(layer.codes[cell]), layer.version)
            left = left[np.array(cells) < 0]
        return found

    def _find(self, index: LayerIndex, lons: Floats, lats: Floats, times: list[Millis]) -> list[int]:
        found: list[int] = index.find(lons, lats).tolist()
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
        main: tuple[Levels, str],
        others: list[tuple[Other, list[int]]],
        scan: BorderScan | None,
        near_by: dict[int, Component],
    ) -> Place:
        levels, version = main
        systems, zone, parents = _others_at(number, others)
        flags, candidates, border_m = self._borders(number, levels, scan)
        if any([parent not in levels for parent in parents]):
            flags = (*flags, "LAYER_CONFLICT")
        stated = self.reference.component(report.component_code) if report.component_code else None
        component = stated or near_by.get(number)
        return Place(
            tile=tile, method="point", areas=self._areas(levels), city=levels.city,
            district=levels.district, street=levels.street,
            community=levels.community, grid=levels.grid, grid_version=version,
            systems=systems, zone=zone,
            component_code=component.code if component else "", component_owner=component.owner if component else "",
            border_flags=flags, border_candidates=candidates, border_m=border_m, neighbour_tiles=near,
        )  # fmt: skip

    def _other(self, index: LayerIndex) -> Other:
        codes, system = index.layer.codes, index.layer.system
        if system == ZONE_SYSTEM:
            return Other(index, [""] * len(codes), [_zone_class(code) for code in codes], [""] * len(codes))
        labels = [f"{system}:{code}" for code in codes]
        return Other(index, labels, [""] * len(codes), [self._parent_in_tree(code) for code in codes])

    def _parent_in_tree(self, code: str) -> str:
        """The street or community of the unit tree that a cell of another system lies under; "" when none is named."""
        area = self.reference.area(code)
        above = self.reference.area(area.parent) if area is not None and area.parent else None
        fits = above is not None and above.system == MAIN_SYSTEM and above.tier in ("street", "community")
        return above.code if above is not None and fits else ""

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
            tile=area_tile(code), method=method, areas=self._areas(levels), city=levels.city,
            district=levels.district, street=levels.street,
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

    def _areas(self, levels: Levels) -> tuple[str, ...]:
        """The known levels, from city to grid."""
        found = self._area_lists.get(levels)
        if found is None:
            found = self._area_lists[levels] = tuple(code for code in levels if code)
        return found

    def _rank(self, index: LayerIndex) -> int:
        """How fine a layer is: the tier of its areas."""
        area = self.reference.area(index.layer.codes[0])
        return TIERS.index(area.tier) if area is not None and area.tier in TIERS else -1

    def _border_layer(self) -> LayerIndex | None:
        """The finest layer above the unit grids, else the finest there is."""
        above = [index for index in self._main if self._rank(index) < TIERS.index("grid")]
        return next(iter(above or self._main), None)


def _others_at(number: int, others: list[tuple[Other, list[int]]]) -> tuple[tuple[str, ...], str, list[str]]:
    """Cells of the other systems, zone class, and the areas of the unit tree that those cells say they lie under."""
    systems, zone, parents = [], "", []
    for other, cells in others:
        cell = cells[number]
        if cell >= 0:
            if other.labels[cell]:
                systems.append(other.labels[cell])
            zone = other.zones[cell] or zone
            if other.parents[cell]:
                parents.append(other.parents[cell])
    return tuple(systems), zone, parents


def _tier_of_change(own: Levels, other: Levels) -> str:
    """The highest level at which two places differ."""
    return next((tier for tier, a, b in zip(TIERS, own, other, strict=True) if a != b), "same")


def _deepest(levels: Levels) -> str:
    return next((code for code in reversed(levels) if code), "")


def _zone_class(code: str) -> str:
    """The class of a noise zone cell, written before the dash of its code (``2-0031``)."""
    return code.partition("-")[0]
