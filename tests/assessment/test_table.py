"""The table on a terminal: widths of Chinese signs, marks, blocks."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.assessment.catalogue import load_catalogue
from pipeline.assessment.table import json_rows, render, text_width

INDICATORS = load_catalogue(
    Path(__file__).parent.parent.parent / "deploy/reference/assessment/indicators.csv"
).only(["filed_volume", "on_time_handling_rate", "median_handling_hours", "mean_hops"]).indicators  # fmt: skip


def row(unit: str, name: str, value: float | None, *, small: bool = False, lo: float | None = None) -> dict[str, Any]:
    return {
        "dimension": unit, "position": 0, "indicator": name, "kind": "", "numerator": 1, "denominator": 1,
        "value": value, "lo": lo, "hi": None, "n": 1, "small": small,
    }  # fmt: skip


ROWS = [
    row("水务局", "filed_volume", 1234),
    row("水务局", "on_time_handling_rate", 0.875, small=True),
    row("水务局", "median_handling_hours", None, lo=200),
    row("police", "filed_volume", 5),
    row("police", "on_time_handling_rate", None),
]


def test_a_table_shows_units_figures_and_marks() -> None:
    assert render(ROWS, INDICATORS, "en").splitlines() == [
        "unit    Cases filed  Handled in time  Handling time (median)",
        "------------------------------------------------------------",
        "水务局        1,234           87.5%*                  >200.0",
        "police            5                -                       -",
        "",
        "*: few rows, not to be compared   -: nothing to measure   >: most not done yet, at least this",
    ]


def test_columns_stand_under_each_other_with_chinese_heads() -> None:
    lines = render(ROWS, INDICATORS, "zh").splitlines()[:4]
    assert len({text_width(line) for line in lines}) == 1


def test_a_wide_table_goes_on_below() -> None:
    text = render(ROWS, INDICATORS, "en", width=30)
    assert text.count("police") == 3
    assert all(text_width(line) <= 36 for line in text.splitlines()[:-1])


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("网格", 4), ("（", 2), ("e\u0301", 1), ("", 0)],
    ids=["latin", "chinese", "full-width bracket", "combining accent", "empty"],
)
def test_the_width_of_a_text(text: str, width: int) -> None:
    assert text_width(text) == width


def test_json_rows_keep_the_figures() -> None:
    assert json_rows(ROWS[:1])[0].keys() == {
        "dimension", "indicator", "numerator", "denominator", "value", "lo", "hi", "n", "small",
    }  # fmt: skip
