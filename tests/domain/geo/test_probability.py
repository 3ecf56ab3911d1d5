"""Probabilities of candidates: sums, halves, order, and whether they come true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.index import LayerIndex
from pipeline.domain.geo.probability import candidate_probabilities, shares
from tests.domain.geo.geo_builders import at, two_squares

DISTANCES = st.floats(-5000, 5000)
ERRORS = st.floats(0, 1000)


@given(st.lists(DISTANCES, min_size=1, max_size=6), ERRORS)
def test_shares_sum_to_one(distances: list[float], error: float) -> None:
    assert sum(candidate_probabilities(distances, error)) == pytest.approx(1.0)


@given(st.lists(DISTANCES, min_size=1, max_size=6), ERRORS)
def test_a_nearer_cell_is_never_less_likely(distances: list[float], error: float) -> None:
    found = candidate_probabilities(sorted(distances), error)
    assert list(found) == sorted(found, reverse=True)


@given(st.floats(-90, 90), st.floats(1, 9), st.floats(2, 100))
def test_moving_towards_a_cell_makes_it_more_likely(distance: float, step: float, error: float) -> None:
    here = candidate_probabilities([distance, -distance], error)
    nearer = candidate_probabilities([distance - step, -distance + step], error)
    assert nearer[0] >= here[0]


@pytest.mark.parametrize(
    ("distances", "error", "expected"),
    [
        pytest.param([0.0, 0.0], 20.0, (0.5, 0.5), id="on the border"),
        pytest.param([-20.0, 20.0], 20.0, (0.8413, 0.1587), id="one error inside"),
        pytest.param([0.0, 0.0, 0.0, 0.0], 10.0, (0.25,) * 4, id="where four cells meet"),
        pytest.param([-1.0, 1.0], 0.0, (1.0, 0.0), id="no error"),
        pytest.param([0.0, 0.0], 0.0, (0.5, 0.5), id="no error, on the border"),
        pytest.param([400.0, 500.0], 1.0, (1.0, 0.0), id="too far to tell apart: the nearest"),
        pytest.param([400.0, 400.0], 1.0, (0.5, 0.5), id="equally far"),
        pytest.param([3.0], 1.0, (1.0,), id="one candidate"),
        pytest.param([], 1.0, (), id="none"),
    ],
)
def test_known_shares(distances: list[float], error: float, expected: tuple[float, ...]) -> None:
    assert candidate_probabilities(distances, error) == pytest.approx(expected, abs=1e-4)


@given(st.lists(st.tuples(st.lists(DISTANCES, max_size=4), ERRORS), max_size=5))
def test_many_points_equal_single_ones(points: list[tuple[list[float], float]]) -> None:
    starts = np.cumsum([0, *(len(distances) for distances, _ in points)])
    flat = np.array([distance for distances, _ in points for distance in distances])
    found = shares(flat, starts, np.array([error for _, error in points]))
    expected = [share for distances, error in points for share in candidate_probabilities(distances, error)]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("error", [-1.0, float("nan")])
def test_an_impossible_error_is_refused(error: float) -> None:
    with pytest.raises(ValueError, match="error_m"):
        candidate_probabilities([1.0], error)


def test_what_is_called_70_percent_comes_true_7_times_in_10() -> None:
    """Calibration: true points spread evenly about a border, measured with a known Gaussian error of 20 m."""
    draw = np.random.default_rng(7)
    true_x = draw.uniform(-300, 300, 20_000)
    seen = [at(x, y) for x, y in zip(true_x + draw.normal(0, 20, 20_000), draw.normal(500, 20, 20_000), strict=True)]
    scan = LayerIndex(two_squares()).borders(*np.array(seen).T, 20.0, band_m=60.0)
    told, came = [], []
    for number, x in enumerate(true_x):
        for cell, _, share in scan.candidates(number):
            told.append(share)
            came.append(cell == (0 if x < 0 else 1))
    shares_told, true = np.array(told), np.array(came)
    for low in np.arange(0.05, 0.95, 0.1):
        part = (shares_told >= low) & (shares_told < low + 0.1)
        assert true[part].mean() == pytest.approx(shares_told[part].mean(), abs=0.06)
