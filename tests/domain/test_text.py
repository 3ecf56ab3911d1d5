"""Texts become comparable, and references to other orders are recognised."""

import random
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.text import blank_to_none, clean, fold, is_clean, likeness, order_numbers, sketch, sketches


@pytest.mark.parametrize(
    ("raw", "text", "had_control"),
    [
        ("路灯不亮", "路灯不亮", False),
        ("", "", False),
        ("  路灯\t\u3000不亮 \n", "路灯 不亮", False),
        ("路\x00灯\x07", "路灯", True),
        ("\ufeff路灯", "路灯", True),
        ("路\u200b灯\u202e", "路灯", True),
        ("路\ud800灯", "路灯", True),
        ("a\u3000\u3000b", "a b", False),
    ],
)
def test_control_characters_go_with_a_flag_and_white_space_collapses(raw: str, text: str, had_control: bool) -> None:
    assert clean(raw) == (text, had_control)


@given(st.text())
def test_cleaning_again_changes_nothing(raw: str) -> None:
    once = clean(raw).text
    assert clean(once) == (once, False)


ODD = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}


def test_no_control_format_or_space_character_passes_as_clean() -> None:
    seen = [chr(code) for code in range(sys.maxunicode + 1) if is_clean(f"路{chr(code)}灯")]
    assert [sign for sign in seen if unicodedata.category(sign) in ODD] == [" "]
    assert {"a", "路", "，", "Ａ"} <= set(seen)


@given(st.text(alphabet=" \t路a\u3000\x00"))
def test_what_passes_as_clean_is_left_as_it_is(raw: str) -> None:
    assert not is_clean(raw) or clean(raw) == (raw, False) == (" ".join(raw.split()), False)


@given(st.text())
def test_a_folded_text_is_half_width_and_lower_case(raw: str) -> None:
    folded = fold(raw)
    expected = unicodedata.normalize("NFKC", clean(raw).text)
    assert folded == " ".join(clean(expected).text.casefold().split())


def test_folding_joins_writings() -> None:
    assert fold("ＡＢＣ　路灯，不亮！") == fold("abc 路灯,不亮!") == "abc 路灯,不亮!"


@pytest.mark.parametrize("blank", [None, "", " ", "-", "--", "—", "null", "NULL", "NA", "n/a", "None", "无", "\t"])
def test_what_means_nothing_is_none(blank: str | None) -> None:
    assert blank_to_none(blank) is None


@pytest.mark.parametrize("text", ["0", "无人", "no", "路", "-1"])
def test_what_means_something_stays(text: str) -> None:
    assert blank_to_none(f" {text} ") == text


LONG = "解放路与人民路交叉口的窨井盖破损存在安全隐患希望相关部门尽快处理该处车流量较大夜间没有路灯照明"


def test_a_text_is_wholly_like_itself_and_unlike_another() -> None:
    assert likeness(sketch(LONG), sketch(LONG)) == 1.0
    assert likeness(sketch(LONG), sketch("小区广场舞音乐声音太大影响孩子学习")) <= 0.125
    assert likeness(sketch(LONG), b"") == likeness(b"", b"") == 0.0


def test_likeness_estimates_the_share_of_common_bigrams() -> None:
    rng, errors = random.Random(5), []
    for _ in range(600):
        letters = [chr(0x4E00 + rng.randrange(400)) for _ in range(80)]
        left, right = "".join(letters), "".join([*letters[rng.randrange(60) :], *letters[:5]])
        first = {left[place : place + 2] for place in range(len(left) - 1)}
        second = {right[place : place + 2] for place in range(len(right) - 1)}
        truth = len(first & second) / len(first | second)
        errors.append(likeness(sketch(left), sketch(right)) - truth)
    assert abs(sum(errors) / len(errors)) < 0.03


@given(st.text(max_size=60), st.text(max_size=60))
def test_likeness_is_symmetric_and_within_bounds(left: str, right: str) -> None:
    first, second = sketch(left), sketch(right)
    assert 0.0 <= likeness(first, second) <= 1.0
    assert likeness(first, second) == likeness(second, first)
    assert len(first) in (0, 32)


@given(st.lists(st.text(max_size=30), max_size=8))
def test_many_sketches_are_those_of_one_after_the_other(texts: list[str]) -> None:
    assert sketches(texts) == [sketch(text) for text in texts]


@pytest.mark.parametrize("text", ["", "号"], ids=["nothing", "one character"])
def test_a_text_without_a_bigram_has_no_sketch(text: str) -> None:
    assert sketch(text) == b""


def test_the_sketch_is_the_same_in_another_process() -> None:
    script = f"from pipeline.domain.text import sketch; print(sketch({LONG!r}).hex())"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == sketch(LONG).hex()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("工单号：20260405123", ("20260405123",)),
        ("原工单编号为YL0004800，受理号 YL0004817", ("YL0004800", "YL0004817")),
        ("诉求编号：FZ16082600608诉求内容", ("FZ16082600608",)),
        ("重复工单 fz-16082600608", ("FZ-16082600608",)),
        ("SeeCrm# 295724", ("295724",)),
        ("See CRM#295589 WO# 1576", ("295589",)),
        ("Duplicate of ... #123", ("123",)),
        ("Duplicate of Existing Case 302183", ("302183",)),
        ("THIS IS A DUPLICATE AND REFER TO CN#101000296334.", ("101000296334",)),
        ("duplicate case of 298783; same as #298783", ("298783",)),
        ("please follow case #300934", ("300934",)),
        ("工单号２０２６０４０５１２３", ("20260405123",)),
        ("工单号 2026年3月", ()),
        ("case 2019-08-05", ()),
        ("in case 2019", ()),
        ("重复反映3000次", ()),
        ("电话13812345678", ()),
        ("金额12345元", ()),
        ("重复诉求12345人", ()),
        ("", ()),
    ],
)
def test_references_to_orders_need_a_label(text: str, numbers: tuple[str, ...]) -> None:
    assert order_numbers(text) == numbers


@given(st.text(alphabet="工单号案件编：#0123456789 case-CRM重复年", max_size=40))
def test_any_text_is_searched_for_orders_without_error(text: str) -> None:
    assert all(any(character.isdigit() for character in number) for number in order_numbers(text))
