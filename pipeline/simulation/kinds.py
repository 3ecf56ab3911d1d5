"""Kinds of problem of the simulated city: category, owner, how often, and how people put it (``kinds.csv``)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from pipeline.domain.reference.rows import GBT_30428_2, GBT_47678_5

OWN = "wangge"
"""The standard of categories that only this project has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is measured, its filing threshold and a usual upper value."""

    measure: str
    unit: str
    threshold: float
    top: float
    rural: float
    """The threshold in towns and villages while the switch ``area_thresholds`` is on (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of problem. ``phrases`` hold the clause itself; ``easy`` ones are settled in minutes."""

    key: str
    name: str
    code: str
    old: str
    component: str
    old_component: str
    owner: str
    weight: float
    flags: frozenset[str]
    measured: Measured | None
    phrases: tuple[str, ...]

    @property
    def easy(self) -> bool:
        """Whether one person settles it on the spot."""
        return "easy" in self.flags

    @property
    def emergency(self) -> bool:
        """Whether it is an emergency by its nature."""
        return "emergency" in self.flags

    @property
    def road_occupation(self) -> bool:
        """Whether several laws on road occupation apply."""
        return "road" in self.flags

    def category(self, *, newer: bool) -> tuple[str, str, str]:
        """(standard, kind, code) of the list in force: GB/T 47678.5-2026 or the one before; blanks when it has none."""
        if self.code.startswith("W"):
            return OWN, "incident", self.code[1:]
        if len(self.code) == 4:
            return GBT_30428_2, "incident", self.code
        if newer:
            only_fault = self.component and not self.old
            return GBT_47678_5, "component" if only_fault else "incident", self.code
        if self.old:
            return GBT_30428_2, "incident", self.old
        return (GBT_30428_2, "component", self.old_component) if self.old_component else ("", "", "")


def other_category(kind: Kind, *, newer: bool) -> str:
    """The same in the other list, as ``standard|kind|code``; '' when it is not there."""
    found = kind.category(newer=not newer)
    return "|".join(found) if found[2] and found != kind.category(newer=newer) else ""


def _kind(row: dict[str, str]) -> Kind:
    measured = None
    if row["measure"]:
        limit, top, rural = (float(row[name]) for name in ("threshold", "top", "rural"))
        measured = Measured(measure=row["measure"], unit=row["unit"], threshold=limit, top=top, rural=rural)
    return Kind(
        **{name: row[name] for name in ("key", "name", "code", "old", "component", "old_component", "owner")},
        weight=float(row["weight"]),
        flags=frozenset(filter(None, row["flags"].split("|"))),
        measured=measured,
        phrases=tuple(row["phrases"].split("|")),
    )


def _load() -> tuple[Kind, ...]:
    text = files("pipeline.simulation").joinpath("kinds.csv").read_text(encoding="utf-8")
    return tuple(map(_kind, csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))))


KINDS = _load()
BY_KEY = {kind.key: kind for kind in KINDS}
ORDINARY = tuple(kind for kind in KINDS if not kind.flags & {"emergency", "dispute"})
EMERGENCIES = tuple(kind for kind in KINDS if kind.emergency)
CHRONIC = tuple(kind for kind in ORDINARY if "chronic" in kind.flags)
EASY = tuple(kind for kind in ORDINARY if kind.easy)
DISPUTES = tuple(kind for kind in KINDS if "dispute" in kind.flags)
