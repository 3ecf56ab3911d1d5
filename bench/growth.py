"""State as open cases grow: resident memory a case, and what a report costs casework at each size.

The reports are real ones of the prepared city that open a case, set down at other places: spread over a degree
square (about 10,000 km2, 2,600 tiles), so few are duplicates and the density grows with the number. They are made in
another process, and no layers are loaded here: memory that such work leaves free would be filled before any grows.
"""

from __future__ import annotations

import ctypes
import gc
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.stages import casework, sample, topology
from pipeline.domain.geo.tiles import neighbours_of, tiles_of
from pipeline.domain.ids import report_id
from pipeline.domain.reference.load import load_reference
from pipeline.events.intake import LocatedReport
from pipeline.events.records import Origin
from pipeline.runtime.city import City, topology_of
from pipeline.settings import settings_from
from pipeline.stages.casebook import CaseBook
from pipeline.stages.intake import IntakeBook
from pipeline.stages.locate import REACH_M
from pipeline.topology import Topology

WEST, SOUTH, SPAN = 121.0, 30.8, 1.0
PART = 2_000
"""Reports made, then timed, at a time."""
TIMED_PARTS = 5
SPARE_BYTES = 1_500
"""Memory that must be at hand for each further case."""


def measured(folder: Path, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """One line a size; a line with only a ``note`` when memory would not do."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        models = other.submit(templates, folder).result()
    stages, parts, book = _casework_only(folder), located(models), CaseBook()
    casework(stages, CaseBook(), next(parts)[:100])
    lines: list[dict[str, Any]] = []
    cases, memory = 0, resident()
    for size in sizes:
        wanted = (size - cases) * SPARE_BYTES
        if wanted > at_hand():
            note = f"not measured: {wanted // 2**20} MiB wanted, {at_hand() // 2**20} MiB at hand"
            return [*lines, {"cases": size, "note": note}]
        line, before, held = _grown(stages, book, parts, size), cases, memory
        cases, memory = book.count("case"), resident()
        encoded = sum(len(data) for _, _, data in book.entries())
        line |= {"bytes_per_case": round((memory - held) / (cases - before)), "entries": len(book)}
        lines.append(line | {"entry_bytes_per_case": round(encoded / cases)})
    return lines


def _casework_only(folder: Path) -> Topology:
    settings = settings_from()
    return topology_of(City(load_reference(settings.reference, folder / "city"), ()), settings)


def _grown(stages: Topology, book: CaseBook, parts: Iterator[list[LocatedReport]], size: int) -> dict[str, Any]:
    """Grow to a size; the cost is the median of the last parts on the way there."""
    costs: list[float] = []
    while book.count("case") < size:
        part = next(parts)
        started = time.perf_counter()
        casework(stages, book, part)
        costs.append((time.perf_counter() - started) / len(part) * 1e6)
    last = sorted(costs[-TIMED_PARTS:])
    return {"cases": book.count("case"), "us_per_report": round(last[len(last) // 2], 1)}


def templates(folder: Path) -> list[LocatedReport]:
    """Reports of the prepared city that have a point and open a case of their own."""
    stages = topology(folder)
    taken = stages.intake.steps(IntakeBook(), sample(folder / "reports", 4_000))
    placed = stages.place(list(taken.messages))
    opening = [report for report in placed if _opens(stages, report)]
    return [report for report in opening if report.report.lon is not None and not report.report.related_refs]


def _opens(stages: Topology, report: LocatedReport) -> bool:
    return any(change.space == "case" for change in stages.casework.step(CaseBook(), report).changes)


def located(models: list[LocatedReport]) -> Iterator[list[LocatedReport]]:
    """Parts of new reports without end, the same in every run."""
    dice, number = random.Random(1), 0
    while True:
        lons = [WEST + SPAN * dice.random() for _ in range(PART)]
        lats = [SOUTH + SPAN * dice.random() for _ in range(PART)]
        tiles, near = tiles_of(lons, lats), neighbours_of(lons, lats, REACH_M)
        yield [
            _moved(models[(number + nth) % len(models)], number + nth, lons[nth], lats[nth], tiles[nth], near[nth])
            for nth in range(PART)
        ]
        number += PART


def _moved(
    model: LocatedReport, number: int, lon: float, lat: float, tile: str, near: tuple[str, ...]
) -> LocatedReport:
    system, ref = model.report.source_system, f"{model.report.source_ref[:6]}-{number:09d}"
    origin = Origin("bench", 0, number)
    report = replace(model.report, report_id=report_id(system, ref), source_ref=ref, origin=origin, lon=lon, lat=lat)
    return replace(model, report=report, place=replace(model.place, tile=tile, neighbour_tiles=near))


def resident() -> int:
    """Resident memory of this process in bytes, after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def at_hand() -> int:
    """Memory the system can still give, in bytes."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024
