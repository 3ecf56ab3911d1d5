"""``wangge canary``: a record for each way in, every minute, timed through the whole pipeline."""

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
from pipeline.errors import ConfigFaults, Fault, NeighbourAway
from pipeline.runtime.metrics import LANES
from pipeline.settings import clickhouse_settings_from, kafka_settings_from, refuse_faulty

if TYPE_CHECKING:
    from pipeline.runtime.canary import Canary, Sighting
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
@click.option("--lane", "lanes", multiple=True, type=click.Choice(LANES), help="Ways in; all without it.")
@click.option("--device", default="", help="A registered device: without one no canary goes the way of sensors.")
@click.option("--clickhouse/--no-clickhouse", default=False, help="Look for rows as well (WANGGE_CLICKHOUSE).")
@health_option("canary", "; not with --once")
@click.option("--once", is_flag=True, help="Send one for each way in, wait for them, print what was seen.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent; needs no Kafka.")
@JSON
def canary_command(
    every: float, patience: float, lanes: tuple[str, ...], device: str, clickhouse: bool, health: str, once: bool,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Send a canary for each way in and measure until it is a fact, and a row of ClickHouse.

    Canaries of reports are drills: they open no case and count in no indicator. Those of sensors have no samples. With
    --once the command ends with 1 when one was lost.

    \b
    Examples:
      wangge canary --clickhouse
      wangge canary --once --patience 20 --json
      wangge canary --lane hotline --lane sensor --device d1 --every 10
    """
    servers = [] if dry_run else [kafka_settings_from, *([clickhouse_settings_from] if clickhouse else [])]
    refuse_faulty(lambda: ways(lanes, device), lambda: place_of("--health", health), *servers)
    chosen = ways(lanes, device)
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


def ways(lanes: Sequence[str], device: str) -> tuple[str, ...]:
    """The ways in to try; the way of sensors only with a device. Raises :class:`ConfigFaults`."""
    if "sensor" in lanes and not device:
        raise ConfigFaults([Fault("arguments", "--device", "", "name a registered device for the lane sensor")])
    return tuple(lane for lane in lanes or LANES if lane != "sensor" or device)


def _planned(lanes: Sequence[str], device: str) -> str:
    from pipeline.runtime.canary import bird

    birds = [bird(lane, _now(), device) for lane in lanes]
    return as_document([{"lane": one.lane, "schema": one.schema, "record": one.fields} for one in birds])


def _opened(stack: ExitStack, lanes: Sequence[str], device: str, patience: float, clickhouse: bool) -> Canary:
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
    return Canary(sender, facts, instruments, _now, lanes, device, rows, patience)


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
    canary.release()
    seen: list[Sighting] = []
    while canary.aviary.awaited("fact") or canary.aviary.awaited("row"):
        seen += canary.look(LOOK_S)
    rows = [{"lane": one.lane, "reach": one.reach, "seconds": one.seconds} for one in seen]
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
