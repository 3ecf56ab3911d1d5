"""Reports of a set with known duplicates, fed to the stage of duplicates one after the other in order of time.

The stage is the one that runs in a city (:mod:`pipeline.stages.deduplicate`): the same blocking, the same features, one
key for the whole set instead of tiles. Categories, default points and coarse coordinates are read as the importers read
them. Outcomes are kept apart: the stage never sees them, and no case is ever closed, since when it was is an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.importers.base import Job, Row
from connectors.importers.boston311 import BOSTON
from connectors.importers.cases import COLUMNS, CaseSet, category_text
from connectors.importers.categories import code_of, read_parts
from connectors.importers.chicago311 import CHICAGO
from connectors.importers.points import default_points, number, rounding_m
from connectors.importers.times import millis
from pipeline.domain.ids import DAY_MS, case_id, digest
from pipeline.domain.text import fold, sketch
from pipeline.errors import ConfigFaults, Fault
from pipeline.events.intake import Classification, LocatedReport, Place, ScreenedReport
from pipeline.events.records import Origin
from pipeline.stage import Change
from pipeline.stages.casebook import CaseBook
from pipeline.stages.decisions import Filing, Route, Verdict
from pipeline.stages.deduplicate import deduplicate
from pipeline.stages.duplicate_policy import DuplicatePolicy
from pipeline.stages.entries import CaseEntry
from pipeline.stages.reported import entry_of, joined_by

SETS: dict[str, CaseSet] = {"boston311": BOSTON, "chicago311": CHICAGO}
TILE = "tset"
"""The one key under which a set is judged."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One report and what is known of it: ``duplicate`` and ``parent`` (id of the row it repeats) are outcomes."""

    id: str
    at: int
    located: LocatedReport
    duplicate: bool
    parent: str
    group: dict[str, str]
    """What figures are sliced by: channel, category, ward."""


def read_parts_of(name: str, path: Path, part: str = "", truth: Path | None = None) -> dict[str, list[Labelled]]:
    """Reports of each table of the set in order of time, by the name of the table (without its ending).

    ``part`` names the one table wanted; ``truth`` a table of ``case_id, dup, dup_parent`` that lies elsewhere. Raises
    ``ConfigFaults`` for a set without duplicates known, a folder without its tables or a part that is not there.
    """
    if name not in SETS:
        raise ConfigFaults([Fault("duplicates", "--dataset", name, f"name one of {', '.join(SETS)} or simulated")])
    job = Job(name, path, path)
    tables = {file.name.partition(".")[0]: file for file in job.tables(SETS[name].files)}
    tables.pop("pairs", None)
    tables.pop("ward_boundary", None)
    if part and part not in tables:
        raise ConfigFaults([Fault("duplicates", "--part", part, f"name one of {', '.join(sorted(tables))}")])
    known = _known(job, truth)
    return {
        stem: labelled(list(job.rows(file, *COLUMNS)), SETS[name], known)
        for stem, file in tables.items() if part in ("", stem)
    }  # fmt: skip


def _known(job: Job, truth: Path | None) -> dict[str, Row] | None:
    if truth is None:
        return None
    return {(row.get("case_id") or row.get("id") or "").strip(): row for row in job.rows(truth)}


def labelled(rows: Sequence[Row], city: CaseSet, known: dict[str, Row] | None = None) -> list[Labelled]:
    """The rows as the stage meets them, in order of time and then of their numbers; without those that have no time."""
    zone, nowhere = ZoneInfo(city.zone), frozenset(default_points(rows))
    timed = [(at, row) for row in rows if (at := millis(row["opened_at"], zone)) is not None]
    timed.sort(key=lambda item: (item[0], item[1]["case_id"]))
    return [_labelled(n, at, row, city, nowhere, known) for n, (at, row) in enumerate(timed)]


def _labelled(
    n: int, at: int, row: Row, city: CaseSet, nowhere: frozenset[tuple[float, float]], known: dict[str, Row] | None
) -> Labelled:
    name, outcome = row["case_id"].strip(), row if known is None else known.get(row["case_id"].strip(), {})
    parent = (outcome.get("dup_parent") or outcome.get("parent_id") or "").strip()
    flag = (outcome.get("dup") or "").strip()
    return Labelled(
        id=name, at=at, located=located_of(n, at, row, city, nowhere),
        duplicate=flag == "1" or (not flag and bool(parent)), parent=parent,
        group={"channel": row["channel"] or "unknown", "category": category_text(row), "area": row["area"]},
    )  # fmt: skip


def located_of(n: int, at: int, row: Row, city: CaseSet, nowhere: frozenset[tuple[float, float]]) -> LocatedReport:
    """A row as intake would hand it on, from the columns that were known on arrival only."""
    text, lon, lat = category_text(row), number(row["lon"]), number(row["lat"])
    placed = lon is not None and lat is not None and (lon, lat) not in nowhere
    address = fold(row["address"])
    report = ScreenedReport(
        report_id=digest(city.name, row["case_id"], str(n)), channel=row["channel"] or "unknown",
        source_system=city.name, source_ref=row["case_id"], source_family="", origin=Origin("set", 0, n),
        content_hash=n, received_at=at, lon=lon if placed else None, lat=lat if placed else None,
        error_m=rounding_m(row["lon"], row["lat"]) if placed else None,
        address_key=digest("address", address) if address else "", text=row.get("text", ""),
        signature=sketch(fold(row.get("text", ""))),
    )  # fmt: skip
    about = Classification(
        standard=city.name, kind="incident", code=code_of(text), family=read_parts(text, "english").family,
        confidence=1.0, method="given",
    )  # fmt: skip
    return LocatedReport(report=report, classification=about, place=Place(tile=TILE, method="point"))


def replay(
    rows: Iterable[Labelled], policy: DuplicatePolicy, joins: Callable[[Labelled, Verdict], bool] = lambda row, v: True
) -> Iterator[tuple[Labelled, Verdict, str]]:
    """Each report with the verdict at its arrival and the case that it is part of; ``joins`` may keep it apart."""
    book, today = CaseBook(), 0
    for row in rows:
        if (day := row.at // DAY_MS) > today:
            book.left(day)
            today = day
        verdict = deduplicate(book, row.located, policy)
        master = book.case(verdict.case_id) if verdict.case_id and joins(row, verdict) else None
        after = joined_by(master, row.located) if master is not None else _opened(row.located, policy)
        book.apply((Change("case", after.case_id, after),))
        yield row, verdict, after.case_id


def _opened(located: LocatedReport, policy: DuplicatePolicy) -> CaseEntry:
    about, report = located.classification, located.report
    name = case_id(TILE, report.received_at, report.report_id)
    days = policy.findable_days((about.standard, about.kind, about.code))
    return entry_of(located, name, Filing(fate="filed", outcome="filed", state="open"), Route(department=""), days, ())
