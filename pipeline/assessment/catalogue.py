"""The catalogue of indicators: one row each, with its meaning as data, read and checked as a whole.

Every fault of the file is reported at once; a faulty catalogue gives no figures at all.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import msgspec

from pipeline.assessment.bases import BASES
from pipeline.assessment.expressions import faults_of
from pipeline.errors import ConfigFaults, Fault

KINDS = ("rate", "share", "mean", "total", "median", "p90")
"""rate: rows that hold of rows in question. share: sum of sum, both counts. mean: sum of rows in question. total: sum.

median, p90: Kaplan-Meier quantile of a duration; rows whose ``event`` has not come yet last at least as long as seen.
"""
DURATIONS = ("median", "p90")
DIRECTIONS = ("up", "down", "none")
UNITS = ("percent", "count", "hours", "days", "hops", "metres")
CONFIDENCES = ("standard", "adopted", "proposal")
_ID = re.compile(r"[a-z][a-z0-9_]{0,60}")


class Indicator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One indicator. Numerator and denominator are expressions over one row of the base.

    ``cohort`` is the time column that puts a row into a period; rows without that time are not assessed. Blank: the
    figure is a picture of now (as of), whatever the period.
    """

    id: str
    name_zh: str
    name_en: str
    kind: str
    base: str
    cohort: str
    numerator: str
    denominator: str
    event: str
    direction: str
    unit: str
    min_n: int
    rule: str
    """The cohort and what it leaves out, in words for readers."""
    source: str
    confidence: str
    valid_from: str
    valid_to: str


_COLUMNS = tuple(item.name for item in msgspec.structs.fields(Indicator))


class CatalogueFaults(ConfigFaults):
    """Every fault of a catalogue at once."""


@dataclass(frozen=True)
class Catalogue:
    """Indicators in the order of the file."""

    indicators: tuple[Indicator, ...]

    @cached_property
    def by_id(self) -> dict[str, Indicator]:
        """Indicators by id (of several versions the last)."""
        return {one.id: one for one in self.indicators}

    def on(self, day: date) -> Catalogue:
        """Those valid on a civil day; ``valid_to`` is the first day that no longer counts."""
        text = day.isoformat()
        return Catalogue(
            tuple(
                one for one in self.indicators if one.valid_from <= text and (not one.valid_to or text < one.valid_to)
            )
        )

    def only(self, ids: Iterable[str]) -> Catalogue:
        """The named ones, in the order named. Raises :class:`CatalogueFaults` for unknown ids."""
        wanted = list(ids)
        unknown = [Fault("indicators", "id", one, "no such indicator") for one in wanted if one not in self.by_id]
        if unknown:
            raise CatalogueFaults(unknown)
        return Catalogue(tuple(self.by_id[one] for one in wanted))


def load_catalogue(path: Path) -> Catalogue:
    """Read and check a catalogue. Raises :class:`CatalogueFaults` with all faults."""
    faults: list[Fault] = []
    found = list(_read(path, faults))
    for where, one in found:
        faults.extend(_faults_of_row(where, one))
    faults.extend(_faults_of_versions(found))
    if faults:
        raise CatalogueFaults(faults)
    return Catalogue(tuple(one for _, one in found))


def _read(path: Path, faults: list[Fault]) -> Iterator[tuple[str, Indicator]]:
    if not path.is_file():
        faults.append(Fault(path.name, "file", path.name, "name a file with indicators"))
        return
    lines = [
        (number, line)
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    header = next(csv.reader([lines[0][1]])) if lines else []
    if sorted(header) != sorted(_COLUMNS):
        faults.append(Fault(path.name, "header", ",".join(header), f"the columns are {','.join(_COLUMNS)}"))
        return
    for number, line in lines[1:]:
        one = _row(f"{path.name}:{number}", header, next(csv.reader([line])), faults)
        if one is not None:
            yield f"{path.name}:{number}", one


def _row(where: str, header: list[str], cells: list[str], faults: list[Fault]) -> Indicator | None:
    if len(cells) != len(header):
        remedy = f"the header names {len(header)} columns, this line has {len(cells)} cells"
        faults.append(Fault(where, "line", cells[0] if cells else "", remedy))
        return None
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    try:
        return msgspec.convert(given, Indicator, strict=False)
    except msgspec.ValidationError:
        faults.append(Fault(where, "min_n", given["min_n"], "write a whole number"))
        return None


def _faults_of_row(where: str, one: Indicator) -> Iterator[Fault]:
    if not _ID.fullmatch(one.id):
        yield Fault(where, "id", one.id, "use small letters, digits and _")
    closed = {"kind": KINDS, "base": tuple(BASES), "direction": DIRECTIONS, "unit": UNITS, "confidence": CONFIDENCES}
    for name, allowed in closed.items():
        if getattr(one, name) not in allowed:
            yield Fault(where, name, getattr(one, name), f"choose one of {', '.join(allowed)}")
    for name in ("name_zh", "name_en", "rule", "source"):
        if not getattr(one, name):
            yield Fault(where, name, "", "fill in the cell; it is shown to readers")
    if one.min_n < 0:
        yield Fault(where, "min_n", str(one.min_n), "write a whole number from 0")
    yield from _faults_of_days(where, one)
    if one.base in BASES:
        yield from _faults_of_expressions(where, one)


def _faults_of_days(where: str, one: Indicator) -> Iterator[Fault]:
    for name in ("valid_from", "valid_to"):
        text = getattr(one, name)
        if text or name == "valid_from":
            try:
                date.fromisoformat(text)
            except ValueError:
                yield Fault(where, name, text, "write a day as YYYY-MM-DD")
    if one.valid_to and one.valid_to <= one.valid_from:
        yield Fault(where, "valid_to", one.valid_to, f"must come after valid_from {one.valid_from}")


def _faults_of_expressions(where: str, one: Indicator) -> Iterator[Fault]:
    columns = BASES[one.base].columns
    if one.cohort and (one.cohort not in columns or not one.cohort.endswith("_at")):
        yield Fault(where, "cohort", one.cohort, f"name a time column (..._at) of {one.base}, or leave it blank")
    wanted = ("numerator", "denominator", *(("event",) if one.kind in DURATIONS else ()))
    for name in wanted:
        text = getattr(one, name)
        for fault in faults_of(text, columns):
            yield Fault(where, name, text, fault)
    if one.event and one.kind not in DURATIONS:
        yield Fault(where, "event", one.event, f"only {' and '.join(DURATIONS)} have an event; leave it blank")


def _faults_of_versions(found: list[tuple[str, Indicator]]) -> Iterator[Fault]:
    """Two versions of one indicator must not hold on the same day."""
    for at, (where, one) in enumerate(found):
        for elsewhere, other in found[:at]:
            apart = (one.valid_to and one.valid_to <= other.valid_from) or (
                other.valid_to and other.valid_to <= one.valid_from
            )
            if one.id == other.id and not apart:
                yield Fault(where, "id", one.id, f"is valid on the same days as the row at {elsewhere}")
