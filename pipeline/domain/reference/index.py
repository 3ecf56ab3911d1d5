"""Indexes over the rows, built once when a set is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from pipeline.domain.calendar import Millis
from pipeline.domain.reference.rows import Area, Category, CategoryKey, Duty, FilingStandard, Person, Row

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Row)
Keyed = dict[K, tuple[R, ...]]


def unique(rows: Iterable[R], key: Callable[[R], K]) -> dict[K, R]:
    """One row per key: the first wins (``check`` reports the others)."""
    found: dict[K, R] = {}
    for row in rows:
        found.setdefault(key(row), row)
    return found


def grouped(rows: Iterable[R], key: Callable[[R], K]) -> Keyed[K, R]:
    """All rows of each key, in file order."""
    found: dict[K, list[R]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return {name: tuple(group) for name, group in found.items()}


def in_force(rows: tuple[R, ...], at: Millis) -> tuple[R, ...]:
    """The rows valid at an instant."""
    return tuple([row for row in rows if row.valid_from <= at < row.valid_to])


def by_category(
    categories: tuple[Category, ...], rows: tuple[FilingStandard, ...]
) -> dict[CategoryKey, tuple[FilingStandard, ...]]:
    """Filing standards of every category, the default row last; one without its own borrows its kin's."""
    own = grouped(rows, lambda row: (row.standard, row.kind.value, row.code))
    found: dict[CategoryKey, tuple[FilingStandard, ...]] = {}
    for key, names in kin(categories).items():
        group = next((own[name] for name in names if name in own), ())
        if group:
            found[key] = tuple(sorted(group, key=lambda row: row.operator == "default"))
    return found


def kin(categories: tuple[Category, ...]) -> dict[CategoryKey, tuple[CategoryKey, ...]]:
    """Each key, then what stands for the same thing: its component, its successor, its predecessor."""
    backward = {successor_key(row): row.key for row in categories if row.successor}
    found: dict[CategoryKey, tuple[CategoryKey, ...]] = {}
    for row in categories:
        names = [row.key]
        if row.component:
            names.append((row.standard, "component", row.component))
        if row.successor:
            names.append(successor_key(row))
        names.extend(backward[name] for name in tuple(names) if name in backward)
        found[row.key] = tuple(dict.fromkeys(names))
    return found


def one_keys(categories: tuple[Category, ...]) -> dict[CategoryKey, CategoryKey]:
    """What two lists both name, each older key with the newest that stands for the same kind; all others are absent.

    A successor that several rows of one list name is their nearest kin and no equal, so those stay apart, and so does
    one of another family.
    """
    by_key = {row.key: row for row in categories}
    heirs = successors_of(categories)
    rivals = Counter((key[0], heir) for key, heir in heirs.items())
    equal = {
        key: heir
        for key, heir in heirs.items()
        if rivals[key[0], heir] == 1 and heir in by_key and by_key[heir].family == by_key[key].family
    }
    return {key: _last(key, equal) for key in equal}


def successors_of(categories: tuple[Category, ...]) -> dict[CategoryKey, CategoryKey]:
    """Each key whose row names a successor, with that."""
    return {row.key: successor_key(row) for row in categories if row.successor}


def _last(key: CategoryKey, heirs: dict[CategoryKey, CategoryKey]) -> CategoryKey:
    """The end of a row of successors; of a circle, the smallest of it (``check`` reports it)."""
    passed = [key]
    while (heir := heirs.get(passed[-1])) is not None:
        if heir in passed:
            return min(passed[passed.index(heir) :])
        passed.append(heir)
    return passed[-1]


def successor_key(category: Category) -> CategoryKey:
    """Key of the successor; a text that is no key gives one that names nothing."""
    parts = category.successor.split("|")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", category.successor)


def duty_lines(categories: tuple[Category, ...], duties: tuple[Duty, ...]) -> dict[CategoryKey, tuple[Duty, ...]]:
    """The duty lines of each category: those with conditions, then by smallest priority and the narrowest first.

    A category that no line names by its code follows the lines that name its kin; so it does for lines with conditions.
    """
    groups = grouped(duties, lambda row: (row.standard, row.kind.value, row.code, row.conditional))
    names = kin(categories)
    by_key = {category.key: category for category in categories}
    return {key: _lines(by_key[key], names[key], groups) for key in by_key}


def _lines(
    category: Category, names: tuple[CategoryKey, ...], groups: Keyed[tuple[str, str, str, bool], Duty]
) -> tuple[Duty, ...]:
    ranked: list[tuple[int, Duty]] = []
    for conditional in (True, False):
        keys = [(*name, conditional) for name in names]
        ranked.extend((0, duty) for duty in next((groups[key] for key in keys if key in groups), ()))
        for rank, code in enumerate(duty_groups(category), 1):
            for standard in (category.standard, "*"):
                key = (standard, category.kind.value, code, conditional)
                ranked.extend((rank, duty) for duty in groups.get(key, ()))
    return tuple(duty for _, duty in sorted(ranked, key=_order))


def _order(ranked: tuple[int, Duty]) -> tuple[bool, int, bool, bool, int]:
    """Lines with conditions first, then the smallest priority, then the narrowest place, then the narrowest code."""
    rank, duty = ranked
    return (not duty.conditional, duty.priority, not duty.area, not duty.area_type, rank)


def duty_groups(category: Category) -> tuple[str, ...]:
    """What a duty line may write to mean a group this category is in, the narrowest first."""
    return (f"family:{category.family}", f"major:{category.major}", "*")


def ancestors(areas: dict[str, Area]) -> dict[str, tuple[str, ...]]:
    """Path from the root to each area. A ring of parents is cut where it closes (``check`` reports it)."""
    found: dict[str, tuple[str, ...]] = {}
    for code in areas:
        chain: list[str] = []
        step: str = code
        while step and step in areas and step not in chain and step not in found:
            chain.append(step)
            step = areas[step].parent
        path = found.get(step, ()) if step not in chain else ()
        for name in reversed(chain):
            path = (*path, name)
            found[name] = path
    return found


def by_name(areas: tuple[Area, ...]) -> dict[str, tuple[Area, ...]]:
    """Areas by name and alias, folded."""
    found: dict[str, list[Area]] = {}
    for area in areas:
        for name in dict.fromkeys(text.strip().casefold() for text in (area.name, *area.aliases)):
            found.setdefault(name, []).append(area)
    return {name: tuple(group) for name, group in found.items()}


def persons_by_area(persons: Iterable[Person]) -> dict[str, tuple[Person, ...]]:
    """Who is responsible for each area."""
    found: dict[str, list[Person]] = {}
    for person in persons:
        for area in person.areas:
            found.setdefault(area, []).append(person)
    return {area: tuple(rows) for area, rows in found.items()}


def named_by_duties(duties: Iterable[Duty], areas: Iterable[Area]) -> frozenset[str]:
    """Codes of the areas that a duty line names, by code or by their type."""
    lines = list(duties)
    types = {duty.area_type for duty in lines if duty.area_type}
    typed = {area.code for area in areas if area.area_type in types}
    return frozenset(typed | {duty.area for duty in lines if duty.area})
