"""Leakage: a decision may use only what is known when a record arrives. Shared by the tests of every task.

``decide`` is what is tested: it is given rows of a set in order of time and gives back one decision a row, in their
order. The checks change what it must not look at and expect the same decisions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

Row = dict[str, str]
Decide = Callable[[Sequence[Row]], Sequence[Any]]


def blank(rows: Sequence[Mapping[str, str]], columns: Collection[str]) -> list[Row]:
    """The rows with these columns empty."""
    return [{name: "" if name in columns else value for name, value in row.items()} for row in rows]


def shuffled(rows: Sequence[Mapping[str, str]], columns: Collection[str], seed: int = 0) -> list[Row]:
    """The rows with the values of these columns dealt out anew, each column on its own."""
    chance = random.Random(seed)
    dealt = {name: [row.get(name, "") for row in rows] for name in columns}
    for values in dealt.values():
        chance.shuffle(values)
    return [dict(row) | {name: dealt[name][at] for name in columns} for at, row in enumerate(rows)]


def assert_blind_to_outcomes(decide: Decide, rows: Sequence[Row], outcomes: Collection[str]) -> None:
    """Outcomes of any row, blanked or dealt out anew, change no decision."""
    assert {name for row in rows for name in row} >= set(outcomes), "an outcome that is no column proves nothing"
    expected = list(decide(rows))
    assert len(expected) == len(rows)
    assert list(decide(blank(rows, outcomes))) == expected, "a decision hangs on outcomes that it may not know"
    assert list(decide(shuffled(rows, outcomes))) == expected, "a decision hangs on outcomes that it may not know"


def assert_blind_to_future(decide: Decide, rows: Sequence[Row], at: int, *, keep: Collection[str] = ()) -> None:
    """What comes after the first ``at`` rows, dealt out anew or left away, changes none of their decisions.

    ``keep`` names columns that stay as they are (the time, by which rows are ordered). For tasks that learn the outcome
    of a row later in time this is the check: outcomes of the later rows are dealt out too.
    """
    assert 0 < at < len(rows)
    expected = list(decide(rows))[:at]
    later = shuffled(rows[at:], [name for name in rows[0] if name not in keep])
    assert list(decide([*rows[:at], *later]))[:at] == expected, "a decision hangs on what came after it"
    assert list(decide(rows[:at])) == expected, "a decision hangs on what came after it"
