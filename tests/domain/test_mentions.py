"""Names of places in texts: what is one, what only looks like one, and how two texts agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.mentions import MOST, Relation, marks_of, mentions_in, relation, united
from pipeline.domain.privacy import redacted

HAN = st.text(st.sampled_from("人民解放和平中山东西路街巷大道小区花园号灯杆3，在近与[门牌]"), max_size=40)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("市民反映人民路有人乱丢垃圾", ["人民路"], id="a road after other words"),
        pytest.param("人民路与解放路交叉口", ["人民路", "解放路"], id="a crossing"),
        pytest.param("人民路解放路路口", ["人民路", "解放路"], id="a crossing without a word between"),
        pytest.param("和平路近中山东路", ["和平路", "中山东路"], id="directions belong to the name"),
        pytest.param("山东路", [], id="a name too short for that says nothing"),
        pytest.param("浦上大道旁，眠山巷口，西便胡同", ["浦上大道", "眠山巷", "西便胡同"], id="other words for roads"),
        pytest.param("张家浜路", ["家浜路"], id="the last two signs stand for a longer name"),
        pytest.param("解放街道路不洁", ["解放街"], id="a street before another word"),
        pytest.param("解放街道办事处", [], id="a street office is no street"),
        pytest.param("人民路路灯不亮", ["人民路"], id="lamps of a road"),
        pytest.param("站在路边走路，马路上，十字路口，一路漏土，断头路", [], id="no roads"),
        pytest.param("沿街商铺，逛街，小巷，在街上", [], id="no streets"),
        pytest.param("绿树街坊，路灯坏了", [], id="neighbours and lamps"),
        pytest.param("A市大道", [], id="a masked name"),
        pytest.param("东升小区3栋楼下", ["东升小区"], id="an estate"),
        pytest.param("丽发新城对面的万达广场", ["丽发新城", "万达广场"], id="estate and square"),
        pytest.param("我们小区，影响小区，其他小区，旁边广场", [], id="words before estate that are no name"),
        pytest.param("串珠公园和第一中学", ["串珠公园", "第一中学"], id="park and school"),
        pytest.param("路灯杆编号A-1203", ["杆A-1203"], id="a pole"),
        pytest.param("杆号：a12的灯不亮，3号井盖", ["杆A12", "井3"], id="letters in one form, a cover"),
        pytest.param("人民路180号路灯不亮", ["人民路"], id="a door is no lamp"),
        pytest.param("[门牌]路[姓名]街，[车牌]小区", [], id="what stands for personal data"),
        pytest.param("", [], id="nothing"),
        pytest.param("Larkmoor St is dark", [], id="another language"),
    ],
)
def test_names_of_places(text: str, names: list[str]) -> None:
    assert [mention.name for mention in mentions_in(text)] == names


def test_the_same_road_is_known_whatever_stands_before_it() -> None:
    before = ["", "位于", "市民反映", "请问，", "有人在", "绮渡镇", "其他人说", "3号线旁"]
    assert {mentions_in(f"{word}人民路有坑")[0].name for word in before} == {"人民路"}


def test_nothing_of_a_door_is_in_the_marks() -> None:
    texts = [redacted(f"人民路{number}号2单元{number}室漏水") for number in (18, 703)]
    assert marks_of(texts[:1]) == marks_of(texts[1:]) == marks_of(["人民路"])


def test_numbers_are_kept_before_roads_and_these_before_places() -> None:
    text = "东升小区，万达广场，人民路，解放路，和平路，7号灯杆"
    assert marks_of([text]) == marks_of(["7号灯杆人民路解放路和平路"])
    assert len(marks_of([text])) == 4 * MOST


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param("人民路", "人民路与解放路", Relation(1, 0, 0), id="one road in common"),
        pytest.param("人民路", "解放路", Relation(-1, 0, 0), id="another road"),
        pytest.param("人民路", "东升小区", Relation(0, 0, 0), id="not comparable"),
        pytest.param("人民路东升小区", "人民路月圆小区", Relation(1, -1, 0), id="same road, another estate"),
        pytest.param("人民路，7号灯杆", "人民路，9号灯杆", Relation(1, 0, -1), id="same road, another pole"),
        pytest.param("", "人民路", Relation(0, 0, 0), id="one says nothing"),
    ],
)
def test_two_texts_agree_or_contradict(left: str, right: str, expected: Relation) -> None:
    assert relation(marks_of([left]), marks_of([right])) == expected


def test_a_case_gathers_the_places_of_its_reports() -> None:
    both = united(marks_of(["人民路"]), marks_of(["解放路和人民路"]))
    assert both == marks_of(["人民路，解放路"])
    assert len(united(marks_of(["人民路解放路和平路"]), marks_of(["建设路中华路"]))) == 4 * MOST


@given(HAN, HAN)
def test_marks_are_few_and_relations_symmetrical(left: str, right: str) -> None:
    one, other = marks_of([left]), marks_of([right])
    assert len(one) in range(0, 4 * MOST + 1, 4)
    assert relation(one, other) == relation(other, one)
    assert set(relation(one, one)) <= {0, 1}
    assert united(one, one) == one


@given(HAN)
def test_texts_of_a_report_do_not_run_into_each_other(text: str) -> None:
    apart = dict.fromkeys((*mentions_in(text), *mentions_in("解放路")))
    assert set(mentions_in(f"{text}\n解放路")) == set(apart)
