"""``wangge sink``: facts from Kafka to ClickHouse, each exactly once."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pipeline.commands.options import JSON, as_document
from pipeline.commands.standing import health_option, place_of
from pipeline.errors import ConfigFaults, Fault
from pipeline.settings import clickhouse_settings_from, kafka_settings_from, refuse_faulty

if TYPE_CHECKING:
    from connectors.sinks.clickhouse.faultpoints import FaultPoints
    from connectors.sinks.clickhouse.figures import SinkFigures
    from pipeline.runtime.health import HealthServer

GIVE_UP_S = 300.0


@click.command("sink")
@click.option("--writers", type=click.IntRange(1, 32), default=2, show_default=True, help="Inserts at the same time.")
@click.option("--records", type=click.IntRange(1, 200_000), default=20_000, show_default=True, help="Most in a block.")
@click.option("--age-ms", type=click.IntRange(10, 60_000), default=500, show_default=True, help="Longest wait.")
@click.option("--memory-mb", type=click.IntRange(1, 65_536), default=64, show_default=True, help="Records that wait.")
@click.option("--patience", type=click.FloatRange(1, 600), default=30, show_default=True, help="Seconds of a query.")
@click.option("--until-done", is_flag=True, help="End when everything readable is written.")
@click.option(
    "--give-up",
    type=click.FloatRange(1),
    default=GIVE_UP_S,
    show_default=True,
    help="With --until-done: seconds that ClickHouse or Kafka may be away until it ends.",
)
@click.option("--accept-gap", is_flag=True, help="Go on where the log begins although records before it are lost.")
@click.option("--rebuild-changed", is_flag=True, help="Write a planned block whose records changed since.")
@health_option("sink", "; with --until-done only where it is given")
@click.option("--fault-point", "points", multiple=True, hidden=True, help="NAME:N, for fault tests.")
@JSON
def sink_command(
    writers: int, records: int, age_ms: int, memory_mb: int, patience: float, until_done: bool, give_up: float,
    accept_gap: bool, rebuild_changed: bool, health: str, points: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Write facts and refused records from Kafka to the tables of ClickHouse; stop it with SIGTERM or Ctrl-C.

    Start as many as are needed, they share the partitions. The plan of every block is committed to Kafka before the
    block is inserted, so a sink that is killed at any moment leaves nothing behind that another would lose or write
    twice. While ClickHouse is away, reading pauses; with --until-done for so long at most as --give-up says, then it
    ends with 3. The tables are made by `wangge migrate`.

    \b
    Examples:
      wangge sink                                       run until stopped
      wangge sink --health 127.0.0.1:9612               a second one on this machine
      wangge sink --until-done --json                   write what is there, then print figures
      WANGGE_CLICKHOUSE=ch1:9000 WANGGE_KAFKA=k1:9092 wangge sink --writers 4
    """
    from connectors.sinks.clickhouse.consumer import Options
    from connectors.sinks.clickhouse.figures import SinkFigures
    from connectors.sinks.clickhouse.flush import Limits
    from connectors.sinks.clickhouse.process import log_as_json, run_sink
    from pipeline.runtime.collector import SERVER, ease_collector

    refuse_faulty(
        lambda: place_of("--health", health), lambda: _armed(points), lambda: _ending(until_done), kafka_settings_from,
        clickhouse_settings_from,
    )  # fmt: skip
    limits = Limits(records=records, least_records=min(500, records), longest_ms=age_ms, shortest_ms=min(200, age_ms))
    options = Options(
        limits, memory_mb * 1_000_000, points=_armed(points), accept_gap=accept_gap, rebuild_changed=rebuild_changed
    )  # fmt: skip
    figures = SinkFigures()
    log_as_json()
    ease_collector(SERVER)
    with _watched(figures, health) if not until_done or _is_given("health") else nullcontext():
        asyncio.run(
            run_sink(
                kafka_settings_from(), clickhouse_settings_from(), options, writers=writers, patience=patience,
                until_done=until_done, give_up=give_up if until_done else None, figures=figures,
            )
        )  # fmt: skip
    if as_json:
        click.echo(as_document(figures.document()))
    else:
        click.echo(f"{figures.records} records, {figures.rows} rows in {figures.blocks} blocks", err=True)


def _armed(points: tuple[str, ...]) -> FaultPoints:
    """Where this process is to die or to hang. Raises :class:`ConfigFaults`."""
    from connectors.sinks.clickhouse.faultpoints import FaultPoints

    try:
        return FaultPoints.from_text(points)
    except ValueError as fault:
        raise ConfigFaults([Fault("arguments", "--fault-point", ", ".join(points), str(fault))]) from fault


def _ending(until_done: bool) -> None:
    """Who does not end by itself never gives up. Raises :class:`ConfigFaults`."""
    if _is_given("give_up") and not until_done:
        raise ConfigFaults([Fault("arguments", "--give-up", "without --until-done", "give both, or leave it out")])


def _is_given(option: str) -> bool:
    """Whether an option was written, not left at what is usual."""
    return click.get_current_context().get_parameter_source(option) is not ParameterSource.DEFAULT


def _watched(figures: SinkFigures, health: str) -> HealthServer:
    """Have the instruments watch, and a server tell what they see."""
    from pipeline.runtime.health import served_at
    from pipeline.runtime.instruments import Instruments

    figures.watch = watch = Instruments("sink", needs=("clickhouse", "kafka"))
    return served_at(place_of("--health", health), watch, figures.document)
