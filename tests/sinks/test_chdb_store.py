"""The embedded store: columns as the product's tables have them, exact values, dumps in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.sinks.chdb import ChdbStore, RefusedQuery
from connectors.sinks.columns import ALL_TABLES, READINGS, TABLES, columns_of
from pipeline.events.facts import FACTS, Fact, PatrolLogged, RecordQuarantined, ReportSettled
from schemas.catalogue import FOLDER
from tests.sinks.facts import a_fact, samples

DDL = sorted((FOLDER / "clickhouse").glob("*.sql"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    opened = ChdbStore(tmp_path_factory.mktemp("store"), DDL)
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", FACTS, ids=[kind.__name__ for kind in FACTS])
def test_the_columns_of_a_fact_are_those_of_its_table(store: ChdbStore, kind: type[Fact]) -> None:
    there = store.rows(
        "SELECT name, type FROM system.columns WHERE database = 'wangge' AND table = {t:String} "
        "AND default_kind = '' ORDER BY position",
        {"t": TABLES[kind]},
    )
    assert [(row["name"], row["type"]) for row in there] == [(c.name, c.sql_type) for c in columns_of(kind)]


@pytest.mark.parametrize("kind", FACTS, ids=[kind.__name__ for kind in FACTS])
def test_every_value_comes_back_as_it_was_written(store: ChdbStore, kind: type[Fact]) -> None:
    store.write({kind: [a_fact(kind, "exact")]})
    (row,) = store.rows(f"SELECT * FROM {TABLES[kind]} WHERE fact_id = {{id:String}}", {"id": "exact"})
    fact = a_fact(kind, "exact")
    for column in columns_of(kind):
        value = getattr(fact, column.name)
        if column.shape == "time":
            assert str(row[column.name]).endswith(".123"), "milliseconds are kept"
        elif column.shape == "int":
            assert int(row[column.name]) == value
        else:
            assert row[column.name] == (list(value) if isinstance(value, tuple) else value)


def test_what_is_not_known_is_null(store: ChdbStore) -> None:
    fact = a_fact(ReportSettled, "unknown", lon=None, occurred_at=None)
    store.write({ReportSettled: [fact, a_fact(ReportSettled, "known")]})
    (row,) = store.rows("SELECT lon, occurred_at FROM reports WHERE fact_id = 'unknown'")
    assert row == {"lon": None, "occurred_at": None}


def test_the_last_of_an_id_counts(store: ChdbStore) -> None:
    for recorded, grid in ((1, "first"), (2, "second")):
        store.write({PatrolLogged: [a_fact(PatrolLogged, "again", recorded=recorded, grid=grid)]})
    assert store.rows("SELECT grid FROM patrols WHERE fact_id = 'again'") == [{"grid": "second"}]


def test_what_was_packed_poll_by_poll_is_written_as_one(store: ChdbStore) -> None:
    many = [a_fact(PatrolLogged, f"part-{number:04}") for number in range(1_200)]
    parts = [
        store.packed({PatrolLogged: many[:1_100]}, [samples("part-one", [1_000]), samples("part-two", [1_000, 2_000])]),
        store.packed({RecordQuarantined: [a_fact(RecordQuarantined, "part-q")]}, []),
        store.packed({PatrolLogged: many[1_100:], ReportSettled: []}, [samples("part-one", [2_000, 3_000])]),
    ]
    assert store.write_packed(parts) == 1_200 + 1 + 5
    assert store.rows("SELECT count() AS n FROM patrols WHERE fact_id LIKE 'part-%'")[0]["n"] in (1_200, "1200")
    found = store.rows(
        "SELECT device_id AS d, toUnixTimestamp64Milli(at) AS t FROM readings WHERE d LIKE 'part-%' ORDER BY d, t"
    )
    expected = [("part-one", 1_000), ("part-one", 2_000), ("part-one", 3_000), ("part-two", 1_000), ("part-two", 2_000)]
    assert [(row["d"], int(row["t"])) for row in found] == expected


def test_a_dump_is_the_same_whatever_order_the_rows_came_in(store: ChdbStore) -> None:
    for name in ("c", "a", "b", "a"):
        store.write({PatrolLogged: [a_fact(PatrolLogged, f"dump-{name}")]}, [samples(f"dump-{name}", [3_000, 1_000])])
    ids = [line.split(b"\t")[0] for line in store.dump("patrols").splitlines()]
    assert ids[0] == b"fact_id"
    assert ids[1:] == sorted(ids[1:])
    assert [name for name in ids if name.startswith(b"dump")] == [b"dump-a", b"dump-b", b"dump-c"]
    keys = [tuple(line.split(b"\t")[:3]) for line in store.dump(READINGS).splitlines()[1:]]
    assert keys == sorted(set(keys))


def test_every_table_can_be_dumped_and_no_other(store: ChdbStore) -> None:
    assert all(store.dump(name) for name in ALL_TABLES)
    with pytest.raises(KeyError, match="no table 'users'"):
        store.dump("users")


@pytest.mark.parametrize("value", ["'; DROP TABLE reports; --", "街道", 'a"b', "\\", "a\\tb", "a\tb", "a\nb", ""])
def test_values_are_parameters_and_never_part_of_the_statement(store: ChdbStore, value: str) -> None:
    assert store.rows("SELECT {v:String} AS v", {"v": value}) == [{"v": value}]
    assert store.dump("reports")


def test_a_statement_that_does_not_run_says_so_in_the_words_of_clickhouse(store: ChdbStore) -> None:
    with pytest.raises(RefusedQuery, match="nope"):
        store.query("SELECT nope FROM reports")
    assert store.rows("SELECT 1 AS one") == [{"one": 1}]


def test_bytes_of_refused_records_have_no_column(store: ChdbStore) -> None:
    store.write({RecordQuarantined: [a_fact(RecordQuarantined, "q", raw="张三 13800000000".encode())]})
    assert b"13800000000" not in store.dump("quarantine")
    assert "raw" in {field.name for field in msgspec.structs.fields(RecordQuarantined)}


def test_the_tables_are_there_again_when_the_folder_is_opened_again(store: ChdbStore) -> None:
    """Opening runs all statements again, so each must stand being run twice."""
    for path in DDL:
        statements = re.findall(r"(?m)^(?:CREATE|ALTER) [^(;]*", path.read_text(encoding="utf-8"))
        assert statements
        assert all(re.search("IF NOT EXISTS|OR REPLACE|MODIFY SETTING", text) for text in statements), path.name


def test_a_store_holds_what_was_written_before_it_was_closed(tmp_path: Path, store: ChdbStore) -> None:
    store.close()  # one store at a time in a process
    first = ChdbStore(tmp_path / "tables", DDL)
    first.write({PatrolLogged: [a_fact(PatrolLogged, "p")]})
    first.close()
    again = ChdbStore(tmp_path / "tables", DDL)
    try:
        assert again.rows("SELECT fact_id FROM patrols") == [{"fact_id": "p"}]
    finally:
        again.close()


def test_whole_numbers_among_floats_are_stored_like_floats_and_no_file_of_rows_stays(tmp_path: Path) -> None:
    folder = tmp_path / "it's a store"
    opened = ChdbStore(folder, DDL)
    try:
        opened.write(
            {ReportSettled: [a_fact(ReportSettled, "whole", lon=121, lat=None), a_fact(ReportSettled, "exact")]}
        )
        assert opened.rows("SELECT fact_id, lon, lat FROM reports WHERE fact_id = 'whole'") == [
            {"fact_id": "whole", "lon": 121.0, "lat": None}
        ]
        assert opened.rows("SELECT count() AS n FROM reports") == [{"n": 2}]
    finally:
        opened.close()
    assert not list(folder.glob("rows*"))
