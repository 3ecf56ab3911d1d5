"""Which rows a backfill makes anew, as SQL; whether a comparison found anything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connectors.sinks.clickhouse import shadow as module
from connectors.sinks.clickhouse.shadow import Difference, Ours, Shadow, alike
from pipeline.errors import StopRun


def test_without_bounds_every_row_is_ours() -> None:
    assert Ours().condition("at") == ("1", {})


def test_a_period_is_from_its_beginning_up_to_but_not_including_its_end() -> None:
    assert Ours(5, 9).condition("at") == ("1 AND at >= %(since)s AND at < %(until)s", {"since": 5, "until": 9})


def test_rows_of_a_partition_outside_of_its_range_are_not_ours_and_names_are_never_spliced() -> None:
    sql, values = Ours(ranges={("a' OR 1", 3): (10, 20)}).condition("at")
    assert sql == "1 AND NOT (_topic = %(t0)s AND _partition = 3 AND (_offset < 10 OR _offset >= 20))"
    assert values == {"t0": "a' OR 1"}


@pytest.mark.parametrize(
    ("apart", "same"),
    [((0, 0, 0), True), ((1, 0, 0), False), ((0, 1, 0), False), ((0, 0, 1), False)],
    ids=["alike", "only live", "only shadow", "changed"],
)
def test_any_kind_of_difference_counts(apart: tuple[int, int, int], same: bool) -> None:
    assert alike([Difference("cases", "2026-03-16", 1, 1, *apart)]) is same


class Inserting:
    """A server on which these inserts run, look by look; the last look stays."""

    settings = SimpleNamespace(database="city")

    def __init__(self, *looks: set[str]) -> None:
        self._looks, self.carried = list(looks), list[int]()

    def rows(self, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        if "system.columns" in sql:
            return [("cases", "fact_id", "String"), ("cases", "at", "DateTime64(3)")]
        if "system.processes" in sql:
            found = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
            return [(one,) for one in sorted(found)]
        self.carried.append(len(self._looks))
        return [(0,)]


def caught_up(server: Any) -> list[int]:
    """How many looks were left when rows were carried over."""
    Shadow(server, Ours(), same_ids=True).catch_up("cases", "uuid")
    return list(server.carried)


@pytest.mark.parametrize(
    ("looks", "left"),
    [
        pytest.param([set()], [1], id="none runs"),
        pytest.param([{"a", "b"}, {"b"}, {"b"}, set()], [1], id="all are waited for"),
        pytest.param([{"a"}, {"a", "c"}, {"c"}, {"c"}], [1], id="those that begin later go to the new table"),
    ],
)
def test_inserts_that_may_have_begun_before_a_swap_are_waited_for(
    looks: list[set[str]], left: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.001)
    assert caught_up(Inserting(*looks)) == left


def test_an_insert_that_does_not_end_is_told_and_nothing_is_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_INSERT_S", 0.005)
    server = Inserting({"a"})
    with pytest.raises(StopRun, match=r"see system\.processes"):
        caught_up(server)
    assert server.carried == []
