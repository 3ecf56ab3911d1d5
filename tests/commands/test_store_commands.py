"""Looking at a store: cases with their whole story, statements with parameters, dumps, replay and forgetting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.sinks.columns import ALL_TABLES
from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written


@pytest.fixture
def store(wangge: Wangge, tmp_path: Path, town: Path) -> Path:
    """Three orders, the second of them a duplicate of the first, answered by departments and citizens."""
    orders = [
        an_order("1"),
        an_order("2", received_at="2026-03-16T12:20:00+08:00"),
        an_order("3", lon=121.4251234, text="路灯整夜不亮", category_text="路灯", category_code=""),
    ]
    ended = wangge("run", written(tmp_path / "a.jsonl", orders), "--store", tmp_path / "S", "--city", town, "--json")
    assert ended.code == 0, ended.err
    return tmp_path / "S"


def query(wangge: Wangge, store: Path, sql: str, *options: str) -> list[dict[str, object]]:
    ended = wangge("sql", sql, "--store", store, "--json", *options)
    assert ended.code == 0, ended.err
    found: list[dict[str, object]] = ended.document["data"]
    return found


def test_cases_are_listed_filtered_and_limited(wangge: Wangge, store: Path) -> None:
    cases = wangge("cases", "list", "--store", store, "--json").document["cases"]
    assert len(cases) == len({row["case_id"] for row in cases}) >= 2
    first = cases[0]
    for option, column in (("--department", "department"), ("--state", "state"), ("--class", "case_class"),
                           ("--street", "street"), ("--category", "code"), ("--channel", "channel")):  # fmt: skip
        chosen = wangge("cases", "list", "--store", store, option, first[column], "--json").document["cases"]
        assert first["case_id"] in {row["case_id"] for row in chosen}, option
        assert {row[column] for row in chosen} == {first[column]}, option
    assert wangge("cases", "list", "--store", store, "--state", "nonsense", "--json").document == {"cases": []}
    assert len(wangge("cases", "list", "--store", store, "--limit", "1", "--json").document["cases"]) == 1
    assert str(first["case_id"]) in wangge("cases", "list", "--store", store).out


def test_a_case_is_shown_with_its_reports_links_assignments_and_moves(wangge: Wangge, store: Path) -> None:
    (case,) = query(wangge, store, "SELECT case_id FROM report_links")
    story = wangge("cases", "show", case["case_id"], "--store", store, "--json").document
    assert {row["source_ref"] for row in story["reports"]} == {"1", "2"}
    assert len(story["links"]) == 1
    assert len(story["assignments"]) >= 1
    assert story["moves"]
    assert story["case"][0]["filing_rule"]
    text = wangge("cases", "show", case["case_id"], "--store", store).out
    assert all(word in text for word in ("Case", "Reports", "Links", "Assignments", "Moves"))


def test_a_case_that_is_not_there_says_how_to_find_one(wangge: Wangge, store: Path) -> None:
    ended = wangge("cases", "show", "no-such-case", "--store", store)
    assert ended.code == 3
    assert "wangge cases list" in ended.err


def test_statements_take_parameters(wangge: Wangge, store: Path) -> None:
    sql = "SELECT count() AS n FROM reports WHERE source_ref = {ref:String}"
    assert [int(str(row["n"])) for row in query(wangge, store, sql, "--param", "ref=2")] == [1]
    assert [int(str(row["n"])) for row in query(wangge, store, sql, "--param", "ref=' OR 1 --")] == [0]


@pytest.mark.parametrize("form", ["JSONEachRow", "CSVWithNames", "TSVWithNames", "Markdown", "Vertical"])
def test_answers_come_in_many_formats(wangge: Wangge, store: Path, form: str) -> None:
    ended = wangge("sql", "SELECT source_ref AS ref FROM reports", "--store", store, "--format", form)
    assert ended.code == 0
    assert "ref" in ended.out
    if form == "JSONEachRow":
        assert len([json.loads(line) for line in ended.out.splitlines()]) == 3


@pytest.mark.parametrize(
    "sql", ["DROP TABLE reports", "ALTER TABLE reports DELETE WHERE 1", "INSERT INTO tasks SELECT * FROM tasks"]
)
def test_statements_read_only(wangge: Wangge, store: Path, sql: str) -> None:
    ended = wangge("sql", sql, "--store", store)
    assert ended.code == 2
    assert "readonly" in ended.err
    assert [int(str(row["n"])) for row in query(wangge, store, "SELECT count() AS n FROM reports")] == [3]


def test_a_statement_with_a_fault_ends_with_its_message(wangge: Wangge, store: Path) -> None:
    ended = wangge("sql", "SELECT nope FROM reports", "--store", store)
    assert (ended.code, "nope" in ended.err, "Traceback" in ended.err) == (2, True, False)


def test_a_dump_has_every_table_in_one_stream_or_a_file_each(wangge: Wangge, store: Path, tmp_path: Path) -> None:
    stream = wangge("sql", "--dump", "--store", store).out
    assert [line[3:] for line in stream.splitlines() if line.startswith("-- ")] == list(ALL_TABLES)
    wangge("sql", "--dump", "--store", store, "--out", tmp_path / "dump")
    files = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "dump").iterdir()}
    assert stream == "".join(f"-- {name}\n{files[name]}" for name in ALL_TABLES)


def test_a_replay_gives_the_same_bytes(wangge: Wangge, store: Path) -> None:
    before = wangge("sql", "--dump", "--store", store).out
    dry = wangge("replay", "--store", store, "--dry-run", "--json").document
    assert dry["inputs"] == ["a.jsonl"]
    assert wangge("sql", "--dump", "--store", store).out == before
    assert wangge("replay", "--store", store, "--json").document["new_inputs"] == 0
    assert wangge("sql", "--dump", "--store", store).out == before


def test_a_store_begun_without_answers_stays_so(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    file, store = written(tmp_path / "a.jsonl", [an_order("1")]), tmp_path / "quiet"
    wangge("run", file, "--store", store, "--city", town, "--no-answers")
    before = wangge("sql", "--dump", "--store", store).out
    assert wangge("run", file, "--store", store, "--json").document["records"] == 0
    wangge("replay", "--store", store)
    assert wangge("sql", "--dump", "--store", store).out == before
    assert query(wangge, store, "SELECT * FROM surveys") == []


def test_rules_that_changed_ask_for_a_replay(
    wangge: Wangge, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**facts, "reference_version": "an-older-one"}))
    ended = wangge("run", "--store", store)
    assert ended.code == 3
    assert "begun with reference set an-older-one" in ended.err
    assert f"wangge replay --store {store}" in ended.err.replace("\n", " ")
    assert wangge("replay", "--store", store, "--json").code == 0
    assert wangge("run", "--store", store, "--json").code == 0


def test_forgetting_asks_first_and_leaves_the_tables(wangge: Wangge, store: Path) -> None:
    assert wangge("forget", "--store", store, "--json").document == {"inputs": 1, "removed": False}
    assert (store / "kept").exists()
    assert wangge("forget", "--store", store, "--yes", "--json").document == {"inputs": 1, "removed": True}
    assert not (store / "kept").exists()
    assert [int(str(row["n"])) for row in query(wangge, store, "SELECT count() AS n FROM reports")] == [3]
    refused = wangge("replay", "--store", store)
    assert refused.code == 3
    assert [int(str(row["n"])) for row in query(wangge, store, "SELECT count() AS n FROM reports")] == [3]


def test_figures_are_printed_for_a_store(wangge: Wangge, store: Path) -> None:
    ended = wangge("indicators", "--store", store, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)


def test_a_run_prints_what_became_of_every_record(wangge: Wangge, store: Path) -> None:
    out = wangge("run", "--store", store).out
    assert "adds up" in out
    assert "DOES NOT" not in out


def test_a_drill_at_the_place_of_an_open_case_ends_as_a_drill(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    orders = [an_order("1"), an_order("2", received_at="2026-03-16T12:20:00+08:00", drill=True)]
    written(tmp_path / "a.jsonl", orders)
    assert wangge("run", tmp_path / "a.jsonl", "--store", tmp_path / "S", "--city", town, "--json").code == 0
    found = query(wangge, tmp_path / "S", "SELECT source_ref, fate, outcome, case_id != '' AS cased FROM reports")
    assert sorted(tuple(row.values()) for row in found) == [
        ("1", "filed", "dispatched", 1), ("2", "logged", "drill", 0)
    ]  # fmt: skip
    assert query(wangge, tmp_path / "S", "SELECT count() AS n FROM report_links") == [{"n": 0}]
