"""Reading a reference set: a folder of CSV and TOML files, and the overlay of a city on top of it.

A table is ``<name>.csv`` with a header line; lines that begin with ``#`` are comments. Cells: blank is "not given",
lists are separated by ``|``, dates are civil days (``valid_to`` is the first day that no longer counts). An overlay row
replaces the base row of the same key and is added otherwise; an overlay file with the comment ``# replaces: all``
replaces the whole table. ``city.toml`` names the city, ``clocks.toml`` its work hours.

Every fault of every file is reported at once, with file, line, field, value and remedy; nothing is ever half loaded.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from pipeline.domain.calendar import DEFAULT_HOURS, Calendar, DayRule, Millis
from pipeline.domain.reference.check import check
from pipeline.domain.reference.model import Reference, Row, Tables, table_names
from pipeline.domain.reference.rows import City
from pipeline.domain.reference.schema import KEYS, ROWS, YOUNGER
from pipeline.errors import ConfigFaults, Fault

CITY, CLOCKS = "city.toml", "clocks.toml"
REPLACES = "# replaces: all"


class ReferenceFaults(ConfigFaults):
    """Every fault of a reference set at once; a faulty set never starts anything."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file before it is understood."""

    where: str
    cells: dict[str, str]


@dataclass(slots=True)
class Source:
    """One file: its lines, and whether it replaces the table of the base set."""

    lines: list[Line] = field(default_factory=list)
    replaces: bool = False


def load_reference(base: Path, overlay: Path | None = None, *, checked: bool = True) -> Reference:
    """Read, merge and check a reference set.

    Raises ``ReferenceFaults`` with all faults of reading and (unless ``checked`` is off) of the set as a whole.
    """
    faults: list[Fault] = []
    folders = [base] if overlay is None else [base, overlay]
    for folder in folders:
        faults.extend(_folder_faults(folder))
    city = _city(folders, faults)
    zone = ZoneInfo(city.time_zone)
    rows, origins = _tables(folders, zone, faults)
    calendar = Calendar(rows["calendar"], zone=city.time_zone, hours=_hours(folders, faults))
    reference = Reference(Tables(**rows), city, _version(rows, city, calendar), calendar, origins)
    if checked:
        faults.extend(check(reference))
    if faults:
        raise ReferenceFaults(faults)
    return reference


def _folder_faults(folder: Path) -> Iterator[Fault]:
    if not folder.is_dir():
        yield Fault(folder.name, "folder", str(folder), "name a folder that holds reference tables")
        return
    for path in sorted(folder.glob("*.csv")):
        if path.stem not in ROWS:
            yield Fault(path.name, "file", path.stem, f"no such table; tables are {', '.join(sorted(ROWS))}")


def _tables(
    folders: list[Path], zone: ZoneInfo, faults: list[Fault]
) -> tuple[dict[str, tuple[Any, ...]], dict[tuple[str, int], str]]:
    rows: dict[str, tuple[Any, ...]] = {}
    origins: dict[tuple[str, int], str] = {}
    for name in table_names():
        found = _merged(name, [_source(folder / f"{name}.csv", faults) for folder in folders], zone, faults)
        rows[name] = tuple(row for _, row in found)
        origins.update(((name, number), where) for number, (where, _) in enumerate(found))
    return rows, origins


def _merged(name: str, sources: list[Source], zone: ZoneInfo, faults: list[Fault]) -> list[tuple[str, Any]]:
    """Rows of a table with their places. Equal keys within one file stay (``check`` reports them)."""
    found: list[tuple[str, Any]] = []
    for number, source in enumerate(sources):
        read = list(_rows(name, source.lines, zone, faults))
        if number and source.replaces:
            found = read
        elif number:
            keys = {KEYS[name](row) for _, row in read}
            found = [item for item in found if KEYS[name](item[1]) not in keys] + read
        else:
            found = read
    return found


def _source(path: Path, faults: list[Fault]) -> Source:
    if not path.is_file():
        return Source()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(Fault(path.name, "file", str(error.object[error.start : error.end]), "write the file in UTF-8"))
        return Source()
    source = Source()
    header: list[str] | None = None
    known = _columns(path.stem)
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            source.replaces |= line.strip().casefold() == REPLACES
            continue
        if not line.strip():
            continue
        cells = next(csv.reader([line]))
        if header is None:
            header = [cell.strip() for cell in cells]
            faults.extend(_header_faults(f"{path.name}:{number}", header, known))
        elif len(cells) != len(header):
            remedy = f"the header names {len(header)} columns, this line has {len(cells)} cells"
            faults.append(Fault(f"{path.name}:{number}", "line", line[:60], remedy))
        else:
            source.lines.append(Line(f"{path.name}:{number}", dict(zip(header, cells, strict=True))))
    return source


def _header_faults(where: str, header: list[str], known: dict[str, bool]) -> Iterator[Fault]:
    for column in header:
        if column not in known:
            yield Fault(where, "column", column, f"no such column; columns are {', '.join(known)}")
        if header.count(column) > 1:
            yield Fault(where, "column", column, "name each column once")
    for column, required in known.items():
        if required and column not in header:
            yield Fault(where, "column", column, "add the column; it is required")


@lru_cache
def _columns(table: str) -> dict[str, bool]:
    """Columns of a table, and whether each is required."""
    if table == "calendar":
        return {"day": True, "working": True, "name": False, "source": False, "confidence": False}
    return {item.name: item.required for item in msgspec.structs.fields(ROWS[table])}


