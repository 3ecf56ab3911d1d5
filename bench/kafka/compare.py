"""Speed beside peers: every contender on the same broker, one after the other, again and again; medians count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.kafka.inputs import Sent, repeated, systems_of
from bench.kafka.layout import routing, staging
from bench.kafka.race import CONTENDERS, Contender, Race
from bench.kafka.sizes import Sizes
from bench.kafka.spec import Task
from bench.kafka.topics import Cluster

TARGETS = 8
"""Topics that task a routes to."""
Say = Callable[[str], None]
Rows = Sequence[Mapping[str, Any]]


def race_of(task: Task, cluster: Cluster, sizes: Sizes, city: Path, sent: Sequence[Sent]) -> Race:
    """The races of a task. Who is slow gets a share of the records, never fewer than some hundred."""
    if task == "route":
        layout = routing(sizes.partitions, TARGETS)
        return Race(cluster, layout, task, city, lambda share: repeated(sent, int(sizes.route * share), "records"))
    count = min(sizes.stages, len(sent))
    return Race(
        cluster, staging(sizes.partitions, city, systems_of(sent)), task, city, lambda share: sent[: int(count * share)]
    )


def compared(
    race: Race,
    runs: int,
    say: Say,
    contenders: Sequence[Contender] = CONTENDERS,
    before: Rows = (),
    keep: Callable[[Rows], None] = lambda rows: None,
) -> list[dict[str, Any]]:
    """A line for each contender that ran: medians of its runs, ratio to the first one, and its promise.

    Turn by turn until everyone has ``runs`` runs. ``before`` are lines whose runs count already, ``keep`` is given all
    lines after every run, so that what is ended early loses one run at most.
    """
    found = {one.name: [run for row in before if row["name"] == one.name for run in row["runs"]] for one in contenders}
    for number in range(runs):
        for contender in contenders:
            if len(found[contender.name]) <= number:
                result = race.run(contender)
                found[contender.name].append(result)
                say(f"{race.task} run {number + 1}: {contender.name}: {result['rate']:,}/s")
                keep(_lines(contenders, found))
    return _lines(contenders, found)


def _lines(contenders: Sequence[Contender], found: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    ran = [one for one in contenders if found[one.name]]
    return [_line(one, found[one.name], found[ran[0].name]) for one in ran]


def _line(contender: Contender, runs: Sequence[dict[str, Any]], bare: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": contender.name,
        "promise": contender.promise,
        "runs": list(runs),
        "ratio": round(_median(runs, "rate") / _median(bare, "rate"), 2),
        "lost": max(_lost(run) for run in runs),
        **{name: _median(runs, name) for name in ("records", "rate", "cpu_us", "commit_follows_s")},
    }


def _lost(run: dict[str, Any]) -> int:
    """Task a puts out a record for each that came in; task b is checked by its doubled outcomes."""
    return int(run["records"] - run["outputs"] if "settled" not in run else run["doubled"])


def _median(runs: Sequence[dict[str, Any]], name: str) -> float:
    return float(median(run[name] for run in runs))
