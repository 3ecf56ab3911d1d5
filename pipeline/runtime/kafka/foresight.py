"""What each record of a poll will touch in casework, known before it is sent. Pure but for the books it keeps.

Intake, classify, locate and detect run on books of their own; casework does not. A report touches the cells of the map
in which its duplicates would lie (joining one of them moves it), an action touches its case. What cannot be told by
place touches the whole tile.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

from pipeline.domain.geo.tiles import neighbours_within
from pipeline.domain.ids import tile_of_case
from pipeline.events.base import Millis
from pipeline.events.casework import CaseAction
from pipeline.events.facts import CaseFiled
from pipeline.events.intake import LocatedReport, ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import READINGS_SCHEMA, Arrival
from pipeline.runtime.kafka.waves import ALONE, Touch, apart, merged
from pipeline.stages.casebook import CELL_DEG, cell_key, keys_around
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.duplicate_policy import DuplicatePolicy
from pipeline.stages.intake import IntakeBook
from pipeline.stages.kinship import families_for, likely_of
from pipeline.stages.locate import REACH_M
from pipeline.topology import Topology

LOOKS, ACTS, PASSES = "looks", "acts", "passes"
"""Reports look around; actions change what they find; everything passes through its tile."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a case lies."""

    lon: float | None
    lat: float | None
    family: str


class Alarm(NamedTuple):
    """A report that time alone will bring: when it became due, the partition of its device, what it touches."""

    due: Millis
    partition: int
    touch: Touch


class Foresight:
    """Foresees the records of one log, poll after poll."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._policy = topology.casework.policy.duplicates
        self._unnamed: set[int] = set()
        """Cells with a case that nobody could name: it is found under several families."""
        self._devices = DeviceBook()
        self._sites: dict[str, Site] = {}

    def heard(self, fact: object) -> None:
        """Remember where a case lies."""
        if isinstance(fact, CaseFiled):
            self._sites[fact.case_id] = Site(fact.lon, fact.lat, fact.family)
            if not fact.family and fact.lon is not None and fact.lat is not None:
                self._unnamed.add(_cell(fact.lon, fact.lat, ""))

    def poll(self, batch: Sequence[Arrival]) -> list[Touch]:
        """What each record of a numbered poll touches, in order. Call it once for each poll, in order."""
        messages = self._topology.intake.steps(IntakeBook(), batch).messages
        reports = [message for message in messages if message.__class__ is ScreenedReport]
        readings = [message for message in messages if message.__class__ is Readings]
        found = self._topology.detect.steps(self._devices, readings)
        self._devices.apply(found.changes)
        touches: dict[int, list[Touch]] = {}
        for located in self._topology.place([*reports, *found.messages]):
            touches.setdefault(located.report.origin.offset, []).append(self.report(located))
        for message in messages:
            if isinstance(message, CaseAction):
                touches.setdefault(message.origin.offset, []).append(self.action(message.case_id))
        return [merged([_own(arrival), *touches.get(arrival.order, ())]) for arrival in batch]

    def tick(self, now: Millis, partition_of: Callable[[str], int]) -> list[Alarm]:
        """The alarms that a tick at ``now`` will bring, by the time at which they became due and by partition."""
        found = self._topology.detect.tick(self._devices, now)
        self._devices.apply(found.changes)
        alarms = [
            Alarm(located.report.received_at, partition_of(located.report.device_id), self.report(located))
            for located in self._topology.place(list(found.messages))
        ]
        return sorted(alarms, key=lambda alarm: alarm[:2])

    def report(self, located: LocatedReport) -> Touch:
        """A report may join a case near it, which changes how that is seen by others, or add one where it lies."""
        report, tile = located.report, located.place.tile
        ways: dict[Hashable, str] = {("tile", name): PASSES for name in (tile, *located.place.neighbour_tiles)}
        ways["report", report.report_id] = ALONE
        if report.related_refs:
            ways["tile", tile] = ALONE  # the order that it names may be part of any case
        if report.lon is None or report.lat is None:
            ways |= {("placeless", tile, family): LOOKS for family in _families(located, self._policy)}
            people = (report.address_key, report.reporter_key, report.component_code)
            return Touch(ways | {("person", tile, who): ALONE for who in people if who})
        return Touch(ways | dict.fromkeys(self._around(located, report.lon, report.lat), ALONE))

    def _around(self, located: LocatedReport, lon: float, lat: float) -> list[int]:
        """The cells in which a report may join a case, and those of its own case."""
        families = _families(located, self._policy)
        if not located.classification.family:
            self._unnamed.add(_cell(lon, lat, ""))
        error_m = located.report.error_m
        reach = max(self._policy.look(family, error_m) for family in families)
        common = [key for key in keys_around(lon, lat, reach, "") if key in self._unnamed]
        return common + [key for family in families for key in keys_around(lon, lat, reach, family)]

    def action(self, case_id: str) -> Touch:
        """An action changes one case, and with it what reports near it find."""
        tile, site = tile_of_case(case_id), self._sites.get(case_id)
        if site is None or not site.family:
            return Touch({("tile", tile): ALONE})
        ways: dict[Hashable, str] = {("case", case_id): ALONE, ("tile", tile): PASSES}
        if site.lon is None or site.lat is None:
            return Touch(ways | {("placeless", tile, site.family): ACTS})
        beyond = neighbours_within(site.lon, site.lat, REACH_M)
        cell = _cell(site.lon, site.lat, site.family)
        return Touch(ways | {("tile", name): PASSES for name in beyond} | {cell: ACTS})


def _families(located: LocatedReport, policy: DuplicatePolicy) -> tuple[str, ...]:
    """Families of the cases that a report may join, and of the one that it may open."""
    opened = [one.partition("|")[0] for one in likely_of(located.classification, policy)]
    return tuple(dict.fromkeys((*families_for(located, policy), *opened))) or (located.classification.family,)


def _own(arrival: Arrival) -> Touch:
    """The number a record has at its source; the readings of a device stay in line."""
    body = arrival.body or {}
    if arrival.schema == READINGS_SCHEMA:
        return Touch(line=("device", body.get("device_id")))
    return Touch({("number", body.get("source_system"), body.get("source_ref")): ALONE})


def _cell(lon: float, lat: float, family: str) -> int:
    return cell_key(floor(lat / CELL_DEG), floor(lon / CELL_DEG), family)


def tick_waves(alarms: Sequence[Alarm], now: Millis, partitions: int) -> list[dict[int, Millis]]:
    """Which partitions to tell which time, one wave after the other, so that alarms come in order where it matters.

    A time that is told brings all that became due before it; so whatever has to wait for an alarm of another partition
    is told a later time. The last wave tells everybody ``now``.
    """
    found: list[dict[int, Millis]] = []
    together: list[Alarm] = []
    for alarm in alarms:
        if any(other.partition != alarm.partition and apart(other.touch, alarm.touch) for other in together):
            found.append({other.partition: min(other.due + 1, now) for other in together})
            together = []
        together.append(alarm)
    return [*found, dict.fromkeys(range(partitions), now)]