def _rows(name: str, lines: list[Line], zone: ZoneInfo, faults: list[Fault]) -> Iterator[tuple[str, Any]]:
    convert = _day_rule if name == "calendar" else _converter(ROWS[name], zone)
    for line in lines:
        before = len(faults)
        row = convert(line, faults)
        if row is not None and len(faults) == before:
            yield line.where, row


def _day_rule(line: Line, faults: list[Fault]) -> DayRule | None:
    day = _date(line, "day", faults)
    working = line.cells.get("working", "").strip().casefold()
    if working not in ("true", "false"):
        faults.append(Fault(line.where, "working", working, "write true (worked) or false (holiday)"))
        return None
    return None if day is None else DayRule(day, working == "true", line.cells.get("name", ""))


def _date(line: Line, column: str, faults: list[Fault]) -> date | None:
    text = line.cells.get(column, "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(Fault(line.where, column, text, "write a day as YYYY-MM-DD"))
        return None


def _converter(type_: type[Row], zone: ZoneInfo) -> Callable[[Line, list[Fault]], Row | None]:
    """A function from cells to rows of one table; the whole row at once, field by field only to explain a fault."""
    infos = {item.name: item for item in msgspec.structs.fields(type_)}
    lists = {name for name, item in infos.items() if getattr(item.type, "__origin__", None) is tuple}
    floats = tuple(name for name, item in infos.items() if item.type in (float, float | None))
    midnight = lru_cache(lambda text: _midnight(text, zone))

    def convert(line: Line, faults: list[Fault]) -> Row | None:
        given: dict[str, Any] = {}
        for name, cell in line.cells.items():
            text = cell.strip()
            if not text or name not in infos:
                continue
            if name in lists:
                given[name] = [part.strip() for part in text.split("|") if part.strip()]
            elif name in ("valid_from", "valid_to"):
                try:
                    given[name] = midnight(text)
                except ValueError:
                    faults.append(Fault(line.where, name, text, "write a day as YYYY-MM-DD"))
            else:
                given[name] = text
        try:
            row = msgspec.convert(given, type_, strict=False)
        except msgspec.ValidationError:
            faults.extend(_row_faults(line, given, infos))
            return None
        for name in floats:
            value = getattr(row, name)
            if value is not None and not isfinite(value):
                faults.append(Fault(line.where, name, str(value), "write a finite number"))
        return row

    return convert


def _row_faults(line: Line, given: dict[str, Any], infos: dict[str, Any]) -> Iterator[Fault]:
    for name, item in infos.items():
        if name not in given:
            if item.required:
                yield Fault(line.where, name, "", "fill in the cell; it is required")
            continue
        try:
            msgspec.convert(given[name], item.type, strict=False)
        except msgspec.ValidationError as error:
            yield Fault(line.where, name, str(given[name]), str(error))


def _midnight(text: str, zone: ZoneInfo) -> Millis:
    return round(datetime.combine(date.fromisoformat(text), time(), zone).timestamp() * 1000)


def _toml(path: Path, faults: list[Fault]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault(path.name, "file", str(error), "write valid TOML in UTF-8"))
        return {}


def _city(folders: Iterable[Path], faults: list[Fault]) -> City:
    merged: dict[str, Any] = {}
    names = {item.encode_name for item in msgspec.structs.fields(City)}
    for folder in folders:
        merged |= _toml(folder / CITY, faults)
    for name in sorted(merged.keys() - names):
        faults.append(Fault(CITY, name, str(merged[name]), f"no such setting; settings are {', '.join(sorted(names))}"))
    try:
        city = msgspec.convert({name: value for name, value in merged.items() if name in names}, City)
        ZoneInfo(city.time_zone)
    except msgspec.ValidationError as error:
        faults.append(Fault(CITY, "city", str(error), "write the settings as docs/reference.md describes them"))
    except (KeyError, ValueError, OSError):
        faults.append(Fault(CITY, "time_zone", city.time_zone, "name a zone of the IANA database, as Asia/Shanghai"))
    else:
        return city
    return City()


def _hours(folders: Iterable[Path], faults: list[Fault]) -> tuple[tuple[int, int], ...]:
    """Work intervals as minutes of the day, from ``work_hours = ["08:00-12:00", …]``."""
    text: list[str] = []
    for folder in folders:
        text = _toml(folder / CLOCKS, faults).get("work_hours", text)
    try:
        hours = tuple((_minute(part.split("-")[0]), _minute(part.split("-")[1])) for part in text)
    except (ValueError, IndexError, AttributeError):
        hours = ()
    flat = [minute for pair in hours for minute in pair]
    if hours and flat == sorted(set(flat)):
        return hours
    if text:
        faults.append(Fault(CLOCKS, "work_hours", str(text), 'write rising intervals such as ["08:00-12:00"]'))
    return DEFAULT_HOURS


def _minute(text: str) -> int:
    at = time.fromisoformat(text.strip())
    return at.hour * 60 + at.minute


def _version(rows: dict[str, tuple[Any, ...]], city: City, calendar: Calendar) -> str:
    """A hash of the contents: file names, comments and column order do not count, the order of rows does."""
    digest = sha256(msgspec.json.encode(city))
    digest.update(repr(calendar.hours).encode())
    for name in sorted(name for name in rows if rows[name] or name not in YOUNGER):
        digest.update(name.encode())
        digest.update(msgspec.json.encode(rows[name]))
    return digest.hexdigest()[:16]
