"""Sets of cases in the common layout (``case_id, channel, category_1, category_2, opened_at, lat, lon, …``)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.importers.base import ImportSummary, Job, Row
from connectors.importers.categories import OwnCategory, code_of, write_categories
from connectors.importers.duties import DutyCount, write_duties
from connectors.importers.limits import write_limits
from connectors.importers.numbers import references, repeats
from connectors.importers.output import cut, filled, write_inputs
from connectors.importers.overlay import OVERLAY_NOTE, Cell, one_line, slug, write_city, write_table
from connectors.importers.points import bounding_box, default_points, number, rounding_m
from connectors.importers.polygons import Layer, write_layers
from connectors.importers.times import iso, millis

COLUMNS = ("case_id", "channel", "category_1", "opened_at", "lat", "lon", "address", "area")
OUTCOMES = (
    "department",
    "owner_queue",
    "closed_at",
    "due_at",
    "status",
    "close_text",
    "dup",
    "dup_parent",
    "satisfaction",
)
"""What became of a case: never part of a record, kept apart as truth."""

CHANNELS = (
    (r"app\b|mobile", "citizen-app", "citizen_upload"),
    (r"self.?service|web|online|portal", "web", "citizen_upload"),
    (r"twitter|facebook|social|media", "media", "citizen_upload"),
    (r"employee|worker|staff|crew", "city-employee", "gov_dept"),
    (r"integration|system|interface", "platform", "gov_dept"),
    (r"call|phone|hotline|311", "hotline", "gov_dept"),
)


@dataclass(frozen=True, slots=True)
class CaseSet:
    """What is particular to one city's set."""

    name: str
    city: str
    zone: str
    files: str
    root: str
    """Code of the city's area."""
    layers: Sequence[Layer]
    area_code: Callable[[dict[str, str]], str]
    """Code of the recorded area from ``{"ward": "17"}``."""
    area_rows: Callable[[dict[str, str]], Iterable[dict[str, Cell]]]
    """Areas that the recorded ones stand for, in case there are no polygons."""
    missing_parent: Callable[[str], Iterable[dict[str, Cell]]] = lambda code: ()
    """The area that polygons name as parent without there being a polygon of it."""
    systems: Sequence[dict[str, Cell]] = ()
    kinds: Sequence[dict[str, Cell]] = ()
    default_channel: str = "open311"


def import_cases(job: Job, city: CaseSet) -> ImportSummary:
    """Read all tables of the set and write inputs, overlay and truth."""
    zone = ZoneInfo(city.zone)
    rows = list(chain.from_iterable(job.rows(path, *COLUMNS) for path in job.tables(city.files)))
    dated = _dated(job, rows, zone)
    refs = references([row["case_id"].strip() for _, row in dated], (_content(row) for _, row in dated))
    found = sorted(zip(refs, dated, strict=True), key=lambda item: (item[1][0], item[0]))
    records = write_inputs(job.out, "reports.avro", "Report", (_report(city, ref, at, row) for ref, (at, row) in found))
    if again := repeats(refs):
        job.remarks.append(f"{again} rows repeat a case number")
    points = default_points(rows)
    _write_overlay(job, city, rows, points)
    truth = _truth(((ref, at, row) for ref, (at, row) in found), zone)
    write_table(job.out / "truth" / "cases.csv", truth)
    _copy_truth(job)
    job.remarks += [f"default point {lon}, {lat}" for lon, lat in points]
    return job.summary(records, ["inputs/reports.avro"])


def _dated(job: Job, rows: Iterable[Row], zone: ZoneInfo) -> list[tuple[int, Row]]:
    found = []
    for row in rows:
        at = millis(row["opened_at"], zone)
        if at is None:
            job.skipped["no_time"] += 1
        else:
            found.append((at, row))
    return found


def _content(row: Row) -> str:
    """What the reporter told, as one text: two rows with the same are the same report."""
    return "\x1f".join(value for name, value in row.items() if name not in OUTCOMES)


def _report(city: CaseSet, ref: str, at: int, row: Row) -> dict[str, Any]:
    channel, family = _channel(row["channel"], city.default_channel)
    areas = recorded_areas(row["area"])
    extra = {f"recorded_{name}": value for name, value in areas.items()}
    if row["channel"]:
        extra["source_channel"] = row["channel"]
    return filled(
        source_system=city.name,
        source_ref=ref,
        source_family=family,
        received_at=at,
        lon=number(row["lon"]),
        lat=number(row["lat"]),
        error_m=rounding_m(row["lon"], row["lat"]),
        address=cut(row["address"], 512),
        area_code=city.area_code(areas),
        text=row.get("text", ""),
        category_text=category_text(row),
        reporter_role="worker" if channel == "city-employee" else "citizen",
        channel=channel,
        extra=extra or None,
    )


