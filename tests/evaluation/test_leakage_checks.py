"""The leakage checks find what leaks, and pass what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.leakage import Row, assert_blind_to_future, assert_blind_to_outcomes

ROWS = [{"at": str(at), "kind": "ab"[at % 2], "closed": str(at * 7 % 5)} for at in range(12)]


def online(rows: Sequence[Row]) -> list[int]:
    """How often the kind came before."""
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        found.append(seen[row["kind"]])
        seen[row["kind"]] += 1
    return found


def peeking(rows: Sequence[Row]) -> list[int]:
    counts = Counter(row["kind"] for row in rows)
    return [counts[row["kind"]] for row in rows]


def knowing(rows: Sequence[Row]) -> list[str]:
    return [row["kind"] + row["closed"] for row in rows]


def test_an_online_decision_passes() -> None:
    assert_blind_to_outcomes(online, ROWS, ["closed"])
    assert_blind_to_future(online, ROWS, 5, keep=["at"])


def test_looking_at_outcomes_is_found() -> None:
    with pytest.raises(AssertionError, match="outcomes"):
        assert_blind_to_outcomes(knowing, ROWS, ["closed"])


def test_looking_ahead_is_found() -> None:
    with pytest.raises(AssertionError, match="after it"):
        assert_blind_to_future(peeking, ROWS, 5, keep=["at"])


def test_an_outcome_that_is_no_column_is_refused() -> None:
    with pytest.raises(AssertionError, match="no column"):
        assert_blind_to_outcomes(online, ROWS, ["dup"])
