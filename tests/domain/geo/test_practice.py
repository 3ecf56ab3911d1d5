"""Practice beside the map: what earlier cases near a spot tell, and how firm the line itself is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.practice import Practice, PracticeRules, weighed
from pipeline.domain.geo.probability import FLEXIBLE, RIGID, Line, loosened
from tests.domain.geo.geo_builders import PLANE, at

SHARES = st.lists(st.floats(0.01, 1), min_size=1, max_size=4)


def ledger(*cases: tuple[float, float, str, str], border_m: float = 5.0) -> Practice:
    """Cases at metres about the origin: where, drawn in, held in."""
    found = Practice(PLANE)
    for x, y, drawn, held in cases:
        found.add(*at(x, y), drawn, held, border_m)
    return found


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        pytest.param(0.0, 3.0, id="the very spot counts threefold"),
        pytest.param(0.9, 3.0, id="within a metre is the spot"),
        pytest.param(50.0, (1 - 0.25) ** 2, id="half the reach"),
        pytest.param(99.9, 0.0, id="almost out of reach"),
        pytest.param(100.1, None, id="out of reach"),
    ],
)
def test_weight_falls_with_distance(x: float, expected: float | None) -> None:
    near = ledger((0, 0, "west", "east")).near(*at(x, 0), "west", 5.0)
    assert near == ({} if expected is None else {"east": pytest.approx(expected, abs=1e-4)})


@pytest.mark.parametrize(
    ("border_m", "expected"),
    [
        pytest.param(5.0, 1.0, id="as far from the border"),
        pytest.param(10.0, 1 - (5 / 12.5) ** 2, id="five metres farther"),
        pytest.param(17.5, None, id="at the width of the kernel"),
        pytest.param(math.inf, None, id="far from every border"),
    ],
)
def test_cases_as_far_from_the_border_speak(border_m: float, expected: float | None) -> None:
    near = ledger((0, 30, "west", "east")).near(*at(0, 0), "west", border_m)
    across = (1 - 0.09) ** 2
    assert near == ({} if expected is None else {"east": pytest.approx(across * expected, abs=1e-3)})


def test_the_other_side_of_the_line_does_not_speak() -> None:
    assert ledger((0, 0, "east", "west")).near(*at(1, 0), "west", 5.0) == {}


def test_cases_far_from_every_border_speak_of_such() -> None:
    old_map = ledger((0, 0, "west", "east"), border_m=math.inf)
    assert old_map.near(*at(20, 0), "west", math.inf)["east"] > 0.9


def test_one_spot_is_kept_once() -> None:
    many = ledger(*[(0, 0, "west", "east")] * 50)
    assert len(many) == 1
    assert many.near(*at(0, 0), "west", 5.0) == {"east": 150.0}


def test_practice_overrules_the_map_after_a_few_cases_and_no_evidence_changes_nothing() -> None:
    prior = {"west": 0.98, "east": 0.02}
    assert weighed(prior, {}) == prior
    once = weighed(prior, {"east": 3.0})
    assert once["east"] == pytest.approx((0.02 + 3.0) / 4.0)
    agreed = weighed(prior, {"west": 9.0})
    assert agreed["east"] == pytest.approx(0.002)


@given(SHARES, SHARES)
def test_the_answer_is_a_distribution(prior: list[float], near: list[float]) -> None:
    likely = {f"a{n}": share / sum(prior) for n, share in enumerate(prior)}
    found = weighed(likely, {f"b{n}" if n % 2 else f"a{n}": weight for n, weight in enumerate(near)}, PracticeRules())
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(share >= 0.0 for share in found.values())


def test_a_rigid_line_leaves_the_shares_and_a_flexible_one_gives_some_away() -> None:
    distances, shares, starts = np.array([-10.0, 10.0]), np.array([1.0, 0.0]), np.array([0, 2])
    assert loosened(distances, shares, starts, RIGID).tolist() == [1.0, 0.0]
    other = 0.02 * math.exp(-0.2)
    assert loosened(distances, shares, starts, FLEXIBLE).tolist() == pytest.approx([1 - other, other])


@given(st.lists(st.floats(0.1, 200), min_size=1, max_size=3), st.floats(0, 0.3), st.floats(5, 100))
def test_a_loosened_line_keeps_a_distribution(others: list[float], share: float, reach: float) -> None:
    distances = np.array([-others[0], *others])
    shares = np.array([0.7, *[0.3 / len(others)] * len(others)])
    found = loosened(distances, shares, np.array([0, len(distances)]), Line(share, reach))
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0.0).all()
    assert found[0] <= 0.7
