"""``wangge backfill fill``: what is read, fixed when it begins, and the filling of the shadow."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.backfill_swap import Shadowed, not_swapped
from pipeline.commands.options import as_document, at_text, moment, table, warn_of_key
from pipeline.commands.standing import until_stopped
from pipeline.errors import ConfigFaults, Fault, StopRun
from pipeline.settings import clickhouse_settings_from, kafka_settings_from, settings_from

if TYPE_CHECKING:
    from pipeline.runtime.backfilling import Plan, Tell, Work


def planned(
    kind: str, files: tuple[Path, ...], period: tuple[int | None, int | None],
    offsets: tuple[dict[str, int], dict[str, int]], city: Path | None, now: int,
) -> Plan:  # fmt: skip
    """What this backfill reads, with everything that must not change while it runs."""
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.ranges import Logs
    from connectors.sinks.clickhouse.process import topics_of_sink
    from connectors.sources.files import discover
    from pipeline.runtime.backfilling import FACTS, FILES, GROUPS, Plan, input_topics, ranges_of
    from pipeline.runtime.city import load_city
    from pipeline.runtime.kafka.lanes import departments_of
    from schemas.topics import topics

    settings, kafka = settings_from(), kafka_settings_from()
    reference = load_city(settings.reference, city).reference
    plan = Plan(
        name=f"{now:x}", kind=FILES if files else kind, database=clickhouse_settings_from().database, begun_at=now,
        since=period[0], until=period[1], city=str(city.absolute()) if city else "",
        reference_version=reference.version, key_mark=settings.key_mark,
    )  # fmt: skip
    if files:
        plan.files = [(one.name, str(one.path.absolute()), one.bytes_total) for one in discover(files, now)]
        return plan
    logs = Logs(for_librdkafka(kafka), kafka.prefix + GROUPS[plan.kind])
    try:
        if kind == FACTS:
            early = period[0] - MARGIN_MS if period[0] is not None else None
            plan.ranges = ranges_of(logs, kafka.prefix, topics_of_sink(), *offsets, early)
            plan.facts = plan.ranges
        else:
            actions = [topics()["actions.<department>"].named(one) for one in departments_of(reference)]
            plan.ranges = ranges_of(logs, kafka.prefix, input_topics(actions), *offsets)
            plan.facts = ranges_of(logs, kafka.prefix, topics_of_sink(), {}, {})
    finally:
        logs.close()
    return plan


MARGIN_MS = 3_600_000
"""A fact stands in the log at its time or later; clocks may differ by this much."""


def fill(work: Work, plan: Plan, tell: Tell, block: int) -> dict[str, Any]:
    from connectors.kafka.config import for_librdkafka
    from connectors.librdkafka.ranges import Logs
    from connectors.sinks.clickhouse.filling import Filler
    from pipeline.runtime.backfilling import FACTS, GROUPS, fill_from_facts

    kafka, clickhouse = kafka_settings_from(), clickhouse_settings_from()
    with Shadowed(plan) as shadow:
        not_swapped(work)
        shadow.make()
        name = shadow.name
    filler, logs = Filler(clickhouse, name, plan.name), Logs(for_librdkafka(kafka), kafka.prefix + GROUPS[plan.kind])
    begun = time.monotonic()
    try:
        if plan.kind == FACTS:
            records = fill_from_facts(work, plan, logs, kafka.prefix, filler, tell, block)
        else:
            records = _fill_by_stages(work, plan, logs, filler, tell)
        work.keep("filled", {"at": int(time.time() * 1000)})
    finally:
        filler.close()
        logs.close()
    seconds = time.monotonic() - begun
    return {
        "records": records, "rows": filler.figures.rows, "seconds": round(seconds, 1),
        "rate": round(records / seconds) if seconds else 0, "set_aside": sum(filler.figures.rejected.values()),
        "notes": filler.figures.alarms[:10], "database": name,
    }  # fmt: skip


def _fill_by_stages(work: Work, plan: Plan, logs: Any, filler: Any, tell: Tell) -> int:
    from connectors.sources.files import FileSource
    from pipeline.runtime.backfilling import KafkaSource, fill_from_inputs
    from pipeline.runtime.city import load_city, topology_of
    from pipeline.runtime.local import RunPolicy

    settings, kafka = settings_from(), kafka_settings_from()
    warn_of_key(settings)
    city = load_city(settings.reference, Path(plan.city) if plan.city else None)
    if (city.reference.version, settings.key_mark) != (plan.reference_version, plan.key_mark):
        message = "reference set or key of pseudonyms changed since this backfill began: begin another in a new folder"
        raise StopRun(message)
    sources: list[tuple[str, Any]] = [
        (name, KafkaSource(logs, kafka.prefix, name, bounds)) for name, bounds in sorted(plan.ranges.items())
    ]
    for name, path, size in plan.files:
        if not Path(path).exists() or Path(path).stat().st_size != size:
            message = f"{path} is gone or changed since this backfill began: begin another in a new folder"
            raise StopRun(message)
        sources.append((name, FileSource(Path(path), name, plan.begun_at)))
    policy = RunPolicy(max_refused=1.0)
    return fill_from_inputs(work, plan, sources, topology_of(city, settings), filler, tell, policy)


def teller(deadline: int | None, *, quiet: bool) -> Tell:
    """Shows progress and ends in order when it is told to, or when it is time."""
    stop, begun, shown = until_stopped(), time.monotonic(), [0.0]
    first: list[int] = []

    def tell(done: int, total: int, records: int) -> None:
        if stop.is_set() or (deadline is not None and time.time() * 1000 >= deadline):
            message = f"stopped after {records} records of this call: the same command goes on"
            raise StopRun(message)
        now = time.monotonic()
        first[:] = first or [done]
        if quiet or not sys.stderr.isatty() or (now - shown[0] < 1 and done < total):
            return
        shown[0] = now
        pace = (done - first[0]) / max(now - begun, 0.001)
        left = f", {(total - done) / pace:,.0f} s left" if pace > 0 else ""
        share = done / total if total else 1
        rate = records / max(now - begun, 0.001)
        click.echo(f"\r{share:6.1%}  {records:,} records, {rate:,.0f}/s{left}   ", err=True, nl=done >= total)

    return tell


def say_plan(plan: Plan, as_json: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"place": name, "begin": begin, "end": end, "records": end - begin}
        for name, (begin, end) in sorted(plan.ranges.items())
    ]
    rows += [{"place": name, "begin": 0, "end": size, "records": None} for name, _, size in plan.files]
    if as_json:
        click.echo(as_document({"kind": plan.kind, "from": plan.since, "to": plan.until, "ranges": rows}))
        return
    click.echo(f"{plan.kind}, facts from {at_text(plan.since)} to {at_text(plan.until)}")
    click.echo(table(rows, ["place", "begin", "end", "records"]))


def other_than(
    plan: Plan, kind: str, files: tuple[Path, ...], since: str | None, until: str | None, begins: tuple[str, ...],
    ends: tuple[str, ...], city: Path | None,
) -> list[str]:  # fmt: skip
    """Options that say something else than what was begun. A time given as how long ago means the one it meant then."""
    from pipeline.runtime.backfilling import FILES

    told = []
    names = [str(one.absolute()) for one in files]
    if files and not all(any(path.startswith(name) for name in names) for _, path, _ in plan.files):
        told.append("FILES")
    if plan.kind != FILES and not files and kind != plan.kind:
        told.append("--of")
    for option, text, was in (("--from", since, plan.since), ("--to", until, plan.until)):
        if text and moment(option, text, plan.begun_at) != was:
            told.append(option)
    for option, given, at in (("--from-offset", begins, 0), ("--to-offset", ends, 1)):
        if any(plan.ranges.get(name, (None, None))[at] != number for name, number in offsets_of(option, given).items()):
            told.append(option)
    if city and str(city.absolute()) != plan.city:
        told.append("--city")
    return told


def offsets_of(option: str, given: tuple[str, ...]) -> dict[str, int]:
    found, faults = {}, []
    for text in given:
        name, _, number = text.rpartition("=")
        if not number.isascii() or not number.isdigit() or not name.rpartition("/")[2].isdigit():
            faults.append(Fault("arguments", option, text, "write TOPIC/PARTITION=N, as facts.cases/0=1200"))
        else:
            found[name] = int(number)
    if faults:
        raise ConfigFaults(faults)
    return found


def later(option: str, text: str | None, now: int) -> int | None:
    at = moment(option, text, now)
    if at is not None and at <= now:
        raise ConfigFaults([Fault("arguments", option, str(text), "name a time that is still to come")])
    return at
