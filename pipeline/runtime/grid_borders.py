"""What happens along the borders of a city: blind strips, border against inner cases, practice against the map.

A *strip* is the ground within so many metres of a line between two cells. It is blind where grid workers find a smaller
share of what is known there than inside the cells: the rest is told by citizens and sensors. Everything comes from the
facts of a store; open cases count with the time they have taken so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pipeline.domain.geo.index import LayerIndex
from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.segments import Segment, along, segments_of
from pipeline.domain.reference.model import PracticeSpot, Reference
from pipeline.domain.shares import wilson
from pipeline.errors import ConfigFaults, Fault
from pipeline.events.base import Channel
from pipeline.runtime.grid_files import TABLED, files_of, put, read_own
from pipeline.runtime.workspace import Workspace
from pipeline.stages.borders import LEDGER_BAND_M

Case = dict[str, Any]
STRIP_M = 20.0
LEAST_CASES = 10
"""A strip with fewer cases is not called blind."""
COLUMNS = (
    "case_id, channel, lon, lat, toUnixTimestamp64Milli(opened_at) AS at, district, street, community, border_flags, "
    "closed, finished, on_time, handling_hours, refusals, hops, department, merged"
)


@dataclass
class Borders:
    """What was measured."""

    layer: str
    strip_m: float
    cases: int
    groups: list[dict[str, Any]] = field(default_factory=list)
    """Inner cases, those in strips, and those with each flag: how long, how many closed, how often passed on."""
    segments: list[dict[str, Any]] = field(default_factory=list)
    """Each border with cases along it, the one least seen by grid workers first."""


def borders_of(city: Path, store: Path, kind: str, strip_m: float) -> Borders:
    """Statistics along the borders of a kind of layer. Raises :class:`ConfigFaults` when the city has none."""
    layers = [read_own(file.path) for file in files_of(city)]
    chosen = [layer for layer in layers if layer.kind == kind]
    if not chosen:
        kinds = ", ".join(sorted({layer.kind for layer in layers})) or "no layer"
        raise ConfigFaults([Fault(str(city), "--layer", kind, f"the city has {kinds}")])
    cases = cases_of(store)
    near = _near(chosen, cases, strip_m)
    strip = [case for case in cases if case["case_id"] in near]
    inner = [case for case in cases if case["case_id"] not in near]
    found = Borders(kind, strip_m, len(cases))
    found.groups = [_group("inner", inner, len(cases)), _group("strip", strip, len(cases))]
    for flag in sorted({flag for case in cases for flag in case["border_flags"]}):
        found.groups.append(_group(flag, [case for case in cases if flag in case["border_flags"]], len(cases)))
    lines = {segment.codes: segment for layer in chosen for segment in segments_of(layer)}
    seen_inside = _seen(inner)
    by_line: dict[tuple[str, str], list[Case]] = {}
    for case in strip:
        by_line.setdefault(near[case["case_id"]], []).append(case)
    rows = [_segment(lines[codes], there, seen_inside) for codes, there in by_line.items() if codes in lines]
    found.segments = sorted(rows, key=lambda row: (not row["blind"], row["seen_95"][1], row["between"]))
    return found


def cases_of(store: Path) -> list[Case]:
    """Cases whose report came with a point, merged ones left out: what a table gave says nothing of a border."""
    with Workspace(store, create=False) as workspace:
        where = f"lon IS NOT NULL AND NOT merged AND case_id NOT IN ({TABLED})"
        sql = f"SELECT {COLUMNS} FROM case_status WHERE {where} ORDER BY case_id"
        return workspace.tables().rows(sql)


def _near(layers: Sequence[Layer], cases: Sequence[Case], strip_m: float) -> dict[str, tuple[str, str]]:
    """The border along which each case lies, by its id, in the version in force when it was opened."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        placed = [case for case in cases if layer.valid_at(int(case["at"]))]
        lons, lats = (np.array([case[name] for case in placed], np.float64) for name in ("lon", "lat"))
        borders = along(LayerIndex(layer), lons, lats, strip_m) if placed else []
        found |= {case["case_id"]: line for case, line in zip(placed, borders, strict=True) if line is not None}
    return found


def _seen(cases: Iterable[Case]) -> float:
    """The share that grid workers found."""
    found = [case["channel"] == Channel.GRID_WORKER for case in cases]
    return sum(found) / len(found) if found else 0.0


