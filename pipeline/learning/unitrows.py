"""Cases with the unit that handled them, from labelled sets, as questions for :mod:`pipeline.domain.unitmodel`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.importers.base import Row
from connectors.importers.boston311 import BOSTON
from connectors.importers.cases import recorded_areas
from connectors.importers.pingshan import NULLS, ZONE
from connectors.importers.pingshan import OUTCOMES as PINGSHAN_OUTCOMES
from connectors.importers.times import millis
from pipeline.domain.ids import DAY_MS
from pipeline.domain.unitquestion import Asked, Unit, question, words_of
from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.rows import read_rows

UTC = ZoneInfo("UTC")
TRIAGE = "manual-triage"
"""Where people decide: no unit to learn."""
KNOWN_AFTER_MS = DAY_MS
"""How long after its arrival the unit of a case is taken as known to those who decide on later ones: a day."""
CELL_DEG = 0.01
"""Side of a cell of the map that stands for a neighbourhood, in degrees (about a kilometre)."""
_BRACKETS = re.compile(r"[（(][^（）()]*[)）]")
_NUMBERED = re.compile(r"[\s_]*\d.*$")
_GENERIC = ("街道", "办事处")


class Handled(NamedTuple):
    """One case: what was known when it arrived, and (an outcome) the unit that handled it."""

    id: str
    at: int
    """Arrival, milliseconds."""
    asked: Asked
    unit: Unit
    name: str
    """What the unit is called in this row; units are renamed and stay what they are."""
    department: str
    """What the unit belongs to; the unit itself where the set knows nothing above it."""


class Layout(NamedTuple):
    """How one set is read."""

    pattern: str
    columns: tuple[str, ...]
    outcomes: tuple[str, ...]
    rows: Callable[[Sequence[Row]], Iterable[Handled]]


def handled(dataset: str, path: Path) -> list[Handled]:
    """All cases of a set that name a unit, in order of time. Raises ``ConfigFaults``."""
    if dataset not in LAYOUTS:
        raise ConfigFaults([Fault("dataset", "name", dataset, f"give one of {', '.join(LAYOUTS)}")])
    layout = LAYOUTS[dataset]
    return in_order(layout.rows(read_rows(dataset, path, layout.pattern, *layout.columns)))


def in_order(rows: Iterable[Handled]) -> list[Handled]:
    """By time, then by id."""
    return sorted(rows, key=lambda row: (row.at, row.id))


def role_of(name: str, places: Sequence[str]) -> str:
    """A unit's name without brackets, names of places and numbers: what it has in common with its like elsewhere."""
    role = _BRACKETS.sub("", name)
    for place in places:
        role = role.replace(place, "")
    for word in _GENERIC:
        role = role.replace(word, "")
    return _NUMBERED.sub("", role).strip() or name


def _pingshan(rows: Sequence[Row]) -> Iterable[Handled]:
    streets = {row["STREET_NAME"].replace("街道", "") for row in rows}
    communities = {row["COMMUNITY_NAME"].replace("社区", "") for row in rows}
    places = sorted((streets | communities) - {"", "-"}, key=lambda name: (-len(name), name))
    for row in rows:
        at, number, name = millis(row["CREATE_TIME"], ZONE), row["DISPOSE_UNIT_ID"].strip(), row["DISPOSE_UNIT_NAME"]
        if at is None or number in NULLS or name in NULLS:
            continue
        unit = Unit(f"ps-{number}", role_of(name, places))
        yield Handled(row["REC_ID"], at, _pingshan_asked(row), unit, name, unit.id)


def _pingshan_asked(row: Row) -> Asked:
    kind, group = _known(row["SUB_TYPE_NAME"]), _known(row["MAIN_TYPE_NAME"])
    return Asked(
        kind, group, _known(row["EVENT_TYPE_NAME"]), _known(row["STREET_NAME"]), _known(row["COMMUNITY_NAME"]),
        _known(row["EVENT_SRC_NAME"]), _known(row["EVENT_PROPERTY_NAME"]), "", words_of(kind, group),
    )  # fmt: skip


def _known(value: str) -> str:
    return "" if value.strip() in NULLS else value.strip()


def _boston(rows: Sequence[Row]) -> Iterable[Handled]:
    zone = ZoneInfo(BOSTON.zone)
    for row in rows:
        at, department, queue = millis(row["opened_at"], zone), row["department"].strip(), row["owner_queue"].strip()
        if at is None or not department:
            continue
        unit = Unit(f"{department}|{queue}", role_of(queue, ()))
        yield Handled(row["case_id"], at, _boston_asked(row), unit, queue, department)


def _boston_asked(row: Row) -> Asked:
    text = " ".join(row.get("text", "").split())
    ward = recorded_areas(row["area"]).get("ward", "")
    cell = _cell(row["lat"], row["lon"]) if row.get("coord_ok", "1") == "1" else ""
    return Asked(
        row["category_2"].strip() or row["category_1"].strip(), row["category_1"].strip(), row["category_1"].strip(),
        ward, cell, row["channel"].strip(), "", text.casefold(), words_of(row["category_2"], text[:200]),
    )  # fmt: skip


def _cell(lat: str, lon: str) -> str:
    try:
        return f"{float(lat) // CELL_DEG:.0f},{float(lon) // CELL_DEG:.0f}"
    except (ValueError, OverflowError):
        return ""


def _history(rows: Sequence[Row]) -> Iterable[Handled]:
    """Cases of a store of our own; whoever had a case last is taken as right, so that people's corrections count."""
    for row in rows:
        at, department = millis(row["at"], UTC), row["department"].strip()
        if at is None or not department or department == TRIAGE:
            continue
        asked = question(
            row["standard"], row["kind"], row["code"], row["family"], row["street"], row["community"], row["channel"],
            row["nature"],
        )  # fmt: skip
        yield Handled(row["case_id"], at, asked, Unit(department, department), department, department)


LAYOUTS = {
    "history": Layout(
        "cases*.csv",
        ("case_id", "at", "standard", "kind", "code", "family", "street", "community", "channel", "nature",
         "department"),
        ("department",),
        _history,
    ),
    "pingshan": Layout(
        "cases*.csv",
        ("REC_ID", "CREATE_TIME", "EVENT_TYPE_NAME", "MAIN_TYPE_NAME", "SUB_TYPE_NAME", "EVENT_SRC_NAME",
         "EVENT_PROPERTY_NAME", "STREET_NAME", "COMMUNITY_NAME", "DISPOSE_UNIT_ID", "DISPOSE_UNIT_NAME"),
        PINGSHAN_OUTCOMES,
        _pingshan,
    ),
    "boston311": Layout(
        BOSTON.files,
        ("case_id", "category_1", "category_2", "channel", "opened_at", "area", "lat", "lon", "department",
         "owner_queue"),
        ("department", "owner_queue", "closed_at", "due_at", "status", "close_text", "dup", "dup_parent",
         "satisfaction"),
        _boston,
    ),
}  # fmt: skip
