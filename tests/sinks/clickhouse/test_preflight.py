"""What a server must have before anything is written to it, and the SQL that mends what it has not."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sinks.clickhouse.blocks import columns_in
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.preflight import preflight
from connectors.sinks.columns import ALL_TABLES
from pipeline.errors import ConfigFaults

WINDOW = " SETTINGS non_replicated_deduplication_window = 10000"
TOKENS = ("insert_deduplication_token", "deduplicate_insert", "async_insert")


class Described:
    """A server by its system tables, as it should be unless a test says otherwise."""

    def __init__(
        self, *, settings: tuple[str, ...] = TOKENS, made: dict[str, str] | None = None,
        ids: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.ids = settings, ids or {}
        usual = {f"wangge.{table}": f"CREATE TABLE wangge.{table} ENGINE = MergeTree{WINDOW}" for table in ALL_TABLES}
        self.made = usual | (made or {})
        self.columns = [
            (table, column.name, column.sql_type) for table in ALL_TABLES for column in columns_in(table)
        ]  # fmt: skip

    def rows(self, sql: str, values: Any = None, **_: Any) -> list[tuple[Any, ...]]:
        if "version()" in sql:
            return [("26.9",)]
        if "system.settings" in sql:
            return [(name,) for name in self.settings]
        if "name = 'uuid'" in sql:
            return [(1,)] if self.ids else []
        if "database = 'system'" in sql:
            return [("create_table_query",)]
        if "toString(uuid)" in sql:
            return [(*name.split("."), uuid) for name, uuid in self.ids.items()]
        if "system.columns" in sql:
            return list(self.columns)
        return [(*name.split("."), text) for name, text in self.made.items()]


def faults(server: Described) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        preflight(server, "wangge")
    return [fault.remedy for fault in caught.value.faults]


def test_a_server_that_is_right_is_written_to_with_tokens() -> None:
    target = preflight(Described(), "wangge", longest=7)
    assert (target.mode, target.fed) == (Mode.TOKEN, frozenset())
    assert target.settings == {"deduplicate_insert": "enable", "async_insert": 0, "max_execution_time": 7}


def test_a_server_without_tokens_is_looked_at_instead_and_needs_no_window() -> None:
    server = Described(settings=("insert_deduplicate",), made={"wangge.cases": "MergeTree"})
    assert preflight(server, "wangge").mode is Mode.PROBE


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        pytest.param("ENGINE = MergeTree ORDER BY a", "non_replicated_deduplication_window = 10000", id="none"),
        pytest.param("MergeTree SETTINGS non_replicated_deduplication_window = 5", "window = 10000", id="too short"),
        pytest.param(
            "ReplicatedMergeTree SETTINGS replicated_deduplication_window = 0",
            "MODIFY SETTING replicated_deduplication_window = 10000", id="replicated, switched off",
        ),
    ],
)  # fmt: skip
def test_a_table_that_forgets_tokens_is_refused(text: str, remedy: str) -> None:
    (mended,) = faults(Described(made={"wangge.cases": text}))
    assert mended.startswith("ALTER TABLE wangge.cases ")
    assert remedy in mended


def test_a_replicated_table_remembers_by_itself() -> None:
    preflight(Described(made={"wangge.cases": "ENGINE = ReplicatedReplacingMergeTree('/x', '{replica}')"}), "wangge")


def test_behind_a_front_the_local_table_is_looked_at() -> None:
    front = "ENGINE = Distributed('city', 'wangge', 'cases_local', cityHash64(fact_id))"
    (mended,) = faults(Described(made={"wangge.cases": front, "wangge.cases_local": "ENGINE = MergeTree"}))
    assert mended.startswith("ALTER TABLE wangge.cases_local ")


@pytest.mark.parametrize(
    ("view", "target", "place"),
    [
        pytest.param(
            "CREATE MATERIALIZED VIEW wangge.v TO wangge.daily AS SELECT 1 FROM wangge.cases",
            {"wangge.daily": "ENGINE = SummingMergeTree"}, "wangge.daily", id="with a target",
        ),
        pytest.param(
            "CREATE MATERIALIZED VIEW wangge.v ENGINE = SummingMergeTree AS SELECT 1 FROM wangge.cases",
            {}, "wangge.`.inner.v`", id="without one",
        ),
    ],
)  # fmt: skip
def test_a_view_that_would_count_every_attempt_is_refused(view: str, target: dict[str, str], place: str) -> None:
    (mended,) = faults(Described(made={"wangge.v": view, **target}))
    assert mended == f"ALTER TABLE {place} MODIFY SETTING non_replicated_deduplication_window = 10000"


def test_the_own_table_of_a_view_is_called_as_the_server_calls_it() -> None:
    view = "CREATE MATERIALIZED VIEW wangge.v ENGINE = SummingMergeTree AS SELECT 1 FROM wangge.cases"
    (mended,) = faults(Described(made={"wangge.v": view}, ids={"wangge.v": "12-ab"}))
    assert mended.startswith("ALTER TABLE wangge.`.inner_id.12-ab` MODIFY")


def test_a_table_with_a_view_is_known_as_one() -> None:
    view = "CREATE MATERIALIZED VIEW wangge.v TO wangge.daily AS SELECT 1 FROM wangge.cases"
    server = Described(made={"wangge.v": view, "wangge.daily": f"SummingMergeTree{WINDOW}"})
    assert preflight(server, "wangge").fed == {"cases"}


def test_on_a_cluster_a_view_hangs_on_the_table_behind_the_front() -> None:
    made = {
        "wangge.cases": "ENGINE = Distributed('city', 'wangge', 'cases_local', cityHash64(fact_id))",
        "wangge.cases_local": "ENGINE = ReplicatedReplacingMergeTree('/x', '{replica}')",
        "wangge.v": "CREATE MATERIALIZED VIEW wangge.v TO wangge.daily AS SELECT 1 FROM wangge.cases_local",
    }
    server = Described(made=made | {"wangge.daily": f"SummingMergeTree{WINDOW}"})
    assert preflight(server, "wangge").fed == {"cases"}
    (mended,) = faults(Described(made=made | {"wangge.daily": "SummingMergeTree"}))
    assert mended.startswith("ALTER TABLE wangge.daily ")


def test_every_fault_of_columns_comes_at_once_with_its_remedy() -> None:
    server = Described()
    server.columns = [row for row in server.columns if row[0] != "tasks" and row[:2] != ("calls", "_offset")]
    server.columns = [("calls", "at", "String") if row[:2] == ("calls", "at") else row for row in server.columns]
    assert sorted(faults(server)) == [
        "ALTER TABLE wangge.calls ADD COLUMN `_offset` Int64",
        "ALTER TABLE wangge.calls MODIFY COLUMN `at` DateTime64(3, 'UTC')",
        "run `wangge migrate`",
    ]
