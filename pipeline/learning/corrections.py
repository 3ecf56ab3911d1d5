"""Decisions that people corrected, as labelled rows with where they come from."""

from __future__ import annotations

import csv
from pathlib import Path

from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.labelled import Labelled

COLUMNS = ("task", "at", "subject", "text", "before", "after", "by", "reason", "provenance")
"""Of a table of corrections. ``subject`` is the report or case, ``before`` what was decided, ``after`` what a person
put in its place, ``by`` their post and unit, ``provenance`` the fact that says so."""


def read_corrections(path: Path, task: str) -> list[dict[str, str]]:
    """The corrections of one task, in the order of the file. Raises ``ConfigFaults`` when columns are missing."""
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            remedy = "give a table of `wangge models corrections`"
            raise ConfigFaults([Fault(path.name, "column", name, remedy) for name in missing])
        return [row for row in reader if row["task"] == task]


def corrected_texts(path: Path) -> list[Labelled]:
    """Reclassified reports as labelled texts: what a person decided is the label."""
    return [
        Labelled(row["subject"], row["text"], row["after"], True, int(row["at"]), "correction")
        for row in read_corrections(path, "classify")
        if row["text"] and row["after"]
    ]
