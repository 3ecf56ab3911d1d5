"""What the comparison of Kafka and ClickHouse says, without either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connectors.sinks.clickhouse import auditing
from connectors.sinks.clickhouse.auditing import full
from connectors.sinks.clickhouse.blocks import build, columns_in
from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.clickhouse.sampling import LEAST, SHARE, digest_of_row, spread
from connectors.sinks.clickhouse.values import keeps
from connectors.sinks.clickhouse.verify import Account, Auditor, Differing
from connectors.sinks.columns import ALL_TABLES, READINGS
from pipeline.events.base import Value
from pipeline.events.facts import CaseFiled, PatrolLogged
from pipeline.wire import serde
from tests.sinks.facts import a_fact, samples

SECONDS = "DateTime('UTC')"


class Tables:
    """A server that has what a sink wrote of a range; times are kept as it says, and rows may be changed."""

    def __init__(self, taken: Range, time_type: str = "") -> None:
        self.types = {
            table: {
                one.name: time_type if one.shape == "time" and time_type else one.sql_type for one in columns_in(table)
            }
            for table in ALL_TABLES
        }
        self.tables = {
            part.table: [
                list(row)
                for row in zip(
                    *(
                        keeps(one.shape, self.types[part.table][one.name])(cells)
                        for one, cells in zip(part.columns, part.values, strict=True)
                    ),
                    strict=True,
                )
            ]
            for part in build(taken).parts
        }
        self.asked = 0
        """Rows that were given back whole."""

    def rows(self, sql: str, values: Any = None, **_: Any) -> list[tuple[Any, ...]]:
        if "system.columns" in sql:
            return [(table, *column) for table, types in self.types.items() for column in types.items()]
        if "DISTINCT offset" in sql:
            return []
        table = sql.split("FROM `db`.`")[1].split("`")[0]
        wide, whole = 3 if table == READINGS else 1, "first" in values
        found = [tuple(row) for row in self.tables.get(table, ()) if self._wanted(table, row, values)]
        self.asked += len(found) if whole else 0
        return found if whole else [(*row[:wide], *row[-3:]) for row in found]

    def _wanted(self, table: str, row: Sequence[Any], values: Any) -> bool:
        if table != READINGS:
            return row[0] in values["keys"]
        if "devices" in values:
            return tuple(row[:3]) in values["keys"]
        return row[0] in values["keys"] and values["from"] <= row[2] <= values["until"]

    def change(self, table: str, row: int, column: str, value: Any) -> None:
        names = [one.name for one in columns_in(table)]
        self.tables[table][row][names.index(column)] = value


def a_range(values: Sequence[Value]) -> Range:
    records = [Record(5 + 2 * number, 1, serde.encode_struct(value)) for number, value in enumerate(values)]
    return Range("t", 0, 5, 5 + 2 * len(records), records)


def audited(server: Tables, taken: Range, *, whole: bool = False) -> Account:
    account = Account("t", 0)
    Auditor(server, "db", whole=whole).compare(taken, account)
    return account


@pytest.mark.parametrize(
    ("server_type", "times", "found", "superseded", "missing"),
    [
        pytest.param("DateTime64(3, 'UTC')", [1_234, 1_999, 61_001], 3, 0, 0, id="milliseconds"),
        pytest.param("DateTime64(3, 'UTC')", [1_000, 1_000, 61_001], 1, 0, 2, id="other milliseconds"),
        pytest.param(SECONDS, [1_000, 1_000, 61_000], 3, 0, 0, id="seconds"),
        pytest.param(SECONDS, [1_000, 61_000], 2, 1, 0, id="seconds, after a merge"),
        pytest.param(SECONDS, [1_000, 1_000], 2, 0, 1, id="seconds, of which one is missing"),
    ],
)
def test_readings_are_accounted_for_as_exactly_as_their_times_are_kept(
    server_type: str, times: list[int], found: int, superseded: int, missing: int
) -> None:
    taken = a_range([samples("d1", [1_234, 1_999, 61_001])])
    server = Tables(taken, server_type)
    there = server.tables[READINGS]
    server.tables[READINGS] = [[*there[0][:2], at, *there[0][3:]] for at in times]
    account = audited(server, taken)
    assert (account.found, account.superseded, account.missing) == (found, superseded, missing)


# -- the hash sample ------------------------------------------------------------------------------------------------

MIXED = a_range(
    [
        *(a_fact(CaseFiled, f"c{number}") for number in range(40)),
        *(a_fact(PatrolLogged, f"p{number}") for number in range(3)),
        *(samples(f"d{number}", range(0, 600_000, 60_000)) for number in range(4)),
    ]
)


@pytest.mark.parametrize("time_type", ["", SECONDS, "Int64"], ids=["usual", "seconds", "milliseconds as numbers"])
def test_equal_rows_pass_in_every_type_they_are_kept_in(time_type: str) -> None:
    account = audited(Tables(MIXED, time_type), MIXED)
    assert account.right
    assert (account.sampled, account.differing, account.told()) == (account.rows, 0, [])
    assert account.rows == 83


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "offset"),
    [
        pytest.param("cases", 0, "grid", "another", 5, id="the first fact"),
        pytest.param("cases", 39, "grid", "another", 83, id="the last fact"),
        pytest.param("patrols", 1, "distance_m", 0.3, 87, id="a fact of a small table"),
        pytest.param(READINGS, 17, "value", 57.5001, 93, id="a reading amid its record"),
        pytest.param(READINGS, 39, "unit", "dB", 97, id="the unit of the last reading"),
        pytest.param(READINGS, 0, "received_at", 1, 91, id="when a reading came"),
    ],
)
def test_a_changed_value_is_told_with_its_table_partition_and_offset(
    table: str, row: int, column: str, value: Any, offset: int
) -> None:
    server = Tables(MIXED)
    server.change(table, row, column, value)
    account = audited(server, MIXED)
    assert (account.missing, account.doubled, account.differing) == (0, 0, 1)
    assert account.differing_at == [Differing(table, offset)]
    assert account.told() == [f"t/0 offset {offset}: differs in {table}"]
    assert not account.right


def test_samples_that_fall_into_one_second_may_each_be_what_is_there_and_nothing_else() -> None:
    taken = a_range([samples("d1", [1_234, 1_999])])
    server = Tables(taken, SECONDS)
    assert audited(server, taken).right
    server.change(READINGS, 1, "value", 99.0)
    assert audited(server, taken).differing == 1


LONG = a_range([samples(f"d{number}", range(0, 60_000 * 500, 60_000)) for number in range(20)])


def test_of_many_rows_some_of_every_record_are_sampled_and_no_more_are_asked_for() -> None:
    server = Tables(LONG)
    account = audited(server, LONG)
    assert (account.rows, account.sampled, server.asked) == (10_000, 10_000 // SHARE, 10_000 // SHARE)
    for record in range(20):
        changed = Tables(LONG)
        for row in range(record * 500, record * 500 + 500):
            changed.change(READINGS, row, "value", -1.0)
        assert {one.offset for one in audited(changed, LONG).differing_at} == {5 + 2 * record}


def test_what_the_sample_leaves_out_is_found_when_every_row_is_compared() -> None:
    server = Tables(LONG)
    server.change(READINGS, 501, "value", -1.0)
    assert audited(server, LONG).right
    account = audited(server, LONG, whole=True)
    assert (account.sampled, account.differing_at) == (10_000, [Differing(READINGS, 7)])


@pytest.mark.parametrize("rows", [0, 1, LEAST - 1, LEAST, LEAST + 1, LEAST * SHARE, LEAST * SHARE + 1, 123_457])
def test_sampled_places_are_the_same_each_time_and_nowhere_far_apart(rows: int) -> None:
    places = spread(rows)
    assert places == spread(rows)
    assert len(set(places)) == len(places) >= min(rows, LEAST)
    gaps = [after - before for before, after in zip(places, [*places, rows][1:], strict=True)]
    assert max(gaps, default=0) <= SHARE
    assert spread(rows, whole=True) == list(range(rows))


def test_digests_tell_values_apart_but_not_how_they_are_held() -> None:
    assert digest_of_row((True, ("a", "b"), None, 1.5)) == digest_of_row([1, ["a", "b"], None, 1.5])
    rows: list[tuple[Any, ...]] = [("ab", "c"), ("a", "bc"), (1, None), (None, 1), (1.0, None), ("1", None)]
    assert len({digest_of_row(row) for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([1, 1], 0, id="too few"),
        pytest.param([1, 1, 1, 1], 3, id="many"),
        pytest.param([4, 6, 1], 2, id="large"),
        pytest.param([10], 1, id="one that is large alone"),
    ],
)
def test_ranges_are_bounded_by_records_and_by_bytes(
    sizes: list[int], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "CHUNK", 3)
    monkeypatch.setattr(auditing, "CHUNK_BYTES", 10)
    assert full([Record(offset, 1, b"x" * size) for offset, size in enumerate(sizes)]) == count
