"""State as open cases grow: resident memory a case, and what a report costs casework at each size.

The reports are real ones of the prepared city that open a case, set down at other places: spread over a degree
square (about 10,000 km2, hundreds of tiles), so few are duplicates and the density grows with the number.
"""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.stages import casework, sample, topology
from pipeline.domain.geo.tiles import neighbours_of, tiles_of
from pipeline.domain.ids import digest
from pipeline.events.intake import LocatedReport
from pipeline.events.records import Origin
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
    stages = topology(folder)
    parts = located(templates(folder, stages))
    book = CaseBook()
    casework(stages, CaseBook(), next(parts)[:100])
    gc.collect()
    base, lines = resident(), list[dict[str, Any]]()
    for size in sizes:
        wanted = (size - book.count("case")) * SPARE_BYTES
        if wanted > at_hand():
            note = f"not measured: {wanted // 2**20} MiB wanted, {at_hand() // 2**20} MiB at hand"
            return [*lines, {"cases": size, "note": note}]
        lines.append(_grown(stages, book, parts, size) | _weighed(book, base))
    return lines


def _weighed(book: CaseBook, base: int) -> dict[str, int]:
    gc.collect()
    cases, grown = book.count("case"), resident() - base
    encoded = sum(len(data) for _, _, data in book.entries())
    return {
        "bytes_per_case": round(grown / cases),
        "entries": len(book),
        "entry_bytes_per_case": round(encoded / cases),
    }


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


def templates(folder: Path, stages: Topology) -> list[LocatedReport]:
    """Reports of the prepared city that have a point and open a case of their own."""
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
    report = replace(
        model.report, report_id=digest("bench", str(number)), origin=Origin("bench", 0, number), lon=lon, lat=lat
    )
    return replace(model, report=report, place=replace(model.place, tile=tile, neighbour_tiles=near))


def resident() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def at_hand() -> int:
    """Memory the system can still give, in bytes."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024
