"""The grids of a city audited: geometry, sizes, households, persons, how evenly work lies, and where systems disagree.

Bounds are the reference set's ``grid_kinds``, the narrower row of an area type before ``*``. What a layer does not say
of its cells (area type, households, parent) is taken from ``areas.csv``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.domain.geo.audit import Finding, FindingKind, SizeRule, audit_layer, workload_gini
from pipeline.domain.geo.borders import layer_conflicts
from pipeline.domain.geo.cut import MIN_FRACTION
from pipeline.domain.geo.index import LayerIndex
from pipeline.domain.geo.layers import Cell, Layer
from pipeline.domain.geo.overlay import CrossWalk, Shared, cross_walk, main_cells
from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.grid_files import TABLED, files_of, read_own
from pipeline.runtime.grids import sizes
from pipeline.runtime.workspace import Workspace

NO_PERSON = "no_person"
UNITS = {
    FindingKind.PARTS: "parts", FindingKind.MANY_HOUSEHOLDS: "households", FindingKind.FEW_HOUSEHOLDS: "households",
    FindingKind.UNKNOWN_HOUSEHOLDS: "",
}  # fmt: skip
"""Unit of a finding's measure; the others are square metres."""
SIZE_KINDS = {
    FindingKind.OVERSIZE, FindingKind.UNDERSIZE, FindingKind.MANY_HOUSEHOLDS, FindingKind.FEW_HOUSEHOLDS,
    FindingKind.UNKNOWN_HOUSEHOLDS,
}  # fmt: skip
LEVEL_COLUMNS = {"unit": "grid", "community": "community", "street": "street", "district": "district"}
"""Where ``cases`` keeps the area of a kind of the unit system; cases lie in the other systems by their point."""


