"""A city's duty list as its own department column tells it: who was given most reports of a category.

It stands for the list the city went by. A routing that uses it must not be measured against the same column.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from connectors.importers.categories import KIND
from connectors.importers.overlay import OVERLAY_NOTE, Cell, write_table

NOTE = "The set's own department column by majority: not for measuring how well routing finds the department."
NOBODY = "grid-centre"
"""The department of the national set that takes what nobody else takes."""
BASIS = "department column of the set, by majority"


class DutyCount:
    """Counts who was given what, where; ties go to the smaller id, so that the order of rows does not matter."""

    def __init__(self) -> None:
        self._by_code: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._by_place: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def add(self, code: str, department: str, area: str = "") -> None:
        """One report of a category was given to a department, in an area where areas differ."""
        self._by_code[code][department] += 1
        if area:
            self._by_place[code, area][department] += 1

    def rows(self, standard: str, codes: Iterable[str]) -> list[dict[str, Cell]]:
        """Duty lines for the categories ``codes``: where an area differs from the rest, then by category.

        A category that was given to nobody falls to whoever has most of all, or to the grid centre.
        """
        general = {code: first(counts) for code, counts in self._by_code.items()}
        lines = [
            _line(standard, code, lead, 20, area)
            for (code, area), counts in sorted(self._by_place.items())
            if (lead := first(counts)) != general[code]
        ]
        lines += [_line(standard, code, lead, 30) for code, lead in sorted(general.items())]
        if set(codes) - general.keys():
            total = sum(self._by_code.values(), Counter[str]())
            lines.append(_line(standard, "*", first(total) if total else NOBODY, 900))
        return lines


def first(counts: Counter[str]) -> str:
    """The most frequent; of equals the smallest."""
    return min(counts, key=lambda name: (-counts[name], name))


def _line(standard: str, code: str, lead: str, priority: int, area: str = "") -> dict[str, Cell]:
    name = "all" if code == "*" else code
    return {
        "id": "-".join(part for part in (standard, name, area) if part),
        "standard": standard,
        "kind": KIND,
        "code": code,
        "area": area,
        "lead": lead,
        "legal_basis": BASIS,
        "priority": priority,
        "confidence": "example",
    }


def write_duties(
    folder: Path, standard: str, count: DutyCount, codes: Iterable[str], departments: Iterable[dict[str, Cell]]
) -> None:
    """``departments.csv`` (those that lead a line) and ``duties.csv``."""
    rows = count.rows(standard, codes)
    leads = {row["lead"] for row in rows}
    kept = sorted((row for row in departments if row["id"] in leads), key=lambda row: str(row["id"]))
    write_table(folder / "departments.csv", kept, [OVERLAY_NOTE])
    write_table(folder / "duties.csv", rows, [OVERLAY_NOTE, NOTE])
