"""``wangge cases``: list cases, or show one with its whole history and every reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import JSON, STORE, as_document, table
from pipeline.errors import StopRun
from pipeline.runtime.workspace import Workspace

FILTERS = {
    "department": "department = {department:String}",
    "state": "state = {state:String}",
    "class": "case_class = {class:String}",
    "street": "street = {street:String}",
    "category": "code = {category:String}",
    "channel": "channel = {channel:String}",
    "waits": "waits_for = {waits:String}",
}
"""Filter of the list to its condition; values are parameters, never part of the text."""
LISTED = """
WITH latest AS (SELECT case_id, argMax(to_state, (at, recorded)) AS state FROM case_moves GROUP BY case_id),
     owner AS (SELECT case_id, argMax(department, hop) AS department, max(hop) AS hops, argMax(due_at, hop) AS due_at
               FROM assignments GROUP BY case_id)
SELECT c.case_id AS case_id, c.at AS filed_at, if(latest.state = '', c.state, latest.state) AS state,
       owner.department AS department, owner.hops AS hops, owner.due_at AS due_at, c.case_class AS case_class,
       c.code AS code, c.family AS family, c.channel AS channel, c.street AS street, c.waits_for AS waits_for,
       c.filing_rule AS filing_rule
FROM cases AS c LEFT JOIN latest ON latest.case_id = c.case_id LEFT JOIN owner ON owner.case_id = c.case_id
"""
STORY: dict[str, str] = {
    "case": "SELECT * FROM cases WHERE case_id = {id:String}",
    "reports": "SELECT * FROM reports WHERE case_id = {id:String} ORDER BY at, recorded",
    "links": "SELECT * FROM report_links WHERE case_id = {id:String} ORDER BY at, recorded",
    "assignments": "SELECT * FROM assignments WHERE case_id = {id:String} ORDER BY hop",
    "moves": "SELECT * FROM case_moves WHERE case_id = {id:String} ORDER BY at, recorded, fact_id",
    "boundaries": "SELECT * FROM boundaries WHERE case_id = {id:String}",
    "merges": "SELECT * FROM case_merges WHERE case_id = {id:String} OR into = {id:String}",
    "taken_apart": "SELECT * FROM case_unmerges WHERE {id:String} IN (case_id, from_case) ORDER BY at",
    "repeat_handling": "SELECT * FROM repeat_handling WHERE {id:String} IN (case_id, earlier_case) ORDER BY at",
    "refused_actions": "SELECT * FROM actions_refused WHERE case_id = {id:String} ORDER BY at, recorded",
    "feedback": "SELECT * FROM feedback WHERE case_id = {id:String} ORDER BY at, report_id",
    "surveys": "SELECT * FROM surveys WHERE case_id = {id:String} ORDER BY at",
}
"""The parts of a case's story."""
SHOWN: dict[str, list[str]] = {
    "case": [
        "case_id", "at", "state", "waits_for", "standard", "kind", "code", "case_class", "class_rule", "class_reason",
        "filing_rule", "filing_reason", "measured", "unit", "lon", "lat", "district", "street", "community", "grid",
        "grid_version", "component_code", "border_flags", "recurrence_of", "reference_version",
    ],
    "reports": [
        "at", "channel", "report_id", "outcome", "rule", "method", "confidence", "candidates", "title", "text", "flags",
        "place_method", "place_named", "error_m",
    ],
    "links": ["at", "report_id", "how", "distance_m", "gap_ms", "similarity", "score", "rule"],
    "assignments": [
        "hop", "at", "department", "person", "team", "due_at", "reason", "candidates", "probabilities", "model",
        "legal_basis", "law_overlap",
    ],
    "moves": ["at", "action", "from_state", "to_state", "actor_role", "actor_unit", "reason_code", "reason"],
    "boundaries": ["flags", "layers", "codes", "distances_m", "probabilities", "lead", "due_at"],
    "merges": [
        "at", "case_id", "into", "how", "distance_m", "gap_ms", "error_m", "similarity", "score", "rule", "candidates",
        "probabilities",
    ],
    "taken_apart": [
        "at", "case_id", "from_case", "undone", "report_id", "reports", "actor_role", "reason_code", "reason",
    ],
    "repeat_handling": ["at", "case_id", "report_id", "department", "number", "earlier_case", "first_case", "gap_ms"],
    "refused_actions": ["at", "action", "state", "actor_role", "reason"],
    "feedback": ["at", "report_id", "state", "department"],
    "surveys": ["at", "solved", "satisfaction"],
}  # fmt: skip
"""What the text shows of each part; --json has everything."""


@click.group("cases")
def cases_command() -> None:
    """Look at cases: a list, or one with its whole history and reasons.

    \b
    Examples:
      wangge cases list --store S --department road-works --state dispatched
      wangge cases show CASE_ID --store S --json
    """


@cases_command.command("list")
@STORE
@click.option("--department", help="Unit that has the case now.")
@click.option("--state", help="State now, e.g. dispatched, handling, closed.")
@click.option("--class", "case_class", help="general, difficult or emergency.")
@click.option("--street", help="Area code of the street.")
@click.option("--category", help="Category code.")
@click.option("--channel", help="Channel of the first report.")
@click.option("--waits", help="waiting_person, waiting_information, unmeasured or orphan.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@JSON
def list_cases(store: Path, limit: int, as_json: bool, case_class: str | None, **filters: str | None) -> None:
    """List cases, the latest first.

    \b
    Example:
      wangge cases list --store S --class emergency --limit 20
    """
    given = {name: value for name, value in {**filters, "class": case_class}.items() if value is not None}
    where = " AND ".join(FILTERS[name] for name in given) or "1"
    sql = f"SELECT * FROM ({LISTED}) WHERE {where} ORDER BY filed_at DESC, case_id LIMIT {{limit:UInt32}}"
    with Workspace(store, create=False) as workspace:
        rows = workspace.tables().rows(sql, {**given, "limit": limit})
    click.echo(as_document({"cases": rows}) if as_json else table(rows) + "\n(times are UTC)")


@cases_command.command("show")
@click.argument("case_id")
@STORE
@JSON
def show_case(case_id: str, store: Path, as_json: bool) -> None:
    """Show one case: its reports and links, assignments, moves, border findings, and the reason of each decision.

    \b
    Example:
      wangge cases show t1x9-20260316-0123456789ab --store S
    """
    with Workspace(store, create=False) as workspace:
        story = {part: workspace.tables().rows(sql, {"id": case_id}) for part, sql in STORY.items()}
    if not story["case"]:
        message = f"no case {case_id!r} in {store}: `wangge cases list --store {store}` lists them"
        raise StopRun(message)
    click.echo(as_document(story) if as_json else _text(story))


def _text(story: dict[str, list[dict[str, Any]]]) -> str:
    case = story["case"][0]
    lines = ["Case"] + [f"  {name:<18}{case[name]}" for name in SHOWN["case"] if case.get(name) not in ("", None, [])]
    for part, rows in story.items():
        if part != "case" and rows:
            lines += ["", part.replace("_", " ").capitalize(), table(rows, SHOWN[part])]
    return "\n".join([*lines, "", "(times are UTC)"])
