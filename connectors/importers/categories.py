"""A set's own categories as a reference table, each with family, nature and the national category nearest to it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from connectors.importers.overlay import OVERLAY_NOTE, one_line, slug, write_table

RULES = Path(__file__).parent
KIND = "incident"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule makes of a category name."""

    family: str = "service"
    nature: str = "service"
    national: str = ""
    """``standard|kind|code``; blank where none comes near."""


@dataclass(frozen=True, slots=True)
class OwnCategory:
    """A category of the set: its code in the set's own standard, and the wording by which reports name it."""

    code: str
    text: str
    major: str = ""
    name: str = ""


@cache
def _rules(language: str) -> tuple[tuple[re.Pattern[str], Reading], ...]:
    with (RULES / f"rules_{language}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))[1:]
    return tuple(_rule(cells) for cells in rows)


def _rule(cells: list[str]) -> tuple[re.Pattern[str], Reading]:
    pattern, family, nature, national = cells
    return re.compile(pattern, re.IGNORECASE), Reading(family, nature, national)


def read_name(text: str, language: str) -> Reading:
    """Family, nature and nearest national category of a category name; a name that no rule knows is a service."""
    return next((reading for pattern, reading in _rules(language) if pattern.search(text)), Reading())


def read_parts(text: str, language: str) -> Reading:
    """The same for ``big / main / small`` names: the narrowest part that a rule knows decides."""
    for part in reversed(text.split(" / ")):
        found = read_name(part, language)
        if found != Reading():
            return found
    return read_name(text, language)


def write_categories(
    folder: Path, standard: str, source_system: str, categories: Iterable[OwnCategory], language: str
) -> None:
    """``categories.csv`` and ``source_categories.csv`` of a set."""
    own = sorted(categories, key=lambda category: category.text)
    readings = {category.text: read_parts(category.text, language) for category in own}
    unlike = {category.code: category for category in reversed(own)}  # names that differ in punctuation share a code
    write_table(
        folder / "categories.csv",
        (_category(standard, unlike[code], readings[unlike[code].text]) for code in sorted(unlike)),
        [OVERLAY_NOTE, "successor: the nearest category of the national lists."],
    )
    rows = (
        {"source_system": source_system, "text": one_line(c.text), "standard": standard, "kind": KIND, "code": c.code}
        | {"confidence": "adopted"}
        for c in own
    )
    write_table(folder / "source_categories.csv", rows, [OVERLAY_NOTE])


def _category(standard: str, category: OwnCategory, reading: Reading) -> dict[str, str]:
    name = category.name or category.text
    return {
        "standard": standard,
        "kind": KIND,
        "code": category.code,
        "name_zh": name,
        "name_en": name,
        "major": category.major or "-",
        "family": reading.family,
        "nature": reading.nature,
        "problem_domain": "public_service" if reading.nature == "service" else "public_management",
        "successor": reading.national,
        "confidence": "proposal",
    }


def code_of(text: str) -> str:
    """A code of at most 32 characters for a category that has none of its own."""
    return slug(text, 32)
