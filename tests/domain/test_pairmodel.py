"""The model of duplicates: its features, its trees, and files that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.mentions import Relation
from pipeline.domain.pairmodel import (
    FAR,
    FEATURES,
    OTHER,
    SAME_CODE,
    SAME_FAMILY,
    Asked,
    PairWeights,
    Sighting,
    build,
    features_of,
    likeliest,
)  # fmt: skip

ASKED = Asked(9.0, True, "s|incident|1", "hotline")
RULES: dict[str, Any] = {
    "merge": 0.5, "suggest": 0.25, "reach_m": 150.0, "window_days": 90, "slope": 1.0, "shift": 0.0, "codes": {},
    "channels": {}, "families": [], "rate": 0.1,
}  # fmt: skip


def arrays(**changes: Any) -> dict[str, Any]:
    """One tree: near sightings (feature 10, ``near_nearest_m``) are likely duplicates."""
    near = FEATURES.index("near_nearest_m")
    return {
        "feature": np.array([near, -1, -1]), "threshold": np.array([20.0, 0.0, 0.0]), "left": np.array([1, 0, 0]),
        "right": np.array([2, 0, 0]), "value": np.array([0.0, 3.0, -3.0]), "roots": np.array([0]),
        "base": np.array([0.0]),
    } | changes  # fmt: skip


def sighting(case: int = 0, days: float = 1.0, metres: float = 5.0, door: bool = False, kin: int = SAME_CODE) -> Any:
    return Sighting(case, days, metres, door, kin)


@pytest.mark.parametrize(
    ("metres", "likely"), [pytest.param(20.0, True, id="on the threshold"), pytest.param(20.1, False, id="beyond it")]
)
def test_a_row_goes_left_up_to_the_threshold(metres: float, likely: bool) -> None:
    found = build("v", arrays(), {"rules": RULES}).judge([sighting(metres=metres)], ASKED)
    assert found.probability == pytest.approx(0.9526 if likely else 0.0474, abs=1e-4)
    assert len(found.features) == len(FEATURES)


def test_a_report_without_sightings_is_new() -> None:
    assert build("v", arrays(), {"rules": RULES}).judge([], ASKED) == (0.0, -1, ())


def test_sightings_are_summed_up_by_scopes() -> None:
    seen = [sighting(0, 0.5, 10.0, door=True), sighting(1, 3.0, 39.0), sighting(2, 20.0, 90.0),
            sighting(3, 2.0, 5.0, kin=SAME_FAMILY), sighting(4, 1.0, FAR, kin=OTHER)]  # fmt: skip
    row = dict(zip(FEATURES, features_of(seen, ASKED, 0.2, 0.3), strict=True))
    assert (row["door_all"], row["near_all"], row["code_all"]) == (1.0, 2.0, 3.0)
    assert (row["family_all"], row["other_all"]) == (1.0, 1.0)
    assert (row["code_last_days"], row["code_first_days"], row["code_nearest_m"]) == (0.5, 20.0, 10.0)
    assert (row["code_in_day"], row["code_in_week"], row["code_in_month"]) == (1.0, 2.0, 3.0)
    assert (row["hour"], row["placed"], row["code_rate"], row["channel_rate"]) == (9.0, 1.0, 0.2, 0.3)


@pytest.mark.parametrize(
    ("seen", "best"),
    [
        pytest.param([sighting(0, metres=60.0), sighting(1, metres=5.0)], 1, id="nearer"),
        pytest.param([sighting(0, days=9.0), sighting(1, days=0.1)], 1, id="more recent"),
        pytest.param([sighting(0), sighting(1, metres=FAR, door=True)], 1, id="the same door"),
        pytest.param([sighting(0, kin=OTHER), sighting(1, metres=50.0)], 1, id="the same category"),
    ],
)
def test_the_likeliest_master(seen: list[Sighting], best: int) -> None:
    assert likeliest(seen) == best


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        pytest.param({"left": np.array([0, 0, 0])}, "leads astray", id="a tree that never ends"),
        pytest.param({"right": np.array([9, 0, 0])}, "leads astray", id="a node that is not there"),
        pytest.param({"feature": np.array([99, -1, -1])}, "leads astray", id="a feature nobody knows"),
        pytest.param({"roots": np.array([7])}, "root lies outside", id="a root that is not there"),
        pytest.param({"value": np.array([0.0])}, "differ in length", id="lists of unlike length"),
    ],
)
def test_trees_that_do_not_fit_are_refused(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        build("v", arrays(**changed), {"rules": RULES})


def test_every_missing_piece_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"array base is missing.*rules lack merge.*rules lack rate"):
        build("v", {name: one for name, one in arrays().items() if name != "base"}, {"rules": {}})


@given(st.floats(0, 149), st.floats(1, 100), st.floats(0, 2000), st.floats(0, 1))
def test_the_rule_falls_with_distance_and_time_and_rises_with_likeness(
    metres: float, sigma: float, hours: float, likeness: float
) -> None:
    def odds(far: float = 0.0, later: float = 0.0, like: float = 0.0, more: float = 0.0) -> float:
        square = sigma * sigma
        return PairWeights().probability(metres + far, square, hours + later, min(1.0, likeness + like), 4.5 + more)

    assert odds(far=10) <= odds() <= odds(like=0.2)
    assert odds(later=10) <= odds() <= odds(more=1.0) <= 1.0


@pytest.mark.parametrize(
    ("near", "sign"),
    [
        pytest.param(Relation(0, 0, 0), 0, id="nothing to compare"),
        pytest.param(Relation(1, 0, 0), 1, id="same road"),
        pytest.param(Relation(-1, 0, 0), -1, id="another road"),
        pytest.param(Relation(0, 1, 0), 1, id="same estate"),
        pytest.param(Relation(0, 0, 1), 1, id="same pole"),
        pytest.param(Relation(1, 0, -1), -1, id="another pole on the same road"),
    ],
)
def test_places_that_are_named_speak_for_or_against(near: Relation, sign: int) -> None:
    odds = PairWeights().places(near)
    assert (odds > 0) - (odds < 0) == sign
