"""Which rows a backfill makes anew, as SQL; whether a comparison found anything."""

from __future__ import annotations

import pytest

from connectors.sinks.clickhouse.shadow import Difference, Ours, alike


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
