"""Layers: the cells of one grid system in one version, and how they are read from and written to GeoJSON.

Shapes are kept in WGS-84 whatever the datum of the file. Reading tells every fault at once; a layer with a fault is
never made. Times are milliseconds UTC, half open ``[valid_from, valid_to)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from pipeline.domain.geo.datum import Datum, columns_to_wgs84
from pipeline.domain.geo.projection import Floats, LocalPlane
from pipeline.errors import Fault

BEGIN = -(1 << 60)
END = 1 << 60
"""Open ends of validity, as in the reference tables."""
Shape = Any
"""A shapely Polygon or MultiPolygon in degrees."""
Shapes = NDArray[np.object_]


class LayerFaults(Exception):
    """A layer cannot be used; ``faults`` has all of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One area of a layer. Counts are None where the file does not tell them."""

    code: str
    shape: Shape
    name: str = ""
    parent: str = ""
    area_type: str = ""
    households: int | None = None
    workers: int | None = None
    responsible: str = ""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The cells of one kind of one grid system in one version; an index into ``cells`` is a cell's number."""

    name: str
    system: str
    kind: str
    version: str
    cells: tuple[Cell, ...]
    valid_from: int = BEGIN
    valid_to: int = END
    notes: tuple[str, ...] = ()
    """What was mended while reading."""

    def valid_at(self, at: int) -> bool:
        """Whether this version is in force at ``at``."""
        return self.valid_from <= at < self.valid_to

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The codes in the order of ``cells``."""
        return tuple(cell.code for cell in self.cells)

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The number of each code's cell."""
        return {code: number for number, code in enumerate(self.codes)}

    @cached_property
    def shapes(self) -> Shapes:
        """The shapes in degrees, in the order of ``cells``."""
        shapes = np.empty(len(self.cells), np.object_)
        shapes[:] = [cell.shape for cell in self.cells]
        return shapes

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all cells; ValueError for a layer without cells."""
        if not self.cells:
            message = f"layer {self.name!r} {self.version!r} has no cells: it has no place"
            raise ValueError(message)
        west, south, east, north = shapely.total_bounds(self.shapes).tolist()
        return west, south, east, north

    @cached_property
    def plane(self) -> LocalPlane:
        """The local plane about the middle of the layer."""
        west, south, east, north = self.bounds
        return LocalPlane((west + east) / 2, (south + north) / 2)

    @cached_property
    def areas_m2(self) -> Floats:
        """The area of each cell."""
        areas: Floats = shapely.area(self.shapes) * (self.plane.area_scale if self.cells else 1.0)
        return areas


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """What a GeoJSON file does not say of itself, and the names of its properties ("" when it has none)."""

    name: str
    system: str
    kind: str
    version: str
    code_property: str = "code"
    datum: Datum = Datum.WGS84
    valid_from: int = BEGIN
    valid_to: int = END
    bounds: tuple[float, float, float, float] | None = None
    """Where the city is (west, south, east, north, in the file's datum): shapes elsewhere are faults."""
    mend: bool = False
    """Mend invalid rings where that changes less than 1 % of the area, with a note, instead of refusing them."""
    name_property: str = ""
    parent_property: str = ""
    area_type_property: str = ""
    households_property: str = ""
    workers_property: str = ""
    responsible_property: str = ""


def polygon(ring: Sequence[tuple[float, float]], holes: Sequence[Sequence[tuple[float, float]]] = ()) -> Shape:
    """A shape from (lon, lat) points, for callers that do not know shapely."""
    return shapely.Polygon(ring, holes)


def transformed(shapes: Shapes, datum: Datum) -> Shapes:
    """Shapes of ``datum`` in WGS-84."""
    if datum in (Datum.WGS84, Datum.CGCS2000):
        return shapes

    def to_wgs84(points: Floats) -> Floats:
        return np.column_stack(columns_to_wgs84(points[:, 0], points[:, 1], datum))

    moved: Shapes = shapely.transform(shapes, to_wgs84)
    return moved


def to_geojson(layer: Layer) -> bytes:
    """A FeatureCollection in WGS-84 with the properties of :data:`OWN_PROPERTIES`; the same layer gives same bytes."""
    features = [
        {
            "type": "Feature",
            "properties": {
                "code": cell.code, "name": cell.name, "parent": cell.parent, "area_type": cell.area_type,
                "households": cell.households, "workers": cell.workers, "responsible": cell.responsible,
            },
            "geometry": msgspec.Raw(shapely.to_geojson(cell.shape).encode()),
        }
        for cell in layer.cells
    ]  # fmt: skip
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


OWN_PROPERTIES = {
    "code_property": "code",
    "name_property": "name",
    "parent_property": "parent",
    "area_type_property": "area_type",
    "households_property": "households",
    "workers_property": "workers",
    "responsible_property": "responsible",
}
"""Arguments of :class:`LayerSpec` for a file that :func:`to_geojson` wrote."""
