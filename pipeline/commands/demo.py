"""``wangge demo``: the main job on a simulated day, from nothing to figures."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from pipeline.commands.indicators import first_table
from pipeline.commands.options import JSON, as_document, called_as, table, warn_of_key
from pipeline.commands.progress import Progress
from pipeline.commands.run import responder_of
from pipeline.commands.summary import run_summary
from pipeline.runtime.running import RunRequest, run
from pipeline.runtime.workspace import Workspace
from pipeline.settings import (
    ClickHouseSettings,
    clickhouse_settings_from,
    kafka_settings_from,
    refuse_faulty,
    settings_from,
)
from pipeline.simulation.simulate import simulate

DAY = date(2026, 3, 16)
ASSIGNED = """
SELECT department, count() AS assignments, uniqExact(case_id) AS cases, countIf(urgent) AS urgent,
       countIf(hop > 1) AS passed_on
FROM assignments GROUP BY department ORDER BY assignments DESC, department
"""


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("out/demo"), show_default=True)
@click.option("--scale", type=click.FloatRange(0.05, 50), default=1.0, show_default=True, help="1 is one district.")
@click.option("--days", type=click.IntRange(1, 60), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--kafka", is_flag=True, help="Play the same day through Kafka as well, and compare.")
@click.option("--broker", envvar="WANGGE_KAFKA", help="With --kafka: the broker; without one a stack is started.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="With --kafka.")
@click.option("--partitions", type=click.IntRange(1, 64), default=8, show_default=True, help="With --kafka.")
@click.option(
    "--sink",
    is_flag=True,
    help="With --kafka: compare what `wangge sink` writes to the ClickHouse of WANGGE_CLICKHOUSE.",
)
@JSON
def demo_command(
    out: Path, scale: float, days: int, seed: int, kafka: bool, broker: str | None, workers: int, partitions: int,
    sink: bool, as_json: bool,
) -> None:  # fmt: skip
    """Simulate a day in a district, run it with departments and citizens answering, print what became of it.

    With --kafka the day goes through topics and workers too: counts and figures must be the same (exit code 1 when they
    are not). With --sink they are read from the tables that `wangge sink` wrote, in a database of its own, and compared
    with Kafka as `wangge verify` does; the server must be a current ClickHouse.

    \b
    Examples:
      wangge demo --out out/demo --scale 0.5
      wangge demo --kafka --workers 3
      WANGGE_KAFKA=kafka:9092 wangge demo --kafka --scale 0.2
      WANGGE_CLICKHOUSE=ch1:9000 wangge demo --kafka --sink
    """
    servers = [kafka_settings_from, *([clickhouse_settings_from] if sink else [])] if kafka else []
    refuse_faulty(settings_from, *servers)
    clickhouse = _clickhouse() if kafka and sink else None
    for name in ("city", "store"):
        shutil.rmtree(out / name, ignore_errors=True)
    click.echo(f"simulating {days} day(s) of a district at scale {scale:g} (seed {seed}) into {out / 'city'}", err=True)
    summary = simulate(out / "city", seed=seed, days=days, scale=scale, start=DAY)
    settings = settings_from()
    warn_of_key(settings)
    request = RunRequest([out / "city"], out / "city" / "city", responder=responder_of)
    with Workspace(out / "store") as workspace, Progress(enabled=sys.stderr.isatty()) as progress:
        result = run(workspace, request, settings, progress.show)
        assigned = workspace.tables().rows(ASSIGNED)
        figures = first_table(workspace.tables(), settings.reference)
    told = {**result, "simulated": asdict(summary), "assignments": assigned}
    if kafka:
        from pipeline.commands.demo_kafka import end_when_different, play_again

        again = play_again(out, settings, broker or "", workers, partitions, result["records"], clickhouse)
        told["kafka"] = again.compared(result["counts"], figures)
    if as_json:
        click.echo(as_document(told))
    else:
        click.echo(run_summary(result))
        click.echo(f"\nAssignments by department\n{table(assigned)}\n\nIndicators by department\n{figures}")
        click.echo(again.text(result["counts"], figures) if kafka else _next(out))
    if kafka:
        end_when_different(told["kafka"])


def _clickhouse() -> ClickHouseSettings:
    """Where the sink is to write; asked first, for a server that is away should not cost a simulated day."""
    from pipeline.commands.demo_sink import checked_clickhouse

    return checked_clickhouse()


def _next(out: Path) -> str:
    store, wangge = out / "store", called_as()
    return f"""
Where to look next
  {wangge} cases list --store {store} --class emergency        emergencies, the latest first
  {wangge} cases show CASE_ID --store {store}                  one case with all its reasons
  {wangge} quarantine list --store {store}                     what was refused and how to mend it
  {wangge} indicators --store {store} --by street              figures by street; --list says what each means
  {wangge} sql --store {store} "SELECT * FROM boundaries LIMIT 5"
  {out / "city" / "truth"}                                    what really happened in the simulated city"""
