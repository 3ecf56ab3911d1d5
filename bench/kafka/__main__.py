"""``python -m bench.kafka``: speed beside peers, latency, scale and recovery, on a broker of its own."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.inputs import prepared
from bench.kafka import backlog, feeding, latency, recovery, scale, scanning
from bench.kafka.compare import compared, race_of
from bench.kafka.inputs import Sent, reports
from bench.kafka.kept import Kept, conditions
from bench.kafka.race import CONTENDERS, PEERS, ROOT, Contender
from bench.kafka.report import as_text, document, sizing
from bench.kafka.sizes import FULL, QUICK, Sizes, changed
from bench.kafka.topics import Cluster
from deploy.stack.servers import KafkaServer
from pipeline import COMPILED

SECTIONS = ("a", "b", "feeding", "spotter", "latency", "emergencies", "scale", "weights", "recovery")
FILL = "fill"
RACES = ("a", "b")
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
    chosen = tuple(word.strip() for word in value.split(",") if word.strip())
    if unknown := [word for word in chosen if word not in MEASURES]:
        message = f"{', '.join(unknown)}: choose from {', '.join(SECTIONS)}"
        raise click.BadParameter(message)
    return chosen


def _sized(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        changed(FULL, value)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from fault
    return value


@click.command()
@click.option("--only", default=",".join(SECTIONS), callback=_chosen, show_default=True, help="Sections, e.g. a,b.")
@click.option("--who", default="", help="Contenders of a and b by a part of their names, e.g. bare,Bytewax.")
@click.option("--quick", is_flag=True, help="Small inputs, one run: does it work, not how fast.")
@click.option(
    "--size",
    "changes",
    multiple=True,
    callback=_sized,
    metavar="NAME=NUMBER",
    help="Another size than usual, e.g. runs=1 or backlog=200000; the page tells it.",
)
@click.option("--more", is_flag=True, help="Go on with a and b: runs that are kept count, say --size runs=3 for more.")
@click.option("--kept", "only_kept", is_flag=True, help="Measure nothing: tell what is kept.")
@click.option("--bootstrap", help="A broker to measure on instead of one of its own; topics are removed after use.")
@click.option("--scratch", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "out" / "bench")
@click.option("--json", "as_json", is_flag=True, help="Print every run as one JSON document.")
@click.option("--markdown", is_flag=True, help="Write docs/benchmarks-kafka.md and docs/sizing.md from kept figures.")
def bench(
    only: tuple[str, ...], who: str, quick: bool, changes: tuple[str, ...], more: bool, only_kept: bool,
    bootstrap: str | None, scratch: Path, as_json: bool, markdown: bool,
) -> None:  # fmt: skip
    """Measure Wangge on Kafka.

    \b
    a            decode and route to another topic, beside peers and a bare loop
    b            all stages, beside peers and a bare loop
    feeding      what the stages cost by the number of records fed at once, without Kafka
    spotter      how fast the spotter reads ahead of a backlog
    latency      1,000 reports a second: publish to department, to a row; action to status
    emergencies  before a backlog, on the urgent topic and by their words alone
    scale        1 and 2 workers, few and many partitions, few and many departments
    weights      what the sizing page needs: readings, sink, bytes on the disk
    recovery     a worker that comes back to many open cases
    fill         only the part of recovery that takes long: its changelog, left on the broker of --bootstrap

    Peers are installed by `make bench-kafka`. Figures of full runs are kept in --scratch as soon as a section is done,
    so a long measurement can be done in parts; --markdown writes the pages from all that are kept.

    \b
    python -m bench.kafka --only a --who bare,Wangge --size runs=1
    python -m bench.kafka --only latency,emergencies
    python -m bench.kafka --kept --markdown
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started is ended too
    kept, results = Kept(scratch / "kafka-figures.json"), dict[str, Any]()
    if not only_kept:
        sizes = changed(QUICK if quick else FULL, changes)

        def keep(section: str, found: Any, circumstances: Mapping[str, Any]) -> None:
            results[section] = found
            if not quick and not who:
                kept.add(section, found, circumstances)

        _measure(only, who, bootstrap, scratch, sizes, kept.results() if more else {}, keep)
    if only_kept or not (quick or who):
        results = kept.results()
    if markdown:
        (ROOT / "docs" / "benchmarks-kafka.md").write_text(document(kept.results()), encoding="utf-8")
        (ROOT / "docs" / "sizing.md").write_text(sizing(kept.results()), encoding="utf-8")
    click.echo(msgspec.json.format(msgspec.json.encode(results)).decode() if as_json else as_text(results, quick=quick))


@dataclass(frozen=True)
class Bench:
    """What every section needs."""

    cluster: Cluster
    sizes: Sizes
    folder: Path
    sent: Sequence[Sent]
    contenders: Sequence[Contender]
    before: Mapping[str, Any]
    keep: Callable[[str, Any, Mapping[str, Any]], None]

    def race(self, task: Any, section: str) -> Any:
        """Every contender at a task."""
        race, was = race_of(task, self.cluster, self.sizes, self.folder / "city", self.sent), conditions(self.sizes)
        return compared(
            race, self.sizes.runs, say, self.contenders, self.before.get(section, ()),
            lambda rows: self.keep(section, rows, was),
        )  # fmt: skip


MEASURES: Mapping[str, Callable[[Bench], Any]] = {
    "a": lambda one: one.race("route", "a"),
    "b": lambda one: one.race("stages", "b"),
    "feeding": lambda one: feeding.measured(one.folder / "city", one.sent),
    "spotter": lambda one: scanning.measured(one.cluster, one.sizes, one.sent),
    "latency": lambda one: latency.steady(one.cluster, one.sizes, one.folder),
    "emergencies": lambda one: backlog.emergencies(one.cluster, one.sizes, one.folder),
    "scale": lambda one: scale.measured(one.cluster, one.sizes, one.folder, one.sent, say),
    "weights": lambda one: scale.weighed(one.cluster, one.sizes, one.folder, one.sent),
    FILL: lambda one: recovery.filled(one.cluster, one.sizes, one.folder),
    "recovery": lambda one: recovery.measured(one.cluster, one.sizes, one.folder, say),
}


def _measure(
    only: Sequence[str], who: str, bootstrap: str | None, scratch: Path, sizes: Sizes, before: Mapping[str, Any],
    keep: Callable[[str, Any, Mapping[str, Any]], None],
) -> None:  # fmt: skip
    """Each section in its order; ``keep`` is given what was found, and under which conditions, as soon as it is."""
    words = [word for word in who.split(",") if word]
    contenders = [one for one in CONTENDERS if not words or any(word in one.name for word in words)]
    if set(RACES) & set(only) and any(one.peer for one in contenders) and not PEERS.exists():
        message = f"the peers are not installed: make bench-kafka does it ({PEERS.relative_to(ROOT)} is missing)"
        raise click.UsageError(message)
    say("compiled modules" if COMPILED else "plain Python: nothing compiled, or older than the sources (make compile)")
    say("inputs ...")
    folder = prepared(scratch, sizes.day)
    sent = reports(folder / "reports")
    with broker(bootstrap) as address:
        cluster = Cluster(address)
        cluster.warm_up()
        one = Bench(cluster, sizes, folder, sent, contenders, before, keep)
        for section in (name for name in MEASURES if name in only):
            circumstances = conditions(sizes)
            found = MEASURES[section](one)
            say(f"{section}: done, load before {circumstances['load']}")
            keep(section, found, circumstances)


if __name__ == "__main__":
    bench()
