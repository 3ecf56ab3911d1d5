"""``wangge quarantine … --kafka``: refused records of the quarantine topic."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.options import as_document, at_text, moment, table
from pipeline.errors import ConfigFaults, Fault, Reason, StopRun
from pipeline.settings import KafkaSettings, kafka_settings_from, refuse_faulty, settings_from

if TYPE_CHECKING:
    from pipeline.runtime.kafka.refused_records import Judge, Refused, Wanted
    from pipeline.runtime.kafka.sending_again import Again

Command = Callable[..., Any]
CITY = click.option(
    "--city", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --kafka: reference overlay of the city, as the workers have it.",
)  # fmt: skip
COLUMNS = ["id", "refused", "schema", "source", "reason", "field", "value", "attempts", "sent", "remedy"]


def FILTERS(command: Command) -> Command:
    """Which records of the topic."""
    for option in (
        click.option("--until", help="With --kafka: refused before this time."),
        click.option("--since", help="With --kafka: refused at or after this time (ISO 8601, or 36h for hours ago)."),
        click.option("--source", help="With --kafka: only this source system."),
        click.option("--topic", help="With --kafka: only records that came in on this topic."),
    ):
        command = option(command)
    return command


def wanted(reason: str, filters: Mapping[str, str | None], record: str = "") -> Wanted:
    """What the options ask for. Raises :class:`ConfigFaults`."""
    from pipeline.runtime.kafka.refused_records import Wanted

    now = int(time.time() * 1000)
    bounds = [partial(moment, f"--{name}", filters.get(name), now) for name in ("since", "until")]
    refuse_faulty(lambda: _known(reason), *bounds)
    since, until = (bound() for bound in bounds)
    return Wanted(reason, filters.get("topic") or "", filters.get("source") or "", since, until, record)


def _known(reason: str) -> None:
    if reason and reason not in {*Reason}:
        raise ConfigFaults([Fault("arguments", "--reason", reason, f"use one of {', '.join(Reason)}")])


def list_refused(wish: Wanted, limit: int, *, as_json: bool) -> None:
    """Print the first so many and how many there are of each reason."""
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.faults import unheard
    from pipeline.runtime.kafka.refused_records import refused_records
    from pipeline.runtime.kafka.sending_again import sent_before

    kafka = kafka_settings_from()
    config = for_librdkafka(kafka) | unheard()
    notes = sent_before(config, kafka.prefix)
    counts: Counter[tuple[str, str, str]] = Counter()
    rows: list[dict[str, Any]] = []
    for one in refused_records(config, kafka.prefix, wish):
        counts[one.fact.reason, one.fact.topic, one.fact.schema] += 1
        if len(rows) < limit:
            rows.append(_row(one, notes))
    by_reason = [
        {"reason": reason, "topic": topic, "schema": schema, "records": number}
        for (reason, topic, schema), number in counts.most_common()
    ]
    if as_json:
        click.echo(as_document({"records": rows, "by_reason": by_reason}))
    else:
        click.echo(table(by_reason) + "\n\n" + table(rows, COLUMNS))


def show_refused(record: str, *, personal: bool, as_json: bool) -> None:
    """Print one, masked unless its texts were asked for by somebody who may see them."""
    from pipeline.runtime.kafka.refused_records import bytes_of
    from pipeline.runtime.kafka.sending_again import sent_before

    kafka = kafka_settings_from()
    if personal:
        _may_see(kafka)
    config, one = _one(kafka, record)
    row = _row(one, sent_before(config, kafka.prefix)) | {"bytes": len(one.fact.raw), "cut": one.cut}
    row |= _personal(one, bytes_of(config, kafka.prefix, one)) if personal else _masked(one)
    click.echo(as_document(row) if as_json else "\n".join(f"{name:<9}{value}" for name, value in row.items()))


def send_again(
    wish: Wanted, limit: int, changes: Mapping[str, Any], *, city: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Send what would pass now and tell why the others would not."""
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.faults import unheard
    from pipeline.runtime.city import load_city, topology_of
    from pipeline.runtime.kafka.refused_records import Judge, refused_records
    from pipeline.runtime.kafka.sending_again import SendingAgain, sent_before

    kafka, settings = kafka_settings_from(), settings_from()
    config, now = for_librdkafka(kafka) | unheard(), int(time.time() * 1000)
    judge = Judge(topology_of(load_city(settings.reference, city), settings), lambda: now)
    sender = None if dry_run else SendingAgain(config, kafka.prefix, kafka.username or "(nobody)")
    before = sender.sent if sender is not None else sent_before(config, kafka.prefix)
    known = frozenset(before)
    tally: Counter[str] = Counter()
    failing: Counter[str] = Counter()
    found = _first(refused_records(config, kafka.prefix, wish), known, tally, limit)
    passing = _passing(found, kafka, config, judge, changes, failing, tally)
    sent = sender.send(passing, now) if sender is not None else sum(0 for _ in passing)
    if wish.id and not tally:
        raise _unknown(wish.id)
    result = {
        "looked_at": tally["looked_at"], "would_pass" if dry_run else "passed": tally["passing"],
        "refused_again": dict(failing), "sent_before": tally["sent_before"], "sent": sent,
    }  # fmt: skip
    click.echo(as_document(result) if as_json else "\n".join(f"{name}: {value}" for name, value in result.items()))


