"""``python -m bench.kafka``: speed beside peers, latency, scale and recovery, on a broker of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.inputs import prepared
from bench.kafka import feeding, latency, recovery, scale
from bench.kafka.compare import compared, race_of
from bench.kafka.inputs import reports
from bench.kafka.race import CONTENDERS, PEERS, ROOT
from bench.kafka.report import as_text, document, sizing
from bench.kafka.sizes import FULL, QUICK
from bench.kafka.topics import Cluster
from deploy.stack.servers import KafkaServer

SECTIONS = ("a", "b", "latency", "scale", "recovery")
SETTINGS = {"group.initial.rebalance.delay.ms": "0", "log.segment.bytes": "1073741824"}


def say(text: str) -> None:
    """A line of progress."""
    click.echo(text, err=True)


@contextmanager
def broker(given: str | None) -> Iterator[str]:
    """The address of the broker to measure on: the given one, or one of its own that ends with the block."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="wangge-bench-kafka-") as folder:
        server = KafkaServer(Path(folder), settings=SETTINGS, leash=os.getpid())
        server.start()
        try:
            yield server.address
        finally:
            server.stop()


def _chosen(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    chosen = tuple(word.strip() for word in value.split(","))
    if unknown := [word for word in chosen if word not in SECTIONS]:
        message = f"{', '.join(unknown)}: choose from {', '.join(SECTIONS)}"
        raise click.BadParameter(message)
    return chosen


@click.command()
@click.option("--only", default=",".join(SECTIONS), callback=_chosen, show_default=True, help="Sections, e.g. a,b.")
@click.option("--who", default="", help="Contenders of a and b by a part of their names, e.g. bare,Bytewax.")
@click.option("--quick", is_flag=True, help="Small inputs, one run: does it work, not how fast.")
@click.option("--bootstrap", help="A broker to measure on instead of one of its own; topics are removed after use.")
@click.option("--scratch", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "out" / "bench")
@click.option("--json", "as_json", is_flag=True, help="Print every run as one JSON document.")
@click.option("--markdown", is_flag=True, help="Write docs/benchmarks-kafka.md and docs/sizing.md from kept figures.")
def bench(
    only: tuple[str, ...], who: str, quick: bool, bootstrap: str | None, scratch: Path, as_json: bool, markdown: bool
) -> None:
    """Measure Wangge on Kafka.

    \b
    a         decode and route to another topic, beside peers and a bare loop
    b         all stages, beside peers and a bare loop
    latency   publish to department, to a row, emergencies before a backlog, action to status
    scale     1 and 2 workers, few and many partitions, few and many departments; what a record weighs
    recovery  a worker that comes back to many open cases

    Peers are installed by `make bench-kafka`. Figures of full runs are kept in --scratch, section by section, and
    --markdown writes the pages from all that are kept.
    """
    results = _measured(only, who, quick, bootstrap, scratch)
    kept = scratch / "kafka-figures.json"
    if not quick and not who:
        results = {**(msgspec.json.decode(kept.read_bytes()) if kept.exists() else {}), **results}
        kept.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    if markdown:
        (ROOT / "docs" / "benchmarks-kafka.md").write_text(document(results), encoding="utf-8")
        (ROOT / "docs" / "sizing.md").write_text(sizing(results), encoding="utf-8")
    click.echo(msgspec.json.format(msgspec.json.encode(results)).decode() if as_json else as_text(results, quick=quick))


def _measured(only: tuple[str, ...], who: str, quick: bool, bootstrap: str | None, scratch: Path) -> dict[str, Any]:
    sizes = QUICK if quick else FULL
    say("inputs ...")
    folder = prepared(scratch, sizes.day)
    sent, city = reports(folder / "reports"), folder / "city"
    words = [word for word in who.split(",") if word]
    contenders = [one for one in CONTENDERS if not words or any(word in one.name for word in words)]
    if {"a", "b"} & set(only) and any(one.peer for one in contenders) and not PEERS.exists():
        message = f"the peers are not installed: make bench-kafka does it ({PEERS.relative_to(ROOT)} is missing)"
        raise click.UsageError(message)
    results: dict[str, Any] = {}
    with broker(bootstrap) as address:
        cluster = Cluster(address)
        for task, section in (("route", "a"), ("stages", "b")):
            if section in only:
                race = race_of(task, cluster, sizes, city, sent)  # type: ignore[arg-type]  # the two names of tasks
                results[section] = compared(race, sizes.runs, say, contenders)
        if "b" in only:
            results["feeding"] = feeding.measured(city, sent)
        if "latency" in only:
            results["latency"] = latency.measured(cluster, sizes, folder, say)
        if "scale" in only:
            results["scale"] = scale.measured(cluster, sizes, folder, sent, say)
        if "recovery" in only:
            results["recovery"] = recovery.measured(cluster, sizes, folder, say)
    return results


if __name__ == "__main__":
    bench()
