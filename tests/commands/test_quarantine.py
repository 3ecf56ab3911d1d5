"""Refused records: listed without their bytes, shown from the kept input, mended, and sent again exactly once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from schemas.catalogue import FOLDER
from tests.commands.conftest import Wangge
from tests.commands.orders import NOON, an_order, without, written

LATE = "2026-03-17T12:00:00+08:00"
PHONE = "13912345678"


def filled(wangge: Wangge, folder: Path, town: Path) -> Path:
    """A store with one good order and four refused ones."""
    file = written(
        folder / "HotlineOrder.jsonl",
        [
            an_order("good"),
            an_order("future", found_at=LATE, lon=121.4201234, text=f"井盖缺失，请联系我电话{PHONE}"),
            without(an_order("untimed", lon=121.4301234), "received_at"),
            b"{broken",
            an_order("good", text="说的是另一件事"),
        ],
    )
    ended = wangge("run", file, "--store", folder / "S", "--city", town, "--no-answers", "--json")
    assert ended.document["counts"]["quarantined"]["total"] == 4, ended.document["counts"]
    return folder / "S"


def of(number: int) -> str:
    return f"file:HotlineOrder.jsonl:0:{number}"


def test_the_list_names_field_value_and_remedy_and_counts_by_reason(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = filled(wangge, tmp_path, town)
    document = wangge("quarantine", "list", "--store", store, "--json").document
    assert {row["reason"]: row["id"] for row in document["records"]} == {
        "future_time": of(1), "missing_field": of(2), "undecodable": of(3), "conflicting_content": of(4)
    }  # fmt: skip
    assert sum(int(row["records"]) for row in document["by_reason"]) == 4
    assert all(row["field"] and row["remedy"] for row in document["records"])
    only = wangge("quarantine", "list", "--store", store, "--reason", "future_time", "--json").document["records"]
    assert [row["id"] for row in only] == [of(1)]
    assert "future_time" in wangge("quarantine", "list", "--store", store).out
    dump = wangge("sql", "--dump", "--store", store).out
    assert PHONE not in dump


def test_showing_a_record_reads_it_from_the_kept_input(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = filled(wangge, tmp_path, town)
    shown = wangge("quarantine", "show", of(1), "--store", store, "--json").document
    assert PHONE in shown["body"]["text"]
    assert wangge("quarantine", "show", of(3), "--store", store, "--json").document["raw"] == "{broken"
    unknown = wangge("quarantine", "show", "file:x:0:9", "--store", store)
    assert (unknown.code, "no refused record" in unknown.err) == (3, True)
    wangge("forget", "--store", store, "--yes")
    gone = wangge("quarantine", "show", of(1), "--store", store)
    assert (gone.code, "not kept any more" in gone.err) == (3, True)


def replay(wangge: Wangge, store: Path, *options: str) -> dict[str, object]:
    ended = wangge("quarantine", "replay", "--store", store, "--json", *options)
    assert ended.code == 0, ended.err
    found: dict[str, object] = ended.document
    return found


def filed(wangge: Wangge, store: Path, ref: str) -> list[str]:
    sql = "SELECT fate FROM reports WHERE source_ref = {ref:String}"
    rows = wangge("sql", sql, "--store", store, "--param", f"ref={ref}", "--json").document["data"]
    return [row["fate"] for row in rows]


def test_a_mended_record_is_filed_exactly_once(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = filled(wangge, tmp_path, town)
    before = replay(wangge, store, "--dry-run")
    assert (before["would_pass"], before["sent"]) == (0, 0)
    mend = wangge("quarantine", "mend", of(1), "--store", store, "--set", f"found_at={NOON}", "--json").document
    assert mend["mend"] == {"set": {"found_at": NOON}, "sent": False}
    assert stat.S_IMODE((store / "kept" / "mends.json").stat().st_mode) == 0o600
    assert filed(wangge, store, "future") == [], "a mend alone changes nothing"

    dry = replay(wangge, store, "--reason", "future_time", "--dry-run")
    assert (dry["would_pass"], dry["sent"]) == (1, 0)
    assert filed(wangge, store, "future") == []
    sent = replay(wangge, store, "--reason", "future_time")
    assert sent["sent"] == 1
    assert filed(wangge, store, "future") == ["filed"]
    again = replay(wangge, store, "--reason", "future_time")
    assert again["sent"] == 0
    assert filed(wangge, store, "future") == ["filed"]
    cases = wangge("cases", "list", "--store", store, "--json").document["cases"]
    assert len(cases) == len({row["case_id"] for row in cases}) == 2


def test_records_that_were_mended_later_are_sent_beside_those_sent_before(
    wangge: Wangge, tmp_path: Path, town: Path
) -> None:
    store = filled(wangge, tmp_path, town)
    for number, pair in ((1, f"found_at={NOON}"), (2, f"received_at={NOON}")):
        wangge("quarantine", "mend", of(number), "--store", store, "--set", pair)
        sent = replay(wangge, store, "--reason", ("", "future_time", "missing_field")[number])
        assert sent["sent"] == 1
    assert filed(wangge, store, "future") == filed(wangge, store, "untimed") == ["filed"]


def test_what_is_still_faulty_stays_and_is_counted_by_reason(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = filled(wangge, tmp_path, town)
    wangge("quarantine", "mend", of(1), "--store", store, "--set", f"found_at={LATE}")
    result = replay(wangge, store, "--reason", "future_time")
    assert (result["sent"], result["refused_again"]) == (0, {"future_time": 1})
    undecodable = replay(wangge, store, "--reason", "undecodable")
    assert undecodable["sent"] == 0


def test_a_number_that_was_taken_is_refused_again_until_it_is_another(
    wangge: Wangge, tmp_path: Path, town: Path
) -> None:
    store = filled(wangge, tmp_path, town)
    assert replay(wangge, store, "--reason", "conflicting_content")["sent"] == 0
    wangge("quarantine", "mend", of(4), "--store", store, "--set", "source_ref=good-2")
    assert replay(wangge, store, "--reason", "conflicting_content")["sent"] == 1
    assert len(filed(wangge, store, "good-2")) == 1


def test_a_replay_of_the_store_keeps_what_was_mended(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = filled(wangge, tmp_path, town)
    wangge("quarantine", "mend", of(1), "--store", store, "--set", f"found_at={NOON}")
    replay(wangge, store, "--reason", "future_time")
    before = wangge("sql", "--dump", "--store", store).out
    assert wangge("replay", "--store", store, "--json").code == 0
    assert wangge("sql", "--dump", "--store", store).out == before


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_row_of_a_table_is_mended_by_the_names_of_its_header(
    wangge: Wangge, tmp_path: Path, town: Path, encoding: str
) -> None:
    file = tmp_path / "orders.csv"
    rows = "source_system,source_ref,received_at,lon,lat,text,category_text\n"
    rows += "hotline,1,2026-03-16T12:00:00,121.4101234,31.2001234,井盖缺失,井盖\n"
    file.write_bytes(rows.encode(encoding))
    store = tmp_path / "S"
    wangge("run", file, "--schema", "HotlineOrder", "--store", store, "--city", town, "--no-answers")
    (row,) = wangge("quarantine", "list", "--store", store, "--json").document["records"]
    assert row["reason"] == "naive_time"
    wangge("quarantine", "mend", row["id"], "--store", store, "--set", f"received_at={NOON}")
    assert replay(wangge, store)["sent"] == 1
    sql = "SELECT text FROM reports"
    assert wangge("sql", sql, "--store", store, "--json").document["data"] == [{"text": "井盖缺失"}]


def test_a_record_of_another_system_is_mended_by_its_own_names(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    file = written(
        tmp_path / "requests.jsonl",
        [{"service_request_id": "a", "service_name": "Pothole", "requested_datetime": "2026-03-16T12:00:00"}],
    )
    store = tmp_path / "S"
    wangge("run", file, "--mapping", "open311", "--store", store, "--city", town, "--no-answers", "--max-refused", "1")
    (row,) = wangge("quarantine", "list", "--store", store, "--json").document["records"]
    wangge("quarantine", "mend", row["id"], "--store", store, "--set", f"requested_datetime={NOON}")
    assert replay(wangge, store)["sent"] == 1
    channels = wangge("sql", "SELECT channel FROM reports", "--store", store, "--json").document["data"]
    assert channels == [{"channel": "open311"}]


def test_a_mapping_that_was_mended_lets_refused_records_pass_without_a_correction(
    wangge: Wangge, tmp_path: Path, town: Path
) -> None:
    mapping, shipped = tmp_path / "app.yaml", FOLDER / "mappings" / "open311.yaml"
    mapping.write_text(shipped.read_text("utf-8").replace("name: open311", "name: app"), "utf-8")
    request = {"service_request_id": "a", "service_name": "Pothole", "requested_datetime": "2026-03-16T12:00:00"}
    file, store = written(tmp_path / "requests.jsonl", [request]), tmp_path / "S"
    wangge("run", file, "--mapping", mapping, "--store", store, "--city", town, "--no-answers", "--max-refused", "1")
    assert replay(wangge, store)["refused_again"] == {"naive_time": 1}

    time = "{from: requested_datetime, zone: Asia/Shanghai}"
    rule = mapping.read_text("utf-8").replace("at: requested_datetime", f"at: {time}")
    mapping.write_text(
        rule.replace("[requested_datetime, updated_datetime]}", "requested_datetime, zone: Asia/Shanghai}")
    )
    assert replay(wangge, store, "--dry-run")["would_pass"] == 1
    assert replay(wangge, store)["sent"] == 1
    assert filed(wangge, store, "a") == ["filed"]


def test_a_replay_sends_at_most_its_limit_and_the_next_one_goes_on_behind_it(
    wangge: Wangge, tmp_path: Path, town: Path
) -> None:
    refs = ("1", "2", "3")
    orders = [without(an_order(ref, lon=121.41 + int(ref) / 100), "received_at") for ref in refs]
    store = tmp_path / "S"
    options = ("--city", town, "--no-answers", "--max-refused", "1")
    wangge("run", written(tmp_path / "orders.jsonl", orders), "--store", store, *options)
    for row in wangge("quarantine", "list", "--store", store, "--json").document["records"]:
        wangge("quarantine", "mend", row["id"], "--store", store, "--set", f"received_at={NOON}")
    assert replay(wangge, store, "--limit", "2", "--dry-run")["would_pass"] == 2
    assert [replay(wangge, store, "--limit", "2")["sent"] for _ in range(2)] == [2, 1]
    assert [filed(wangge, store, ref) for ref in refs] == [["filed"]] * 3


def test_two_inputs_of_one_name_keep_their_refused_records_apart(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = tmp_path / "S"
    for day in ("1", "2"):
        file = written(tmp_path / day / "orders.jsonl", [without(an_order(day), "received_at")])
        wangge("run", file, "--store", store, "--city", town, "--no-answers")
    rows = wangge("quarantine", "list", "--store", store, "--json").document["records"]
    assert [row["id"] for row in rows] == ["file:orders.jsonl:0:0", "file:orders.jsonl#2:0:0"]
    shown = wangge("quarantine", "show", rows[1]["id"], "--store", store, "--json").document
    assert '"source_ref": "2"' in shown["raw"]
