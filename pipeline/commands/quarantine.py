"""``wangge quarantine``: what was refused, why, and how to send it again; of a store, or of Kafka."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from pipeline.commands import quarantine_kafka as kafka
from pipeline.commands.options import JSON, as_document, table
from pipeline.commands.run import echo, responder_of
from pipeline.errors import ConfigFaults, Fault, StopRun
from pipeline.runtime import refused
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.running import RunRequest, run
from pipeline.runtime.workspace import Workspace
from pipeline.settings import kafka_settings_from, refuse_faulty, settings_from

STORE = click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="Folder of a store.")
KAFKA = click.option(
    "--kafka", "on_kafka", is_flag=True, help="The quarantine topic of the Kafka named by WANGGE_KAFKA."
)
REASON = click.option("--reason", default="", help="Only this reason, e.g. future_time.")


@click.group("quarantine")
def quarantine_command() -> None:
    """Refused records: list, show, mend, and replay them.

    \b
    Examples:
      wangge quarantine list --store S --reason future_time
      wangge quarantine mend ID --store S --set occurred_at=2026-03-16T08:00:00+08:00
      wangge quarantine replay --store S --dry-run
      wangge quarantine list --kafka --source hotline-12345 --since 36h
      wangge quarantine replay --kafka --reason unknown_schema --dry-run
    """


@quarantine_command.command("list")
@STORE
@KAFKA
@REASON
@kafka.FILTERS
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@JSON
def list_refused(
    store: Path | None, on_kafka: bool, reason: str, limit: int, as_json: bool, **filters: str | None
) -> None:
    """List refused records with field, value and remedy.

    \b
    Examples:
      wangge quarantine list --store S --limit 10
      wangge quarantine list --kafka --topic reports.hotline --since 2026-03-16T00:00:00+08:00 --json
    """
    _check(store, on_kafka, filters, on_topic=[lambda: kafka.wanted(reason, filters)])
    if store is None:
        kafka.list_refused(kafka.wanted(reason, filters), limit, as_json=as_json)
        return
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
@KAFKA
@click.option("--personal", is_flag=True, help="With --kafka: show texts and bytes; for the user desk only.")
@JSON
def show_refused(record: str, store: Path | None, on_kafka: bool, personal: bool, as_json: bool) -> None:
    """Show one refused record: with --store as it was sent (personal data), with --kafka masked.

    \b
    Examples:
      wangge quarantine show "file:hotline.avro:0:17" --store S
      wangge quarantine show reports.hotline:3:1742 --kafka
      wangge quarantine show reports.hotline:3:1742 --kafka --personal
    """
    _check(store, on_kafka, {"--personal": "" if on_kafka or not personal else "yes"})
    if store is None:
        kafka.show_refused(record, personal=personal, as_json=as_json)
        return
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
@KAFKA
@click.option("--set", "pairs", multiple=True, required=True, metavar="FIELD=VALUE", help="Corrected value of a field.")
@kafka.CITY
@click.option("--dry-run", is_flag=True, help="With --kafka: only say whether it would pass now.")
@JSON
def mend_refused(
    record: str, store: Path | None, on_kafka: bool, pairs: tuple[str, ...], city: Path | None, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Correct fields of one refused record: in a store for `wangge quarantine replay`, on Kafka it is sent at once.

    \b
    Examples:
      wangge quarantine mend "file:hotline.avro:0:17" --store S --set received_at=2026-03-16T08:00:00+08:00
      wangge quarantine mend reports.hotline:3:1742 --kafka --set lon=121.47 --set lat=31.23 --dry-run
    """
    given = {"--city": str(city or ""), "--dry-run": "" if on_kafka or not dry_run else "yes"}
    _check(store, on_kafka, given, lambda: _changes(pairs), on_topic=[settings_from])
    changes = _changes(pairs)
    if store is None:
        wish = kafka.wanted("", {}, record)
        kafka.send_again(wish, 1, changes, city=city, dry_run=dry_run, as_json=as_json)
        return
    with Workspace(store, create=False) as workspace:
        row = _row(workspace, record)
        mend = refused.Mends(workspace.folder / "kept").write(record, {"set": changes})
    click.echo(as_document({**row, "mend": mend}) if as_json else f"{record}: {mend['set']}")


