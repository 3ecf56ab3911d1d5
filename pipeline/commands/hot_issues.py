"""``wangge hot-issues``: subjects that many open reports are about, hottest first, with the cases behind each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import JSON, STORE, as_document, table
from pipeline.domain.hotissues import Issue, Settings, Told, hot_issues
from pipeline.runtime.workspace import Workspace

MOST_REPORTS = 50_000
"""The latest ones; the time that grouping takes grows faster than their number."""
REPORTS = """
SELECT r.report_id AS report_id, toUnixTimestamp64Milli(r.received_at) AS at, r.title AS title, r.text AS text,
       r.reporter_key AS reporter, r.street AS street, r.case_id AS case_id
FROM (SELECT * FROM reports WHERE fate IN ('filed', 'linked') AND text != '') AS r
INNER JOIN (SELECT case_id FROM case_status WHERE {ended:UInt8} OR open) AS c ON c.case_id = r.case_id
WHERE {since:Int64} <= toUnixTimestamp64Milli(r.received_at)
ORDER BY r.received_at DESC, r.report_id LIMIT {most:UInt32}
"""


@click.command("hot-issues")
@STORE
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only reports received from this day (UTC) on.")
@click.option("--ended", is_flag=True, help="Reports of ended cases too, not only of open ones.")
@click.option("--least", type=click.IntRange(2), default=Settings().least_reports, show_default=True,
              help="Reports that make an issue.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Issues to show.")
@JSON
def hot_issues_command(
    store: Path, since: datetime | None, ended: bool, least: int, limit: int, as_json: bool
) -> None:  # fmt: skip
    """Group open reports by subject, across places and words. Looks only: no case changes.

    Heat is ln(1 + reports) + ln(1 + people) + ½ ln(1 + likes) + 2^(-days since the last / 30) + 1 for a burst. A burst
    is a window of 14 days with far more reports on the subject than its share of all reports makes usual (Poisson, at
    most 5 % false ones among the issues).

    \b
    Examples:
      wangge hot-issues --store S
      wangge hot-issues --store S --since 2026-03-01 --ended --json
    """
    begin = int(since.replace(tzinfo=UTC).timestamp() * 1000) if since else 0
    with Workspace(store, create=False) as workspace:
        rows = workspace.tables().rows(REPORTS, {"since": begin, "most": MOST_REPORTS, "ended": int(ended)})
    told = [
        Told(row["report_id"], int(row["at"]), row["title"], row["text"], row["reporter"], 0, row["street"])
        for row in reversed(rows)
    ]
    cases = {row["report_id"]: row["case_id"] for row in rows}
    issues = hot_issues(told, Settings(least_reports=least))
    found = [_row(issue, told, cases) for issue in issues[:limit]]
    if as_json:
        click.echo(as_document({"reports": len(told), "issues": len(issues), "hottest": found}))
        return
    latest = " (the latest ones only)" if len(rows) == MOST_REPORTS else ""
    click.echo(f"{len(told):,} reports{latest}, {len(issues):,} issues")
    shown = ("heat", "reports", "people", "burst", "first", "last", "subject", "cases")
    click.echo(table([{name: _shown(row[name]) for name in shown} for row in found]))


def _row(issue: Issue, told: list[Told], cases: dict[str, str]) -> dict[str, Any]:
    reports = [told[number] for number in issue.members]
    return {
        "heat": round(issue.heat, 3), "reports": len(reports), "people": issue.people, "likes": issue.likes,
        "first": _day(issue.first_at), "last": _day(issue.last_at), "places": list(issue.places),
        "subject": (reports[0].title or reports[0].text)[:40], "burst": issue.burst, "p_value": issue.p_value,
        "peak": {"from": _day(issue.peak_from), "reports": issue.peak_reports, "usual": round(issue.peak_usual, 2)},
        "cases": sorted({cases[one.id] for one in reports}), "report_ids": [one.id for one in reports],
    }  # fmt: skip


def _shown(value: Any) -> Any:
    return ", ".join(value[:3]) + (f" … ({len(value)})" if len(value) > 3 else "") if isinstance(value, list) else value


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")
