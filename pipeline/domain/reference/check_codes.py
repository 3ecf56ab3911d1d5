"""Checks of codes: everything named exists, nothing is named twice, words come from their lists."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise
from typing import Any, TypeVar

from pipeline.domain.reference.conditions import misread
from pipeline.domain.reference.index import successor_key, successors_of
from pipeline.domain.reference.model import CategoryKey, Reference, Row
from pipeline.domain.reference.places import UNIT_KINDS
from pipeline.domain.reference.schema import KEYS
from pipeline.errors import Fault

R = TypeVar("R", bound=Row)
COMPARE = (">", ">=", "<", "<=", "==")
FILING_OPERATORS = (*COMPARE, "observed", "default")
WINDOWS = ("any", "day", "night")
AGGREGATES = ("leq", "mean", "max", "last", "max8h")
SEVERITIES = ("warning", "minor", "major", "critical")
ACTIONS = ("alarm", "warn", "assess")
DIRECTIONS = ("up", "down")
APPEALS = ("consult", "help", "complaint", "accusation", "suggestion")
SYSTEM = "system"


def duplicates(reference: Reference) -> Iterator[Fault]:
    """A key given twice within the set (a holiday twice, two departments of one id)."""
    for table, key in KEYS.items():
        seen: dict[Hashable, int] = {}
        for number, row in enumerate(getattr(reference.tables, table)):
            name = key(row)
            first = seen.setdefault(name, number)
            if first != number:
                remedy = f"keep one row; the first is at {reference.origin(table, first)}"
                yield Fault(reference.origin(table, number), "key", _text(name), remedy)


def validity(reference: Reference) -> Iterator[Fault]:
    """A validity that is empty, so that the row never holds."""
    for table in KEYS:
        for number, row in enumerate(getattr(reference.tables, table)):
            if isinstance(row, Row) and row.valid_from >= row.valid_to:
                where = reference.origin(table, number)
                yield Fault(where, "valid_to", str(row.valid_to), "end the validity after it begins")


def overlaps(reference: Reference) -> Iterator[Fault]:
    """Two rows that say the same thing for overlapping times."""
    meanings: dict[str, Callable[[Any], Hashable]] = {
        "sensor_limits": lambda row: (
            (row.device_kind, row.metric, row.zone, row.aggregate, row.period_minutes),
            (row.window, row.alarm, row.severity, row.operator, row.allowed > 0, row.opens_code),
        ),
        "filing_standards": lambda row: (
            (row.standard, row.kind, row.code, row.group),
            (row.operator, row.measure, row.zone, row.period),
        ),
        "duties": lambda row: (
            (row.standard, row.kind, row.code, row.area, row.area_type, row.priority),
            (row.hours or "", row.days or "", row.when or ""),
        ),
        "stage_limits": lambda row: (row.stage, row.scope),
    }
    for table, meaning in meanings.items():
        groups: dict[Hashable, list[tuple[int, Row]]] = {}
        for number, row in enumerate(getattr(reference.tables, table)):
            groups.setdefault(meaning(row), []).append((number, row))
        for group in groups.values():
            yield from _overlapping(reference, table, group)


def _overlapping(reference: Reference, table: str, group: list[tuple[int, Row]]) -> Iterator[Fault]:
    ordered = sorted(group, key=lambda item: item[1].valid_from)
    for (first, one), (second, two) in pairwise(ordered):
        if two.valid_from < one.valid_to:
            remedy = f"end the one before the other begins; the other is at {reference.origin(table, first)}"
            yield Fault(reference.origin(table, second), "valid_from", getattr(two, "id", ""), remedy)


def named(reference: Reference) -> Iterator[Fault]:
    """Codes that name nothing, in any table."""
    known = _known(reference)
    for table, column, target in _REFERENCES:
        names = known[target]
        for number, row in enumerate(getattr(reference.tables, table)):
            for value in _values(getattr(row, column)):
                if value not in names:
                    remedy = f"no such {target}; add it or name another"
                    yield Fault(reference.origin(table, number), column, value, remedy)
    fallback = reference.city.fallback_department
    if fallback not in known["department"]:
        yield Fault("city.toml", "fallback_department", fallback, "no such department; add it or name another")


def categories(reference: Reference) -> Iterator[Fault]:
    """Category keys that name nothing."""
    t = reference.tables
    keys: list[tuple[str, Iterable[tuple[int, CategoryKey]]]] = [
        ("filing_standards", _keys(t.filing_standards, lambda row: (row.standard, row.kind.value, row.code))),
        (
            "sensor_limits",
            _keys(t.sensor_limits, lambda row: (row.opens_standard, row.opens_kind.value, row.opens_code)),
        ),
        ("components", _keys(t.components, lambda row: row.category_key)),
        ("lexicon", _keys(t.lexicon, lambda row: row.category_key)),
        ("source_categories", _keys(t.source_categories, lambda row: (row.standard, row.kind.value, row.code))),
        ("hotline_tree", _keys(t.hotline_tree, lambda row: (row.standard, row.kind or "", row.category))),
        ("categories", _keys(t.categories, lambda row: successor_key(row) if row.successor else ("", "", ""))),
        ("categories", _keys(t.categories, lambda row: (row.standard, "component", row.component))),
    ]
    for table, rows in keys:
        for number, (standard, kind, code) in rows:
            if reference.category(standard, kind, code) is None:
                remedy = "no such category; name standard, kind and code of a row of categories.csv"
                yield Fault(reference.origin(table, number), "code", f"{standard}|{kind}|{code}", remedy)


def _keys(rows: Iterable[R], key: Callable[[R], CategoryKey]) -> Iterator[tuple[int, CategoryKey]]:
    """Number and category key of each row that names a category."""
    for number, row in enumerate(rows):
        name = key(row)
        if name[2]:
            yield number, name


def words(reference: Reference) -> Iterator[Fault]:
    """Words outside their closed lists."""
    for table, column, allowed in _WORDS:
        for number, row in enumerate(getattr(reference.tables, table)):
            value = getattr(row, column)
            if value not in allowed and value != "":
                remedy = f"write one of {', '.join(allowed)}"
                yield Fault(reference.origin(table, number), column, str(value), remedy)


def thresholds(reference: Reference) -> Iterator[Fault]:
    """A comparison without a number, a number without a comparison, a clearing value on the wrong side."""
    for number, row in enumerate(reference.tables.filing_standards):
        if (row.operator in COMPARE) != (row.threshold is not None):
            remedy = "give a threshold to a comparison and to nothing else"
            yield Fault(reference.origin("filing_standards", number), "threshold", str(row.threshold), remedy)
    for number, limit in enumerate(reference.tables.sensor_limits):
        above = limit.operator.startswith(">")
        if (limit.clear > limit.limit) if above else (limit.clear < limit.limit):
            remedy = "clear on the good side of the limit, or at it"
            yield Fault(reference.origin("sensor_limits", number), "clear", str(limit.clear), remedy)
        if limit.period_minutes <= 0:
            remedy = "name the averaging period in minutes"
            yield Fault(reference.origin("sensor_limits", number), "period_minutes", str(limit.period_minutes), remedy)


def conditions(reference: Reference) -> Iterator[Fault]:
    """Hours, days and answers of the duty list that cannot be read, or that never hold together."""
    for number, duty in enumerate(reference.tables.duties):
        if duty.conditional:
            where = reference.origin("duties", number)
            yield from (Fault(where, *told) for told in misread(duty))


def border_shares(reference: Reference) -> Iterator[Fault]:
    """Shares of a border rule outside 0 to 1, a rigid line that drifts, a spot that nobody was held at."""
    for number, rule in enumerate(reference.tables.border_rules):
        where = reference.origin("border_rules", number)
        if not 0.0 < rule.flag_at <= 1.0:
            yield Fault(where, "flag_at", str(rule.flag_at), "give a probability above 0, at most 1")
        if not 0.0 <= rule.drift_share <= (1.0 if rule.line == "flexible" else 0.0):
            remedy = "give 0 to 1 for a flexible line, nothing for a rigid one"
            yield Fault(where, "drift_share", str(rule.drift_share), remedy)
        if not rule.drift_m > 0.0:
            yield Fault(where, "drift_m", str(rule.drift_m), "give metres above 0")
    for number, spot in enumerate(reference.tables.practices):
        if not spot.cases > 0.0:
            yield Fault(reference.origin("practices", number), "cases", str(spot.cases), "give a number above 0")


def _known(reference: Reference) -> dict[str, frozenset[str]]:
    t = reference.tables
    return {
        "department": frozenset(row.id for row in t.departments),
        "area": frozenset(row.code for row in t.areas),
        "post": frozenset(row.id for row in t.posts),
        "unit kind": frozenset({*UNIT_KINDS, *(row.kind for row in t.departments)}),
        "role": frozenset({SYSTEM, *(row.id for row in t.posts)}),
        "team": frozenset(row.id for row in t.teams),
        "component": frozenset(row.code for row in t.components),
        "grid system": frozenset(row.id for row in t.grid_systems),
        "grid code": frozenset(row.code for row in t.areas),
        "state": frozenset({"*", *(row.state for row in t.states)}),
        "stage": frozenset(row.stage for row in t.stage_limits),
        "reason": frozenset(row.code for row in t.reason_codes),
        "class rule": frozenset(row.id for row in t.class_rules),
        "family": frozenset({"*", *(row.family for row in t.categories)}),
    }


_REFERENCES = (
    ("departments", "parent", "department"),
    ("departments", "area", "area"),
    ("departments", "merged_into", "department"),
    ("duties", "lead", "department"),
    ("duties", "assist", "department"),
    ("duties", "unknown_owner", "department"),
    ("duties", "area", "area"),
    ("posts", "units", "unit kind"),
    ("persons", "department", "department"),
    ("persons", "post", "post"),
    ("persons", "areas", "area"),
    ("persons", "team", "team"),
    ("teams", "department", "department"),
    ("teams", "areas", "area"),
    ("teams", "families", "family"),
    ("areas", "parent", "area"),
    ("areas", "system", "grid system"),
    ("grid_kinds", "system", "grid system"),
    ("grid_systems", "department", "department"),
    ("practices", "drawn", "area"),
    ("practices", "held", "area"),
    ("gazetteer", "areas", "area"),
    ("components", "owner", "department"),
    ("components", "grid_code", "grid code"),
    ("devices", "component_code", "component"),
    ("devices", "area_code", "area"),
    ("states", "clock", "stage"),
    ("lifecycle", "from_state", "state"),
    ("lifecycle", "to_state", "state"),
    ("lifecycle", "roles", "role"),
    ("lifecycle", "reasons", "reason"),
    ("hotline_tree", "department", "department"),
    ("emergency_words", "rule_id", "class rule"),
    ("class_rules", "family", "family"),
)
"""(table, column, what it names); blank cells name nothing and are fine."""

_WORDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("filing_standards", "operator", FILING_OPERATORS),
    ("filing_standards", "period", ("day", "night")),
    ("sensor_limits", "operator", COMPARE),
    ("sensor_limits", "window", WINDOWS),
    ("sensor_limits", "aggregate", AGGREGATES),
    ("sensor_limits", "severity", SEVERITIES),
    ("sensor_limits", "action", ACTIONS),
    ("class_rules", "min_severity", SEVERITIES),
    ("class_rules", "ownership", ("none", "disputed")),
    ("weights", "direction", DIRECTIONS),
    ("hotline_tree", "appeal", APPEALS),
    ("areas", "tier", ("city", "district", "street", "community", "grid")),
    ("border_rules", "line", ("rigid", "flexible")),
    ("practices", "tier", ("district", "street", "community")),
    ("gazetteer", "kind", ("crossing", "road", "estate", "public_place")),
)


def _values(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,) if value else ()


def _text(key: Hashable) -> str:
    return "|".join(map(str, key)) if isinstance(key, tuple) else str(key)


def successors(reference: Reference) -> Iterator[Fault]:
    """A row of successors that leads back to itself: which list is the newest?"""
    heirs = successors_of(reference.tables.categories)
    for number, row in enumerate(reference.tables.categories):
        passed, at = {row.key}, heirs.get(row.key)
        while at is not None and at not in passed:
            passed.add(at)
            at = heirs.get(at)
        if at == row.key:
            where = reference.origin("categories", number)
            yield Fault(where, "successor", row.successor, "a category is its own successor: leave the newest without")


CHECKS: tuple[Callable[[Reference], Iterator[Fault]], ...] = (
    duplicates,
    validity,
    overlaps,
    named,
    categories,
    successors,
    words,
    thresholds,
    conditions,
    border_shares,
)
