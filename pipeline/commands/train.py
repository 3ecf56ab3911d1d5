"""``wangge train``: models from labelled rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.commands.options import JSON, QUIET, as_document
from pipeline.learning.modelfile import Card
from pipeline.learning.request import TrainRequest, silent
from pipeline.learning.trainers import TASKS, trainer

DATASET = click.option(
    "--dataset", nargs=2, type=(str, click.Path(path_type=Path, exists=True, file_okay=False)), required=True,
    metavar="NAME FOLDER", help="The set and the folder it lies in.",
)  # fmt: skip


@click.command("train")
@click.argument("task", type=click.Choice(TASKS))
@DATASET
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The model file to write.")
@click.option(
    "--until",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Learn only from the first rows by time up to this share.",
)
@click.option(
    "--corrections",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For classify: corrections by people as labelled rows (`wangge models corrections`).",
)
@click.option("--part", default="", help="Learn from this table only of a set of several (chicago311: sanitation).")
@click.option("--seed", type=int, default=0, show_default=True, help="Same rows, same seed and same day, same bytes.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Day for the model card; today without it.")
@QUIET
@JSON
def train_command(
    task: str, dataset: tuple[str, Path], out: Path, until: float, corrections: Path | None, part: str, seed: int,
    day: datetime | None, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train a model for TASK and write it with its card; nothing of a running city changes until it is promoted.

    \b
    Examples:
      wangge train classify --dataset taidi data/taidi --out m.wmodel
      wangge train classify --dataset taidi data/taidi --out m.wmodel --seed 7 --json
      wangge models promote m.wmodel --city city      put it in force
    """
    day_text = (day or datetime.now(UTC)).strftime("%Y-%m-%d")
    say = silent if quiet else _told
    request = TrainRequest(dataset[0], dataset[1], out, until, seed, day_text, corrections, part, say)
    card = trainer(task)(request)
    click.echo(as_document(about(card)) if as_json else card_text(card) + f"\nwritten: {out}")


def _told(text: str) -> None:
    click.echo(text, err=True)


def about(card: Card) -> dict[str, Any]:
    """A card as people read it, without the sample of hashes."""
    document: dict[str, Any] = msgspec.to_builtins(card)
    del document["rows_sample"]
    return document


def card_text(card: Card) -> str:
    """A card as text, a line a field."""
    fields = about(card)
    figures = fields.pop("figures")
    if card.span is not None:
        fields["span"] = [datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="minutes") for at in card.span]
    lines = [f"{name}: {_short(value)}" for name, value in fields.items() if value not in ("", [], None)]
    return "\n".join([*lines, *(f"  {name}: {value:.4g}" for name, value in figures.items())])


def _short(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(map(str, value[:12]))
    return f"{shown}, … ({len(value)})" if len(value) > 12 else shown
