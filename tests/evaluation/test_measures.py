"""Measures against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.measures import (
    accuracy,
    bootstrap,
    brier,
    ece,
    macro_f1,
    pairwise,
    per_class,
    score,
    surest,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        pytest.param(0, 0, 0.0, 1.0, id="no rows"),
        pytest.param(0, 10, 0.0, 0.2775, id="none right"),
        pytest.param(10, 10, 0.7225, 1.0, id="all right"),
        pytest.param(81, 263, 0.2553, 0.3662, id="Newcombe 1998, table I"),
    ],
)
def test_wilson(right: int, of: int, low: float, high: float) -> None:
    assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_holds_the_share(right: int, of: int) -> None:
    low, high = wilson(min(right, of), of)
    assert 0 <= low <= min(right, of) / of + 1e-12
    assert min(right, of) / of - 1e-12 <= high <= 1


def test_scores() -> None:
    assert score(3, 4, 6) == pytest.approx((0.75, 0.5, 0.6))
    assert score(0, 0, 0) == (0, 0, 0)
    truth, found = list("aaabbc"), list("aabbba")
    assert per_class(truth, found)["a"] == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert macro_f1(truth, found) == pytest.approx((2 / 3 + 0.8 + 0) / 3)
    assert accuracy(truth, found) == pytest.approx(4 / 6)


def test_a_class_only_guessed_is_no_class_of_the_truth() -> None:
    assert macro_f1(["a", "a"], ["a", "b"]) == pytest.approx(2 / 3)


def test_calibration() -> None:
    assert ece([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0)
    assert ece([0.8, 0.6], [True, False]) == pytest.approx((0.2 + 0.6) / 2)
    assert ece([1.0], [True]) == 0
    assert brier([0.8, 0.3], [True, False]) == pytest.approx((0.04 + 0.09) / 2)


def test_surest_share() -> None:
    assert surest([0.1, 0.9, 0.8, 0.7], [False, True, True, False], 0.5) == 1.0
    assert surest([0.1, 0.9, 0.8, 0.7], [False, True, True, False], 0.51) == pytest.approx(2 / 3)


def test_pairs_of_groups() -> None:
    truth, found = ["x", "x", "x", None, "y"], [1, 1, None, 2, 2]
    assert pairwise(truth, found) == pytest.approx((1 / 2, 1 / 3, 0.4))


def test_an_interval_comes_from_its_seed() -> None:
    values = np.arange(100.0)
    first = bootstrap(lambda rows: float(values[rows].mean()), 100, seed=3)
    assert first == bootstrap(lambda rows: float(values[rows].mean()), 100, seed=3)
    assert first[0] < 49.5 < first[1]
    assert first[1] - first[0] == pytest.approx(2 * 1.96 * 28.87 / 10, rel=0.25)
