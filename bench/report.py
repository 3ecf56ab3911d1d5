"""What was measured as lines of a table: a figure, its unit, its target, and the ratio to the bare yardstick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

TITLES = {"a": "text reports, all stages", "b": "single readings, all stages", "c": "samples, 60 a record, all stages"}
UNITS = {"a": "reports/s", "b": "readings/s", "c": "samples/s"}
TARGETS = {"a": 10_000, "b": 50_000, "c": 200_000}
BYTES_TARGET = 1_000


class Line(NamedTuple):
    """One figure. ``target`` is "" where there is none; ``ratio`` that to the yardstick."""

    what: str
    figure: str
    unit: str
    target: str = ""
    verdict: str = ""
    ratio: str = ""


def rate(case: str, run: Mapping[str, Any]) -> float:
    """Records a second; samples a second of records with many."""
    return float(run["samples" if case == "c" else "records"] / run["seconds"])


def lines_of(results: Mapping[str, Sequence[Any]]) -> list[Line]:
    """Every figure of the cases that ran, each case with its runs; medians of the runs."""
    lines: list[Line] = []
    for case in ("a", "b", "c"):
        lines += _rates(case, results)
    for way, costs in _stage_medians(results.get("e", ())).items():
        lines += [Line(f"{way}: {stage}", f"{cost:.1f}", "us a record") for stage, cost in costs.items()]
        lines.append(Line(f"{way}: sum of the stages", f"{sum(costs.values()):.1f}", "us a record"))
    for line in results.get("f", [[]])[0]:
        lines += _growth(line)
    return lines


def _rates(case: str, results: Mapping[str, Sequence[Any]]) -> list[Line]:
    whole = [rate(case, run) for run in results.get(case, ())]
    bare = [rate(case, run) for run in results.get(f"d:{case}", ())]
    lines = []
    if whole:
        figure, target = median(whole), TARGETS[case]
        ratio = f"{figure / median(bare):.2f}" if bare else ""
        verdict = "reached" if figure >= target else "missed"
        lines.append(Line(TITLES[case], f"{figure:,.0f}", UNITS[case], f"{target:,}", verdict, ratio))
    if bare:
        title = TITLES[case].replace("all stages", "bare decode and insert")
        lines.append(Line(title, f"{median(bare):,.0f}", UNITS[case]))
    return lines


def _stage_medians(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    if not runs:
        return {}
    return {way: {stage: median(run[way][stage] for run in runs) for stage in costs} for way, costs in runs[0].items()}


def _growth(line: Mapping[str, Any]) -> list[Line]:
    title = f"{line['cases']:,} open cases"
    if "note" in line:
        return [Line(title, "-", line["note"])]
    size = line["bytes_per_case"]
    verdict = "reached" if size < BYTES_TARGET else "missed"
    return [
        Line(f"{title}: resident memory", f"{size:,}", "bytes a case", f"< {BYTES_TARGET:,}", verdict),
        Line(f"{title}: entries, encoded", f"{line['entry_bytes_per_case']:,}", "bytes a case"),
        Line(f"{title}: casework", f"{line['us_per_report']:.1f}", "us a report"),
    ]


HEAD = Line("what", "figure", "unit", "target", "", "to bare")


def as_text(lines: Sequence[Line]) -> str:
    """Aligned columns for a terminal."""
    widths = [max(len(line[nth]) for line in (HEAD, *lines)) for nth in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.rjust(width) if nth == 1 else cell.ljust(width) for nth, (cell, width) in enumerate(pairs))
        .rstrip()
        for pairs in (list(zip(line, widths, strict=True)) for line in (HEAD, *lines))
    )  # fmt: skip


def as_markdown(lines: Sequence[Line]) -> str:
    """A table for docs/benchmarks.md."""
    rows = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([f"| {' | '.join(HEAD)} |", "|---|---:|---|---|---|---|", *rows])
