"""Decisions that people corrected, as labelled rows with where they come from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigFaults, Fault

COLUMNS = ("task", "at", "subject", "text", "before", "after", "by", "reason", "provenance")
"""Of a table of corrections. ``subject`` is the report or case, ``before`` what was decided, ``after`` what a person
put in its place, ``by`` their post and unit, ``provenance`` the fact that says so."""


QUERIES = {
    "classify": """
        SELECT toUnixTimestamp64Milli(m.at) AS at, m.case_id AS subject, concat(r.title, ' ', r.text) AS text,
               m.from_category AS before, m.to_category AS after, concat(m.actor_role, '@', m.actor_unit) AS by,
               concat(m.reason_code, ' ', m.reason) AS reason, m.fact_id AS provenance
        FROM case_moves AS m
        INNER JOIN cases AS c ON c.case_id = m.case_id
        INNER JOIN reports AS r ON r.report_id = c.report_id
        WHERE m.action = 'reclassify' AND m.from_category != m.to_category AND m.to_category != ''
        ORDER BY m.at, m.recorded, m.fact_id""",
    "routing": """
        SELECT toUnixTimestamp64Milli(m.at) AS at, m.case_id AS subject, concat(r.title, ' ', r.text) AS text,
               m.department AS before, a.department AS after, concat(m.actor_role, '@', m.actor_unit) AS by,
               concat(m.reason_code, ' ', m.reason) AS reason, m.fact_id AS provenance
        FROM case_moves AS m
        INNER JOIN assignments AS a ON a.case_id = m.case_id AND a.hop = m.hop + 1
        INNER JOIN cases AS c ON c.case_id = m.case_id
        INNER JOIN reports AS r ON r.report_id = c.report_id
        WHERE m.action IN ('reassign', 'dispatch', 'designate') AND m.actor_role != 'system'
          AND m.department != a.department
        ORDER BY m.at, m.recorded, m.fact_id""",
    "duplicates": """
        SELECT toUnixTimestamp64Milli(u.at) AS at, u.report_id AS subject, concat(r.title, ' ', r.text) AS text,
               u.from_case AS before, u.case_id AS after, concat(u.actor_role, '@', u.actor_unit) AS by,
               concat(u.reason_code, ' ', u.reason) AS reason, u.fact_id AS provenance
        FROM case_unmerges AS u
        INNER JOIN reports AS r ON r.report_id = u.report_id
        ORDER BY u.at, u.recorded, u.fact_id""",
}
"""What people corrected, by task, out of the tables of a store: reclassified cases, cases passed on by a person, and
pairs that were merged and are not the same: the report, the case it was put to and the case it has now."""


def write_corrections(path: Path, found: Mapping[str, Iterable[Mapping[str, Any]]], renamed: Mapping[str, str]) -> int:
    """Write the rows of every task; units in ``before`` and ``after`` get their present name. Gives their number."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for task, rows in found.items():
            for row in rows:
                sides = {side: present(str(row[side]), renamed) for side in ("before", "after")}
                if sides["before"] != sides["after"]:
                    text = {name: str(row[name]).strip() for name in ("text", "reason")}
                    writer.writerow({**row, **text, **sides, "task": task})
                    count += 1
    return count


def read_renamed(path: Path) -> dict[str, str]:
    """A table ``before,after`` of units that were renamed or merged. Raises ``ConfigFaults``."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if rows and not {"before", "after"} <= set(rows[0]):
        raise ConfigFaults([Fault(path.name, "columns", ", ".join(rows[0]), "give the columns before and after")])
    return {row["before"]: row["after"] for row in rows}


def present(name: str, renamed: Mapping[str, str]) -> str:
    """The present name of a unit, however often it was renamed; a circle ends where it began."""
    seen = {name}
    while (following := renamed.get(name)) is not None and following not in seen:
        name = following
        seen.add(name)
    return name


def read_corrections(path: Path, task: str) -> list[dict[str, str]]:
    """The corrections of one task, in the order of the file. Raises ``ConfigFaults`` when columns are missing."""
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            remedy = "give a table of `wangge models corrections`"
            raise ConfigFaults([Fault(path.name, "column", name, remedy) for name in missing])
        return [row for row in reader if row["task"] == task]
