"""Bad input, end to end: what is refused, what is mended with a flag, and that neither stops a run."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Reason
from tests.commands.conftest import Ended, Wangge
from tests.commands.orders import an_order, lines, without, written

REFUSED: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "no JSON": (b'{"schema": "HotlineOrder", ', "undecodable"),
    "bytes of no encoding": (b'{"schema": "Report", "text": "\xff\xfe\x80"}', "undecodable"),
    "unknown schema": (an_order("r-schema", schema="Gossip"), "unknown_schema"),
    "no number": (without(an_order("r-missing"), "source_ref"), "missing_field"),
    "no time": (without(an_order("r-untimed"), "received_at"), "missing_field"),
    "text for a number": (an_order("r-type", lon="east"), "wrong_type"),
    "found after it was received": (an_order("r-found", found_at="2026-03-16T12:30:00+08:00"), "future_time"),
    "received in the future": (an_order("r-future", received_at="2199-01-01T00:00:00Z"), "future_time"),
    "before 2000": (an_order("r-ancient", occurred_at="1999-12-31T23:59:59Z"), "ancient_time"),
    "time without a zone": (an_order("r-naive", found_at="2026-03-16T12:00:00"), "naive_time"),
    "not a number": (an_order("r-nan", lon="NaN"), "not_a_number"),
    "infinite evidence": (an_order("r-inf", evidence=[{"measure": "depth", "value": "inf"}]), "not_a_number"),
    "off the globe": (an_order("r-globe", lon=412.0, lat=31.2), "impossible_coordinates"),
    "too long": (an_order("r-long", text="长" * 20_001), "oversize"),
    "same number, other content": (an_order("ok-1", text="另一件事，路灯不亮"), "conflicting_content"),
}
FLAGGED: dict[str, tuple[dict[str, Any], str]] = {
    "f-none": (without(an_order("f-none"), "lon", "lat"), "no_coordinates"),
    "f-zero": (an_order("f-zero", lon=0.0, lat=0.0), "default_point"),
    "f-default": (an_order("f-default", lon=121.4737, lat=31.2304), "default_point"),
    "f-far": (an_order("f-far", lon=116.4, lat=39.9), "outside_city"),
    "f-swapped": (an_order("f-swapped", lon=31.2051234, lat=121.4151234), "axes_swapped"),
    "f-coarse": (an_order("f-coarse", lon=121.42, lat=31.21), "coarse_coordinates"),
    "f-control": (an_order("f-control", text="路面\x00积水\x07很深", lon=121.4011234), "control_characters"),
    "f-parent": (an_order("f-parent", related_refs=["f-parent"], lon=121.4031234), "names_itself"),
}
GOOD = [an_order("ok-1"), an_order("f-blank", lon="-", lat="", address="-", text="-", reporter_name="null"),
        an_order("f-category", category_code="9999", lon=121.4051234)]  # fmt: skip
READINGS = {
    "schema": "SensorReadings", "source_system": "iot", "source_ref": "s-1", "device_id": "NOBODY-KNOWS",
    "metric": "noise", "unit": "dB(A)", "started_at": "2026-03-16T11:59:00+08:00",
    "received_at": "2026-03-16T12:00:00+08:00", "offsets_ms": [0, 1000], "values": [50.5, 51.5],
}  # fmt: skip


class Store:
    """The file with all of it, run once."""

    def __init__(self, wangge: Wangge, folder: Path, town: Path) -> None:
        records = [*GOOD, *(one for one, _ in FLAGGED.values()), READINGS, *(one for one, _ in REFUSED.values())]
        file = written(folder / "mixed.jsonl", records)
        self.path, self.received = folder / "S", len(records)
        self.ended: Ended = wangge("run", file, "--store", self.path, "--city", town, "--no-answers", "--json")
        self.reports = {
            row["source_ref"]: row
            for row in wangge("sql", "SELECT * FROM reports", "--store", self.path, "--json").document["data"]
        }
        listed = wangge("quarantine", "list", "--store", self.path, "--json").document
        self.refused: list[dict[str, Any]] = listed["records"]


_made: dict[Path, Store] = {}


@pytest.fixture
def store(wangge: Wangge, tmp_path_factory: pytest.TempPathFactory, town: Path) -> Store:
    base = tmp_path_factory.getbasetemp()
    if base not in _made:
        _made[base] = Store(wangge, tmp_path_factory.mktemp("mixed"), town)
    return _made[base]


def test_the_run_goes_on_and_the_counts_add_up(store: Store) -> None:
    counts = store.ended.document["counts"]
    assert store.ended.code == 0
    assert counts["received"]["total"] == store.received
    assert counts["quarantined"]["total"] == len(REFUSED)
    assert sum(counts[fate]["total"] for fate in ("filed", "linked", "logged")) == store.received - len(REFUSED)
    said = {reason: number for reason, number in counts["quarantined"]["outcomes"].items() if number}
    assert said == Counter(reason for _, reason in REFUSED.values())


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_reason_field_and_remedy(store: Store, what: str) -> None:
    _, reason = REFUSED[what]
    offset = len(GOOD) + len(FLAGGED) + 1 + list(REFUSED).index(what)
    (row,) = [row for row in store.refused if int(row["offset"]) == offset]
    assert row["reason"] == reason
    assert row["field"]
    assert row["remedy"]


def test_every_kind_of_refusal_is_in_the_file() -> None:
    by_a_sink = {str(Reason.SINK_REJECTED)}  # what the tables refuse was taken before
    assert {reason for _, reason in REFUSED.values()} == set(map(str, Reason)) - by_a_sink


@pytest.mark.parametrize("ref", FLAGGED)
def test_accepted_with_a_flag(store: Store, ref: str) -> None:
    assert FLAGGED[ref][1] in store.reports[ref]["flags"]


@pytest.mark.parametrize("ref", ["f-none", "f-zero", "f-default", "f-far", "f-blank"])
def test_a_place_that_is_none_is_stored_as_none(store: Store, ref: str) -> None:
    assert (store.reports[ref]["lon"], store.reports[ref]["lat"]) == (None, None)


def test_swapped_axes_are_mended(store: Store) -> None:
    row = store.reports["f-swapped"]
    assert (row["lon"], row["lat"]) == (121.4151234, 31.2051234)


def test_control_characters_and_blanks_are_gone(store: Store) -> None:
    assert store.reports["f-control"]["text"].isprintable()
    assert (store.reports["f-blank"]["text"], store.reports["f-blank"]["address"]) == ("", "")
    assert store.reports["f-blank"]["reporter_key"] == ""


def test_an_unknown_category_goes_to_a_person_unless_its_words_tell(store: Store) -> None:
    row = store.reports["f-category"]
    assert row["outcome"] in ("waiting_person", "dispatched", "duplicate")
    assert row["code"] != "9999"


def test_readings_of_an_unknown_device_are_kept_and_counted_apart(store: Store) -> None:
    counts = store.ended.document["counts"]
    assert counts["logged"]["outcomes"]["readings_unknown_device"] == 1
    assert counts["samples"] == 2


@pytest.mark.parametrize("form", ["gz", "bom", "gb18030", "stdin"])
def test_the_same_orders_in_other_clothes_are_the_same_reports(
    wangge: Wangge, tmp_path: Path, town: Path, form: str
) -> None:
    text = "source_system,source_ref,received_at,lon,lat,text\n" + "".join(
        f"hotline,{number},2026-03-16T12:00:00+08:00,121.41{number}1234,31.2001234,井盖缺失第{number}处\n"
        for number in range(3)
    )
    packed = {"gz": gzip.compress(text.encode()), "bom": b"\xef\xbb\xbf" + text.encode(),
              "gb18030": text.encode("gb18030"), "stdin": text.encode()}[form]  # fmt: skip
    file = tmp_path / f"orders.csv{'.gz' if form == 'gz' else ''}"
    file.write_bytes(packed)
    given, source = (packed, "-") if form == "stdin" else (b"", file)
    run = ["run", source, "--schema", "HotlineOrder", "--store", tmp_path / "S", "--city", town, "--no-answers"]
    assert wangge(*run, "--json", given=given).document["counts"]["received"]["channels"] == {"hotline": 3}
    sql = "SELECT source_ref, text FROM reports ORDER BY source_ref"
    rows = wangge("sql", sql, "--store", tmp_path / "S", "--json").document["data"]
    assert [(row["source_ref"], row["text"]) for row in rows] == [(str(n), f"井盖缺失第{n}处") for n in range(3)]


def test_records_of_another_system_come_through_a_mapping(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    records = [
        {
            "service_request_id": number, "service_name": "Pothole", "service_code": "P1", "description": "a hole",
            "requested_datetime": "2026-03-16T12:00:00+08:00", "lat": 31.2001234, "long": 121.4101234 + place,
            "first_name": "Ann", "phone": "555 0100",
        }
        for number, place in (("a", 0.0), ("b", 0.01))
    ]  # fmt: skip
    run = ["run", "-", "--mapping", "open311", "--store", tmp_path / "S", "--city", town, "--no-answers", "--json"]
    counts = wangge(*run, given=lines(records)).document["counts"]
    assert counts["received"] == {"total": 2, "channels": {"open311": 2}}
    assert counts["quarantined"]["total"] == 0


def test_too_many_refusals_stop_the_run_commit_nothing_and_leave_the_store_open_for_the_mended_file(
    wangge: Wangge, tmp_path: Path, town: Path
) -> None:
    store, run = tmp_path / "S", ["--city", town, "--no-answers", "--json"]
    broken = written(tmp_path / "bad" / "orders.jsonl", [without(an_order(str(n)), "received_at") for n in range(300)])
    ended = wangge("run", broken, "--store", store, *run)
    assert ended.code == 3
    assert "300 of the last 300 records were refused, more than --max-refused 0.2" in ended.err
    rows = wangge("sql", "SELECT count() AS n FROM quarantine", "--store", store, "--json").document["data"]
    assert [int(row["n"]) for row in rows] == [0]
    mended = written(tmp_path / "good" / "orders.jsonl", [an_order("1")])
    assert wangge("run", mended, "--store", store, *run).document["counts"]["received"]["total"] == 1
    assert wangge("run", broken, "--store", store, *run, "--max-refused", "1").document["records"] == 300
    assert wangge("replay", "--store", store, "--json").document["counts"]["quarantined"]["total"] == 300
