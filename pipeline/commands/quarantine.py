"""``wangge quarantine``: what was refused, why, and how to send it again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.commands.options import JSON, STORE, as_document, table
from pipeline.commands.run import echo, responder_of
from pipeline.errors import StopRun
from pipeline.runtime import refused
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.running import RunRequest, run
from pipeline.runtime.workspace import Workspace
from pipeline.settings import settings_from

REASON = click.option("--reason", default="", help="Only this reason, e.g. future_time.")


@click.group("quarantine")
def quarantine_command() -> None:
    """Refused records: list, show, mend, and replay them.

    \b
    Examples:
      wangge quarantine list --store S --reason future_time
      wangge quarantine mend ID --store S --set occurred_at=2026-03-16T08:00:00+08:00
      wangge quarantine replay --store S --dry-run
    """


@quarantine_command.command("list")
@STORE
@REASON
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@JSON
def list_refused(store: Path, reason: str, limit: int, as_json: bool) -> None:
    """List refused records with field, value and remedy.

    \b
    Example:
      wangge quarantine list --store S --limit 10
    """
    with Workspace(store, create=False) as workspace:
        rows = refused.listed(workspace.tables(), reason, limit)
        by_reason = workspace.tables().rows(refused.COUNTED)
    if as_json:
        click.echo(as_document({"records": rows, "by_reason": by_reason}))
    else:
        click.echo(table(by_reason) + "\n\n" + table(rows))


@quarantine_command.command("show")
@click.argument("record")
@STORE
@JSON
def show_refused(record: str, store: Path, as_json: bool) -> None:
    """Show one refused record with its bytes (personal data: they are read from the kept input).

    \b
    Example:
      wangge quarantine show "file:hotline.avro:0:17" --store S
    """
    with Workspace(store, create=False) as workspace:
        row = _row(workspace, record)
        arrival, _ = refused.original(workspace.kept, row)
        row["mend"] = refused.Mends(workspace.folder / "kept").read().get(record, {})
    row["body"] = dict(arrival.body) if arrival.body is not None else None
    row["raw"] = arrival.raw.decode("utf-8", "backslashreplace")
    click.echo(as_document(row) if as_json else "\n".join(f"{name:<8}{value}" for name, value in row.items()))


@quarantine_command.command("mend")
@click.argument("record")
@STORE
@click.option("--set", "pairs", multiple=True, required=True, metavar="FIELD=VALUE", help="Corrected value of a field.")
@JSON
def mend_refused(record: str, store: Path, pairs: tuple[str, ...], as_json: bool) -> None:
    """Correct fields of one refused record; `wangge quarantine replay` sends it.

    \b
    Example:
      wangge quarantine mend "file:hotline.avro:0:17" --store S --set received_at=2026-03-16T08:00:00+08:00
    """
    with Workspace(store, create=False) as workspace:
        row = _row(workspace, record)
        changes = {name: _value(text) for name, _, text in (pair.partition("=") for pair in pairs)}
        mend = refused.Mends(workspace.folder / "kept").write(record, {"set": changes})
    click.echo(as_document({**row, "mend": mend}) if as_json else f"{record}: {mend['set']}")


@quarantine_command.command("replay")
@STORE
@REASON
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True)
@click.option("--dry-run", is_flag=True, help="Only say how many would pass now.")
@JSON
def replay_refused(store: Path, reason: str, limit: int, dry_run: bool, as_json: bool) -> None:
    """Send refused records again, with their corrections; those that would be refused again stay where they are.

    \b
    Example:
      wangge quarantine replay --store S --reason missing_field --dry-run
    """
    settings = settings_from()
    with Workspace(store, create=False) as workspace:
        mends = refused.Mends(workspace.folder / "kept")
        topology = topology_of(load_city(settings.reference, workspace.city_folder), settings)
        passing, failing = _sorted(workspace, topology, mends.read(), refused.listed(workspace.tables(), reason, limit))
        if dry_run or not passing:
            result = {"would_pass": len(passing), "refused_again": failing, "sent": 0}
            click.echo(as_document(result) if as_json else "\n".join(f"{k}: {v}" for k, v in result.items()))
            return
        with tempfile.TemporaryDirectory() as folder:
            file = _written(Path(folder), passing)
            answers = run(workspace, RunRequest([file], None, None, None, responder_of), settings, lambda *_: None)
        for record, _ in passing:
            mends.write(record, {"sent": True})
    echo({**answers, "sent": len(passing), "refused_again": failing}, as_json)


def _row(workspace: Workspace, record: str) -> dict[str, Any]:
    rows = workspace.tables().rows("SELECT * FROM quarantine WHERE fact_id = {id:String}", {"id": record})
    if not rows:
        message = f"no refused record {record!r}: `wangge quarantine list --store {workspace.folder}` lists them"
        raise StopRun(message)
    return {**rows[0], "id": record}


def _sorted(
    workspace: Workspace, topology: Any, mends: dict[str, Any], rows: list[dict[str, Any]]
) -> tuple[list[tuple[str, Any]], dict[str, int]]:
    """Records that would pass now, and the reasons of the others."""
    passing: list[tuple[str, Any]] = []
    failing: dict[str, int] = {}
    for row in rows:
        mend = mends.get(row["id"], {})
        if mend.get("sent"):
            continue
        arrival = refused.mended(workspace.kept, row, mend)
        why = refused.would_pass(topology, arrival, row, mend)
        if why:
            failing[why] = failing.get(why, 0) + 1
        else:
            passing.append((row["id"], arrival))
    return passing, failing


def _written(folder: Path, passing: list[tuple[str, Any]]) -> Path:
    """The mended records as one input, named by what is in it so that the same mends are taken once."""
    lines = [msgspec.json.encode({"schema": arrival.schema, "body": dict(arrival.body)}) for _, arrival in passing]
    file = folder / "mended.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def _value(text: str) -> Any:
    """A corrected value: JSON where it is JSON, else the text."""
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.MsgspecError:
        return text
