"""Which unit handled like cases: ranking, back-off, what is unknown, fading, and the model's file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.domain.ids import DAY_MS
from pipeline.domain.unitfile import packed, unpacked
from pipeline.domain.unitmodel import SPARE, UnitModel
from pipeline.domain.unitquestion import FEATURES, Asked, Unit, words_of

STALLS = Asked("stall", "trading", "order", "east", "a", "hotline", "complaint", "", words_of("stall trading"))
WEST = STALLS._replace(street="west", community="b")
TEAM_EAST, TEAM_WEST, WATER = Unit("te", "team"), Unit("tw", "team"), Unit("wa", "water")


def learned(*cases: tuple[Asked, Unit, int]) -> UnitModel:
    model = UnitModel("v", [], half_life=10.0)
    for asked, unit, day in cases:
        model.learn(asked, unit, day * DAY_MS)
    return model


def test_who_handled_like_cases_comes_first_and_says_why() -> None:
    model = learned((STALLS, TEAM_EAST, 0), (STALLS, TEAM_EAST, 0), (WEST, TEAM_WEST, 0))
    first = model.rank(STALLS)[0]
    assert (first.unit, first.reason) == ("te", "2 of 2 like cases by kind and community")


def test_an_unknown_kind_backs_off_to_its_group() -> None:
    model = learned((STALLS, TEAM_EAST, 0), (STALLS._replace(kind="x", group="sewer", family="works"), WATER, 0))
    assert model.rank(STALLS._replace(kind="never seen"))[0].unit == "te"


def test_a_like_unit_of_the_place_is_named_for_a_kind_that_only_its_like_elsewhere_has_handled() -> None:
    west = STALLS._replace(street="west", community="b")
    other = STALLS._replace(kind="bill", group="bills", family="looks")
    cases = [(STALLS, TEAM_EAST, 0)] * 5 + [(west, TEAM_WEST, 0)] * 5 + [(other, TEAM_EAST, 0)] * 3
    ranked = learned(*cases).rank(other._replace(street="west", community="b"))
    assert "tw" in [one.unit for one in ranked[:2]]


def test_probabilities_are_shares_and_ranking_changes_nothing() -> None:
    model = learned((STALLS, TEAM_EAST, 0), (STALLS, WATER, 1))
    first, again = model.rank(STALLS), model.rank(STALLS)
    assert first == again
    assert sum(one.probability for one in first) == pytest.approx(1.0)


def test_counts_fade_so_that_the_unit_of_now_passes_the_unit_of_once() -> None:
    model = learned(*[(STALLS, TEAM_EAST, 0)] * 6, *[(STALLS, WATER, 60)] * 2)
    assert model.rank(STALLS)[0].unit == "wa"


def test_nothing_known_of_a_question_still_gives_an_answer() -> None:
    model = learned((STALLS, TEAM_EAST, 0))
    assert model.rank(Asked("", "", "", "", "", "", ""))[0] == ("te", 1.0, "no like case")


def test_more_units_than_there_is_room_for_are_left_out() -> None:
    model = learned(*[(STALLS, Unit(str(number), "x"), 0) for number in range(SPARE + 5)])
    assert len(model.units) == SPARE
    assert len(model.rank(STALLS, most=999)) == SPARE


def trained() -> UnitModel:
    model = learned((STALLS, TEAM_EAST, 0), (STALLS._replace(street="west", community="b"), TEAM_WEST, 3))
    model.words = {"": 0, "kind=stall": 1, "street=west": 2}
    model.softmax = np.zeros((3, model.capacity), np.float32)
    model.softmax[2, 1] = 2.0
    model.role_softmax = np.zeros((3, model.capacity), np.float32)
    model.role_softmax[1, 0] = 1.0
    return model


def test_a_model_comes_back_from_its_file_as_it_was() -> None:
    model = trained()
    again = unpacked("v", *packed(model))
    for asked in (STALLS, STALLS._replace(street="west"), STALLS._replace(kind="never")):
        assert [one[:2] for one in again.rank(asked)] == [(u, pytest.approx(p)) for u, p, _ in model.rank(asked)]


@pytest.mark.parametrize(
    ("part", "value", "fault"),
    [
        pytest.param("weights", np.zeros(3), "weights of other features", id="features"),
        pytest.param("softmax", np.zeros((1, 1), np.float32), "a softmax of other", id="softmax"),
        pytest.param("role_softmax", np.zeros((3, 2), np.float32), "words or roles", id="softmax of roles"),
        pytest.param("count_unit", np.full(10_000, 7, np.int32), "counts of different length", id="lengths"),
        pytest.param("key_at", np.zeros(1, np.int64), "keys without a time", id="times"),
    ],
)
def test_parts_that_do_not_fit_are_refused(part: str, value: Any, fault: str) -> None:
    arrays, tables = packed(trained())
    with pytest.raises(ValueError, match=fault):
        unpacked("v", {**arrays, part: value}, tables)


def test_a_count_of_a_unit_that_is_not_there_is_refused() -> None:
    arrays, tables = packed(trained())
    with pytest.raises(ValueError, match="unknown keys or units"):
        unpacked("v", {**arrays, "count_unit": arrays["count_unit"] + 9}, tables)
    with pytest.raises(ValueError, match="missing"):
        unpacked("v", arrays, {name: table for name, table in tables.items() if name != "units"})


def test_a_step_moves_the_softmax_towards_the_unit_that_handled() -> None:
    model = trained()
    before = model.chances(STALLS)[0]
    model.weights[FEATURES.index("softmax")] = 1.0
    model.learn(STALLS, TEAM_EAST, 4 * DAY_MS, step=0.5)
    assert model.softmax[1, 0] > 0 > model.softmax[1, 1]
    assert model.chances(STALLS)[0] > before


def test_the_softmax_of_roles_speaks_for_the_like_unit_of_a_kind_that_it_never_handled() -> None:
    model = trained()
    model.learn(WEST, WATER, 4 * DAY_MS)
    model.weights = (np.array(FEATURES) == "role softmax").astype(float)
    team, other = model.chances(STALLS)[1:]
    assert team > other
    model.learn(STALLS, WATER, 4 * DAY_MS, step=2.0)
    assert model.chances(STALLS)[2] > other


def test_a_role_that_comes_up_later_begins_no_likelier_than_the_least_known() -> None:
    model = trained()
    model.role_softmax[0, 0] = -1.5
    model.add(WATER)
    assert model.role_softmax[0, 1] == -1.5


def test_words_are_letters_of_chinese_and_words_of_others() -> None:
    assert words_of("噪声", "Street Light; out") == ("噪", "声", "噪声", "street", "light", "out")
