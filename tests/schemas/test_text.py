"""Text records named as a schema: what is taken over, what is converted, what is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidRecord, Reason
from pipeline.wire import serde
from schemas.catalogue import newest
from schemas.converters import millis
from schemas.mapping import body_from_text

REPORT = {"source_system": "s", "source_ref": "1", "channel": "media", "received_at": "2026-03-02T08:15:00+08:00"}
READINGS = {"source_system": "s", "device_id": "d", "metric": "m", "received_at": 1, "started_at": 1}
TASK = {"source_system": "s", "source_ref": "1", "worker_id": "w", "received_at": 1, "done_at": 1}


def report(**fields: Any) -> Any:
    return body_from_text("Report", REPORT | fields)


def test_fields_left_out_take_their_defaults_in_the_order_of_the_schema() -> None:
    body = report()
    assert list(body) == [field["name"] for field in newest("Report").fields]
    assert (body["datum"], body["lon"], body["evidence"], body["urgent"]) == ("WGS84", None, [], False)


def test_lists_and_maps_of_two_bodies_are_not_shared() -> None:
    one, other = report(), report()
    one["photos"].append("p")
    assert other["photos"] == []


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        pytest.param("found_at", "2026-03-02T00:15:00Z", 1772410500000, id="time in UTC"),
        pytest.param("found_at", "2026-03-02T08:15:00.250+08:00", 1772410500250, id="time with milliseconds"),
        pytest.param("found_at", 1772410500000, 1772410500000, id="time as milliseconds"),
        pytest.param("found_at", "1772410500000", 1772410500000, id="time as milliseconds in a cell"),
        pytest.param("found_at", "-", None, id="time not known"),
        pytest.param("found_at", "1969-12-31T23:59:59.999+00:00", -1, id="time before the epoch"),
        pytest.param("lon", "121.5", 121.5, id="number in a cell"),
        pytest.param("lon", 121, 121.0, id="whole number"),
        pytest.param("lon", " - ", None, id="dash is not known"),
        pytest.param("lon", "", None, id="blank is not known"),
        pytest.param("lon", None, None, id="null is not known"),
        pytest.param("urgent", "是", True, id="yes in words"),
        pytest.param("urgent", "0", False, id="no as a digit"),
        pytest.param("urgent", "", False, id="blank choice takes the default"),
        pytest.param("datum", "gcj-02", "GCJ02", id="symbol written otherwise"),
        pytest.param("datum", "Mars", "unknown", id="unknown datum is never taken for WGS84"),
        pytest.param("appeal_type", "寻人", "unknown", id="unknown symbol"),
        pytest.param("title", 12, "12", id="number where a text belongs"),
        pytest.param("title", None, "", id="null text"),
        pytest.param("photos", "a; b", ["a", "b"], id="list in a cell"),
        pytest.param("photos", '["a"]', ["a"], id="list as JSON in a cell"),
        pytest.param("photos", "a", ["a"], id="lone item"),
        pytest.param("photos", ["a", None], ["a"], id="null item"),
        pytest.param("extra", '{"a": 1}', {"a": "1"}, id="map as JSON in a cell"),
        pytest.param(
            "evidence",
            [{"measure": "depth", "value": "18"}],
            [{"measure": "depth", "value": 18.0, "unit": ""}],
            id="record",
        ),
    ],
)
def test_a_value_is_converted(field: str, value: Any, expected: Any) -> None:
    found = report(**{field: value})[field]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        pytest.param("found_at", "2026-03-02T08:15:00", Reason.NAIVE_TIME, id="time without zone"),
        pytest.param("found_at", "2026-03-02", Reason.NAIVE_TIME, id="a day is a time without zone"),
        pytest.param("found_at", "yesterday", Reason.WRONG_TYPE, id="no time"),
        pytest.param("found_at", 1.5, Reason.WRONG_TYPE, id="time as a fraction"),
        pytest.param("found_at", True, Reason.WRONG_TYPE, id="time as true"),
        pytest.param("found_at", 1 << 63, Reason.WRONG_TYPE, id="time beyond 64 bits"),
        pytest.param("lon", "east", Reason.WRONG_TYPE, id="no number"),
        pytest.param("lon", True, Reason.WRONG_TYPE, id="truth is no number"),
        pytest.param("lon", 10**400, Reason.WRONG_TYPE, id="number beyond measure"),
        pytest.param("urgent", "maybe", Reason.WRONG_TYPE, id="neither true nor false"),
        pytest.param("title", {"a": 1}, Reason.WRONG_TYPE, id="object where a text belongs"),
        pytest.param("datum", 3, Reason.WRONG_TYPE, id="symbol as number"),
        pytest.param("evidence", [{"value": 1}], Reason.MISSING_FIELD, id="measurement without measure"),
        pytest.param("evidence", ["deep"], Reason.WRONG_TYPE, id="measurement as text"),
        pytest.param("photos", "[1", Reason.WRONG_TYPE, id="broken JSON in a cell"),
        pytest.param("received_at", "", Reason.MISSING_FIELD, id="needed time is blank"),
        pytest.param("channel", " ", Reason.MISSING_FIELD, id="needed text is blank"),
    ],
)
def test_a_value_is_refused_with_its_field_and_a_remedy(field: str, value: Any, reason: Reason) -> None:
    with pytest.raises(InvalidRecord) as refused:
        report(**{field: value})
    assert refused.value.reason is reason
    assert refused.value.field.startswith(field)
    assert refused.value.remedy


def test_a_field_that_is_not_there_is_missing() -> None:
    with pytest.raises(InvalidRecord, match="missing_field: received_at"):
        body_from_text("Report", {key: REPORT[key] for key in ("source_system", "source_ref", "channel")})


def test_unknown_fields_go_to_extra_or_are_dropped() -> None:
    assert report(weather="rain", depth=3, nothing=None, extra={"depth": "4"})["extra"] == {
        "weather": "rain",
        "depth": "4",
    }
    assert "weather" not in body_from_text("Task", TASK | {"weather": "rain"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("3.0", 3, id="whole number with a point"),
        pytest.param("+3", 3, id="sign"),
        pytest.param("-", 1, id="blank takes the default"),
        pytest.param("3.5", None, id="fraction"),
        pytest.param("NaN", None, id="not a number"),
        pytest.param(1 << 31, None, id="beyond 32 bits"),
    ],
)
def test_whole_numbers_are_whole(value: Any, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(InvalidRecord, match="wrong_type: items"):
            body_from_text("Task", TASK | {"items": value})
    else:
        assert body_from_text("Task", TASK | {"items": value})["items"] == expected


@pytest.mark.parametrize(
    ("columns", "offsets", "values"),
    [
        pytest.param({"values": 7}, [0], [7.0], id="a lone value stands at the start"),
        pytest.param({"values": "1;-;3", "offsets_ms": "0;10;20"}, [0, 20], [1.0, 3.0], id="a dash in a cell"),
        pytest.param({"values": [None, 2], "offsets_ms": [0, 10]}, [10], [2.0], id="null at the start"),
        pytest.param({"values": [1, 2], "offsets_ms": [0, 10]}, [0, 10], [1.0, 2.0], id="none missing"),
        pytest.param({"values": [None]}, [], [], id="nothing read"),
    ],
)
def test_a_missing_reading_is_left_out_of_both_columns(columns: Any, offsets: list[int], values: list[float]) -> None:
    body = body_from_text("SensorReadings", READINGS | columns)
    assert (body["offsets_ms"], body["values"]) == (offsets, values)


def test_missing_readings_of_columns_of_unlike_length_are_refused() -> None:
    with pytest.raises(InvalidRecord, match="wrong_type: values"):
        body_from_text("SensorReadings", READINGS | {"values": [None, 2], "offsets_ms": [0]})


def test_many_samples_need_offsets() -> None:
    with pytest.raises(InvalidRecord, match="missing_field: offsets_ms"):
        body_from_text("SensorReadings", READINGS | {"values": [1, 2]})


def test_not_a_number_is_left_to_the_screen() -> None:
    assert math.isnan(body_from_text("SensorReadings", READINGS | {"values": "NaN"})["values"][0])


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001 - the zone is drawn below
    st.integers(-14 * 60, 14 * 60),
)
def test_any_zoned_time_is_its_milliseconds(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert millis(zoned.isoformat(), "at") == expected


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([field["name"] for field in newest("Report").fields]) | st.text(max_size=8), Json)
)
def test_anything_is_either_refused_or_fits_the_wire(record: dict[str, Any]) -> None:
    try:
        body = body_from_text("Report", REPORT | record)
    except InvalidRecord:
        return
    name, found = serde.decode(serde.encode("Report", body))
    assert (name, repr(found)) == ("Report", repr(body))
