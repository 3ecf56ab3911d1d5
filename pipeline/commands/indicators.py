"""``wangge indicators``: figures by department, area or day, and the cases behind each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import click

from pipeline.assessment.bases import DIMENSIONS
from pipeline.assessment.catalogue import Catalogue, load_catalogue
from pipeline.assessment.compiler import Period, assessable, cases_behind, compile_indicators
from pipeline.assessment.table import json_rows, render
from pipeline.commands.options import JSON, STORE, as_document, table
from pipeline.runtime.workspace import Workspace
from pipeline.settings import settings_from

FILE = Path("assessment") / "indicators.csv"
FIRST_TABLE = (
    "cases_dispatched", "handling_rate", "on_time_handling_rate", "overdue_open_rate", "closing_rate", "rework_rate",
    "refusal_rate", "median_handling_hours",
)  # fmt: skip
"""The indicators of the demo's first table; those that a catalogue does not have are left out."""


class Tables(Protocol):
    """Tables that figures are read from: those of a store, or those of a server."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query with named parameters."""


@click.command("indicators")
@STORE
@click.option("--by", type=click.Choice(sorted(DIMENSIONS)), default="department", show_default=True)
@click.option("--only", multiple=True, metavar="ID", help="An indicator by its id; all without it.")
@click.option("--where", multiple=True, metavar="DIMENSION=VALUE", help="Narrow, e.g. district=310199.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day of the period.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Day after the last of the period.")
@click.option("--behind", metavar="ID", help="List the cases behind one indicator instead of figures.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="en", show_default=True)
@click.option("--list", "listing", is_flag=True, help="Print the catalogue with definitions and stop.")
@JSON
def indicators_command(
    store: Path, by: str, only: tuple[str, ...], where: tuple[str, ...], since: datetime | None, until: datetime | None,
    behind: str | None, lang: str, listing: bool, as_json: bool,
) -> None:  # fmt: skip
    """Figures of a store, each from cases that --behind lists.

    \b
    Examples:
      wangge indicators --store S
      wangge indicators --store S --by street --only on_time_handling_rate --only rework_rate
      wangge indicators --store S --behind rework_rate --where department=water
      wangge indicators --store S --list
    """
    catalogue = load_catalogue(settings_from().reference / FILE)
    chosen = catalogue.only(only) if only else catalogue
    if listing:
        rows = [
            {"id": one.id, "name": one.name_zh, "name_en": one.name_en, "source": one.source}
            for one in chosen.indicators
        ]
        click.echo(as_document(rows) if as_json else table(rows))
        return
    period = Period(_millis(since), _millis(until))
    filters = dict(pair.partition("=")[::2] for pair in where)
    with Workspace(store, create=False) as workspace:
        if behind is not None:
            query = cases_behind(catalogue.by_id[behind], filters, period)
            rows = workspace.tables().rows(query.sql, query.parameters)
            click.echo(as_document(rows) if as_json else table(rows))
            return
        click.echo(figures(workspace.tables(), chosen, by, filters, period, lang, as_json=as_json))


def figures(
    tables: Tables,
    catalogue: Catalogue,
    by: str,
    filters: dict[str, str],
    period: Period,
    lang: str,
    *,
    as_json: bool,
) -> str:
    """The figures of some tables as text or JSON."""
    fitting = assessable(catalogue, by, filters)
    query = compile_indicators(fitting, by, filters, period)
    rows = tables.rows(query.sql, query.parameters)
    return as_document(json_rows(rows)) if as_json else render(rows, fitting.indicators, lang)


def _millis(day: datetime | None) -> int | None:
    """Midnight of a civil day."""
    return None if day is None else int(day.replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def first_table(tables: Tables, folder: Path) -> str:
    """A first table by department, of the indicators that matter most on one day."""
    catalogue = load_catalogue(folder / FILE)
    known = [name for name in FIRST_TABLE if name in catalogue.by_id]
    return figures(tables, catalogue.only(known), "department", {}, Period(), "en", as_json=False)
