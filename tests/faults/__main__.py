"""``python -m tests.faults``: the whole fault matrix as a table. Exit code 1 when anything was lost or doubled."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import msgspec

from deploy.stack.servers import KafkaServer
from pipeline.simulation.simulate import simulate
from tests.faults.scenarios import WORKERS, Row, Stage
from tests.faults.sinking import SINKING

ALL = {**WORKERS, **SINKING}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(ALL)), help="Scenarios to run; all when none is named.")
@click.option("--records", default=6_000, show_default=True, help="Records of each scenario.")
@click.option("--per-second", default=300.0, show_default=True, help="How fast they are sent.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def main(only: tuple[str, ...], records: int, per_second: float, as_json: bool) -> None:
    """Kill, freeze and starve real processes on real servers, and count what became of every record."""
    with tempfile.TemporaryDirectory(prefix="wangge-faults-") as name:
        folder = Path(name)
        city = make_city(folder / "city", records)
        with KafkaServer(folder / "kafka", leash=os.getpid()) as kafka:
            stage = Stage(kafka, city, folder / "worlds", records, per_second)
            rows = [_run(scenario, stage) for scenario in only or ALL]
    click.echo(msgspec.json.format(msgspec.json.encode(rows)) if as_json else table(rows))
    sys.exit(0 if all(row.good for row in rows) else 1)


def make_city(folder: Path, records: int) -> Path:
    """A simulated city with at least so many records."""
    simulate(folder, seed=11, days=1, scale=max(records / 30_000, 0.05))
    return folder


def _run(name: str, stage: Stage) -> Row:
    click.echo(f"{name} ... ({len(stage.inputs())} records)", err=True)
    row = ALL[name](stage)
    click.echo(f"{name}: {'good' if row.good else 'BAD'}", err=True)
    return row


def table(rows: list[Row]) -> str:
    """The matrix as text."""
    names = ("records", "effects", "lost", "doubled", "kills", "recovery")
    head = f"{'scenario':44} " + " ".join(f"{name:>8}" for name in names) + "  notes"
    lines = [
        f"{row.scenario:44} {row.records:8} {row.distinct:8} {row.lost:8} {row.doubled:8} {row.kills:8} "
        f"{row.recovery_s:6.1f} s  {'; '.join(row.notes)}"
        for row in rows
    ]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    main()
