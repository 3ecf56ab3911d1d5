"""``wangge backfill``: history once more into shadow tables, compared, and put in the place of the live ones."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from pipeline.commands import backfill_fill as filling
from pipeline.commands import backfill_swap as swapping
from pipeline.commands.options import JSON, QUIET, as_document, moment
from pipeline.errors import StopRun
from pipeline.settings import clickhouse_settings_from, kafka_settings_from, refuse_faulty, settings_from

WORK = click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="Folder of this backfill: what was planned and how far it is.",
)  # fmt: skip
FOUND = 1


@click.group("backfill")
def backfill_command() -> None:
    """Make tables anew from history: fill shadow tables, compare them with the live ones, swap them.

    \b
    Examples:
      wangge backfill fill --work B --of inputs --from 2026-03-01T00:00:00+08:00 --city CITY
      wangge backfill compare --work B
      wangge backfill swap --work B --dry-run
      wangge backfill swap --work B
      wangge backfill drop --work B --yes
    """


@backfill_command.command("fill")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@WORK
@click.option(
    "--of",
    "kind",
    type=click.Choice(["inputs", "facts"]),
    default="inputs",
    show_default=True,
    help="inputs: what the stages make of them today; facts: rows of the facts as they stand in Kafka.",
)
@click.option("--from", "since", help="Only facts at or after this time (ISO 8601, or 14d for days ago).")
@click.option("--to", "until", help="Only facts before this time.")
@click.option("--from-offset", "begins", multiple=True, metavar="TOPIC/PARTITION=N", help="Where reading begins.")
@click.option("--to-offset", "ends", multiple=True, metavar="TOPIC/PARTITION=N", help="Where reading ends.")
@click.option("--stop-at", help="Stop in order at this time; the same command goes on.")
@click.option("--city", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Overlay of the city.")
@click.option("--dry-run", is_flag=True, help="Say what would be read; make nothing.")
@click.option("--block", type=click.IntRange(1, 100_000), default=10_000, hidden=True, help="For fault tests.")
@QUIET
@JSON
def fill_command(
    files: tuple[Path, ...], work: Path, kind: str, since: str | None, until: str | None, begins: tuple[str, ...],
    ends: tuple[str, ...], stop_at: str | None, city: Path | None, dry_run: bool, block: int, quiet: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Fill shadow tables (database <database>_shadow) from Kafka, or from FILES.

    Inputs are read from the beginning of their log, so that cases opened before --from are known; only facts of the
    period are written. The ranges are fixed when it begins. Killed at any moment, the same command goes on.

    \b
    Examples:
      wangge backfill fill --work B --of inputs --city CITY --dry-run
      wangge backfill fill --work B --of facts --from 14d
      wangge backfill fill reports/ --work B --city CITY --from 2026-03-01T00:00:00+08:00
      wangge backfill fill --work B --of facts --from-offset facts.cases/0=120000 --stop-at 2026-03-16T06:00:00+08:00
    """
    from pipeline.runtime.backfilling import Work

    now = int(time.time() * 1000)
    refuse_faulty(
        lambda: moment("--from", since, now), lambda: moment("--to", until, now),
        lambda: filling.later("--stop-at", stop_at, now), lambda: filling.offsets_of("--from-offset", begins),
        lambda: filling.offsets_of("--to-offset", ends), settings_from, kafka_settings_from, clickhouse_settings_from,
    )  # fmt: skip
    period = moment("--from", since, now), moment("--to", until, now)
    deadline = filling.later("--stop-at", stop_at, now)
    offsets = filling.offsets_of("--from-offset", begins), filling.offsets_of("--to-offset", ends)
    if dry_run and not (work / "plan.json").exists():
        plan = filling.planned(kind, files, period, offsets, city, now)
        filling.say_plan(plan, as_json)
        return
    with Work(work) as folder:
        found = folder.plan()
        if found is None:
            found = filling.planned(kind, files, period, offsets, city, now)
            folder.keep("plan", found)
        elif given := filling.other_than(found, kind, files, since, until, begins, ends, city):
            message = (
                f"{work} was begun otherwise ({', '.join(given)}): leave these out to go on, or name another folder"
            )
            raise StopRun(message)
        if dry_run:
            filling.say_plan(found, as_json)
            return
        result = filling.fill(folder, found, filling.teller(deadline, quiet=quiet), block)
    click.echo(as_document(result) if as_json else "\n".join(f"{name}: {value}" for name, value in result.items()))


