"""A person changes the category or the class of a case: checked, kept as a fact with both sides, told to neighbours.

The state and the clocks stay: what changes is what the case is about. Every change is a ``CaseMoved`` of action
``reclassify``, so the history of a case's class is the row of its moves.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.reference.model import CaseClass, Category, Reference
from pipeline.events.casework import CaseAction
from pipeline.events.facts import CaseMoved
from pipeline.stages.entries import CaseEntry

RECLASSIFY = "reclassify"
SEPARATOR = "|"
CLASSES = tuple(one.value for one in CaseClass)


def fault_of(case: CaseEntry, action: CaseAction, reference: Reference) -> str:
    """Why a reclassification is refused; "" when it may be done."""
    if action.action != RECLASSIFY:
        return ""
    if not action.to_category and not action.to_class:
        return "'reclassify' changes nothing: give to_category or to_class"
    if action.to_class and action.to_class not in CLASSES:
        return f"class {action.to_class!r} is not one of {', '.join(CLASSES)}"
    if action.to_category and _category(action, reference) is None:
        return f"category {action.to_category!r} is not known: give standard|kind|code of the reference set"
    if action.to_category in ("", category_of(case)) and action.to_class in ("", case.case_class):
        return "the case has this category and class already"
    return ""


def reclassified(case: CaseEntry, action: CaseAction, reference: Reference) -> CaseEntry:
    """The case with its new category and class; as it was for every other action."""
    if action.action != RECLASSIFY:
        return case
    category = _category(action, reference)
    after = replace(case, case_class=action.to_class or case.case_class)
    if category is None:
        return after
    return replace(
        after, standard=category.standard, kind=category.kind.value, code=category.code, family=category.family
    )


def with_sides(fact: CaseMoved, before: CaseEntry, after: CaseEntry) -> CaseMoved:
    """The fact of the move with what was and what is."""
    return replace(
        fact, from_category=category_of(before), to_category=category_of(after), from_class=before.case_class,
        to_class=after.case_class,
    )  # fmt: skip


def category_of(case: CaseEntry) -> str:
    """``standard|kind|code`` of a case; "" while it has none."""
    return SEPARATOR.join((case.standard, case.kind, case.code)) if case.code else ""


def _category(action: CaseAction, reference: Reference) -> Category | None:
    parts = action.to_category.split(SEPARATOR)
    return reference.category(parts[0], parts[1], parts[2]) if len(parts) == 3 else None
