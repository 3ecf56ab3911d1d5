"""``wangge spotter``: emergencies out of the backlog."""

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path

import click

from pipeline.commands.options import JSON, as_document
from pipeline.commands.standing import LOG_LEVEL, health_option, place_of, until_stopped
from pipeline.settings import kafka_settings_from, refuse_faulty, settings_from

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("spotter")
@click.option("--city", type=FOLDER, help="Reference overlay of the city.")
@health_option("spotter")
@click.option("--give-way", is_flag=True, help="Rest in between while emergencies come on reports.urgent.")
@LOG_LEVEL
@click.option("--dry-run", is_flag=True, help="Say what would be read, written and looked for; needs no Kafka.")
@JSON
def spotter_command(
    city: Path | None, health: str, give_way: bool, log_level: str, dry_run: bool, as_json: bool
) -> None:
    """Read reports ahead of the workers and copy what speaks of danger into reports.spotted; stop it with SIGTERM.

    The words are those of emergency_words.csv. A report that is copied needlessly costs a little work and changes
    nothing: what it is the worker decides, and of the copy and the original only the first counts.

    \b
    Examples:
      wangge spotter
      wangge spotter --city out/city/city --health 127.0.0.1:9613
      nice -n 5 wangge spotter --give-way
      wangge spotter --dry-run --json
    """
    from pipeline.runtime.city import load_city
    from pipeline.runtime.kafka.spotter import GROUP, LANE, SOURCES

    refuse_faulty(lambda: place_of("--health", health), kafka_settings_from, settings_from)
    kafka = kafka_settings_from()
    rules = load_city(settings_from().reference, city)
    words = sorted({row.word for row in rules.reference.tables.emergency_words})
    if dry_run:
        plan = {
            "group": kafka.prefix + GROUP, "reads": [kafka.prefix + topic for topic in SOURCES],
            "writes": kafka.prefix + LANE, "words": words,
        }  # fmt: skip
        lines = [f"{name}: {', '.join(one) if isinstance(one, list) else one}" for name, one in plan.items()]
        click.echo(as_document(plan) if as_json else "\n".join(lines))
        return
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _serve(words, rules.version, place_of("--health", health), give_way)


def _serve(words: list[str], rules: str, place: tuple[str, int], give_way: bool) -> None:
    from connectors.kafka.config import for_librdkafka
    from connectors.kafka.contract import URGENT
    from connectors.librdkafka.hearing import Hearing
    from connectors.librdkafka.sending import Sender
    from pipeline.runtime.health import served_at
    from pipeline.runtime.instruments import Instruments
    from pipeline.runtime.kafka.spotter import GROUP, Spotter, joining
    from pipeline.runtime.kafka.spotting import spotter

    kafka = kafka_settings_from()
    instruments = Instruments("spotter", needs=("kafka",))
    instruments.build(version("wangge"), rules)
    config = for_librdkafka(kafka)
    member = Spotter(kafka.prefix, joining(config, kafka), lambda: Sender(config), spotter(words), instruments)
    if give_way:
        Hearing(config, kafka.prefix + URGENT, kafka.prefix + GROUP, member.alert.heard).start()
    with served_at(place, instruments):
        member.run(until_stopped())