@backfill_command.command("compare")
@WORK
@click.option("--all", "everything", is_flag=True, help="List days that are alike, too.")
@JSON
def compare_command(work: Path, everything: bool, as_json: bool) -> None:
    """Compare shadow and live tables by table and day; exit code 1 when they differ.

    \b
    Examples:
      wangge backfill compare --work B
      wangge backfill compare --work B --all --json
    """
    from connectors.sinks.clickhouse.shadow import alike
    from pipeline.runtime.backfilling import Work

    refuse_faulty(kafka_settings_from, clickhouse_settings_from)
    with Work(work) as folder, swapping.Shadowed(swapping.plan_of(folder)) as shadow:
        swapping.not_swapped(folder)
        found = list(shadow.differences())
    swapping.report(found, as_json=as_json, everything=everything)
    if not alike(found):
        sys.exit(FOUND)


@backfill_command.command("swap")
@WORK
@click.option("--accept", is_flag=True, help="Swap although the tables differ.")
@click.option("--dry-run", is_flag=True, help="Compare and say whether it would be done.")
@JSON
def swap_command(work: Path, accept: bool, dry_run: bool, as_json: bool) -> None:
    """Put the shadow tables in the place of the live ones, with the rows that the backfill did not make anew.

    Refuses when the comparison shows differences and --accept is not given. The old tables stay in the shadow database
    until `wangge backfill drop`. Killed in between, the same command goes on. A sink may go on writing meanwhile.

    \b
    Examples:
      wangge backfill swap --work B --dry-run
      wangge backfill swap --work B --accept --json
    """
    from connectors.sinks.clickhouse.shadow import alike
    from pipeline.runtime.backfilling import Work

    refuse_faulty(kafka_settings_from, clickhouse_settings_from)
    with Work(work) as folder, swapping.Shadowed(swapping.plan_of(folder)) as shadow:
        begun = folder.kept("swap")
        found = [] if begun else list(shadow.differences())
        if not begun and (dry_run or not (alike(found) or accept)):
            refused = not (alike(found) or accept)
            swapping.report(found, as_json=as_json, everything=False)
            if refused:
                click.echo("the tables differ: look at the days above, then give --accept to swap them all the same",
                           err=True)  # fmt: skip
                sys.exit(FOUND)
            return
        swapping.filled(folder)
        result = swapping.swap(folder, shadow)
    click.echo(as_document(result) if as_json else "\n".join(f"{name}: {value}" for name, value in result.items()))


@backfill_command.command("drop")
@WORK
@click.option("--yes", is_flag=True, help="Really drop; without this only say what would go.")
@JSON
def drop_command(work: Path, yes: bool, as_json: bool) -> None:
    """Drop the shadow database: tables that were filled, or after a swap the old ones.

    \b
    Example:
      wangge backfill drop --work B --yes
    """
    from pipeline.runtime.backfilling import Work

    refuse_faulty(kafka_settings_from, clickhouse_settings_from)
    with Work(work) as folder, swapping.Shadowed(swapping.plan_of(folder)) as shadow:
        name = shadow.name
        if yes:
            shadow.drop()
            (folder.folder / "plan.json").rename(folder.folder / "dropped.json")
    verb = "dropped" if yes else "would be dropped (give --yes)"
    click.echo(as_document({"database": name, "dropped": yes}) if as_json else f"{name} {verb}")
