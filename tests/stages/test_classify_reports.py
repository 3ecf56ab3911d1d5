"""Which category, how sure, which class and why; and what a hotline may not take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.reference.model import CaseClass, ClassRule
from pipeline.events.intake import Classification
from pipeline.stages.classify import Classifier
from tests.builders import a_report
from tests.small_city import COMPONENT, NEW, OLD, city, with_tables

CLASSIFIER = Classifier(city())
LITTER = {"category_standard": NEW, "category_kind": "incident", "category_code": "06010"}


def classified(**fields: Any) -> Classification:
    return CLASSIFIER.classify(a_report("1", **fields))


@pytest.mark.parametrize(
    ("fields", "method", "code", "confidence"),
    [
        pytest.param(LITTER | {"text": "井盖丢失"}, "code", "06010", 1.0, id="a code goes before all"),
        pytest.param({"component_code": COMPONENT, "text": "垃圾"}, "component", "01002", 1.0, id="then the component"),
        pytest.param(
            {"source_system": "311", "category_text": " pothole", "text": "垃圾"}, "source_category", "06013", 0.95,
            id="then the source's own word",
        ),
        pytest.param({"text": "井盖丢失了", "subject_code": "T0101"}, "lexicon", "01023", 0.5652, id="then the text"),
        pytest.param({"text": "请派人来", "subject_code": "T0101"}, "subject", "06010", 0.6, id="then the subject"),
        pytest.param({"title": "井盖丢失了"}, "lexicon", "01023", 0.5652, id="a title is text"),
        pytest.param(LITTER | {"category_code": "99999"}, "none", "", 0.0, id="an unknown code is none"),
        pytest.param(LITTER | {"category_code": "99999", "text": "垃圾"}, "lexicon", "06010", 0.375, id="text"),
        pytest.param({"component_code": "1"}, "none", "", 0.0, id="an unknown component"),
        pytest.param({"source_system": "311", "category_text": "Ufo"}, "none", "", 0.0, id="an unknown word"),
        pytest.param({"source_system": "crm", "category_text": "Pothole"}, "none", "", 0.0, id="of another source"),
        pytest.param({"subject_code": "C0101"}, "none", "", 0.0, id="a subject that meets no category"),
        pytest.param({"text": "今天天气不错"}, "none", "", 0.0, id="a text that says nothing"),
        pytest.param({}, "none", "", 0.0, id="nothing at all"),
    ],
)  # fmt: skip
def test_what_decides_the_category(fields: Any, method: str, code: str, confidence: float) -> None:
    found = classified(**fields)
    assert (found.method, found.code, found.confidence) == (method, code, confidence)


def test_a_category_comes_with_its_family_and_nature() -> None:
    found = classified(**LITTER)
    assert (found.standard, found.kind, found.family, found.nature) == (NEW, "incident", "waste", "fault")


def test_rivals_make_the_lexicon_abstain_and_are_kept_as_candidates() -> None:
    found = classified(text="花坛边堆了很多垃圾没有人清理")
    assert (found.method, found.code, len(found.candidates)) == ("none", "", 2)
    assert sum(candidate.share for candidate in found.candidates) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fields", "nature"),
    [
        pytest.param({"subject_code": "C0101"}, "service", id="by the subject"),
        pytest.param(LITTER | {"appeal_type": "praise"}, "praise", id="praise is praise whatever it is about"),
        pytest.param({}, "fault", id="nothing known"),
    ],
)
def test_the_nature_of_a_matter(fields: Any, nature: str) -> None:
    assert classified(**fields).nature == nature


# -- case class ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "case_class", "rule"),
    [
        pytest.param({"text": "垃圾"}, "general", "G99", id="ordinary"),
        pytest.param({"text": "楼下燃气泄漏"}, "emergency", "E03", id="a word of danger"),
        pytest.param({"title": "着火", "text": "燃气泄漏"}, "emergency", "E02", id="two: the smaller priority"),
        pytest.param({"text": "举行消防演练，没有着火"}, "general", "G99", id="a word that is denied"),
        pytest.param(
            {"category_standard": OLD, "category_kind": "incident", "category_code": "0505"}, "emergency", "E23",
            id="the category itself",
        ),
        pytest.param({"flags": ("severity:critical",), "channel": "alarm"}, "emergency", "E22", id="a critical alarm"),
        pytest.param({"flags": ("severity:major",), "channel": "alarm"}, "general", "G99", id="a major alarm"),
        pytest.param({"flags": ("no_coordinates",)}, "general", "G99", id="other flags are no severity"),
    ],
)  # fmt: skip
def test_the_class_of_a_case_and_the_rule_that_gave_it(fields: Any, case_class: str, rule: str) -> None:
    found = classified(**fields)
    assert (found.case_class, found.class_rule) == (case_class, rule)
    assert found.class_reason


def _rules(*conditions: dict[str, Any]) -> Classifier:
    """A classifier with one difficult rule for each set of conditions, then the rule for everything."""
    common: dict[str, Any] = {"reason": "x", "reason_en": "x"}
    rules = [
        ClassRule(id=f"r{number}", priority=number, case_class=CaseClass.DIFFICULT, **common, **one)
        for number, one in enumerate(conditions)
    ]
    last = ClassRule(id="last", priority=999, case_class=CaseClass.GENERAL, **common)
    return Classifier(with_tables(class_rules=(last, *reversed(rules))))


@pytest.mark.parametrize(
    ("condition", "fields", "holds"),
    [
        ({"family": "waste"}, LITTER, True),
        ({"family": "noise"}, LITTER, False),
        ({"code": "06010"}, LITTER, True),
        ({"code": "06011"}, LITTER, False),
        ({"nature": "fault"}, LITTER, True),
        ({"nature": "dispute"}, LITTER, False),
        ({"channel": "hotline"}, {}, True),
        ({"channel": "media"}, {}, False),
        ({"word_class": "gas"}, {"text": "燃气泄漏"}, True),
        ({"word_class": "fire"}, {"text": "燃气泄漏"}, False),
        ({"min_severity": "major"}, {"flags": ("severity:major",)}, True),
        ({"min_severity": "major"}, {"flags": ("severity:critical",)}, True),
        ({"min_severity": "major"}, {"flags": ("severity:minor",)}, False),
        ({"min_severity": "major"}, {}, False),
        ({"family": "waste", "channel": "media"}, LITTER, False),
        ({"min_reports": 2}, LITTER, False),
        ({"min_dispatches": 1}, LITTER, False),
        ({"min_departments": 1}, LITTER, False),
        ({"min_refusals": 1}, LITTER, False),
        ({"min_recurrences": 1}, LITTER, False),
        ({"min_casualties": 1}, LITTER, False),
        ({"min_affected": 1}, LITTER, False),
        ({"ownership": "none"}, LITTER, False),
        ({"unfunded": True}, LITTER, False),
    ],
)
def test_every_filled_condition_must_hold_and_what_is_unknown_at_intake_does_not(
    condition: dict[str, Any], fields: Any, holds: bool
) -> None:
    assert (_rules(condition).classify(a_report("1", **fields)).class_rule == "r0") is holds


def test_the_smallest_priority_decides() -> None:
    assert _rules({"channel": "media"}, {"family": "waste"}, {}).classify(a_report("1", **LITTER)).class_rule == "r1"


# -- referral -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "referred"),
    [
        ("hotline", True), ("citizen-app", True), ("chat-group", True), ("open311", True), ("grid-worker", False),
        ("alarm", False), ("police-110", False), ("leader", False), ("media", False),
    ],
)  # fmt: skip
def test_only_what_citizens_ask_for_is_referred_elsewhere(channel: str, referred: bool) -> None:
    found = classified(channel=channel, text="有人打架")
    assert (found.referral, found.referral_rule) == (("110", "R110") if referred else ("", ""))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("火车站旁边垃圾成堆", "", id="a longer word that only holds it"),
        pytest.param("有人打架，还着火了", "R110", id="two rules: the first of the list"),
        pytest.param("", "", id="no text"),
    ],
)
def test_what_recognises_a_referral(text: str, rule: str) -> None:
    assert classified(text=text).referral_rule == rule


TEXTS = st.sampled_from(["井盖丢失了", "燃气泄漏", "有人打架", "", "今天天气不错", "垃圾", "noise at night"])
CHANNELS = st.sampled_from(["hotline", "grid-worker", "alarm"])


@given(st.lists(st.tuples(TEXTS, CHANNELS, st.booleans()), max_size=8))
def test_a_batch_gives_what_its_reports_give_one_by_one(rows: list[tuple[str, str, bool]]) -> None:
    reports = [
        a_report(str(number), text=text, channel=channel, **(LITTER if coded else {}))
        for number, (text, channel, coded) in enumerate(rows)
    ]
    assert CLASSIFIER.classify_many(reports) == [CLASSIFIER.classify(report) for report in reports]


@pytest.mark.parametrize(
    ("text", "code", "method"),
    [
        pytest.param("污水井盖丢失", "01002", "lexicon_kin", id="the named kind beats the unknown kind"),
        pytest.param("占道经营，流动摊贩堵塞人行道", "09001", "lexicon_kin", id="two codes of one unit"),
        pytest.param("路灯不亮", "01037", "lexicon", id="one clear code"),
        pytest.param("路灯不亮，垃圾满溢", "", "none", id="two families"),
    ],
)
def test_codes_of_one_family_and_unit_are_no_reason_to_wait(text: str, code: str, method: str) -> None:
    found = CLASSIFIER.classify(a_report("kin", text=text))
    assert (found.code, found.method) == (code, method)


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        pytest.param({"category_standard": "GB/T 47678.5-2026", "category_kind": "incident", "category_code": "99999"},
                     ("unknown_category",), id="category"),
        pytest.param({"component_code": "31019901999000001"}, ("unknown_component",), id="component"),
        pytest.param({}, (), id="no code"),
    ],
)  # fmt: skip
def test_codes_that_nobody_knows_are_flagged(fields: dict[str, str], flags: tuple[str, ...]) -> None:
    assert CLASSIFIER.classify(a_report("unknown", **fields)).flags == flags


@pytest.mark.parametrize(
    ("text", "case_class"),
    [
        pytest.param("居民楼起 火冒浓 烟", "emergency", id="blanks inside a word"),
        pytest.param("高压线掉下来了", "emergency", id="a fallen power line"),
        pytest.param("树倒下来压住电线", "emergency", id="a tree on a line"),
        pytest.param("自来水管爆了", "emergency", id="a burst main"),
        pytest.param("绿化带被压成停车位", "general", id="nobody lies under it"),
        pytest.param("一下雨就积水，水没过脚踝", "general", id="a puddle"),
        pytest.param("担心水管爆裂", "general", id="a fear"),
    ],
)
def test_what_words_of_danger_mean(text: str, case_class: str) -> None:
    assert classified(text=text).case_class == case_class


@pytest.mark.parametrize("door", ["", "[门牌]", "[QQ]", "[身份证]"])
def test_what_stands_for_personal_data_is_no_word(door: str) -> None:
    assert "[门牌]" not in {row.phrase for row in city().tables.lexicon}
    assert classified(text=f"晴川路{door}垃圾成堆") == classified(text="晴川路;垃圾成堆")
    assert classified(text="门牌损坏").candidates != classified(text="[门牌]损坏").candidates


def test_words_on_both_sides_of_a_placeholder_do_not_join() -> None:
    assert classified(text="井[门牌]盖丢失").candidates == classified(text="井;盖丢失").candidates
