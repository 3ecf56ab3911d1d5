"""The judges of the matrix see what is wrong: a matrix that cannot fail proves nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.faults.kept import Kept
from tests.faults.progress import Progress
from tests.faults.rows import Row, text_of
from tests.faults.scenarios import until_killed
from tests.faults.sinking import HELD_MB, MOST_MB, Held
from tests.faults.tables import compare

GOOD = Row(name="one", scenario="a scenario", records=10, effects=20, rows=20, kills=7, wanted_kills=7, verified=True)


@pytest.mark.parametrize(
    ("changed", "clean"),
    [
        pytest.param({}, True, id="as it should be"),
        pytest.param({"lost": 1}, False, id="one lost"),
        pytest.param({"doubled": 1}, False, id="one doubled"),
        pytest.param({"kills": 6}, False, id="a point was not reached"),
        pytest.param({"verified": False}, False, id="the audit disagrees"),
        pytest.param({"unmet": ["no partition was held back"]}, False, id="what it was to show was not seen"),
        pytest.param({"broken": "TimeoutError"}, False, id="it did not come to its end"),
    ],
)
def test_a_row_is_clean_only_when_all_of_it_is(changed: dict[str, Any], clean: bool) -> None:
    row = msgspec.structs.replace(GOOD, **changed)
    assert row.clean is clean
    assert f"{int(clean)} of 1 scenarios clean" in text_of([row])
    assert all(f"NOT SHOWN: {one}" in text_of([row]) for one in row.unmet)


@pytest.mark.parametrize(
    ("held", "unmet"),
    [
        pytest.param(Held(4, 8.0, 121), 0, id="as it should be"),
        pytest.param(Held(0, 8.0, 121), 1, id="nothing was held back"),
        pytest.param(Held(4, HELD_MB, MOST_MB), 0, id="at the bounds"),
        pytest.param(Held(4, HELD_MB + 0.1, 121), 1, id="more records waited than may"),
        pytest.param(Held(4, 8.0, MOST_MB + 1), 1, id="the process took too much"),
        pytest.param(Held(0, 99.0, 999), 3, id="everything is wrong"),
    ],
)
def test_a_sink_that_does_not_hold_back_within_its_memory_is_seen(held: Held, unmet: int) -> None:
    assert len(held.unmet()) == unmet


@pytest.mark.parametrize(
    ("counts", "expected", "lost", "doubled"),
    [
        pytest.param({"A": (3, 3)}, {"A": 3}, 0, 0, id="each once"),
        pytest.param({"A": (4, 3)}, {"A": 3}, 0, 1, id="a row twice"),
        pytest.param({"A": (2, 2)}, {"A": 3}, 1, 0, id="a row missing"),
        pytest.param({"A": (4, 4)}, {"A": 3}, 0, 1, id="a row from nowhere"),
        pytest.param({"A": (3, 2)}, {"A": 3}, 1, 1, id="one missing, another twice: the number of rows is right"),
        pytest.param({}, {"A": 2}, 2, 0, id="an empty table"),
        pytest.param({"A": (1, 1), "B": (2, 1)}, {"A": 2, "B": 1}, 1, 1, id="tables do not make up for one another"),
    ],
)
def test_tables_are_compared_by_key(
    counts: dict[str, tuple[int, int]], expected: dict[str, int], lost: int, doubled: int
) -> None:
    assert compare(counts, expected)[:2] == (lost, doubled)


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        pytest.param(2.5, 3.5, id="until the group has more than before"),
        pytest.param(0.4, 0.6, id="the next look"),
        pytest.param(0.7, 1.3, id="what was committed just before the fault is no recovery"),
        pytest.param(7.0, 0.0, id="nothing was left to do"),
    ],
)
def test_recovery_lasts_until_the_group_commits_something_new(at: float, seconds: float) -> None:
    progress = Progress.__new__(Progress)
    progress._seen = {"g": [(0.0, 0), (1.0, 5), (2.0, 9), (3.0, 9), (4.0, 7), (6.0, 12)]}
    assert progress.recovery(at, "g") == seconds


@pytest.mark.parametrize(
    ("since", "until", "seconds"),
    [
        pytest.param(0.0, 9.0, 4.0, id="the longest of all"),
        pytest.param(3.0, 9.0, 3.0, id="one that had begun counts from then"),
        pytest.param(0.0, 1.5, 1.0, id="one that began later does not"),
        pytest.param(6.5, 9.0, 0.0, id="one that did not end does not"),
    ],
)
def test_a_rebalance_lasts_as_long_as_the_longest_pause_in_it(since: float, until: float, seconds: float) -> None:
    progress = Progress.__new__(Progress)
    progress._seen = {"g": [(0.0, 0), (1.0, 5), (2.0, 9), (3.0, 9), (4.0, 7), (6.0, 12), (7.0, 12)]}
    assert progress.pause("g", since, until) == seconds


def test_the_load_waits_for_the_deaths_it_is_meant_for() -> None:
    kept = Kept.__new__(Kept)
    kept.deaths = []
    held = until_killed([kept], 4)
    passed = Counter[int]()
    for share in range(100):
        while held(share / 100):
            kept.deaths.append(0.0)
        passed[len(kept.deaths)] += 1
    assert [passed[deaths] for deaths in range(5)] == [21, 20, 20, 20, 19]
