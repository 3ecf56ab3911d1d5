"""Readings as they came in: what is refused, what is mended and flagged."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival, Origin
from pipeline.stages.screen_readings import EARLIEST, MAX_SAMPLES, TOLERANCE, screen_readings

NOW = 1_780_243_200_000


def screened(*, appended_at: int = NOW, without: str = "", **fields: Any) -> Readings:
    body: dict[str, Any] = {
        "source_system": "gateway", "source_ref": "", "device_id": "d1", "metric": "pm25", "unit": "ug/m3",
        "received_at": NOW, "started_at": NOW, "offsets_ms": [0], "values": [3.5],
    }  # fmt: skip
    body |= fields
    body.pop(without, None)
    return screen_readings(body, Arrival("SensorReadings", Origin("readings", 0, 7), appended_at, body, order=7))


def test_one_sample() -> None:
    assert screened() == Readings(
        ref=f"d1|pm25|{NOW}", device_id="d1", metric="pm25", unit="ug/m3", times=(NOW,), values=(3.5,),
        received_at=NOW, origin=Origin("readings", 0, 7),
    )  # fmt: skip


def test_many_samples_and_the_number_of_the_message() -> None:
    found = screened(offsets_ms=[0, 1000, 2000], values=[1.0, 2, 3.0], source_ref="m-1")
    assert (found.times, found.values, found.ref) == ((NOW, NOW + 1000, NOW + 2000), (1.0, 2.0, 3.0), "m-1")


@pytest.mark.parametrize(
    ("unit", "base", "value", "flags"),
    [
        pytest.param("mg/m3", "ug/m3", 3500.0, (), id="mg/m3"),
        pytest.param("μg/m³", "ug/m3", 3.5, (), id="Greek letter and superscript"),
        pytest.param("m", "cm", 350.0, (), id="m"),
        pytest.param("dB", "dB(A)", 3.5, (), id="dB"),
        pytest.param("DBA", "dB(A)", 3.5, (), id="dBA"),
        pytest.param("ppm", "ppm", 3.5, (), id="ppm stays: it takes a gas to become a mass"),
        pytest.param("furlong", "furlong", 3.5, ("unknown_unit",), id="unknown unit"),
        pytest.param("", "", 3.5, ("no_unit",), id="no unit"),
        pytest.param(" ", "", 3.5, ("no_unit",), id="a blank"),
        pytest.param(None, "", 3.5, ("no_unit",), id="null"),
    ],
)
def test_units(unit: str | None, base: str, value: float, flags: tuple[str, ...]) -> None:
    found = screened(unit=unit)
    assert (found.unit, found.values, found.flags) == (base, (value,), flags)


@pytest.mark.parametrize(
    ("fields", "times", "values", "flags"),
    [
        pytest.param({"offsets_ms": [5, 0], "values": [1.0, 2.0]}, (0, 5), (2.0, 1.0), ("unsorted",), id="unsorted"),
        pytest.param({"offsets_ms": [0, 0], "values": [1.0, 2.0]}, (0,), (1.0,), ("repeated_time",), id="repeated"),
        pytest.param(
            {"offsets_ms": [0, 5], "values": [None, 2.0]}, (5,), (2.0,), ("missing_values",), id="a null is left out"
        ),
        pytest.param({"values": [None]}, (), (), ("missing_values", "no_samples"), id="only nulls"),
        pytest.param({"offsets_ms": [], "values": []}, (), (), ("no_samples",), id="nothing"),
        pytest.param({"values": [4]}, (0,), (4.0,), (), id="whole number"),
    ],
)
def test_what_is_mended(fields: Any, times: Any, values: Any, flags: Any) -> None:
    found = screened(**fields)
    assert (found.times, found.values, found.flags) == (tuple(NOW + at for at in times), values, flags)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        pytest.param({"device_id": ""}, Reason.MISSING_FIELD, "device_id", id="no device"),
        pytest.param({"without": "metric"}, Reason.MISSING_FIELD, "metric", id="no metric"),
        pytest.param({"device_id": 5}, Reason.WRONG_TYPE, "device_id", id="device is a number"),
        pytest.param({"without": "values"}, Reason.MISSING_FIELD, "values", id="no values"),
        pytest.param({"values": "1"}, Reason.WRONG_TYPE, "values", id="values are text"),
        pytest.param({"values": ["1"]}, Reason.WRONG_TYPE, "values", id="a value is text"),
        pytest.param({"values": [True]}, Reason.WRONG_TYPE, "values", id="a value is true"),
        pytest.param({"offsets_ms": [0.5]}, Reason.WRONG_TYPE, "offsets_ms", id="an offset is no whole number"),
        pytest.param({"offsets_ms": [0, 1]}, Reason.WRONG_TYPE, "offsets_ms", id="unequal lengths"),
        pytest.param({"unit": 3}, Reason.WRONG_TYPE, "unit", id="unit is a number"),
        pytest.param({"values": [float("nan")]}, Reason.NOT_A_NUMBER, "values", id="NaN"),
        pytest.param(
            {"offsets_ms": [0, 1], "values": [1.0, float("-inf")]}, Reason.NOT_A_NUMBER, "values", id="infinity"
        ),
        pytest.param({"received_at": "2026-06-01T00:00"}, Reason.NAIVE_TIME, "received_at", id="naive time"),
        pytest.param({"started_at": 1.5}, Reason.WRONG_TYPE, "started_at", id="fraction of a ms"),
        pytest.param({"without": "started_at"}, Reason.MISSING_FIELD, "started_at", id="no time"),
        pytest.param({"started_at": EARLIEST - 1}, Reason.ANCIENT_TIME, "started_at", id="before 2000"),
        pytest.param({"started_at": EARLIEST, "offsets_ms": [-1]}, Reason.ANCIENT_TIME, "started_at", id="in 1999"),
        pytest.param(
            {"started_at": NOW + TOLERANCE + 1}, Reason.FUTURE_TIME, "started_at + offsets_ms", id="1 ms too far ahead"
        ),
        pytest.param(
            {"offsets_ms": [0, TOLERANCE + 1], "values": [1.0, 1.0]}, Reason.FUTURE_TIME, "started_at + offsets_ms",
            id="the last sample is ahead",
        ),
        pytest.param(
            {"received_at": NOW - 1, "started_at": NOW + TOLERANCE}, Reason.FUTURE_TIME, "started_at + offsets_ms",
            id="ahead of its reception",
        ),
        pytest.param({"received_at": NOW + TOLERANCE + 1}, Reason.FUTURE_TIME, "received_at", id="received tomorrow"),
        pytest.param(
            {"offsets_ms": [0], "values": [1.0] * (MAX_SAMPLES + 1)}, Reason.OVERSIZE, "values",
            id="one sample too many",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(fields: Any, reason: Reason, field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        screened(**fields)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"started_at": NOW + TOLERANCE}, id="5 minutes ahead"),
        pytest.param({"started_at": EARLIEST}, id="the first instant of 2000"),
        pytest.param({"received_at": NOW + TOLERANCE}, id="received 5 minutes ahead"),
        pytest.param({"offsets_ms": list(range(MAX_SAMPLES)), "values": [1.0] * MAX_SAMPLES}, id="as many as allowed"),
    ],
)
def test_what_is_just_accepted(fields: Any) -> None:
    assert screened(**fields).times
