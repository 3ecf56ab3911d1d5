"""``wangge retry``: records that were put off go back when their time has come."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from pipeline.commands.options import JSON, as_document, table
from pipeline.commands.standing import DIE_AT, LOG_LEVEL, health_option, place_of, point_of, until_stopped
from pipeline.runtime.logs import log_to_stderr
from pipeline.settings import KafkaSettings, kafka_settings_from, refuse_faulty


@click.command("retry")
@health_option("retry")
@LOG_LEVEL
@click.option("--dry-run", is_flag=True, help="Say what waits and when it is due; send nothing.")
@DIE_AT
@JSON
def retry_command(health: str, log_level: str, dry_run: bool, die_at: str | None, as_json: bool) -> None:
    """Send records of retry.1m, retry.5m and retry.30m back to where they came from; stop it with SIGTERM or Ctrl-C.

    A record goes to the topic and partition that its header names, in one transaction with the position in the retry
    topic: once, whatever dies. After the third delay the worker quarantines it. One process is enough; a second one
    shares the partitions. It works as the user `desk`.

    \b
    Examples:
      wangge retry
      wangge retry --dry-run --json
      WANGGE_KAFKA_INSTANCE=retry-1 wangge retry --health 127.0.0.1:9616
    """
    refuse_faulty(lambda: place_of("--health", health), lambda: point_of(die_at), kafka_settings_from)
    kafka = kafka_settings_from()
    if dry_run:
        rows = _waiting(kafka)
        click.echo(as_document({"waiting": rows}) if as_json else table(rows))
        return
    log_to_stderr(log_level, as_json=as_json)
    _serve(kafka, place_of("--health", health), point_of(die_at))


def _serve(kafka: KafkaSettings, place: tuple[str, int], point: Any) -> None:
    from connectors.kafka.config import for_librdkafka
    from pipeline.runtime.health import served_at
    from pipeline.runtime.instruments import Instruments
    from pipeline.runtime.kafka.resending import Resender, joining, writing

    instruments = Instruments("retry", needs=("kafka",))
    config = for_librdkafka(kafka)
    name = f"{os.uname().nodename}-{os.getpid()}"
    member = Resender(
        kafka.prefix, joining(config, kafka), writing(config, kafka, name, point), instruments, point=point
    )
    with served_at(place, instruments):
        member.run(until_stopped())


def _waiting(kafka: KafkaSettings) -> list[dict[str, Any]]:
    """Records of each retry topic that were not sent back yet, and in how many seconds the first is due."""
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.faults import unheard
    from connectors.librdkafka.following import Follower
    from pipeline.runtime.kafka.resending import GROUP
    from pipeline.runtime.kafka.retries import DELAYS, DESK, due_at

    now = int(time.time() * 1000)
    names = [kafka.prefix + topic for topic in DELAYS]
    follower = Follower(for_librdkafka(kafka) | unheard(), names, kafka.prefix + DESK)
    found: dict[str, list[int]] = {topic: [] for topic in DELAYS}
    try:
        done = follower.committed(kafka.prefix + GROUP, follower.places)
        for batch in follower.read_to(follower.ends(names)):
            for one in batch:
                if one.offset >= done[one.topic, one.partition]:
                    topic = one.topic[len(kafka.prefix) :]
                    found[topic].append(due_at(topic, one.timestamp, now))
    finally:
        follower.close()
    return [
        {"topic": topic, "records": len(dues), "first_due_s": max(min(dues) - now, 0) // 1000 if dues else None}
        for topic, dues in found.items()
    ]