def _group(name: str, cases: Sequence[Case], whole: int) -> dict[str, Any]:
    """Numbers of a group of cases; shares with 95 % intervals, ``None`` where nothing can be said."""
    closed = sum(bool(case["closed"]) for case in cases)
    due = [case["on_time"] for case in cases if case["on_time"] is not None]
    hours = [float(case["handling_hours"]) for case in cases if case["handling_hours"] is not None]
    return {
        "group": name, "cases": len(cases), "share": round(len(cases) / whole, 4) if whole else 0.0,
        "closed": _share(closed, len(cases)), "closed_95": _interval(closed, len(cases)),
        "on_time": _share(sum(map(bool, due)), len(due)), "median_hours": round(median(hours), 2) if hours else None,
        "refusals_a_case": _mean(cases, "refusals"), "hops_a_case": _mean(cases, "hops"),
        "seen": round(_seen(cases), 4), "seen_95": _interval(round(_seen(cases) * len(cases)), len(cases)),
    }  # fmt: skip


def _segment(segment: Segment, cases: Sequence[Case], seen_inside: float) -> dict[str, Any]:
    own = sum(case["channel"] == Channel.GRID_WORKER for case in cases)
    interval = wilson(own, len(cases))
    return {
        "between": list(segment.codes), "length_m": round(segment.length_m), "cases": len(cases),
        "cases_a_km": round(len(cases) / segment.length_m * 1000, 1), "seen": _share(own, len(cases)),
        "seen_95": [round(bound, 4) for bound in interval], "seen_inside": round(seen_inside, 4),
        "blind": len(cases) >= LEAST_CASES and own < seen_inside * len(cases) and interval[1] < seen_inside,
    }  # fmt: skip


def _mean(cases: Sequence[Case], name: str) -> float | None:
    return _share(sum(int(case[name] or 0) for case in cases), len(cases))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _interval(part: int, whole: int) -> list[float]:
    return [round(bound, 4) for bound in wilson(part, whole)]


# --- the ledger of practice ---------------------------------------------------------------------------------------

ROUND = 5
"""Decimals of a spot: about a metre, so that cases of one address are one spot."""


def practice_rows(city: Path, store: Path, reference: Reference) -> list[dict[str, Any]]:
    """The ledger of practice of a store: streets that the map draws, and street offices that closed cases there.

    Only closed cases that a street office handled last tell anything. Streets in which map and practice agree
    everywhere are left out, since they say what the map says.
    """
    offices = {row.id: row.area for row in reference.tables.departments if row.kind == "street" and row.area}
    told = [case for case in cases_of(store) if case["closed"] and case["street"] and case["department"] in offices]
    layers = [read_own(file.path) for file in files_of(city)]
    border = _border_m([layer for layer in layers if layer.kind == "street"], told)
    spots: dict[tuple[float, float, str, str], tuple[float | None, int]] = {}
    for case, metres in zip(told, border, strict=True):
        key = (round(case["lon"], ROUND), round(case["lat"], ROUND), case["street"], offices[case["department"]])
        spots[key] = (metres, spots.get(key, (None, 0))[1] + 1)
    return [
        {
            "lon": lon, "lat": lat, "tier": "street", "drawn": drawn, "held": held,
            "border_m": "" if metres is None else round(metres, 1), "cases": count,
        }
        for (lon, lat, drawn, held), (metres, count) in sorted(spots.items())
        if drawn in {one[2] for one in spots if one[2] != one[3]}
    ]  # fmt: skip


def _border_m(layers: Sequence[Layer], cases: Sequence[Case]) -> list[float | None]:
    """Distance of each case to the next street, ``None`` beyond the reach in which the ledger is asked."""
    found: list[float | None] = [None] * len(cases)
    for layer in layers:
        rows = [number for number, case in enumerate(cases) if layer.valid_at(int(case["at"]))]
        if rows:
            lons, lats = (np.array([cases[row][name] for row in rows], np.float64) for name in ("lon", "lat"))
            scan = LayerIndex(layer).borders(lons, lats, 0.0, LEDGER_BAND_M)
            for number, row in enumerate(rows):
                others = [metres for cell, metres, _ in scan.candidates(number) if cell != scan.own[number]]
                found[row] = min(map(abs, others), default=None)
    return found


def write_practice(city: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write ``practices.csv`` of the city, in place of the one that was there."""
    path, columns = city / "practices.csv", list(PracticeSpot.__struct_fields__)
    named = [name for name in columns if rows and name in rows[0]] or ["lon", "lat", "tier", "drawn", "held", "cases"]
    lines = [",".join(named), *(",".join(str(row[name]) for name in named) for row in rows)]
    put(path, ("# Ledger of practice: made by `wangge grids practice` from the cases of a store.\n"
               + "\n".join(lines) + "\n").encode())  # fmt: skip
    return path
