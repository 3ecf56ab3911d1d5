"""``wangge evaluate``: how often decisions are right, with peers' rules on the same rows beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import JSON, QUIET, as_document, table
from pipeline.commands.train import DATASET
from pipeline.evaluation.report import EvaluateRequest, Figures, Report
from pipeline.evaluation.tasks import TASKS, evaluator
from pipeline.learning.request import silent


@click.command("evaluate")
@click.argument("task", type=click.Choice(TASKS))
@DATASET
@click.option(
    "--model", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A model of `wangge train`."
)
@click.option(
    "--truth", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Truth that lies elsewhere."
)
@click.option(
    "--after",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="All rows are fed in order of time; score only those after this share.",
)
@click.option("--part", default="", help="Score this table only of a set of several (chicago311: sanitation).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the intervals by bootstrap.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Run peers' rules on the same rows too.")
@QUIET
@JSON
def evaluate_command(
    task: str, dataset: tuple[str, Path], model: Path | None, truth: Path | None, after: float, part: str,
    seed: int, peers: bool, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure the decisions of TASK on a labelled set; without --model the shipped default.

    Sets are folders in the layout that `wangge import` reads; `simulated` takes a folder of `wangge simulate`.

    \b
    Examples:
      wangge evaluate classification --dataset taidi data/taidi --model m.wmodel
      wangge evaluate classification --dataset simulated out/city --json
    """
    say = silent if quiet else (lambda text: click.echo(text, err=True))
    asked = EvaluateRequest(dataset[0], dataset[1], model, truth, after, seed, peers, part, say)
    report = evaluator(task)(asked)
    click.echo(as_document(report) if as_json else report_text(report))


def report_text(report: Report) -> str:
    """A report as tables."""
    parts = [f"{report.task} on {report.dataset}: {report.rows:,} rows, {report.model}"]
    parts += [f"! {note}" if note.startswith("WARNING") else f"note: {note}" for note in report.notes]
    parts.append(table([_figure(report, name) for name in report.figures]))
    if report.peers:
        parts.append("beside it, on the same rows\n" + _by_name("method", report.peers))
    if report.per_class:
        parts.append(_by_name("class", report.per_class))
    parts += [_by_name(name, values) for name, values in report.slices.items()]
    return "\n\n".join(parts)


def _figure(report: Report, name: str) -> dict[str, Any]:
    low, high = report.intervals.get(name, (None, None))
    interval = f"{low:.4g} to {high:.4g}" if low is not None and high is not None else ""
    return {"figure": name, "value": float(report.figures[name]), "95 %": interval}


def _by_name(title: str, values: dict[str, Figures]) -> str:
    columns = list(dict.fromkeys(column for figures in values.values() for column in figures))
    rows = [{title: name, **{key: float(one) for key, one in figures.items()}} for name, figures in values.items()]
    return table(rows, [title, *columns])
