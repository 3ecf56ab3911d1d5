"""Limits, devices and readings for the tests of detect. Day 0 is 2026-06-01 in Asia/Shanghai."""

from __future__ import annotations

from itertools import count
from typing import Any

from pipeline.domain.probes import DetectPolicy
from pipeline.domain.reference.model import City, Reference, Tables
from pipeline.domain.reference.rows import AlarmType, Confidence, Device, ManagedKind, SensorLimit
from pipeline.events.facts import AlarmChanged, Samples
from pipeline.events.intake import ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import Origin
from pipeline.stage import Outcome
from pipeline.stages.detect import Detect
from pipeline.stages.devicebook import DeviceBook

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MIDNIGHT = 1_780_243_200_000
"""2026-06-01T00:00:00+08:00."""

NIGHT = {"window": "night", "window_from": 1320, "window_to": 360}
DAYTIME = {"window": "day", "window_from": 360, "window_to": 1320}


def a_limit(id: str, **changes: Any) -> SensorLimit:
    """A limit of 50 for the metric ``x`` as an hourly mean; clears at 40."""
    row: dict[str, Any] = {
        "id": id, "device_kind": "meter", "metric": "x", "unit": "cm", "aggregate": "mean", "period_minutes": 60,
        "operator": ">", "limit": 50.0, "clear": 40.0, "alarm": AlarmType.SIMPLE, "severity": "minor",
        "opens_standard": "GB/T 47678.5-2026", "opens_kind": ManagedKind.INCIDENT, "opens_code": "06028",
        "standard": "GB 1-2026", "source": "test", "confidence": Confidence.EXAMPLE,
    }  # fmt: skip
    return SensorLimit(**(row | changes))


def instant(id: str = "now", **changes: Any) -> SensorLimit:
    """The same compared with every sample."""
    return a_limit(id, **({"aggregate": "last", "period_minutes": 0} | changes))


def no_data(**changes: Any) -> SensorLimit:
    """Silence of more than 3 reporting periods, for all devices and metrics."""
    row = {
        "id": "silent", "device_kind": "*", "metric": "*", "unit": "period", "alarm": AlarmType.NO_DATA, "limit": 3.0,
        "operator": ">=", "aggregate": "last", "period_minutes": 1, "clear": 0.0, "severity": "warning",
    }  # fmt: skip
    return a_limit(**(row | changes))


class Bench:
    """A policy, a book and a log: ``hear`` sends one record through and applies it."""

    def __init__(self, *limits: SensorLimit, every_s: int = 600, zone: str = "Asia/Shanghai", **device: Any) -> None:
        row: dict[str, Any] = {
            "device_id": "d1", "kind": "meter", "metrics": ("x",), "lon": 121.5, "lat": 31.2,
            "reporting_period_s": every_s, "component_code": "C1", "source": "test", "confidence": Confidence.EXAMPLE,
        }  # fmt: skip
        devices = tuple(Device(**(row | device | {"device_id": f"d{number}"})) for number in range(1, 5))
        self.reference = Reference(Tables(sensor_limits=limits, devices=devices), City(time_zone=zone))
        self.detect = Detect(DetectPolicy(self.reference))
        self.book = DeviceBook()
        self.facts: list[Any] = []
        self.reports: list[ScreenedReport] = []
        self._offsets = count(1)

    def readings(self, at: int, *values: float, step: int = 10 * MINUTE, **changes: Any) -> Readings:
        """A record whose first sample is ``at`` ms after midnight of day 0."""
        times = tuple(MIDNIGHT + at + index * step for index in range(len(values)))
        row: dict[str, Any] = {
            "ref": "", "device_id": "d1", "metric": "x", "unit": "cm", "times": times, "values": values,
            "received_at": times[-1] if times else MIDNIGHT + at, "origin": Origin("readings", 0, next(self._offsets)),
        }  # fmt: skip
        return Readings(**(row | changes))

    def take(self, outcome: Outcome) -> Outcome:
        """Apply an outcome, as the runner does."""
        self.book.apply(outcome.changes)
        self.facts += outcome.facts
        self.reports += outcome.messages
        return outcome

    def hear(self, at: int, *values: float, **changes: Any) -> Outcome:
        """One record, applied."""
        return self.take(self.detect.step(self.book, self.readings(at, *values, **changes)))

    def tick(self, at: int) -> Outcome:
        """Time passes, applied."""
        return self.take(self.detect.tick(self.book, MIDNIGHT + at))

    def hours(self, *values: float, start: int = 0) -> None:
        """Whole hours of the same value each, then the first sample of the next hour (of the last value)."""
        for hour, value in enumerate(values):
            self.hear((start + hour) * HOUR, *[value] * 6)
        self.hear((start + len(values)) * HOUR, values[-1])

    @property
    def changes(self) -> list[str]:
        """What alarms did, in order."""
        return [fact.change for fact in self.facts if isinstance(fact, AlarmChanged)]

    @property
    def alarms(self) -> list[AlarmChanged]:
        """Facts of alarms."""
        return [fact for fact in self.facts if isinstance(fact, AlarmChanged)]

    @property
    def flags(self) -> list[str]:
        """Flags of the stored samples."""
        return [fact.flags for fact in self.facts if isinstance(fact, Samples)]


def entries(book: DeviceBook) -> list[tuple[str, str, bytes]]:
    """All entries, comparable."""
    return sorted(book.entries())
