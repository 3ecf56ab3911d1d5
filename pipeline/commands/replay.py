"""``wangge replay`` and ``wangge forget``: rebuild a store from its kept input; let the kept input go."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands.options import JSON, QUIET, STORE, as_document
from pipeline.commands.progress import Progress
from pipeline.commands.run import echo, responder_of
from pipeline.runtime.running import RunRequest, run
from pipeline.runtime.workspace import Workspace
from pipeline.settings import settings_from


@click.command("replay")
@STORE
@click.option("--dry-run", is_flag=True, help="Only say what would be read again.")
@QUIET
@JSON
def replay_command(store: Path, dry_run: bool, quiet: bool, as_json: bool) -> None:
    """Drop tables and state of STORE and make them again from the kept input (the same input gives the same bytes).

    Use it after a change of rules. Stopped in between, the next `wangge run` or `wangge replay` goes on or begins anew.
    However many records are refused, it does not stop: they were let in once.

    \b
    Examples:
      wangge replay --store S --dry-run
      wangge replay --store S
    """
    settings = settings_from()
    with Workspace(store, create=False) as workspace, Progress(enabled=not quiet and sys.stderr.isatty()) as progress:
        groups = workspace.kept.groups()
        inputs = [kept.name for group in groups for kept in group.inputs]
        if dry_run:
            size = sum(kept.size for group in groups for kept in group.inputs)
            result = {"inputs": inputs, "bytes": size}
            click.echo(as_document(result) if as_json else f"{len(inputs)} inputs, {size:,} bytes would be read again")
            return
        workspace.forget_derived()
        result = run(workspace, RunRequest([], responder=responder_of, max_refused=1.0), settings, progress.show)
    echo(result, as_json)


@click.command("forget")
@STORE
@click.option("--yes", is_flag=True, help="Really remove it; without this only say what would go.")
@JSON
def forget_command(store: Path, yes: bool, as_json: bool) -> None:
    """Remove the kept input of STORE (personal data). Tables stay; a replay is not possible any more.

    \b
    Example:
      wangge forget --store S --yes
    """
    with Workspace(store, create=False) as workspace:
        count = sum(len(group.inputs) for group in workspace.kept.groups())
        if yes:
            workspace.forget_kept()
    result = {"inputs": count, "removed": yes}
    verb = "removed" if yes else "would be removed (give --yes)"
    click.echo(as_document(result) if as_json else f"{count} kept inputs {verb}")
