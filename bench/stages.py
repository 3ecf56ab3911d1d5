"""Microseconds a record of each stage, alone and in memory: where the time of a whole run goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from connectors.sinks.chdb import _columns, _packed, _readings
from connectors.sources.files import discover
from pipeline.events.facts import Samples
from pipeline.events.intake import LocatedReport
from pipeline.events.records import Arrival
from pipeline.runtime.city import load_city, topology_of
from pipeline.settings import settings_from
from pipeline.stages.casebook import CaseBook
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.intake import IntakeBook
from pipeline.topology import Topology

APPENDED_AT = 4_000_000_000_000
REPORTS, READINGS = 4_000, 10_000
"""Records looked at: enough for flat costs, few enough to stay in the caches as one poll does."""
ROUNDS = 7


def topology(folder: Path) -> Topology:
    """The stages of the prepared city."""
    settings = settings_from()
    return topology_of(load_city(settings.reference, folder / "city"), settings)


def sample(inputs: Path, count: int) -> list[Arrival]:
    """The first records of the inputs, from each file its share."""
    sources = discover([inputs], APPENDED_AT)
    total = sum(source.bytes_total for source in sources)
    arrivals = [
        arrival for source in sources for arrival in islice(source, round(count * source.bytes_total / total) or 1)
    ]
    for order, arrival in enumerate(arrivals):
        arrival.order = order
    return arrivals


def best(work: Callable[[], Any], count: int, rounds: int = ROUNDS) -> tuple[float, Any]:
    """Least microseconds a record of some rounds, and the result of the last."""
    least, result = float("inf"), None
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()
        least = min(least, time.perf_counter() - started)
    return least / count * 1e6, result


def text_stages(folder: Path, stages: Topology) -> dict[str, float]:
    """Each stage on text reports."""
    costs: dict[str, float] = {}
    costs["read"], arrivals = best(lambda: sample(folder / "reports", REPORTS), REPORTS)
    count = len(arrivals)
    costs["intake"], taken = best(lambda: stages.intake.steps(IntakeBook(), arrivals), count)
    reports = list(taken.messages)
    costs["classify"], about = best(lambda: stages.classifier.classify_many(reports), count)
    costs["locate"], _ = best(lambda: stages.locator.locate_many(reports, about), count)
    located = stages.place(reports)
    costs["casework"], facts = best(lambda: casework(stages, CaseBook(), located), count)
    costs["columns"], _ = best(lambda: [list(_packed(kind, values)) for kind, values in facts.items()], count)
    return costs


def casework(stages: Topology, book: CaseBook, located: list[LocatedReport]) -> dict[Any, list[Any]]:
    """Located reports through casework, notices to neighbour tiles included; the facts by their kind."""
    facts: dict[Any, list[Any]] = {}
    for report in located:
        queue: list[Any] = [report]
        while queue:
            outcome = stages.casework.step(book, queue.pop())
            book.apply(outcome.changes)
            queue.extend(outcome.messages)
            for fact in outcome.facts:
                facts.setdefault(fact.__class__, []).append(fact)
    return facts


def sensor_stages(folder: Path, stages: Topology) -> dict[str, float]:
    """Each stage on records of one reading."""
    costs: dict[str, float] = {}
    costs["read"], arrivals = best(lambda: sample(folder / "single", READINGS), READINGS)
    count = len(arrivals)
    costs["intake"], taken = best(lambda: stages.intake.steps(IntakeBook(), arrivals), count)
    costs["detect"], found = best(lambda: _detected(stages, taken.messages), count)
    samples = [fact for fact in found.facts if isinstance(fact, Samples)]
    costs["columns"], _ = best(lambda: _readings([_columns(samples)]), count)
    return costs


def _detected(stages: Topology, readings: Any) -> Any:
    book = DeviceBook()
    found = stages.detect.steps(book, readings)
    book.apply(found.changes)
    return found


def measured(folder: Path) -> dict[str, dict[str, float]]:
    """All stages of both ways in."""
    stages = topology(folder)
    return {"text report": text_stages(folder, stages), "single reading": sensor_stages(folder, stages)}
