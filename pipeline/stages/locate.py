"""Where is it? Tile, the five levels, the unit grid, the other grid systems, the component, and the border flags.

A point is looked up in the finest layer of the unit system; the tree of areas gives the levels above. ``borders`` says
whether it is a border case, ``duty_doubt`` whether the duty list leaves open who acts there.
A report without a point gets that of its component, its unit grid or a place that it names (``pins``); else it is
placed by its component, its area code or the name of its place, in this order. One with none of them has no place and
says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from pipeline.domain.geo.index import LayerIndex, LayerStack
from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.projection import Floats
from pipeline.domain.geo.tiles import NO_PLACE, area_tile, neighbours_of, tiles_of
from pipeline.domain.reference.model import Component, Reference
from pipeline.events.base import Millis
from pipeline.events.intake import Classification, LocatedReport, Place, ScreenedReport
from pipeline.stages.borders import BorderJudge, Found
from pipeline.stages.duty_doubt import DutyDoubt
from pipeline.stages.levels import NOBODY, TIERS, AreaTree, Levels
from pipeline.stages.pins import BY_AREA, BY_COMPONENT, BY_NAME, MOST_AREA_ERROR_M, Pin, Pins, pinned
from pipeline.stages.register import Register

MAIN_SYSTEM = "unit"
ZONE_SYSTEM = "noise_zone"
REACH_M = 150.0
"""How far a notice to neighbour tiles reaches: the largest search radius of ``deduplicate``."""
NOWHERE = (NOBODY, "")
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
        self._tree = AreaTree(reference)
        indexes = [LayerIndex(layer) for layer in layers if layer.cells]
        main = [index for index in indexes if index.layer.system == MAIN_SYSTEM]
        self._main = sorted(main, key=self._rank, reverse=True)
        others = [index for index in indexes if index.layer.system != MAIN_SYSTEM]
        self._others = [self._other(index) for index in others]
        self._stack = LayerStack([*self._main, *others])
        self._borders = BorderJudge(self._tree, *self._border_layers(), others)
        self._duties = DutyDoubt(reference)
        self._mapped = bool(main)
        self._register = Register(reference)
        self._pins = Pins(reference)

    # --- batches --------------------------------------------------------------------------------------------------

    def locate(self, report: ScreenedReport, about: Classification) -> Place:
        """The place of one report."""
        return self.locate_many([report], [about])[0]

    def locate_many(self, reports: Sequence[ScreenedReport], about: Sequence[Classification]) -> list[Place]:
        """The same for many; equal to one by one."""
        return [one.place for one in self.located_many(reports, about)]

    def located_many(self, reports: Sequence[ScreenedReport], about: Sequence[Classification]) -> list[LocatedReport]:
        """Each report with its place, at the point that was found for it where it came without."""
        pins = self._pinned(reports)
        if pins:
            reports = [pinned(one, pins[number]) if number in pins else one for number, one in enumerate(reports)]
        pointed = [number for number, report in enumerate(reports) if report.lon is not None]
        found = self._by_point([reports[number] for number in pointed], [about[number] for number in pointed])
        places: dict[int, Place] = dict(zip(pointed, found, strict=True))
        for number, pin in pins.items():
            places[number] = self._told(places[number], pin, reports[number], about[number])
        return [
            LocatedReport(report=report, classification=one, place=places.get(number) or self._without(report, one))
            for number, (report, one) in enumerate(zip(reports, about, strict=True))
        ]

    def _pinned(self, reports: Sequence[ScreenedReport]) -> dict[int, Pin]:
        bare = [number for number, report in enumerate(reports) if report.lon is None]
        return {number: pin for number in bare if (pin := self._pins.of(reports[number])) is not None}

    def _told(self, place: Place, pin: Pin, report: ScreenedReport, about: Classification) -> Place:
        """The place of a point that a table gave: an area that is known is believed before the point.

        A component is never guessed from such a point.
        """
        stated = self.reference.component(report.component_code) if report.component_code else None
        place = replace(
            place, method=pin.method, named=pin.name if pin.method == BY_NAME else "",
            component_code=stated.code if stated else "", component_owner=stated.owner if stated else "",
        )  # fmt: skip
        place = self._held_in(place, pin.area, report, about) if pin.area else place
        return place if pin.error_m <= MOST_AREA_ERROR_M else self._without_grid(place)

    def _without_grid(self, place: Place) -> Place:
        """The same place where no unit grid can be told."""
        return replace(place, grid="", areas=tuple([area for area in place.areas if area != place.grid]))

    def _held_in(self, place: Place, area: str, report: ScreenedReport, about: Classification) -> Place:
        """The same place, known to lie in an area, so that no border above it is in doubt."""
        levels = self._tree.levels(area)
        if area in place.areas:
            levels = Levels(place.city, place.district, place.street, place.community, place.grid)
        areas = self._tree.listed(levels)
        return replace(
            place, city=levels.city, district=levels.district, street=levels.street, community=levels.community,
            grid=levels.grid, areas=areas, border_candidates=(), border_m=None,
            grid_version=place.grid_version if area in place.areas else "",
            border_flags=tuple(sorted(self._duties.flags(about, areas, report.received_at))),
        )  # fmt: skip

    def _by_point(self, reports: list[ScreenedReport], about: list[Classification]) -> list[Place]:
        if not reports:
            return []
        lons = np.array([report.lon for report in reports], np.float64)
        lats = np.array([report.lat for report in reports], np.float64)
        errors = np.array([report.error_m or 0.0 for report in reports], np.float64)
        times = [report.received_at for report in reports]
        cells = self._cells(lons, lats, times)
        main = self._finest(cells, len(times))
        near_by = self._register.meant(reports, about, lons, lats, errors)
        others = list(zip(self._others, cells[len(self._main) :], strict=True))
        found = self._borders.judge(lons, lats, errors, times)
        tiles, near = tiles_of(lons, lats), neighbours_of(lons, lats, REACH_M)
        return [
            self._place(number, report, one, tiles[number], near[number], main[number], others, found[number], near_by)
            for number, (report, one) in enumerate(zip(reports, about, strict=True))
        ]

    def _cells(self, lons: Floats, lats: Floats, times: list[Millis]) -> list[list[int]]:
        """The cell of each point in each layer that is in force at its time, -1 for none."""
        layers = [index.layer for index in self._main] + [other.lookup.layer for other in self._others]
        first, last = min(times), max(times)
        return [
            cells if layer.valid_at(first) and layer.valid_at(last) else _in_force(layer, cells, times)
            for layer, cells in zip(layers, self._stack.find(lons, lats).tolist(), strict=True)
        ]

    def _finest(self, cells: list[list[int]], count: int) -> list[tuple[Levels, str]]:
        """Levels and version of each point by the finest layer that holds it."""
        found: list[tuple[Levels, str]] = [NOWHERE] * count
        left = list(range(count))
        for index, own in zip(self._main, cells, strict=False):
            layer = index.layer
            for number in left:
                if own[number] >= 0:
                    found[number] = (self._tree.levels(layer.codes[own[number]]), layer.version)
            left = [number for number in left if own[number] < 0]
        return found

    # --- one report -----------------------------------------------------------------------------------------------

    def _place(
        self,
        number: int,
        report: ScreenedReport,
        about: Classification,
        tile: str,
        near: tuple[str, ...],
        main: tuple[Levels, str],
        others: list[tuple[Other, list[int]]],
        found: Found,
        near_by: dict[int, Component],
    ) -> Place:
        levels, version = main
        systems, zone, parents = _others_at(number, others)
        areas = self._tree.listed(levels)
        flags = self._duties.flags(about, areas, report.received_at)
        if any([parent not in levels for parent in parents]):
            flags = (*flags, "LAYER_CONFLICT")
        if self._mapped and not areas and "GAP" not in found.flags:
            flags = (*flags, "GAP")
        stated = self.reference.component(report.component_code) if report.component_code else None
        component = stated or near_by.get(number)
        return Place(
            tile=tile, method="point", areas=areas, city=levels.city,
            district=levels.district, street=levels.street,
            community=levels.community, grid=levels.grid, grid_version=version,
            systems=systems, zone=zone,
            component_code=component.code if component else "", component_owner=component.owner if component else "",
            border_flags=tuple(sorted((*found.flags, *flags))) if flags else found.flags,
            border_candidates=found.candidates, border_m=found.border_m, neighbour_tiles=near,
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

    # --- without a point ------------------------------------------------------------------------------------------

    def _without(self, report: ScreenedReport, about: Classification) -> Place:
        place = self._by_name(report)
        flags = self._duties.flags(about, place.areas, report.received_at)
        return replace(place, border_flags=flags) if flags else place

    def _by_name(self, report: ScreenedReport) -> Place:
        component = self.reference.component(report.component_code) if report.component_code else None
        if component is not None and component.grid_code:
            return self._by_area(component.grid_code, BY_COMPONENT, component.code, component.owner)
        if report.area_code and self.reference.area(report.area_code) is not None:
            return self._by_area(report.area_code, BY_AREA)
        named = self.reference.areas_by_name(report.place_name) if report.place_name else ()
        if len(named) == 1:
            return self._by_area(named[0].code, "place_name")
        return Place(tile=NO_PLACE, method="none")

    def _by_area(self, code: str, method: str, component: str = "", owner: str = "") -> Place:
        levels = self._tree.levels(code)
        return Place(
            tile=area_tile(code), method=method, areas=self._tree.listed(levels), city=levels.city,
            district=levels.district, street=levels.street,
            community=levels.community, grid=levels.grid, component_code=component, component_owner=owner,
        )  # fmt: skip

    # --- areas ----------------------------------------------------------------------------------------------------

    def _rank(self, index: LayerIndex) -> int:
        """How fine a layer is: the tier of its areas."""
        return self._tree.rank(index.layer.codes[0])

    def _border_layers(self) -> tuple[list[LayerIndex], list[LayerIndex]]:
        """All versions of the finest layer above the unit grids, and of the unit grids."""
        grids = [index for index in self._main if self._rank(index) == TIERS.index("grid")]
        above = [index for index in self._main if 0 <= self._rank(index) < TIERS.index("grid")]
        return [index for index in above if self._rank(index) == self._rank(above[0])], grids


def _in_force(layer: Layer, cells: list[int], times: list[Millis]) -> list[int]:
    return [cell if layer.valid_at(at) else -1 for cell, at in zip(cells, times, strict=True)]


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


def _zone_class(code: str) -> str:
    """The class of a noise zone cell, written before the dash of its code (``2-0031``)."""
    return code.partition("-")[0]
