"""``python -m tests.faults``: the fault matrix as a table. Exit code 1 when a row is not clean."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from deploy.stack.servers import KafkaServer
from pipeline.simulation.simulate import simulate
from tests.faults.rows import Results, Row, text_of
from tests.faults.scenarios import WORKERS, Stage
from tests.faults.sinking import SINKING

ALL = {**WORKERS, **SINKING}
OUT = Path("out/faults")
LIGHT = {"file.delete.delay.ms": "1000", "num.recovery.threads.per.data.dir": "4"}
"""Topics of scenarios that are over go at once, so that a broker that was killed has few logs to go through."""


class OutOfTime(Exception):
    """A scenario took longer than it may."""


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(ALL)), help="Scenarios to run; all when none is named.")
@click.option("--records", default=6_000, show_default=True, help="Records of each scenario.")
@click.option("--per-second", default=300.0, show_default=True, help="How fast they are sent.")
@click.option("--limit", default=600, show_default=True, help="Seconds that a scenario may take.")
@click.option("--within", default=0, help="Begin no scenario after so many seconds (0: begin all).")
@click.option("--resume", is_flag=True, help="Leave out what an earlier run found clean.")
@click.option("--show", is_flag=True, help="Run nothing; print what is known.")
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True, help="For rows and logs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def main(
    only: tuple[str, ...], records: int, per_second: float, limit: int, within: int, resume: bool, show: bool,
    out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Kill, freeze and starve real processes on real servers, and count what became of every record.

    Rows are kept in OUT/rows.json as they are found; logs of a scenario that was not clean stay in OUT. The table shows
    every row that is known. Exit code 0 only when all that were asked for are clean.

    \b
    Examples:
      python -m tests.faults                          the whole matrix
      python -m tests.faults --only sink --only hung  two scenarios
      python -m tests.faults --within 600 --resume    as much of what is left as ten minutes allow
    """
    results = Results(out / "rows.json")
    results.load()
    wanted = [name for name in only or ALL if not (resume and name in results.rows and results.rows[name].clean)]
    if wanted and not show:
        _run_all(wanted, results, out, records=records, per_second=per_second, limit=limit, within=within)
    known = [results.rows[name] for name in ALL if name in results.rows]
    click.echo(msgspec.json.format(msgspec.json.encode(known)) if as_json else text_of(known))
    sys.exit(0 if all(name in results.rows and results.rows[name].clean for name in only or ALL) else 1)


def _run_all(
    wanted: Sequence[str], results: Results, out: Path, *, records: int, per_second: float, limit: int, within: int
) -> None:
    begun = time.monotonic()
    with KafkaServer(_fresh(out / "kafka"), quick=True, settings=LIGHT, leash=os.getpid()) as kafka:
        stage = Stage(kafka, make_city(_fresh(out / "city"), records), out.absolute() / "worlds", records, per_second)
        for number, name in enumerate(wanted):
            if within and time.monotonic() - begun > within:
                click.echo(f"out of time: {', '.join(wanted[number:])} not run", err=True)
                break
            click.echo(f"[{number + 1}/{len(wanted)}] {name} ...", err=True)
            row = run(name, stage, limit)
            results.add(row)
            click.echo(f"[{number + 1}/{len(wanted)}] {name}: {'clean' if row.clean else 'NOT CLEAN'}", err=True)
    shutil.rmtree(out / "kafka")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def make_city(folder: Path, records: int) -> Path:
    """A simulated city with at least so many records."""
    simulate(folder, seed=11, days=1, scale=max(records / 30_000, 0.05))
    return folder


def run(name: str, stage: Stage, limit: int) -> Row:
    """Run one scenario; one that breaks or takes too long gives a row that says so."""
    _fresh(stage.folder / name)
    begun = time.monotonic()
    try:
        with _alarm(limit):
            row = ALL[name](stage)
    except Exception as error:  # the other scenarios are to run all the same
        logs = stage.folder / name
        return Row(
            name=name, scenario=name, seconds=time.monotonic() - begun,
            broken=f"{type(error).__name__}: {str(error).partition('Stack trace')[0].strip()[:2000]} (logs in {logs})",
        )  # fmt: skip
    if row.clean:
        shutil.rmtree(stage.folder / name)
    return row


@contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def rang(*_: object) -> None:
        message = f"not done within {seconds} s"
        raise OutOfTime(message)

    before = signal.signal(signal.SIGALRM, rang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