def _channel(name: str, default: str) -> tuple[str, str]:
    if not name.strip():
        return default, "unknown"
    for pattern, channel, family in CHANNELS:
        if re.search(pattern, name, re.IGNORECASE):
            return channel, family
    return slug(name), "unknown"


def recorded_areas(text: str) -> dict[str, str]:
    """``ward:39;ca:12`` as a dictionary."""
    parts = (part.partition(":") for part in text.split(";"))
    return {name.strip(): value.strip() for name, _, value in parts if value.strip()}


def category_text(row: Row) -> str:
    """The source's own wording, with single blanks: both levels where there are two."""
    parts = (one_line(row["category_1"]), one_line(row.get("category_2", "")))
    return cut(" / ".join(dict.fromkeys(part for part in parts if part)), 256)


def _write_overlay(job: Job, city: CaseSet, rows: Sequence[Row], points: Sequence[tuple[float, float]]) -> None:
    folder = job.out / "city"
    places = [(lon, lat) for lon, lat in _places(rows) if (lon, lat) not in points]
    write_city(folder, name=city.city, time_zone=city.zone, box=bounding_box(places), default_points=points)
    _write_areas(job, city, rows)
    texts = sorted({text for row in rows if (text := category_text(row))})
    own = [OwnCategory(code_of(text), text, slug(text.partition(" / ")[0], 24)) for text in texts]
    write_categories(folder, city.name, city.name, own, "english")
    write_limits(folder, city.name, {category.code: category.text for category in own}, _allowed(city, rows))
    count, names = DutyCount(), set[str]()
    for row in rows:
        if (department := row.get("department", "").strip()) and (text := category_text(row)):
            names.add(department)
            count.add(code_of(text), _department_id(city, department))
    departments = [_department(city, name) for name in sorted(names)]
    write_duties(folder, city.name, count, {category.code for category in own}, departments)


def _allowed(city: CaseSet, rows: Iterable[Row]) -> dict[str, list[int]]:
    """Milliseconds that the city allowed itself, by category: due less opened."""
    zone, found = ZoneInfo(city.zone), defaultdict[str, list[int]](list)
    for row in rows:
        opened, due = millis(row["opened_at"], zone), millis(row.get("due_at", ""), zone)
        if opened is not None and due is not None and due > opened:
            found[code_of(category_text(row))].append(due - opened)
    return found


def _places(rows: Iterable[Row]) -> Iterator[tuple[float, float]]:
    for row in rows:
        lon, lat = number(row["lon"]), number(row["lat"])
        if lon is not None and lat is not None:
            yield lon, lat


def _write_areas(job: Job, city: CaseSet, rows: Sequence[Row]) -> None:
    top: dict[str, Cell] = {
        "code": city.root,
        "name": city.city,
        "tier": "city",
        "level_role": "city",
        "local_level": 1,
        "system": "unit",
    }
    areas = {str(row["code"]): row for row in [top, *write_layers(job.path, job.out / "city", city.layers)]}
    parents = sorted({str(area["parent"]) for code, area in areas.items() if code != city.root} - areas.keys())
    recorded = sorted({row["area"] for row in rows})
    added = chain(
        chain.from_iterable(map(city.missing_parent, parents)),
        chain.from_iterable(city.area_rows(recorded_areas(text)) for text in recorded),
    )
    for area in added:
        areas.setdefault(str(area["code"]), area)
    folder = job.out / "city"
    write_table(folder / "areas.csv", areas.values(), [OVERLAY_NOTE])
    write_table(folder / "grid_systems.csv", city.systems, [OVERLAY_NOTE])
    write_table(folder / "grid_kinds.csv", city.kinds, [OVERLAY_NOTE])


def _department_id(city: CaseSet, name: str) -> str:
    return f"{city.root.casefold()}-{slug(name)}"


def _department(city: CaseSet, name: str) -> dict[str, Cell]:
    return {
        "id": _department_id(city, name),
        "name_zh": name,
        "name_en": name,
        "kind": "bureau",
        "level": "city",
        "has_enforcement_power": True,
        "confidence": "example",
    }


def _truth(found: Iterable[tuple[str, int, Row]], zone: ZoneInfo) -> Iterator[dict[str, Cell]]:
    for ref, at, row in found:
        kept: dict[str, Cell] = {"source_ref": ref, "case_id": row["case_id"], "opened_at": iso(at, zone)}
        kept |= {name: row.get(name, "") for name in OUTCOMES}
        kept |= {name: iso(millis(row.get(name, ""), zone), zone) for name in ("closed_at", "due_at")}
        yield kept | {"category": category_text(row), "area": row["area"]}


def _copy_truth(job: Job) -> None:
    """Tables about the same cases that lie beside them (pairs of duplicates, wards by polygon), as they are."""
    for path in [*job.optional("pairs*.csv"), *job.optional("*boundary*.csv")]:
        write_table(job.out / "truth" / Path(path.name.removesuffix(".gz")), job.rows(path))
