"""Texts as hashed n-grams, and a linear table over them: many at once is equal to one by one, and bounds hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.domain import textgrams
from pipeline.domain.textgrams import LIMIT, grams
from pipeline.domain.textmodel import TextModel

TEXTS = st.lists(st.text(alphabet=st.characters(codec=None), max_size=60), max_size=12)
CHINESE = st.lists(st.text(alphabet="路灯坏了井盖丢失abＡ，。 1", max_size=40), max_size=12)
BITS = 10


def of_one(text: str, orders: Sequence[int] = (1, 2, 3), bits: int = BITS) -> dict[int, int]:
    found = grams([text], orders, bits)
    return dict(zip(found.places.tolist(), found.counts.tolist(), strict=True))


@settings(deadline=None)
@given(TEXTS | CHINESE)
@example(["", "灯", "", "路灯坏了"])
@example(["\ud800路", "\U0001f600", "路灯"])
def test_texts_among_others_have_the_grams_they_have_alone(texts: list[str]) -> None:
    found = grams(texts, (1, 2, 3), BITS)
    assert len(found.starts) == len(texts) + 1
    for at, text in enumerate(texts):
        here = slice(found.starts[at], found.starts[at + 1])
        assert dict(zip(found.places[here].tolist(), found.counts[here].tolist(), strict=True)) == of_one(text)


def test_blocks_do_not_change_the_grams(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"第{'路灯' * (at % 5)}号井盖{chr(0x4E00 + at)}" for at in range(50)]
    whole = grams(texts, (1, 2), BITS)
    monkeypatch.setattr(textgrams, "_BLOCK", 40)
    for one, other in zip(whole, grams(texts, (1, 2), BITS), strict=True):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("路灯坏了", "路灯，坏 了！", id="punctuation and blanks"),
        pytest.param("路灯坏了", "路灯12坏了３", id="digits"),
        pytest.param("KTV噪音", "ｋｔｖ噪音", id="width and case"),
    ],
)
def test_what_makes_no_difference(one: str, other: str) -> None:
    assert of_one(one) == of_one(other)


def test_every_run_is_counted() -> None:
    assert sum(of_one("路灯路灯").values()) == 4 + 3 + 2
    assert Counter(of_one("路灯路灯", (2,)).values()) == {2: 1, 1: 1}
    assert of_one("路", (2, 3)) == {}
    assert len(of_one("路" * (LIMIT + 5), (1,), 12)) == 1
    assert sum(of_one("路" * (LIMIT + 5), (1,), 12).values()) == LIMIT


def a_model(**changes: Any) -> TextModel:
    """Three labels over a small table; which weights does not matter."""
    chance = np.random.default_rng(5)
    options = {"orders": [1, 2], "head": 3, "bits": BITS, "square_scale": 2e-5}
    arrays = {
        "weights": chance.integers(-20_000, 20_000, (1 << BITS, 3)).astype(np.int16),
        "squares": chance.integers(1, 60_000, 1 << BITS).astype(np.uint16),
        "scale": np.array([1e-6, 2e-6, 1e-6]),
        "bias": np.array([0.1, -0.2, 0.0]),
    }
    tables: dict[str, Any] = {"labels": ["a", "b", "c"], "options": options | changes.pop("options", {})}
    tables |= {"thresholds": {"a": 0.5}, "categories": {"b": "x|incident|1"}}
    return TextModel.of("m1", arrays | changes.pop("arrays", {}), tables | changes)


@settings(deadline=None)
@given(TEXTS | CHINESE)
def test_guesses_of_many_are_the_guesses_of_each(texts: list[str]) -> None:
    model = a_model()
    assert model.guess_many(texts) == [model.guess(text) for text in texts]


def test_probabilities_sum_to_one_and_thresholds_abstain() -> None:
    model = a_model(thresholds={"a": 1.0, "b": 1.0, "c": 1.0})
    guess = model.guess("路灯坏了")
    assert sum(share for _, share in guess.candidates) == pytest.approx(1)
    assert [share for _, share in guess.candidates] == sorted((share for _, share in guess.candidates), reverse=True)
    assert guess.label is None
    assert a_model(thresholds={}).guess("路灯坏了").label == guess.candidates[0][0]


def test_a_text_without_signs_has_the_biases_alone() -> None:
    assert a_model().scores(["", "123"]).tolist() == [[0.1, -0.2, 0.0]] * 2


def test_a_long_text_does_not_overflow() -> None:
    full = {"weights": np.full((1 << BITS, 3), 32_767, np.int16), "squares": np.full(1 << BITS, 65_535, np.uint16)}
    scores = a_model(arrays=full).scores(["路灯坏了井盖" * 1000])
    assert np.isfinite(scores).all()
    assert (scores[0] - [0.1, -0.2, 0.0] > 0).all()


def test_labels_stand_for_categories() -> None:
    assert a_model().category_of == {"a": "a", "b": "x|incident|1", "c": "c"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"labels": ["a"]}, "labels", id="one label"),
        pytest.param({"options": {"bits": 40}}, "bits", id="too many bits"),
        pytest.param({"options": {"head": -1}}, "head", id="a head of less than nothing"),
        pytest.param({"options": {"orders": [9]}}, "orders", id="too long n-grams"),
        pytest.param({"options": {"square_scale": 0.0}}, "square_scale", id="no step of squares"),
        pytest.param({"arrays": {"bias": np.zeros(2)}}, "array bias", id="a shape that does not fit"),
        pytest.param({"arrays": {"scale": np.array([1.0, np.nan, 1.0])}}, "array scale", id="not a number"),
        pytest.param({"arrays": {"weights": np.zeros((1 << BITS, 3), np.int32)}}, "array weights", id="another kind"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        a_model(**changes)
