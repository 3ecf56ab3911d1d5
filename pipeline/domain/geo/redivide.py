"""Two versions of a layer compared, so that a re-division can be read and history be re-mapped.

An open case keeps the version it was filed under: :func:`version_at` finds it by time, and nothing here changes a case.
Counts of the past move to the new cells by shares of area, which is an estimate and must be called one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.overlay import Shared, overlay

TOLERANCE = 0.01
"""Shares of area up to this are redrawn lines, no change."""


class Change(StrEnum):
    """What became of a cell."""

    KEPT = "kept"
    RENAMED = "renamed"
    SPLIT = "split"
    MERGED = "merged"
    MOVED = "moved"
    """Its borders moved: it gave area away, took some, or both."""
    ADDED = "added"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class CellChange:
    """One change: the old codes and the new codes it is about, in order."""

    change: Change
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redivision:
    """``rows`` maps old cells (a) to new ones (b) by area; ``changes`` names every old and every new cell once."""

    rows: tuple[Shared, ...]
    changes: tuple[CellChange, ...]


def compare(old: Layer, new: Layer, tolerance: float = TOLERANCE) -> Redivision:
    """What a re-division did. Cells that exchange area in a chain are told together as one ``moved``."""
    rows = overlay(old, new)
    links = [row for row in rows if row.share_a > tolerance or row.share_b > tolerance]
    changes = [_change(group, tolerance) for group in _connected(links)]
    linked_old = {row.code_a for row in links}
    linked_new = {row.code_b for row in links}
    changes += [CellChange(Change.DROPPED, (code,), ()) for code in old.codes if code not in linked_old]
    changes += [CellChange(Change.ADDED, (), (code,)) for code in new.codes if code not in linked_new]
    return Redivision(rows, tuple(sorted(changes, key=lambda change: (change.old or change.new, change.new))))


def remap(counts: Mapping[str, float], redivision: Redivision) -> dict[str, float]:
    """Counts by old code estimated for the new cells, each spread by area; what lay outside them all is under "".

    The sum stays the same. A code that the old version does not have goes to "" as well.
    """
    parts: defaultdict[str, list[Shared]] = defaultdict(list)
    for row in redivision.rows:
        parts[row.code_a].append(row)
    estimated: defaultdict[str, float] = defaultdict(float)
    for code, count in counts.items():
        covered = sum(row.share_a for row in parts[code])
        scale = 1.0 if covered < 1.0 - TOLERANCE else 1.0 / covered
        for row in parts[code]:
            estimated[row.code_b] += count * row.share_a * scale
        if scale == 1.0 and covered < 1.0:
            estimated[""] += count * (1.0 - covered)
    return dict(estimated)


def version_at(versions: Sequence[Layer], at: int) -> Layer | None:
    """The version in force at a time, None when there is none; ValueError when several are."""
    found = [layer for layer in versions if layer.valid_at(at)]
    if len(found) > 1:
        message = (
            f"versions {', '.join(layer.version for layer in found)} of {found[0].name!r} are all in force at {at}"
        )
        raise ValueError(message)
    return found[0] if found else None


def _connected(links: Sequence[Shared]) -> list[list[Shared]]:
    """Links in groups that share no cell."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(cell: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(cell, cell) != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    for row in links:
        parent[root(("a", row.code_a))] = root(("b", row.code_b))
    groups: defaultdict[tuple[str, str], list[Shared]] = defaultdict(list)
    for row in links:
        groups[root(("a", row.code_a))].append(row)
    return list(groups.values())


def _change(group: Sequence[Shared], tolerance: float) -> CellChange:
    old = tuple(sorted({row.code_a for row in group}))
    new = tuple(sorted({row.code_b for row in group}))
    whole_old = all(_sum(group, code, of_a=True) >= 1.0 - tolerance for code in old)
    whole_new = all(_sum(group, code, of_a=False) >= 1.0 - tolerance for code in new)
    if not (whole_old and whole_new) or (len(old) > 1 and len(new) > 1):
        return CellChange(Change.MOVED, old, new)
    if len(new) > 1:
        return CellChange(Change.SPLIT, old, new)
    if len(old) > 1:
        return CellChange(Change.MERGED, old, new)
    return CellChange(Change.KEPT if old == new else Change.RENAMED, old, new)


def _sum(group: Sequence[Shared], code: str, *, of_a: bool) -> float:
    if of_a:
        return sum(row.share_a for row in group if row.code_a == code)
    return sum(row.share_b for row in group if row.code_b == code)
