"""``wangge canary``: a record for each channel, every minute, timed through the whole pipeline."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.options import JSON, as_document, table
from pipeline.commands.standing import health_option, place_of
from pipeline.errors import NeighbourAway
from pipeline.runtime.birds import Perch, bird
from pipeline.runtime.metrics import LANES
from pipeline.runtime.perches import Wish, perches
from pipeline.settings import clickhouse_settings_from, kafka_settings_from, refuse_faulty

if TYPE_CHECKING:
    from pipeline.runtime.canary import Canary
    from pipeline.runtime.instruments import Instruments

LOST = 1
"""Exit code of ``--once`` when a canary was not seen."""
LOOK_S = 0.25
ROWS = "SELECT fact_id FROM {database}.reports WHERE fact_id IN %(ids)s"


@click.command("canary")
@click.option("--every", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds between canaries.")
@click.option(
    "--patience", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds until one is lost."
)
@click.option("--channel", "channels", multiple=True, metavar="NAME", help="Channels; all without it and --lane.")
@click.option("--lane", "lanes", multiple=True, type=click.Choice(LANES), help="All channels of a way in.")
@click.option("--mapping", "mappings", multiple=True, metavar="FILE", help="A channel's mapping file elsewhere.")
@click.option("--device", default="", help="A registered device: without one no canary goes the way of sensors.")
@click.option("--clickhouse/--no-clickhouse", default=False, help="Look for rows as well (WANGGE_CLICKHOUSE).")
@health_option("canary", "; not with --once")
@click.option("--once", is_flag=True, help="Send one for each channel, wait for them, print what was seen.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent; needs no Kafka.")
@JSON
def canary_command(
    every: float, patience: float, channels: tuple[str, ...], lanes: tuple[str, ...], mappings: tuple[str, ...],
    device: str, clickhouse: bool, health: str, once: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Send a canary for each channel and measure until it is a fact, and a row of ClickHouse.

    Each mapping file is a channel, beside records in our own schemas: grid-worker, hotline, report, urgent, sensor.
    Canaries of reports are drills: they open no case and count in no indicator. Those of sensors have no samples. With
    --once the command ends with 1 when one was lost.

    \b
    Examples:
      wangge canary --clickhouse
      wangge canary --once --patience 20 --json
      wangge canary --channel police-110 --lane sensor --device d1 --every 10
      wangge canary --mapping street-app.yaml --channel street-app --dry-run
    """
    wish = Wish(channels, lanes, mappings, device)
    servers = [] if dry_run else [kafka_settings_from, *([clickhouse_settings_from] if clickhouse else [])]
    refuse_faulty(lambda: perches(wish, _now()), lambda: place_of("--health", health), *servers)
    chosen = perches(wish, _now())
    if dry_run:
        click.echo(_planned(chosen, device))
        return
    with ExitStack() as stack:
        canary = _opened(stack, chosen, device, patience, clickhouse)
        if once:
            sys.exit(_once(canary, as_json=as_json))
        from pipeline.runtime.health import served_at

        stack.enter_context(served_at(place_of("--health", health), canary.instruments))
        _for_ever(canary, every)


def _planned(chosen: Sequence[Perch], device: str) -> str:
    birds = [bird(perch, _now(), device) for perch in chosen]
    return as_document(
        [
            {"channel": one.perch.channel, "lane": one.perch.lane, "schema": one.perch.schema, "record": one.fields}
            | ({"mapped_from": one.given} if one.given is not None else {})
            for one in birds
        ]
    )


def _opened(stack: ExitStack, chosen: Sequence[Perch], device: str, patience: float, clickhouse: bool) -> Canary:
    """Everything the canaries need, closed with ``stack``."""
    from connectors.kafka.publisher import Publisher
    from connectors.kafka.tail import Tail
    from pipeline.runtime.canary import FACT_TOPICS, Canary
    from pipeline.runtime.instruments import Instruments

    settings = kafka_settings_from()
    instruments = Instruments("canary", needs=("kafka", *(["clickhouse"] if clickhouse else [])))
    rows = _rows(stack, instruments) if clickhouse else None
    facts = stack.enter_context(Tail(settings, FACT_TOPICS))
    sender = Publisher(settings)
    stack.callback(sender.abandon)
    instruments.ready("kafka", True)
    return Canary(sender, facts, instruments, _now, chosen, device, rows, patience)


def _rows(stack: ExitStack, instruments: Instruments) -> Any:
    """Which of some facts ClickHouse has; none while it is away."""
    from connectors.sinks.clickhouse.server import Server

    settings = clickhouse_settings_from()
    server = Server(settings, patience=5.0)
    stack.callback(server.close)

    def rows(ids: Sequence[str]) -> Iterable[str]:
        try:
            found = [str(row[0]) for row in server.rows(ROWS.format(database=settings.database), {"ids": tuple(ids)})]
        except NeighbourAway:
            instruments.ready("clickhouse", False)
            return ()
        instruments.ready("clickhouse", True)
        return found

    return rows


def _once(canary: Canary, *, as_json: bool) -> int:
    seen = canary.release()
    while canary.aviary.awaited("fact") or canary.aviary.awaited("row"):
        seen += canary.look(LOOK_S)
    rows = [
        {"channel": one.perch.channel, "lane": one.perch.lane, "reach": one.reach, "seconds": one.seconds}
        for one in seen
    ]
    click.echo(as_document(rows) if as_json else table(rows))
    return LOST if any(one.seconds is None for one in seen) else 0


def _for_ever(canary: Canary, every: float) -> None:
    """Until a signal ends it."""
    ended: list[int] = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, frame: ended.append(number))
    due = time.monotonic()
    while not ended:
        if time.monotonic() >= due:
            due += every
            _tried(canary, canary.release)
        _tried(canary, lambda: canary.look(LOOK_S))


def _tried(canary: Canary, step: Any) -> None:
    """A neighbour that is away shows in what is lost; the canary itself goes on."""
    try:
        step()
    except NeighbourAway:
        canary.instruments.ready("kafka", False)
        canary.instruments.touched()
        time.sleep(LOOK_S)
    else:
        canary.instruments.ready("kafka", True)


def _now() -> int:
    return int(time.time() * 1000)
