"""Records to columns: every kind of fact, the same in every process, and what cannot be written set aside."""

from __future__ import annotations

import subprocess
import sys
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from connectors.sinks.clickhouse.blocks import Part, build, columns_in, quarantined
from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.clickhouse.probe import CHUNK, present
from connectors.sinks.clickhouse.values import bare, fills, reads
from connectors.sinks.columns import READINGS, TABLES, columns_of
from pipeline.errors import Reason
from pipeline.events.facts import FACTS, CaseMoved, Fact, PatrolLogged, RecordQuarantined
from pipeline.wire import serde
from tests.sinks.facts import a_fact, samples


def taken(*values: Any) -> Range:
    """Records of these values, a gap behind each."""
    data = [value if isinstance(value, bytes) else serde.encode_struct(value) for value in values]
    return Range("t", 3, 10, 10 + 2 * len(data), [Record(10 + 2 * n, 77, one) for n, one in enumerate(data)])


@pytest.mark.parametrize("kind", FACTS, ids=[kind.__name__ for kind in FACTS])
def test_a_fact_becomes_a_row_of_its_table_with_its_origin(kind: type[Fact]) -> None:
    fact = a_fact(kind, "id")
    (part,) = build(taken(fact)).parts
    assert part.table == TABLES[kind]
    row = {column.name: values[0] for column, values in zip(part.columns, part.values, strict=True)}
    assert row == {c.name: getattr(fact, c.name) for c in columns_of(kind)} | {
        "_topic": "t", "_partition": 3, "_offset": 10,
    }  # fmt: skip


def test_samples_become_a_row_each() -> None:
    (part,) = build(taken(samples("d1", [1, 2]), samples("d2", [3]))).parts
    assert (part.table, part.rows, part.offsets) == (READINGS, 3, [10, 10, 12])
    assert part.keys() == [("d1", "noise", 1), ("d1", "noise", 2), ("d2", "noise", 3)]
    assert len(part.values) == len(columns_in(READINGS))


def test_several_kinds_are_parts_in_a_fixed_order() -> None:
    values = [a_fact(PatrolLogged, "p"), samples("d", [1]), a_fact(CaseMoved, "m")]
    one, other = build(taken(*values)), build(taken(*values[::-1]))
    assert (
        [part.table for part in one.parts]
        == [part.table for part in other.parts]
        == ["case_moves", "patrols", READINGS]
    )


def test_what_is_no_fact_is_set_aside_with_its_reason() -> None:
    good = a_fact(PatrolLogged, "p")
    truncated = serde.encode_struct(good)[:-3]
    block = build(taken(good, b"", truncated, b"\xc3\x01" + bytes(8)))
    assert [part.rows for part in block.parts] == [1]
    assert [(reject.offset, reject.fault.reason) for reject in block.rejects] == [
        (12, Reason.UNDECODABLE), (14, Reason.UNDECODABLE), (16, Reason.UNKNOWN_SCHEMA),
    ]  # fmt: skip


def test_what_is_set_aside_is_the_same_fact_at_every_attempt() -> None:
    range_ = taken(b"bytes")
    (reject,) = build(range_).rejects
    fact = quarantined(range_, range_.records[0], reject)
    assert fact == quarantined(range_, range_.records[0], build(range_).rejects[0])
    assert (fact.fact_id, fact.raw, fact.at, fact.reason) == ("sink:t:3:10", b"bytes", 77, "undecodable")
    assert isinstance(serde.decode_struct(serde.encode_struct(fact)), RecordQuarantined)


DIGEST = """
from hashlib import blake2b
import msgspec
from tests.sinks.clickhouse.test_blocks import digest, everything
print(digest())
"""


def everything() -> Range:
    """A range of every kind."""
    return taken(*(a_fact(kind, f"{kind.__name__} {n}") for kind in FACTS for n in range(3)), samples("d", [1, 2]))


def digest() -> str:
    """Of all columns of it."""
    parts = [(part.table, [column.name for column in part.columns], part.values) for part in build(everything()).parts]
    return blake2b(msgspec.msgpack.encode(parts)).hexdigest()


def test_another_process_builds_the_same_columns() -> None:
    other = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest()


def test_a_part_is_halved_by_records_never_through_one() -> None:
    (part,) = build(taken(samples("a", [1, 2]), samples("b", [3, 4, 5]))).parts
    halves = part.halves()
    assert halves is not None
    assert [half.offsets for half in halves] == [[10, 10], [12, 12, 12]]
    assert halves[0].halves() is None


