"""A sensor that goes over and under its limit again and again is one case: through detect, the places and casework."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pipeline.domain.probes import DetectPolicy
from pipeline.domain.reference.rows import AlarmType, Confidence, Device, SensorLimit
from pipeline.events.facts import AlarmChanged, CaseFiled, ReportSettled
from pipeline.events.readings import Readings
from pipeline.events.records import Origin
from pipeline.stages.detect import Detect
from pipeline.stages.devicebook import DeviceBook
from pipeline.topology import Topology
from tests.small_city import COMMUNITY_W, COMPONENT, DAY, HOUR, MINUTE, MONDAY, at, layers, screening, with_tables
from tests.stages.sensor_builders import Bench, a_limit, instant
from tests.town import Town

POINT = {"lon": at(-500)[0], "lat": at(-500)[1]}
AREA = {"area_code": COMMUNITY_W}
DEVICES = pytest.mark.parametrize(
    "device", [POINT, AREA | {"component_code": COMPONENT}, AREA, {}], ids=["point", "component", "area", "no place"]
)
RED = {"limit": 80.0, "clear": 70.0, "severity": "critical"}
DRY = (10.0,) * 10
"""Clear samples of ten minutes, of which the last comes nine minutes after the first."""


class Sensor:
    """One device that speaks every ten minutes, and the casework that hears of its alarms."""

    def __init__(self, device: dict[str, Any], *limits: SensorLimit) -> None:
        row = {"device_id": "d1", "kind": "meter", "metrics": ("x",), "reporting_period_s": 600, "source": "test"}
        devices = (Device(**(row | {"confidence": Confidence.EXAMPLE} | device)),)
        reference = with_tables(devices=devices, sensor_limits=limits)
        self.topology = Topology(reference, layers(), screening())
        self.detect, self.book = Detect(DetectPolicy(reference)), DeviceBook()
        self.town = Town(reference=reference)
        self.changes: list[str] = []
        self.now, self._offset = MONDAY, 0

    def hear(self, *values: float, step: int = 10 * MINUTE) -> None:
        """Samples, each a record of its own."""
        for value in values:
            self._offset += 1
            record = Readings(
                ref="", device_id="d1", metric="x", unit="cm", times=(self.now,), values=(value,),
                received_at=self.now, origin=Origin("readings", 0, self._offset),
            )  # fmt: skip
            outcome = self.detect.step(self.book, record)
            self.book.apply(outcome.changes)
            self.changes += [fact.change for fact in outcome.facts if isinstance(fact, AlarmChanged)]
            for report in self.topology.place(outcome.messages):
                self.town.send(report)
            self.now += step

    @property
    def raised(self) -> int:
        """How many alarms there were."""
        return self.changes.count("raised")

    @property
    def cases(self) -> list[CaseFiled]:
        """Cases that its alarms opened."""
        return self.town.said(CaseFiled)

    @property
    def outcomes(self) -> list[str]:
        """How its reports ended, in order."""
        return [fact.outcome for fact in self.town.said(ReportSettled)]


@DEVICES
@pytest.mark.parametrize(
    ("limit", "values", "step", "alarms"),
    [
        pytest.param(instant(), (60.0, 50.0), MINUTE, 1, id="on the limit in between"),
        pytest.param(instant(), (60.0, *DRY), MINUTE, 1, id="clear for a minute less than the quiet time"),
        pytest.param(instant(), (60.0, *DRY, 10.0), MINUTE, 6, id="clear for the quiet time"),
        pytest.param(instant(), (60.0, *[40.01] * 30), MINUTE, 1, id="never at the clear level"),
        pytest.param(instant(), (60.0, *[10.0] * 12), HOUR, 6, id="clear for hours"),
        pytest.param(instant(), (60.0, 10.0, 10.0), DAY, 6, id="over once in three days, longer than the window"),
        pytest.param(a_limit("a"), (*[60.0] * 6, *[40.01] * 6), 10 * MINUTE, 1, id="hours above the clear level"),
        pytest.param(a_limit("a"), (*[60.0] * 6, *[40.0] * 6), 10 * MINUTE, 5, id="hours on the clear level"),
        pytest.param(
            instant(alarm=AlarmType.DURATION, hold_s=1800), (*[60.0] * 4, 10.0), 10 * MINUTE, 1, id="held, then a dip"
        ),
        pytest.param(
            instant(alarm=AlarmType.DURATION, hold_s=1800), (*[60.0] * 3, 10.0), 10 * MINUTE, 0, id="never held"
        ),
    ],
)
def test_a_flapping_sensor_is_one_case(
    limit: SensorLimit, values: tuple[float, ...], step: int, alarms: int, device: dict[str, Any]
) -> None:
    sensor = Sensor(device, limit)
    sensor.hear(*values * 5, values[0], step=step)
    assert (sensor.raised, len(sensor.cases)) == (alarms, min(alarms, 1))
    assert sensor.outcomes[1:] == ["same_alarm"] * (len(sensor.outcomes) - 1)
    assert len(sensor.outcomes) == alarms


@DEVICES
def test_after_the_end_of_its_case_an_alarm_opens_another(device: dict[str, Any]) -> None:
    sensor = Sensor(device, instant())
    sensor.hear(60.0, 10.0, 10.0)
    (first,) = sensor.cases
    sensor.town.act(first.case_id, "force_close", minute=40)
    assert not sensor.town.case(first.case_id).open
    sensor.hear(*[10.0] * 6, 60.0)
    assert len(sensor.cases) == 2


@DEVICES
def test_an_emergency_stays_a_case_apart_and_both_take_what_comes_again(device: dict[str, Any]) -> None:
    sensor = Sensor(device, instant("yellow"), instant("red", **RED))
    sensor.hear(*(60.0, 90.0, 60.0, 90.0, 10.0, 10.0) * 4)
    assert sensor.raised == 4
    assert [case.case_class == "emergency" for case in sensor.cases] == [False, True]
    assert sensor.outcomes[2:] == ["same_alarm"] * 6


def test_an_alarm_names_the_reports_of_the_last_one_and_says_so_again_when_its_record_comes_again() -> None:
    bench = Bench(instant("yellow"), instant("red", **RED))
    for hour, peak in enumerate((60.0, 90.0, 60.0)):
        bench.hear(2 * hour * HOUR, 60.0, peak, 10.0, 10.0, 10.0)
    first, second, red, third = bench.reports
    assert [one.alarm_id for one in (first, second, third)] == list(dict.fromkeys(one.alarm_id for one in bench.alarms))
    assert (first.related_refs, second.related_refs) == ((), (first.alarm_id,))
    assert red.related_refs == (second.alarm_id, first.alarm_id)
    assert third.related_refs == (second.alarm_id, f"{second.alarm_id}#critical")
    record = bench.readings(6 * HOUR, 60.0)
    said = [bench.detect.step(bench.book, record)]
    bench.take(said[0])
    assert bench.detect.step(bench.book, record).messages == said[0].messages
    assert said[0].messages[0].related_refs == (third.alarm_id,)


def test_a_warning_in_between_does_not_break_the_row_of_alarms() -> None:
    bench = Bench(instant("warn", limit=20.0, clear=15.0, action="warn"), instant("now"))
    for hour, peak in enumerate((60.0, 30.0, 60.0)):
        bench.hear(2 * hour * HOUR, peak, 10.0, 10.0, 10.0)
    assert bench.changes == ["raised", "cleared"] * 3
    first, last = bench.reports
    assert last.related_refs == (first.alarm_id,)


def test_alarms_of_other_devices_and_families_are_not_named() -> None:
    bench = Bench(instant("a", metric="x"), instant("b", metric="y"))
    for hour, (device, metric) in enumerate((("d1", "x"), ("d2", "x"), ("d1", "y"))):
        bench.hear(hour * HOUR, 60.0, 10.0, 10.0, device_id=device, metric=metric)
    assert len(bench.reports) == 3
    assert all(one.alarm_id != other.alarm_id for one, other in pairwise(bench.reports))
    assert [one.related_refs for one in bench.reports] == [()] * 3
