"""``wangge grids borders`` and ``wangge grids practice``: what happens along the borders of a city."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import JSON, as_document, table
from pipeline.runtime.grid_borders import STRIP_M, Borders, borders_of, practice_rows, write_practice
from pipeline.runtime.grids import city_reference
from pipeline.settings import settings_from

CITY = click.argument("city", type=click.Path(path_type=Path, exists=True, file_okay=False))
STORE = click.option("--store", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
SHOWN = 20


@click.command("borders")
@CITY
@STORE
@click.option("--layer", default="community", show_default=True, help="Kind of the layer whose borders are meant.")
@click.option("--strip", type=click.FloatRange(1.0, 500.0), default=STRIP_M, show_default=True, help="Metres.")
@JSON
def borders_command(city: Path, store: Path, layer: str, strip: float, as_json: bool) -> None:
    """Compare cases along the borders of CITY with inner ones, and find blind strips.

    A strip is blind where grid workers found a smaller share of the cases than inside, beyond what chance makes of it
    (95 %, ten cases at least).

    \b
    Examples:
      wangge grids borders out/city/city --store S
      wangge grids borders out/city/city --store S --layer street --strip 30 --json
    """
    found = borders_of(city, store, layer, strip)
    click.echo(as_document(dataclasses.asdict(found)) if as_json else borders_text(found))


def borders_text(found: Borders) -> str:
    """The statistics as tables."""
    groups = ["group", "cases", "share", "closed", "on_time", "median_hours", "refusals_a_case", "hops_a_case", "seen"]
    lines = ["between", "length_m", "cases", "cases_a_km", "seen", "seen_95", "blind"]
    blind = sum(row["blind"] for row in found.segments)
    parts = [
        f"{found.cases:,} cases with a point; strips of {found.strip_m:g} m along {found.layer} borders",
        table(found.groups, groups),
        f"Borders, least seen by grid workers first (inside they find "
        f"{found.segments[0]['seen_inside'] if found.segments else 0:.0%})\n{table(found.segments[:SHOWN], lines)}",
        f"{blind} of {len(found.segments)} strips with cases are blind" + (
            f"; {len(found.segments) - SHOWN} more: --json has all" if len(found.segments) > SHOWN else ""
        ),
    ]  # fmt: skip
    return "\n\n".join(parts)


@click.command("practice")
@CITY
@STORE
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be written.")
@JSON
def practice_command(city: Path, store: Path, dry_run: bool, as_json: bool) -> None:
    """Write the ledger of practice (practices.csv) of CITY from the closed cases of a store.

    A case closed by the office of another street than the map draws is evidence that the place is held there. Runs
    begun with the table flag such places ACTUAL_VS_GRID; a table that was there is replaced.

    \b
    Examples:
      wangge grids practice out/city/city --store S --dry-run
      wangge grids practice out/city/city --store S
    """
    rows = practice_rows(city, store, city_reference(settings_from().reference, city))
    path = city / "practices.csv" if dry_run or not rows else write_practice(city, rows)
    apart = sum(row["cases"] for row in rows if row["held"] != row["drawn"])
    told: dict[str, Any] = {
        "file": str(path), "written": bool(rows) and not dry_run, "spots": len(rows),
        "cases": sum(row["cases"] for row in rows), "held_elsewhere": apart,
    }  # fmt: skip
    click.echo(as_document(told) if as_json else table([told]))
