"""One key for a kind that two lists name, and rows of successors that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.reference.index import one_keys
from pipeline.domain.reference.load import ReferenceFaults, load_reference
from pipeline.domain.reference.rows import Category
from tests.small_city import city


def a_category(code: str, successor: str = "", family: str = "waste", standard: str = "old") -> Category:
    row = city().tables.categories[0]
    return replace(row, successor=successor, family=family, standard=standard, code=code)


KIND = city().tables.categories[0].kind.value


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            [("1", "new|{kind}|9", "waste", "old"), ("9", "", "waste", "new")],
            {("old", "1"): ("new", "9")},
            id="one heir",
        ),
        pytest.param([("9", "", "waste", "new")], {}, id="none"),
        pytest.param(
            [
                ("1", "new|{kind}|9", "waste", "old"),
                ("2", "new|{kind}|9", "waste", "old"),
                ("9", "", "waste", "new"),
            ],
            {},
            id="two of one list: the nearest is no equal",
        ),
        pytest.param(
            [
                ("1", "new|{kind}|9", "waste", "old"),
                ("2", "new|{kind}|9", "waste", "older"),
                ("9", "", "waste", "new"),
            ],
            {("old", "1"): ("new", "9"), ("older", "2"): ("new", "9")},
            id="one of each of two lists",
        ),
        pytest.param(
            [
                ("1", "old|{kind}|2", "waste", "older"),
                ("2", "new|{kind}|9", "waste", "old"),
                ("9", "", "waste", "new"),
            ],
            {("older", "1"): ("new", "9"), ("old", "2"): ("new", "9")},
            id="the newest stands for all before it",
        ),
        pytest.param([("1", "new|{kind}|9", "waste", "old"), ("9", "", "water", "new")], {}, id="another family"),
        pytest.param([("1", "new|{kind}|8", "waste", "old"), ("9", "", "waste", "new")], {}, id="no such category"),
    ],
)
def test_one_key_for_a_kind(rows: list[tuple[str, str, str, str]], expected: dict[Any, Any]) -> None:
    categories = tuple(
        a_category(code, heir.format(kind=KIND), family, standard) for code, heir, family, standard in rows
    )
    found = {(key[0], key[2]): (one[0], one[2]) for key, one in one_keys(categories).items()}
    assert found == expected


def test_a_circle_still_gives_one_key_for_all_of_it() -> None:
    circle = (a_category("1", f"new|{KIND}|9"), a_category("9", f"old|{KIND}|1", standard="new"))
    assert len(set(one_keys(circle).values())) == 1


def test_a_circle_is_a_fault(plant: Callable[..., Path]) -> None:
    folder = plant(
        {"categories": ["S,incident,7,乙,B,01,manhole,T|incident|8", "T,incident,8,乙,B,01,manhole,S|incident|7"]},
        {"categories": ("requires_enforcement", "successor")},
    )
    with pytest.raises(ReferenceFaults) as told:
        load_reference(folder)
    said = [str(fault) for fault in told.value.faults if "its own successor" in str(fault)]
    assert len(said) == 2


def test_the_shipped_lists_have_one_key_for_what_both_name() -> None:
    rows = city().tables.categories
    found = one_keys(rows)
    named = [row for row in rows if row.successor]
    assert len(named) - len(found) == 2  # two older kinds share one newer
    assert all(key not in found for key in found.values())
