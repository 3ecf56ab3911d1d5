"""A simulated city as the stages see it, with its truth: for evaluations on a folder of ``wangge simulate``."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.sources.files import discover
from pipeline.domain.models import Models
from pipeline.errors import ConfigFaults, Fault
from pipeline.events.base import Millis
from pipeline.events.intake import ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival
from pipeline.runtime.city import City, load_city, topology_of
from pipeline.settings import settings_from
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.intake import IntakeBook
from pipeline.topology import Topology

Row = dict[str, str]
APPENDED_AT: Millis = 4_000_000_000_000
"""When the log took the records: after all of them, and the same in every evaluation."""
POLL = 2_000


@dataclass(frozen=True, slots=True)
class Simulated:
    """A folder of ``wangge simulate``: its stages, its inputs in order of time, its truth."""

    folder: Path
    topology: Topology
    problems: dict[str, Row]
    """By number of the problem."""
    reports: dict[tuple[str, str], Row]
    """By source system and reference there."""

    def problem_of(self, report: ScreenedReport) -> Row | None:
        """The true problem behind a report; ``None`` for a drill, thanks, a matter for others."""
        row = self.reports.get((report.source_system, report.source_ref))
        return self.problems.get(row["problem"]) if row is not None else None

    def screened(self) -> Iterator[ScreenedReport]:
        """Every report in the order it came, and the reports of alarms when their readings came."""
        intake, devices = IntakeBook(), DeviceBook()
        arrivals = self._arrivals()
        for start in range(0, len(arrivals), POLL):
            taken = self.topology.intake.steps(intake, arrivals[start : start + POLL])
            intake.apply(taken.changes)
            yield from (message for message in taken.messages if isinstance(message, ScreenedReport))
            found = self.topology.detect.steps(devices, [one for one in taken.messages if isinstance(one, Readings)])
            devices.apply(found.changes)
            yield from (message for message in found.messages if isinstance(message, ScreenedReport))

    def _arrivals(self) -> list[Arrival]:
        found = [arrival for source in discover([self.folder], APPENDED_AT) for arrival in source]
        found.sort(key=_received)
        for order, arrival in enumerate(found):
            arrival.order = order
        return found


def _received(arrival: Arrival) -> Millis:
    at = (arrival.body or {}).get("received_at")
    return at if isinstance(at, int) else 0


def open_simulated(folder: Path, models: Models | None = None) -> Simulated:
    """The city in ``folder``. Raises ``ConfigFaults`` when it is no folder of ``wangge simulate``."""
    truth = folder / "truth"
    wanted = [folder / "inputs", folder / "city", truth / "problems.csv", truth / "reports.csv"]
    faults = [
        Fault("simulated", "path", str(path), "give a folder that `wangge simulate --out` wrote")
        for path in wanted
        if not path.exists()
    ]
    if faults:
        raise ConfigFaults(faults)
    settings = settings_from()
    city = load_city(settings.reference, folder / "city")
    whole = City(city.reference, city.layers, models if models is not None else city.models)
    return Simulated(
        folder,
        topology_of(whole, settings),
        {row["problem"]: row for row in truth_rows(truth / "problems.csv")},
        {(row["source_system"], row["source_ref"]): row for row in truth_rows(truth / "reports.csv")},
    )


def truth_rows(path: Path) -> list[Row]:
    """Rows of a file of truth."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
