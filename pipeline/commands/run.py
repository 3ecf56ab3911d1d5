"""``wangge run``: the main job on the embedded default."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import JSON, QUIET, STORE, as_document, called_as, warn_of_key
from pipeline.commands.progress import Progress
from pipeline.commands.summary import run_summary
from pipeline.runtime.answers import Responder
from pipeline.runtime.running import RunRequest, run
from pipeline.runtime.workspace import Workspace
from pipeline.settings import settings_from
from pipeline.simulation.behaviour import Behaviour
from pipeline.simulation.responder import Responder as SimulatedAnswers

ALL_REFUSED = 1
"""Exit code when not one record was fit to be taken."""
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("run")
@click.argument("inputs", nargs=-1, type=click.Path(path_type=Path, exists=True, allow_dash=True))
@STORE
@click.option("--city", type=FOLDER, help="Reference overlay of the city.")
@click.option("--schema", help="Schema of JSON Lines or CSV that do not name it, e.g. HotlineOrder.")
@click.option("--mapping", help="Mapping file or name for the shape of another system, e.g. open311.")
@click.option(
    "--answers/--no-answers",
    default=True,
    show_default=True,
    help="Let the departments and citizens of a simulated city answer; decided when the store is begun.",
)
@click.option(
    "--max-refused", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share of refusals that stops."
)
@QUIET
@JSON
def run_command(
    inputs: tuple[Path, ...], store: Path, city: Path | None, schema: str | None, mapping: str | None,
    answers: bool, max_refused: float, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take INPUTS (files, folders or - for standard input) to cases in STORE.

    A folder with inputs/ and city/ (as `wangge simulate` and `wangge import` write it) brings its city along. Killed at
    any moment, the same command continues; inputs that were taken before are not taken again.

    \b
    Examples:
      wangge run out/boston --store stores/boston
      wangge run orders.csv --schema HotlineOrder --store S
      zcat 110.jsonl.gz | wangge run - --mapping police-110 --store S --json
    """
    settings = settings_from()
    warn_of_key(settings)
    request = RunRequest(inputs, city or city_of(inputs), schema, mapping, responder_of, max_refused, answers)
    with Workspace(store) as workspace, Progress(enabled=not quiet and sys.stderr.isatty()) as progress:
        result = run(workspace, request, settings, progress.show)
    echo(result, as_json)
    refused = result["counts"]["quarantined"]["total"]
    if result["records"] and refused == result["counts"]["received"]["total"]:
        click.echo(f"every record was refused: `{called_as()} quarantine list --store {store}` says why", err=True)
        sys.exit(ALL_REFUSED)


def responder_of(city: Path) -> Responder | None:
    """Who answers in a simulated city; nobody in a real one."""
    behaviour = city / "behaviour.json"
    return SimulatedAnswers(Behaviour.load(behaviour)) if behaviour.exists() else None


def city_of(inputs: tuple[Path, ...]) -> Path | None:
    """The city that came with the inputs."""
    folders = [path / "city" for path in inputs if (path / "inputs").is_dir() and (path / "city").is_dir()]
    return folders[0] if folders else None


def echo(result: dict[str, Any], as_json: bool) -> None:
    """Print a result."""
    click.echo(as_document(result) if as_json else run_summary(result))
