"""Measure Wangge on this machine: rates through all stages, each stage alone, and memory as open cases grow.

Each case runs in a process of its own, three times, and the median is told. Explained in docs/benchmarks.md.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import click
import msgspec

from bench.inputs import FULL, QUICK, Sizes, prepared
from bench.report import as_markdown, as_text, lines_of
from pipeline import COMPILED

ROOT = Path(__file__).resolve().parent.parent
CASES = ("a", "b", "c", "d", "e", "f")
RUNS = 3


def processes(chosen: set[str]) -> list[tuple[str, int]]:
    """The processes to start with how often: the yardstick follows what it is compared with; memory is not noisy."""
    rated = [case for case in ("a", "b", "c") if case in chosen or ("d" in chosen and not chosen & {"a", "b", "c"})]
    single: list[tuple[str, int]] = []
    for case in rated:
        single += [(case, RUNS)] if case in chosen else []
        single += [(f"d:{case}", RUNS)] if "d" in chosen else []
    return single + [("e", RUNS)] * ("e" in chosen) + [("f", 1)] * ("f" in chosen)


def measured(case: str, folder: Path, sizes: Sizes) -> Any:
    """One run of a case in a fresh process. Raises ``CalledProcessError`` when it fails."""
    words = [sys.executable, "-m", "bench.cases", case, str(folder), *map(str, sizes.growth)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout)


def say(text: str) -> None:
    """A line of progress."""
    click.echo(text, err=True)


def _chosen(_: click.Context, __: click.Parameter, value: str) -> set[str]:
    chosen = {word.strip() for word in value.split(",")}
    if unknown := chosen - set(CASES):
        message = f"{', '.join(sorted(unknown))}: choose from {', '.join(CASES)}"
        raise click.BadParameter(message)
    return chosen


@click.command()
@click.option("--only", default=",".join(CASES), callback=_chosen, help="Cases, e.g. a,d.", show_default=True)
@click.option("--quick", is_flag=True, help="Small inputs, one run: does it work, not how fast.")
@click.option("--scratch", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "out" / "bench")
@click.option("--json", "as_json", is_flag=True, help="Print every run as one JSON document.")
@click.option("--markdown", is_flag=True, help="Print the table for docs/benchmarks.md.")
def bench(only: set[str], quick: bool, scratch: Path, as_json: bool, markdown: bool) -> None:
    """Measure rates and memory.

    \b
    a  text reports through all stages into the store      d  bare decode and insert of what a, b and c read
    b  records of one reading, the same                    e  microseconds of each stage alone
    c  records of 60 readings, the same                    f  memory and cost as open cases grow

    Inputs are made once and kept under --scratch.
    """
    sizes = QUICK if quick else FULL
    say("compiled modules" if COMPILED else "plain Python (make compile makes it faster)")
    say("inputs ...")
    folder = prepared(scratch, sizes)
    results: dict[str, list[Any]] = {}
    for case, runs in processes(only):
        for number in range(1 if quick else runs):
            started = time.monotonic()
            results.setdefault(case, []).append(measured(case, folder, sizes))
            say(f"{case} run {number + 1}: {time.monotonic() - started:.0f} s")
    lines = [line._replace(target="", verdict="") if quick else line for line in lines_of(results)]
    if as_json:
        document = {
            "quick": quick,
            "compiled": COMPILED,
            "runs": results,
            "figures": [line._asdict() for line in lines],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
    else:
        click.echo(as_markdown(lines) if markdown else as_text(lines))


if __name__ == "__main__":
    bench()