# -- values and types -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "nullable", "kind", "values", "filled"),
    [
        pytest.param("time", False, "DateTime64(3, 'UTC')", [1_001], [1_001], id="time"),
        pytest.param("time", True, "Nullable(DateTime64(3, 'UTC'))", [None], [None], id="no time"),
        pytest.param("time", False, "Int64", [1_001], [1_001], id="time as a number"),
        pytest.param("time", True, "Nullable(DateTime)", [1_999, None], [1, None], id="time in seconds"),
        pytest.param("bool", False, "UInt8", [True, False], [1, 0], id="flag as a number"),
        pytest.param("text", False, "LowCardinality(String)", ["a"], ["a"], id="small set"),
        pytest.param("texts", False, "Array(String)", [("a",)], [("a",)], id="texts"),
    ],
)
def test_values_fit_the_types_of_the_server(
    shape: str, nullable: bool, kind: str, values: list[Any], filled: list[Any]
) -> None:
    fill = fills(shape, nullable, kind)
    assert fill is not None
    assert fill(values) == filled
    assert fill(values) is not values, "the driver changes the list it gets"


@pytest.mark.parametrize(
    ("shape", "nullable", "kind"),
    [
        ("time", False, "String"),
        ("time", False, "DateTime64(6)"),
        ("float", True, "Float64"),
        ("int", False, "Int32"),
        ("text", False, "FixedString(3)"),
        ("texts", False, "String"),
        ("bool", False, "String"),
    ],
)
def test_a_type_that_would_lose_something_is_refused(shape: str, nullable: bool, kind: str) -> None:
    assert fills(shape, nullable, kind) is None


def test_types_are_seen_through_their_wrapping() -> None:
    assert bare("LowCardinality(Nullable(String))") == "String"
    assert reads("at", "time", "Nullable(DateTime64(3, 'UTC'))") == "toUnixTimestamp64Milli(`at`)"
    assert reads("at", "time", "Int64") == "`at`"


# -- looking first --------------------------------------------------------------------------------------------------


class Answers:
    """A server that has some keys."""

    def __init__(self, keys: set[Any]) -> None:
        self.keys, self.asked = keys, 0

    def rows(self, sql: str, values: Any = None, **settings: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        assert "_topic = %(topic)s" in sql
        if "keys" in values:
            return [(key,) for key in values["keys"] if key in self.keys]
        return [key for key in self.keys if key[0] in values["devices"] and values["from"] <= key[2] <= values["until"]]


def part_of(*values: Any) -> Part:
    return build(taken(*values)).parts[0]


def test_rows_that_are_there_are_found_by_their_keys() -> None:
    part = part_of(*(a_fact(PatrolLogged, f"p{n}") for n in range(5)))
    assert present(Answers({"p1", "p4", "other"}), "db", part, {}) == {1, 4}


def test_readings_are_found_by_device_metric_and_time() -> None:
    part = part_of(samples("d1", [1, 2]), samples("d2", [1]))
    assert present(Answers({("d1", "noise", 2), ("d2", "co", 1)}), "db", part, {}) == {1}


def test_many_keys_are_asked_in_chunks() -> None:
    server = Answers(set())
    present(server, "db", part_of(*(a_fact(PatrolLogged, f"p{n}") for n in range(CHUNK + 1))), {})
    assert server.asked == 2


class Seconds:
    """A server whose table keeps the times of readings in seconds."""

    def __init__(self, part: Part, server_type: str) -> None:
        fill = fills("time", False, server_type)
        assert fill is not None
        self.stored = [seconds * 1000 for seconds in fill(part.values[2])]

    def rows(self, sql: str, values: Any = None, **_: Any) -> list[tuple[Any, ...]]:
        return [("d1", "noise", at) for at in self.stored if values["from"] <= at <= values["until"]]


@pytest.mark.parametrize("server_type", ["DateTime", "DateTime('UTC')"])
def test_readings_are_found_by_the_second_where_a_table_keeps_no_more(server_type: str) -> None:
    part = part_of(samples("d1", [1_234, 1_999, 61_001]))
    assert present(Seconds(part, server_type), "db", part, {"at": server_type}) == {0, 1, 2}
    missing = part_of(samples("d1", [1_234, 2_000]))
    assert present(Seconds(part.only([0, 2]), server_type), "db", missing, {"at": server_type}) == {0}
