"""``wangge simulate``: a city of one's own, with the truth beside it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

import click

from pipeline.commands.options import JSON, NEW_FOLDER, QUIET, as_document, table
from pipeline.simulation.simulate import simulate
from pipeline.simulation.switches import Switches


@click.command("simulate")
@NEW_FOLDER
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--days", type=click.IntRange(1, 3660), default=1, show_default=True)
@click.option("--scale", type=click.FloatRange(0.01, 1000), default=1.0, show_default=True, help="1 is one district.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), default="2026-03-16", show_default=True, help="First day.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=RATE", help="A behaviour, e.g. border_dead_strip=0.")
@click.option("--list-switches", is_flag=True, help="Print all behaviours with their rates and stop.")
@QUIET
@JSON
def simulate_command(
    out: Path, seed: int, days: int, scale: float, start: datetime, switches: tuple[str, ...], list_switches: bool,
    quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write a simulated city: inputs/, city/ (its reference overlay) and truth/.

    \b
    Examples:
      wangge simulate --out out/city --days 7 --seed 42
      wangge simulate --out out/clean --switch duplicate_reports=0 --switch quota_hugging=0
      wangge simulate --out x --list-switches
    """
    chosen = Switches.from_pairs(switches)
    if list_switches:
        rows = [dict(row) if isinstance(row, dict) else asdict(row) for row in chosen.describe()]
        click.echo(as_document(rows) if as_json else table(rows))
        return
    show = not quiet and sys.stderr.isatty()
    summary = simulate(
        out, seed=seed, days=days, scale=scale, start=date(start.year, start.month, start.day), switches=chosen,
        progress=(lambda text: click.echo(text, err=True)) if show else None,
    )  # fmt: skip
    result = asdict(summary)
    click.echo(as_document(result) if as_json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    if not as_json:
        click.echo(f"next: wangge run {out} --store STORE")
