"""Filing standards of a set's own categories: every report is filed, and how long the handling may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from statistics import median_low

from connectors.importers.categories import KIND
from connectors.importers.overlay import OVERLAY_NOTE, Cell, write_table

DEFAULT_DAYS = 5
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def write_limits(folder: Path, standard: str, names: Mapping[str, str], allowed: Mapping[str, Sequence[int]]) -> None:
    """``filing_standards.csv`` with one default row a category (code to name).

    The limit is the median of the milliseconds that the city itself allowed where it says so, else five work days.
    """
    rows = (_row(standard, code, name, allowed.get(code, ())) for code, name in sorted(names.items()))
    write_table(folder / "filing_standards.csv", rows, [OVERLAY_NOTE, "No threshold: every report is filed."])


def _row(standard: str, code: str, name: str, allowed: Sequence[int]) -> dict[str, Cell]:
    value, clock = limit(allowed)
    return {
        "id": f"F-{standard}-{code}",
        "standard": standard,
        "kind": KIND,
        "code": code,
        "group": "0",
        "operator": "default",
        "condition": f"{name}: reported",
        "closing": "problem gone",
        "limit_value": value,
        "limit_clock": clock,
        "version": "1",
        "confidence": "example" if allowed else "proposal",
    }


def limit(allowed: Sequence[int]) -> tuple[int, str]:
    """Value and clock: natural days, hours below a day; five work days where nothing is known."""
    if not allowed:
        return DEFAULT_DAYS, "work_day"
    middle = median_low(allowed)
    return (ceil(middle / DAY_MS), "natural_day") if middle >= DAY_MS else (ceil(middle / HOUR_MS), "urgent_hour")
