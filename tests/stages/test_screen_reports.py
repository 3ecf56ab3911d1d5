"""What screening refuses, what it mends with a flag, and what of a person is left afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.domain.geo.datum import Datum, to_wgs84
from pipeline.domain.privacy import normal_phone, scan
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.intake import ScreenedReport
from pipeline.stages.screen import YEAR_2000, screen
from tests.builders import a_body, arrival_of
from tests.small_city import DAY, HOUR, MINUTE, MONDAY, at, screening

NAN, INF = float("nan"), float("inf")
LON, LAT = at(-500)
FIVE = 5 * MINUTE


def screened(schema: str = "HotlineOrder", *, appended_at: int = MONDAY, **fields: Any) -> ScreenedReport:
    body = a_body(schema, **({"lon": LON, "lat": LAT} | fields))
    return screen(arrival_of(schema, body, 7, appended_at), screening())


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        pytest.param({"source_system": " "}, Reason.MISSING_FIELD, "source_system", id="no source system"),
        pytest.param({"source_ref": ""}, Reason.MISSING_FIELD, "source_ref", id="no number"),
        pytest.param({"received_at": MONDAY + FIVE + 1}, Reason.FUTURE_TIME, "received_at", id="received too soon"),
        pytest.param({"occurred_at": MONDAY + FIVE + 1}, Reason.FUTURE_TIME, "occurred_at", id="occurred too soon"),
        pytest.param({"found_at": MONDAY + FIVE + 1}, Reason.FUTURE_TIME, "found_at", id="found in the future"),
        pytest.param({"sent_at": MONDAY + FIVE + 1}, Reason.FUTURE_TIME, "sent_at", id="sent in the future"),
        pytest.param({"received_at": YEAR_2000 - 1}, Reason.ANCIENT_TIME, "received_at", id="received before 2000"),
        pytest.param({"occurred_at": YEAR_2000 - 1}, Reason.ANCIENT_TIME, "occurred_at", id="occurred before 2000"),
        pytest.param({"found_at": 0}, Reason.ANCIENT_TIME, "found_at", id="found in 1970"),
        pytest.param({"sent_at": -1}, Reason.ANCIENT_TIME, "sent_at", id="sent before 1970"),
        pytest.param({"lon": NAN}, Reason.NOT_A_NUMBER, "lon, lat", id="longitude NaN"),
        pytest.param({"lat": INF}, Reason.NOT_A_NUMBER, "lon, lat", id="latitude infinite"),
        pytest.param({"lon": 180.1}, Reason.IMPOSSIBLE_COORDINATES, "lon, lat", id="beyond 180 degrees"),
        pytest.param({"lat": -90.1}, Reason.IMPOSSIBLE_COORDINATES, "lon, lat", id="beyond the pole"),
        pytest.param(
            {"evidence": [{"measure": "depth", "value": NAN, "unit": "cm"}]}, Reason.NOT_A_NUMBER, "evidence", id="NaN"
        ),
        pytest.param({"text": "x" * 20_001}, Reason.OVERSIZE, "text", id="text too long"),
        pytest.param({"related_refs": ["1"] * 65}, Reason.OVERSIZE, "related_refs", id="too many references"),
        pytest.param({"source_ref": "x" * 129}, Reason.OVERSIZE, "source_ref", id="number too long"),
    ],
)  # fmt: skip
def test_what_is_refused_says_field_value_and_remedy(fields: Any, reason: Reason, field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        screened(**fields)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert caught.value.remedy
    assert caught.value.value


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"received_at": MONDAY + FIVE}, id="a clock 5 minutes ahead"),
        pytest.param({"occurred_at": MONDAY + FIVE}, id="occurred at the tolerance"),
        pytest.param({"received_at": YEAR_2000}, id="received as 2000 began"),
        pytest.param({"occurred_at": YEAR_2000}, id="occurred as 2000 began"),
        pytest.param({"text": "x" * 20_000}, id="text as long as may be"),
        pytest.param({"occurred_at": None, "found_at": None, "sent_at": None}, id="no time but that of reception"),
        pytest.param({"lon": 180.0, "lat": 90.0}, id="the corner of the world"),
    ],
)
def test_what_lies_on_a_limit_is_accepted(fields: Any) -> None:
    assert screened(**fields).report_id


@pytest.mark.parametrize(
    ("fields", "flags", "placed"),
    [
        pytest.param({}, (), True, id="nothing odd"),
        pytest.param({"lon": None}, ("no_coordinates",), False, id="place missing"),
        pytest.param({"lon": 0.0, "lat": 0.0}, ("default_point",), False, id="at (0, 0)"),
        pytest.param(dict(zip(("lon", "lat"), at(7777), strict=True)), ("default_point",), False, id="default point"),
        pytest.param({"lon": 10.0, "lat": 50.0}, ("outside_city",), False, id="outside the city"),
        pytest.param({"lon": LAT, "lat": LON}, ("axes_swapped",), True, id="swapped axes"),
        pytest.param({"lon": round(LON, 2), "lat": round(LAT, 2)}, ("coarse_coordinates",), False, id="coarse"),
        pytest.param({"datum": "unknown"}, ("unknown_datum",), True, id="unknown datum"),
        pytest.param({"text": "a\x00b"}, ("control_characters",), True, id="control characters"),
        pytest.param({"title": "\u200ba", "text": "a\x07"}, ("control_characters",), True, id="in both texts"),
        pytest.param({"related_refs": ["o-1", "o-2"]}, ("names_itself",), True, id="names itself as parent"),
    ],
)
def test_what_is_accepted_with_a_flag(fields: Any, flags: tuple[str, ...], placed: bool) -> None:
    found = screened(**fields)
    assert found.flags == flags
    assert (found.lon is not None, found.lat is not None, found.error_m is not None) == (placed, placed, placed)


def test_swapped_axes_are_mended() -> None:
    found = screened(lon=LAT, lat=LON)
    assert (found.lon, found.lat) == (LON, LAT)


def test_control_characters_are_stripped_and_blanks_collapse() -> None:
    assert screened(text="a\x00b  c\n d").text == "ab c d"


def test_a_report_is_not_its_own_parent() -> None:
    assert screened(related_refs=["o-1", "o-2", "o-2", ""]).related_refs == ("o-2",)


def test_order_numbers_in_the_text_are_related_reports() -> None:
    assert screened(text="重复工单号 20260802001，仍未处理").related_refs == ("20260802001",)


@pytest.mark.parametrize("blank", ["-", "", " ", "null", "N/A", "无"])
@pytest.mark.parametrize(
    "field", ["address", "area_code", "place_name", "title", "text", "category_code", "category_text", "component_code"]
)
def test_what_sources_write_for_nothing_is_nothing(field: str, blank: str) -> None:
    assert getattr(screened(**{field: blank}), field) == ""


@pytest.mark.parametrize("field", ["reporter_id", "reporter_phone", "reporter_name"])
def test_a_blank_reporter_is_nobody_and_not_one_person_who_reports_a_lot(field: str) -> None:
    assert screened(**{field: "-", "address": "柳湾路10号"}).reporter_key == ""


@pytest.mark.parametrize(
    ("schema", "fields", "error"),
    [
        pytest.param("GridWorkerReport", {}, 10.0, id="a grid worker's terminal"),
        pytest.param("HotlineOrder", {}, 30.0, id="any other"),
        pytest.param("HotlineOrder", {"error_m": 5.0}, 5.0, id="as stated"),
        pytest.param("HotlineOrder", {"error_m": -5.0}, 30.0, id="a stated error below zero says nothing"),
        pytest.param("HotlineOrder", {"error_m": INF}, 30.0, id="nor does an infinite one"),
        pytest.param("HotlineOrder", {"lon": 121.521, "lat": 31.2}, 30.0, id="three decimals are not coarse"),
    ],
)
def test_every_place_has_an_error(schema: str, fields: Any, error: float) -> None:
    assert screened(schema, **fields).error_m == pytest.approx(error)


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_shifted_coordinates_are_brought_to_wgs84(datum: Datum) -> None:
    found = screened(datum={Datum.GCJ02: "GCJ02", Datum.BD09: "BD09"}[datum])
    assert (found.lon, found.lat) == to_wgs84(LON, LAT, datum)
    assert found.lon != LON


@pytest.mark.parametrize(
    ("schema", "fields", "channel"),
    [
        pytest.param("GridWorkerReport", {}, "grid-worker", id="grid worker"),
        pytest.param("HotlineOrder", {}, "hotline", id="hotline"),
        pytest.param("Report", {"channel": "media"}, "media", id="its own name"),
        pytest.param("Report", {"channel": "drone"}, "drone", id="a new channel is kept by name"),
        pytest.param("Report", {"channel": "-"}, "unknown", id="blank"),
    ],
)
def test_the_channel_of_a_report(schema: str, fields: Any, channel: str) -> None:
    assert screened(schema, **fields).channel == channel


def test_the_earliest_known_time_is_the_beginning() -> None:
    times = {"occurred_at": MONDAY - DAY, "found_at": MONDAY - HOUR, "sent_at": MONDAY - MINUTE}
    for name, expected in (*times.items(), ("received_at", MONDAY)):
        assert screened(**times).begun_at == expected
        times.pop(name, None)


# -- persons ------------------------------------------------------------------------------------------------------

WRITINGS = ["13812345678", "138 1234 5678", "+86 138-1234-5678", "０１３８１２３４５６７８"]


@pytest.mark.parametrize("phone", WRITINGS[1:])
@pytest.mark.parametrize("other", [{}, {"reporter_name": "李四"}, {"address": "柳湾路10号"}, {"reporter_id": "77"}])
def test_the_same_phone_in_two_writings_is_the_same_person_whatever_else_is_told(phone: str, other: Any) -> None:
    known = screened(reporter_phone=WRITINGS[0], reporter_name="张三").reporter_key
    assert known
    assert screened(reporter_phone=phone, **other).reporter_key == known


def test_different_persons_and_different_keys_have_different_pseudonyms() -> None:
    one = screened(reporter_phone=WRITINGS[0]).reporter_key
    body = arrival_of("HotlineOrder", a_body(reporter_phone=WRITINGS[0]))
    assert one != screened(reporter_phone="13812345679").reporter_key
    assert one != screen(body, screening(key=b"another key of 16 bytes")).reporter_key


def test_the_same_door_in_two_writings_has_one_key_that_another_door_has_not() -> None:
    one, same = screened(address="柳湾路10号3幢502室"), screened(address="柳湾路１０号 3幢 502室")
    assert one.address_key
    assert one.address_key == same.address_key
    assert one.address_key != screened(address="柳湾路10号3幢503室").address_key


PERSONAL = {
    "reporter_name": "张三丰", "reporter_phone": "13812345678", "reporter_id": "11010519491231002X",
    "address": "柳湾路10号3幢502室", "place_name": "柳湾小区3幢502室 13812345678",
    "title": "联系人：张三丰 13812345678",
    "text": "我叫张三丰，电话138 1234 5678，住3幢502室，身份证11010519491231002X，车牌沪A12345，邮箱zhang@example.com",
    "category_text": "噪声 13812345678",
}  # fmt: skip


@pytest.mark.parametrize("schema", ["GridWorkerReport", "HotlineOrder", "Report"])
def test_no_personal_data_is_left_in_any_text_of_the_result(schema: str) -> None:
    found = screened(schema, **PERSONAL)
    texts = [text for text in _strings(msgspec.to_builtins(found))]
    assert {text: scan(text) for text in texts if scan(text)} == {}
    assert not [text for text in texts if "张三丰" in text or "11010519491231002X" in text or "502" in text]
    assert not [text for text in texts if normal_phone(text) == "13812345678"]
    assert (found.reporter_key, found.address_key) != ("", "")


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def test_the_sketch_is_made_of_the_redacted_text() -> None:
    """Otherwise two reports of one person would look alike for their phone number."""
    assert screened(text="井盖坏了 13812345678").signature == screened(text="井盖坏了 13987654321").signature