def _first(records: Iterator[Refused], known: frozenset[str], tally: Counter[str], limit: int) -> Iterator[Refused]:
    """The first so many of those that were not sent before."""

    def fresh() -> Iterator[Refused]:
        for one in records:
            if one.id in known:
                tally["sent_before"] += 1
            else:
                yield one

    return islice(fresh(), limit)


def _passing(
    records: Iterator[Refused], kafka: KafkaSettings, config: Mapping[str, Any], judge: Judge,
    changes: Mapping[str, Any], failing: Counter[str], tally: Counter[str],
) -> Iterator[Again]:  # fmt: skip
    from pipeline.runtime.kafka.refused_records import bytes_of, written
    from pipeline.runtime.kafka.sending_again import Again

    for one in records:
        tally["looked_at"] += 1
        try:
            value = bytes_of(config, kafka.prefix, one)
        except StopRun:
            failing["bytes are not kept any more"] += 1
            continue
        why = judge.verdict(one, value, changes)
        if why:
            failing[why] += 1
        else:
            tally["passing"] += 1
            yield Again(one, written(value, changes), tuple(changes))


def _one(kafka: KafkaSettings, record: str) -> tuple[dict[str, Any], Refused]:
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.faults import unheard
    from pipeline.runtime.kafka.refused_records import Wanted, refused_records

    config = for_librdkafka(kafka) | unheard()
    found = next(refused_records(config, kafka.prefix, Wanted(id=record)), None)
    if found is None:
        raise _unknown(record)
    return config, found


def _unknown(record: str) -> StopRun:
    return StopRun(f"no refused record {record!r}: `wangge quarantine list --kafka` lists them")


def _row(one: Refused, notes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    fact, note = one.fact, notes.get(one.id)
    return {
        "id": one.id, "refused": at_text(one.at), "topic": fact.topic, "partition": fact.partition,
        "offset": fact.offset, "schema": fact.schema, "source": one.source, "reason": fact.reason,
        "field": fact.field, "value": fact.value, "remedy": fact.remedy, "attempts": fact.attempts,
        "sent": at_text(note["at"]) if note else None,
    }  # fmt: skip


def _masked(one: Refused) -> dict[str, Any]:
    from pipeline.runtime.masking import masked

    return {"body": masked(one.read[1]) if one.read else None, "raw": f"({len(one.fact.raw)} bytes)"}


def _personal(one: Refused, value: bytes) -> dict[str, Any]:
    from pipeline.errors import InvalidRecord
    from pipeline.wire.serde import decode

    try:
        body: dict[str, Any] | None = dict(decode(value)[1])
    except InvalidRecord:
        body = None
    return {"body": body, "raw": value.hex()}


def _may_see(kafka: KafkaSettings) -> None:
    """Only whoever may mend may see. Without users on the broker, whoever reaches it may everything already."""
    from connectors.kafka.acls import load_principals
    from pipeline.commands.topics import PRINCIPALS

    if not kafka.sasl:
        return
    names = {kafka.prefix + name for name in load_principals(PRINCIPALS).roles["desk"].names}
    if kafka.username not in names:
        remedy = f"personal data is shown to {', '.join(sorted(names))} only: log in as such, or leave --personal out"
        raise ConfigFaults([Fault("kafka", "WANGGE_KAFKA_USER", kafka.username, remedy)])
