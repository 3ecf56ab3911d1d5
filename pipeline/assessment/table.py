"""Figures for people: a table on a terminal, a line per unit and a column per indicator, and the same as JSON rows.

Chinese signs take two columns of a terminal. A figure from fewer rows than the indicator asks for is marked ``*`` and
is not to be ranked; ``-``: there is nothing to measure; ``>`` stands before a duration most cases have not reached.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.assessment.catalogue import DURATIONS, Indicator

Row = Mapping[str, Any]
WIDTH = 120
"""Widest line; more indicators go on below as a further block."""
_NOTES = {
    "zh": "*：样本少于规定数，不宜比较　-：无可计量　>：多数尚未完成，至少如此",
    "en": "*: few rows, not to be compared   -: nothing to measure   >: most not done yet, at least this",
}
_UNIT = {"zh": "单位", "en": "unit"}


def render(rows: Iterable[Row], indicators: Sequence[Indicator], lang: str = "zh", width: int = WIDTH) -> str:
    """The rows of a compiled query as text, in ``zh`` or ``en``; lines are at most ``width`` wide where they can be."""
    cells = {(str(row["dimension"]), row["indicator"]): row for row in rows}
    units = list(dict.fromkeys(unit for unit, _ in cells))
    shown = [one for one in indicators if any((unit, one.id) in cells for unit in units)]
    names = [_UNIT[lang], *[unit or "-" for unit in units]]
    columns = [
        [one.name_zh if lang == "zh" else one.name_en, *[_cell(cells.get((unit, one.id)), one) for unit in units]]
        for one in shown
    ]
    blocks = [_block([names, *part]) for part in _parts(names, columns, width)]
    return "\n\n".join([*blocks, _NOTES[lang]]) + "\n"


def json_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows without what only ordered them."""
    hidden = ("position", "kind")
    return [{name: value for name, value in row.items() if name not in hidden} for row in rows]


def text_width(text: str) -> int:
    """Columns a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def _cell(row: Row | None, one: Indicator) -> str:
    if row is None:
        return "-"
    mark = "*" if row["small"] else ""
    if row["value"] is not None:
        return _number(row["value"], one.unit) + mark
    if one.kind in DURATIONS and row["lo"] is not None:
        return ">" + _number(row["lo"], one.unit) + mark
    return "-"


def _number(value: float, unit: str) -> str:
    if unit == "percent":
        return f"{100 * value:.1f}%"
    return f"{value:,.0f}" if unit == "count" else f"{value:,.2f}" if unit == "hops" else f"{value:,.1f}"


def _parts(names: list[str], columns: list[list[str]], width: int) -> list[list[list[str]]]:
    """Columns in blocks no wider than the terminal; a block has at least one."""
    parts: list[list[list[str]]] = [[]]
    first = used = max(map(text_width, names))
    for column in columns:
        size = 2 + max(map(text_width, column))
        if parts[-1] and used + size > width:
            parts.append([])
            used = first
        parts[-1].append(column)
        used += size
    return parts


def _block(columns: list[list[str]]) -> str:
    sizes = [max(map(text_width, column)) for column in columns]
    lines = [
        "  ".join(
            cell + " " * (size - text_width(cell)) if not at else " " * (size - text_width(cell)) + cell
            for at, (cell, size) in enumerate(zip(line, sizes, strict=True))
        ).rstrip()
        for line in zip(*columns, strict=True)
    ]
    return "\n".join([lines[0], "-" * (sum(sizes) + 2 * (len(sizes) - 1)), *lines[1:]])
