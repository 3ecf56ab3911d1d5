"""A promoted text model in classification: codes go before it, thresholds send to a person, families are narrowed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pipeline.domain.textmodel import TextModel
from pipeline.events.intake import Classification
from pipeline.stages.classify import Classifier
from tests.builders import a_report
from tests.small_city import NEW, city

WASTE, COVER = f"{NEW}|incident|06010", f"{NEW}|component|01023"
CODED = {"category_standard": NEW, "category_kind": "incident", "category_code": "06010"}


def model(
    chances: dict[str, float], thresholds: dict[str, float], categories: dict[str, str] | None = None
) -> TextModel:
    """A model that gives every text the same probabilities."""
    size = len(chances)
    arrays = {
        "weights": np.zeros((256, size), np.int16), "squares": np.ones(256, np.uint16), "scale": np.ones(size),
        "bias": np.array([math.log(chance) for chance in chances.values()]),
    }  # fmt: skip
    options = {"orders": [1], "head": 0, "bits": 8, "square_scale": 1.0}
    tables = {"labels": list(chances), "options": options, "thresholds": thresholds, "categories": categories or {}}
    return TextModel.of("classify-1", arrays, tables)


def classified(learned: TextModel, **fields: Any) -> Classification:
    return Classifier(city(), learned).classify(a_report("1", **fields))


def test_a_code_goes_before_the_model() -> None:
    found = classified(model({COVER: 0.9, WASTE: 0.1}, {}), **CODED, text="路灯不亮")
    assert (found.code, found.method, found.candidates) == ("06010", "code", ())


@pytest.mark.parametrize(
    ("threshold", "code"),
    [
        pytest.param(0.79, "01023", id="above its threshold"),
        pytest.param(0.81, "", id="below it a person decides"),
    ],
)
def test_each_label_has_its_threshold(threshold: float, code: str) -> None:
    found = classified(model({COVER: 0.8, WASTE: 0.2}, {COVER: threshold}), text="今天天气不错")
    assert found.code == code
    assert found.confidence == pytest.approx(0.8)
    assert found.method == "model classify-1"
    assert [(one.key, round(one.share, 3)) for one in found.candidates] == [(COVER, 0.8), (WASTE, 0.2)]


def test_an_unsure_label_counts_where_the_words_say_the_same() -> None:
    learned = model({COVER: 0.6, WASTE: 0.4}, {COVER: 0.9})
    found = classified(learned, text="井盖丢失了")
    assert (found.code, found.method) == ("01023", "model classify-1+lexicon")
    assert classified(learned, text="垃圾").code == ""


def test_a_family_is_narrowed_to_what_the_words_choose_within_it() -> None:
    learned = model({"井盖": 0.9, "别的": 0.1}, {}, {"井盖": "manhole"})
    assert classified(learned, text="井盖丢失了，旁边垃圾成堆").code == "01023"
    assert classified(learned, text="垃圾成堆").code == ""


def test_a_label_that_stands_for_nothing_known_is_left_to_a_person() -> None:
    found = classified(model({"x|incident|9": 0.9, WASTE: 0.1}, {}), text="垃圾")
    assert (found.code, found.candidates[0].key) == ("", "x|incident|9")


def test_emergencies_do_not_wait_for_the_model() -> None:
    found = classified(model({COVER: 0.5, WASTE: 0.5}, {COVER: 1.0, WASTE: 1.0}), text="有人触电倒地")
    assert (found.code, found.case_class, found.class_rule) == ("", "emergency", "E05")


def test_a_batch_gives_what_its_reports_give_one_by_one() -> None:
    stage = Classifier(city(), model({COVER: 0.7, WASTE: 0.3}, {COVER: 0.75}))
    reports = [
        a_report(str(number), **fields)
        for number, fields in enumerate([CODED, {"text": "井盖丢失了"}, {"text": "垃圾"}, {}, {"text": "起火"}])
    ]
    assert stage.classify_many(reports) == [stage.classify(report) for report in reports]