@quarantine_command.command("replay")
@STORE
@KAFKA
@REASON
@kafka.FILTERS
@click.option("--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="With --kafka: corrected in each record.")
@kafka.CITY
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True)
@click.option("--dry-run", is_flag=True, help="Only say how many would pass now, and why the others would not.")
@JSON
def replay_refused(
    store: Path | None, on_kafka: bool, reason: str, pairs: tuple[str, ...], city: Path | None, limit: int,
    dry_run: bool, as_json: bool, **filters: str | None,
) -> None:  # fmt: skip
    """Send refused records again, with their corrections; those that would be refused again stay where they are.

    A record is sent once, however often this is called. The rules are those of today (--city as the workers have it).

    \b
    Examples:
      wangge quarantine replay --store S --reason missing_field --dry-run
      wangge quarantine replay --kafka --reason unknown_schema --until 10m --limit 1000 --dry-run
      wangge quarantine replay --kafka --source new-app --set datum=wgs84
    """
    given = {**filters, "--city": str(city or ""), "--set": " ".join(pairs)}
    readers = (lambda: _changes(pairs), settings_from)
    _check(store, on_kafka, given, *readers, on_topic=[lambda: kafka.wanted(reason, filters)])
    if store is None:
        wish = kafka.wanted(reason, filters)
        kafka.send_again(wish, limit, _changes(pairs), city=city, dry_run=dry_run, as_json=as_json)
        return
    settings = settings_from()
    with Workspace(store, create=False) as workspace:
        mends = refused.Mends(workspace.folder / "kept")
        topology = topology_of(load_city(settings.reference, workspace.city_folder), settings)
        rows = _unsent(workspace, mends.read(), reason, limit)
        passing, failing = _sorted(workspace, topology, mends.read(), rows)
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


def _check(
    store: Path | None, on_kafka: bool, for_kafka: Mapping[str, str | None], *readers: Callable[[], object],
    on_topic: Sequence[Callable[[], object]] = (),
) -> None:  # fmt: skip
    """Raise :class:`ConfigFaults` with all faults at once; those of Kafka and ``on_topic`` where that is meant."""
    servers = (kafka_settings_from, *on_topic) if on_kafka else ()
    refuse_faulty(lambda: _one_place(store, on_kafka, for_kafka), *readers, *servers)


def _one_place(store: Path | None, on_kafka: bool, for_kafka: Mapping[str, str | None]) -> None:
    """Raises :class:`ConfigFaults` for a store and Kafka, for neither, and for options of the other."""
    if on_kafka == (store is not None):
        raise ConfigFaults(
            [Fault("arguments", "--store", str(store or ""), "name a store or give --kafka, one of them")]
        )
    given = {name: value for name, value in for_kafka.items() if value}
    if store is not None and given:
        told = ((name if name.startswith("-") else f"--{name}", str(value)) for name, value in given.items())
        raise ConfigFaults([Fault("arguments", name, value, "only with --kafka") for name, value in told])


def _changes(pairs: tuple[str, ...]) -> dict[str, Any]:
    wrong = [pair for pair in pairs if not pair.partition("=")[1] or not pair.partition("=")[0]]
    if wrong:
        raise ConfigFaults([Fault("arguments", "--set", pair, "write FIELD=VALUE") for pair in wrong])
    return {name: _value(text) for name, _, text in (pair.partition("=") for pair in pairs)}


def _row(workspace: Workspace, record: str) -> dict[str, Any]:
    rows = workspace.tables().rows("SELECT * FROM quarantine WHERE fact_id = {id:String}", {"id": record})
    if not rows:
        message = f"no refused record {record!r}: `wangge quarantine list --store {workspace.folder}` lists them"
        raise StopRun(message)
    return {**rows[0], "id": record}


def _unsent(workspace: Workspace, mends: dict[str, Any], reason: str, limit: int) -> list[dict[str, Any]]:
    """The first so many that were not sent again yet, so that the next call goes on behind them."""
    sent = {record for record, mend in mends.items() if mend["sent"]}
    rows = refused.listed(workspace.tables(), reason, limit + len(sent))
    return [row for row in rows if row["id"] not in sent][:limit]


def _sorted(
    workspace: Workspace, topology: Any, mends: dict[str, Any], rows: list[dict[str, Any]]
) -> tuple[list[tuple[str, Any]], dict[str, int]]:
    """Records that would pass now, and the reasons of the others."""
    passing: list[tuple[str, Any]] = []
    failing: dict[str, int] = {}
    for row in rows:
        mend = mends.get(row["id"], {})
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