@dataclass
class Audit:
    """What an audit found; ``findings`` are faults to mend, the rest are measures."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    cross_walk: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def audit_city(reference: Reference, city: Path, store: Path | None = None, at: int | None = None) -> Audit:
    """Audit all layers of a city, or those in force at a time. Raises :class:`ConfigFaults` with every fault."""
    layers = [_completed(layer, reference) for layer in _layers(city) if at is None or layer.valid_at(at)]
    if not layers:
        remedy = "the city has no layer" + (" in force then" if at is not None else "") + ": `wangge grids import`"
        raise ConfigFaults([Fault(str(city), "layers", "", remedy)])
    audit = Audit(remarks=[note for layer in layers for note in layer.notes])
    for group, within in _groups(layers):
        audit.findings += _geometry(group, within)
    cases = _cases(store) if store is not None else []
    for layer in layers:
        own = [*_sizes(layer, reference), *_persons(layer, reference)]
        audit.findings += own
        audit.layers.append(_about(layer) | workload(layer, cases, known=store is not None))
    audit.cross_walk = list(_walks(layers, reference, cases if store is not None else None))
    _count(audit)
    return audit


def _layers(city: Path) -> list[Layer]:
    layers, faults = [], []
    for file in files_of(city):
        try:
            layers.append(read_own(file.path))
        except ConfigFaults as found:
            faults += found.faults
    if faults:
        raise ConfigFaults(faults)
    return layers


def _completed(layer: Layer, reference: Reference) -> Layer:
    return replace(layer, cells=tuple(_completed_cell(cell, reference) for cell in layer.cells))


def _completed_cell(cell: Cell, reference: Reference) -> Cell:
    area = reference.area(cell.code)
    if area is None:
        return cell
    households = area.households if cell.households is None else cell.households
    return replace(
        cell, parent=cell.parent or area.parent, area_type=cell.area_type or area.area_type, households=households
    )


def _about(layer: Layer) -> dict[str, Any]:
    named = {"layer": layer.name, "system": layer.system, "kind": layer.kind, "version": layer.version}
    return named | {"findings": 0} | sizes(layer)


def _count(audit: Audit) -> None:
    counts = Counter(name for finding in audit.findings for name in finding["layers"])
    for row in audit.layers:
        row["findings"] = counts[row["layer"]]


# --- geometry -----------------------------------------------------------------------------------------------------


def _groups(layers: Sequence[Layer]) -> list[tuple[list[Layer], Layer | None]]:
    """Layers that fill the same areas together (street faces and residential grids, say), and those areas."""
    groups: list[tuple[list[Layer], Layer | None]] = []
    for layer in layers:
        within = _above(layer, layers)
        for group, areas in groups:
            beside = group[0].system == layer.system and all(_meet(layer, other) for other in group)
            if within is not None and areas is within and beside:
                group.append(layer)
                break
        else:
            groups.append(([layer], within))
    return groups


def _above(layer: Layer, layers: Sequence[Layer]) -> Layer | None:
    """The layer that holds the parents of most cells at the same time; None where no layer holds any."""
    parents = Counter(cell.parent for cell in layer.cells if cell.parent)
    best, most = None, 0
    for other in layers:
        if other is not layer and _meet(layer, other):
            held = sum(parents[code] for code in other.codes)
            best, most = (other, held) if held > most else (best, most)
    return best


def _meet(a: Layer, b: Layer) -> bool:
    return a.valid_from < b.valid_to and b.valid_from < a.valid_to


def _geometry(group: Sequence[Layer], within: Layer | None) -> list[dict[str, Any]]:
    first = group[0]
    whole = first if len(group) == 1 else replace(first, cells=tuple(cell for layer in group for cell in layer.cells))
    names = [layer.name for layer in group]
    return [_row(names, first.kind, finding) for finding in audit_layer(whole, (), within)]


def _row(names: list[str], kind: str, finding: Finding) -> dict[str, Any]:
    return {
        "finding": finding.kind.value, "layers": names, "kind": kind, "codes": list(finding.codes),
        "measure": round(finding.measure, 1), "unit": UNITS.get(finding.kind, "m2"),
        "lon": round(finding.lon, 6), "lat": round(finding.lat, 6),
    }  # fmt: skip


# --- sizes and persons --------------------------------------------------------------------------------------------


def size_rules(kind: str, area_types: Iterable[str], reference: Reference) -> list[SizeRule]:
    """The bounds of a kind of grid for each area type. Cells below a quarter of their target area are too small."""
    rows = {row.area_type: row for row in reference.tables.grid_kinds if row.id == kind}
    rules = []
    for area_type in sorted(set(area_types)):
        row = rows.get(area_type) or rows.get("*")
        if row is not None:
            least = None if row.target_m2 is None else row.target_m2 * MIN_FRACTION
            rules.append(SizeRule(
                kind=kind, area_type=area_type, min_m2=least, max_m2=row.max_m2,
                min_households=row.min_households, max_households=row.max_households,
            ))  # fmt: skip
    return rules


def _sizes(layer: Layer, reference: Reference) -> list[dict[str, Any]]:
    rules = size_rules(layer.kind, (cell.area_type for cell in layer.cells), reference)
    found = audit_layer(layer, rules) if rules else ()
    return [_row([layer.name], layer.kind, finding) for finding in found if finding.kind in SIZE_KINDS]


def _persons(layer: Layer, reference: Reference) -> list[dict[str, Any]]:
    needing = {kind.id for kind in reference.tables.grid_kinds if kind.needs_person}
    if layer.kind not in needing:
        return []
    idle = [cell for cell in layer.cells if not cell.responsible and not reference.persons_of(cell.code)]
    return [_no_person(layer, cell) for cell in idle]


def _no_person(layer: Layer, cell: Cell) -> dict[str, Any]:
    point = cell.shape.representative_point()
    return {
        "finding": NO_PERSON, "layers": [layer.name], "kind": layer.kind, "codes": [cell.code],
        "measure": 0.0, "unit": "", "lon": round(point.x, 6), "lat": round(point.y, 6),
    }  # fmt: skip


# --- measures -----------------------------------------------------------------------------------------------------


def _cases(store: Path) -> list[dict[str, Any]]:
    lon = f"if(case_id IN ({TABLED}), NULL, cases.lon) AS lon"  # what a table gave is no point of a case
    columns = f"grid, grid_version, community, street, district, {lon}, lat, toUnixTimestamp64Milli(at) AS at"
    with Workspace(store, create=False) as workspace:
        return workspace.tables().rows(f"SELECT {columns} FROM cases")


def workload(layer: Layer, cases: Sequence[dict[str, Any]], *, known: bool) -> dict[str, Any]:
    """Cases in the cells of a layer while it was in force, and the Gini coefficient over all its cells."""
    if not known:
        return {}
    counts = _by_column(layer, cases) if layer.system == "unit" else _by_point(layer, cases)
    work = [counts.get(code, 0) for code in layer.codes]
    return {"cases": sum(work), "gini": round(workload_gini(work), 4) if sum(work) else None}


def _by_column(layer: Layer, cases: Sequence[dict[str, Any]]) -> Counter[str]:
    """Cases by the area they were filed in. Unit grids: those filed under this version, whenever they were filed."""
    column = LEVEL_COLUMNS.get(layer.kind, "")
    if not column:
        return Counter()
    if column == "grid":
        return Counter(case["grid"] for case in cases if case["grid_version"] == layer.version)
    return Counter(case[column] for case in cases if layer.valid_at(int(case["at"])))


def _by_point(layer: Layer, cases: Sequence[dict[str, Any]]) -> Counter[str]:
    placed = [case for case in cases if case["lon"] is not None and layer.valid_at(int(case["at"]))]
    lons, lats = (np.array([case[name] for case in placed], np.float64) for name in ("lon", "lat"))
    cells = LayerIndex(layer).find(lons, lats).tolist() if placed else []
    return Counter(layer.codes[cell] for cell in cells if cell >= 0)


def _walks(
    layers: Sequence[Layer], reference: Reference, cases: Sequence[dict[str, Any]] | None
) -> Iterable[dict[str, Any]]:
    """Each pair of grid systems in force together; ``disagree`` is 0 where one lies wholly within the other's lines.

    ``disagree_cases`` is the same share of the cases that both systems hold: those that lie outside the main cell.
    """
    kinds = {kind.id for kind in reference.tables.grid_kinds} | {"community"}
    for a, b in combinations([layer for layer in layers if layer.kind in kinds], 2):
        if a.system != b.system and _meet(a, b):
            walk = cross_walk(a, b)
            yield {
                "a": a.name, "b": b.name, "disagree": round(min(walk.disagreement_a, walk.disagreement_b), 4),
                "a_outside_main_b": round(walk.disagreement_a, 4), "b_outside_main_a": round(walk.disagreement_b, 4),
                "only_a": round(walk.only_a, 4), "only_b": round(walk.only_b, 4), "pairs": len(walk.rows),
            } | ({} if cases is None else {"disagree_cases": _disagreeing(a, b, walk, cases)})  # fmt: skip


def _disagreeing(a: Layer, b: Layer, walk: CrossWalk, cases: Sequence[dict[str, Any]]) -> float | None:
    """The share of cases outside the main cell of the other system, from the side where the area of that is smaller."""
    placed = [case for case in cases if case["lon"] is not None and all(x.valid_at(int(case["at"])) for x in (a, b))]
    if not placed:
        return None
    lons, lats = (np.array([case[name] for case in placed], np.float64) for name in ("lon", "lat"))
    own_a, own_b = LayerIndex(a).find(lons, lats), LayerIndex(b).find(lons, lats)
    both = int(((own_a >= 0) & (own_b >= 0)).sum())
    if walk.disagreement_a <= walk.disagreement_b:
        apart = layer_conflicts(a, b, own_a, own_b, main_cells(walk.rows))
    else:
        turned = tuple(Shared(row.code_b, row.code_a, row.area_m2, row.share_b, row.share_a) for row in walk.rows)
        apart = layer_conflicts(b, a, own_b, own_a, main_cells(turned))
    return round(float(apart.sum()) / both, 4) if both else None
