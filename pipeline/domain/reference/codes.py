"""Codes of divisions, grids and components: their structure, which standard they follow, and their parts.

Structures: divisions 6 (GB/T 2260), 9 (GB/T 10114) and 12 digits (statistical code rule); unit grids 15 digits
(GB/T 30428.1: community and a serial of three, west to east and north to south); components 16 digits
(GB/T 30428.2-2013: county, major, minor of two digits, serial of six) and 17 digits (GB/T 47678.5-2026: minor of three
digits). Structure is all that can be judged here; whether a code exists is a question to the tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.reference.rows import GBT_30428_2, GBT_47678_5


class CodeKind(StrEnum):
    """What a code of digits names."""

    COUNTY = "county"
    STREET = "street"
    COMMUNITY = "community"
    UNIT_GRID_OLD = "unit_grid_14"
    UNIT_GRID = "unit_grid"
    COMPONENT_2013 = "component_2013"
    COMPONENT_2026 = "component_2026"


@dataclass(frozen=True, slots=True)
class Code:
    """A code taken apart. ``division`` is its county, ``category`` the category code of a component."""

    text: str
    kind: CodeKind
    standard: str
    division: str
    street: str = ""
    community: str = ""
    category: str = ""
    serial: str = ""


_SHAPES: dict[int, CodeKind] = {
    6: CodeKind.COUNTY,
    9: CodeKind.STREET,
    12: CodeKind.COMMUNITY,
    14: CodeKind.UNIT_GRID_OLD,
    15: CodeKind.UNIT_GRID,
    16: CodeKind.COMPONENT_2013,
    17: CodeKind.COMPONENT_2026,
}
_STANDARDS: dict[CodeKind, str] = {
    CodeKind.COUNTY: "GB/T 2260",
    CodeKind.STREET: "GB/T 10114",
    CodeKind.COMMUNITY: "statistical code rule",
    CodeKind.UNIT_GRID_OLD: "CJ/T 213-2005",
    CodeKind.UNIT_GRID: "GB/T 30428.1-2013",
    CodeKind.COMPONENT_2013: GBT_30428_2,
    CodeKind.COMPONENT_2026: GBT_47678_5,
}
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_PROVINCES = range(11, 92)
"""First two digits of GB/T 2260: 11 to 82 are in use, 91 stands for abroad in some registers."""


def parse(text: str) -> Code | None:
    """Take a code apart, or ``None`` when its length, digits or parts fit no structure."""
    kind = _SHAPES.get(len(text))
    if kind is None or _DIGITS.fullmatch(text) is None or int(text[:2]) not in _PROVINCES:
        return None
    code = _component(text, kind) if kind in (CodeKind.COMPONENT_2013, CodeKind.COMPONENT_2026) else _place(text, kind)
    return code if code is not None and text[2:6] != "0000" else None


def fault(text: str) -> str:
    """Why a code is not well formed, as a remedy for its sender; blank when it is."""
    if parse(text) is not None:
        return ""
    if _DIGITS.fullmatch(text) is None:
        return "write digits only"
    if len(text) not in _SHAPES:
        return f"{len(text)} digits fit no code; 6, 9, 12 (division), 15 (unit grid), 16 or 17 (component) do"
    return "its division, category or serial part is out of range"


def is_component(text: str) -> bool:
    """Whether the text has the structure of a component code of either standard."""
    code = parse(text)
    return code is not None and code.kind in (CodeKind.COMPONENT_2013, CodeKind.COMPONENT_2026)


def is_unit_grid(text: str) -> bool:
    """Whether the text has the structure of a 15-digit unit grid code."""
    code = parse(text)
    return code is not None and code.kind is CodeKind.UNIT_GRID


def _component(text: str, kind: CodeKind) -> Code | None:
    end = 10 if kind is CodeKind.COMPONENT_2013 else 11
    category, serial = text[6:end], text[end:]
    if category[:2] == "00" or int(category[2:]) == 0 or int(serial) == 0:
        return None
    return Code(text, kind, _STANDARDS[kind], text[:6], category=category, serial=serial)


def _place(text: str, kind: CodeKind) -> Code | None:
    parts = [text[6:9], text[9:12], text[12:]]
    used = [part for part in parts if part]
    if any(int(part) == 0 for part in used):
        return None
    street = text[:9] if len(text) >= 9 else ""
    community = text[:12] if len(text) >= 12 else ""
    return Code(text, kind, _STANDARDS[kind], text[:6], street, community, serial=parts[2])
