"""``wangge models``: which models a city has, how they compare, and which are in force."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.commands.options import JSON, STORE, as_document, table
from pipeline.commands.train import about, card_text
from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.corrections import QUERIES, read_renamed, write_corrections
from pipeline.learning.modelfile import TASKS, read_model
from pipeline.learning.registry import Registry, Step
from pipeline.runtime.city import load_city
from pipeline.runtime.workspace import Workspace
from pipeline.settings import settings_from

FOLDER = click.Path(path_type=Path, file_okay=False)
TABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
DRY = click.option("--dry-run", is_flag=True, help="Check and say what would be done; change nothing.")
NOTE = click.option("--note", default="", help="Why, for the history.")


def registry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two ways to name the folder of models."""
    command = click.option("--registry", type=FOLDER, help="Folder of models.")(command)
    return click.option("--city", type=FOLDER, help="Overlay of a city: its models/ is meant.")(command)


def _registry(city: Path | None, registry: Path | None) -> Registry:
    if (city is None) == (registry is None):
        raise ConfigFaults([Fault("arguments", "--city", "", "give either --city or --registry")])
    return Registry(registry if registry is not None else city / "models")  # type: ignore[operator]  # one is given


@click.group("models")
def models_command() -> None:
    """List, compare, promote and roll back the models of a city.

    A run and a worker take the promoted models of their city when they start; a store that was begun under another
    model says so and is rebuilt with `wangge replay`.

    \b
    Examples:
      wangge models list --city out/city/city
      wangge models promote m.wmodel --city out/city/city --note "spring labels"
      wangge models rollback classify --city out/city/city
    """


@models_command.command("list")
@registry_option
@click.option("--history", is_flag=True, help="All changes instead of the models.")
@JSON
def list_models(city: Path | None, registry: Path | None, history: bool, as_json: bool) -> None:
    """Print the models of a city, or how what is in force came about.

    \b
    Examples:
      wangge models list --city out/city/city
      wangge models list --registry models --history --json
    """
    found = _registry(city, registry)
    rows = [msgspec.to_builtins(step) for step in found.history()] if history else _rows(found)
    click.echo(as_document(rows) if as_json else table(rows))


def _rows(found: Registry) -> list[dict[str, Any]]:
    force = found.in_force()
    return [
        {
            "version": card.version, "task": card.task, "in_force": force.get(card.task) == card.version,
            "dataset": card.dataset, "rows": card.rows, "trained": card.trained,
        }
        for card in found.cards()
    ]  # fmt: skip


@models_command.command("show")
@click.argument("model")
@registry_option
@JSON
def show_model(model: str, city: Path | None, registry: Path | None, as_json: bool) -> None:
    """Print the card of MODEL: a file, a version, or a task whose model is in force.

    \b
    Examples:
      wangge models show m.wmodel
      wangge models show classify --city out/city/city
    """
    where = _registry(city, registry) if city or registry else Registry(Path())
    card = read_model(where.path_of(model)).card
    click.echo(as_document(about(card)) if as_json else card_text(card))


@models_command.command("compare")
@click.argument("models", nargs=-1, required=True)
@registry_option
@JSON
def compare_models(models: tuple[str, ...], city: Path | None, registry: Path | None, as_json: bool) -> None:
    """Print the figures of MODELS beside each other, as each was measured when it was trained.

    \b
    Examples:
      wangge models compare m.wmodel other.wmodel
      wangge models compare classify new.wmodel --city out/city/city
    """
    where = _registry(city, registry) if city or registry else Registry(Path())
    cards = [read_model(where.path_of(model)).card for model in models]
    names = list(dict.fromkeys(name for card in cards for name in card.figures))
    rows: list[dict[str, Any]] = [{"figure": "rows"} | {card.version: card.rows for card in cards}]
    rows += [{"figure": name} | {card.version: card.figures.get(name) for card in cards} for name in names]
    click.echo(as_document(rows) if as_json else table(rows))


@models_command.command("promote")
@click.argument("model")
@registry_option
@NOTE
@DRY
@JSON
def promote_model(
    model: str, city: Path | None, registry: Path | None, note: str, dry_run: bool, as_json: bool
) -> None:
    """Put MODEL (a file or a version) in force for its task.

    \b
    Examples:
      wangge models promote m.wmodel --city out/city/city --dry-run
    """
    step = _registry(city, registry).promote(model, _now(), note, dry_run=dry_run)
    _echo(step, dry_run=dry_run, as_json=as_json)


@models_command.command("rollback")
@click.argument("task", type=click.Choice(TASKS))
@registry_option
@NOTE
@DRY
@JSON
def rollback_model(
    task: str, city: Path | None, registry: Path | None, note: str, dry_run: bool, as_json: bool
) -> None:
    """Put the model in force before, or the shipped default, in force again for TASK.

    \b
    Examples:
      wangge models rollback classify --city out/city/city --note "worse on roads"
    """
    step = _registry(city, registry).rollback(task, _now(), note, dry_run=dry_run)
    _echo(step, dry_run=dry_run, as_json=as_json)


@models_command.command("corrections")
@STORE
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The table to write.")
@click.option("--renamed", type=TABLE, help="CSV before,after of units, beside departments.csv.")
@JSON
def corrections(store: Path, out: Path, renamed: Path | None, as_json: bool) -> None:
    """Write what people corrected in a store (categories, units, merges) as labelled rows with where each comes from.

    Units that were renamed or merged get their present name: by merged_into of departments.csv, and by --renamed.

    \b
    Examples:
      wangge models corrections --store S --out corrections.csv
      wangge train classify --dataset taidi data/taidi --corrections corrections.csv --out m.wmodel
    """
    with Workspace(store, create=False) as workspace:
        reference = load_city(settings_from().reference, workspace.city_folder).reference
        names = {row.id: row.merged_into for row in reference.tables.departments if row.merged_into}
        names |= read_renamed(renamed) if renamed is not None else {}
        found = {task: workspace.tables().rows(sql) for task, sql in QUERIES.items()}
    count = write_corrections(out, found, names)
    done = {"written": str(out), "rows": count}
    click.echo(as_document(done) if as_json else f"{count} corrections written to {out}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _echo(step: Step, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(as_document(msgspec.to_builtins(step) | {"dry_run": dry_run}))
        return
    would = "would be" if dry_run else "is now"
    click.echo(f"{step.task}: {step.version or 'the shipped default'} {would} in force")
