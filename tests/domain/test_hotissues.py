"""Hot issues: one subject in many words is one group, chance likeness is none; bursts, heat and order."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.alike import Edge, average_linkage, edges, vectors
from pipeline.domain.hotissues import Settings, Told, benjamini_hochberg, hot_issues, poisson_tail
from pipeline.domain.ids import DAY_MS

MIXER = (
    "绿湖新城旁搅拌站噪音扰民",
    "投诉绿湖新城附近的搅拌站粉尘大",
    "绿湖新城小区边上建搅拌站",
    "搅拌站夜里施工吵醒绿湖新城居民",
)
PARKING = ("望江苑捆绑销售车位", "望江苑开发商强制购买车位", "买房必须买车位望江苑", "望江苑车位捆绑是否合法")
OTHERS = (
    "路灯不亮",
    "公交线路太少",
    "学校门口拥堵",
    "自来水发黄",
    "电梯停运两周",
    "下水道堵塞",
    "垃圾清运不及时",
    "宽带安装受阻",
)


def told(titles: tuple[str, ...], name: str, days: list[int] | None = None, **fields: object) -> list[Told]:
    when = days or [10 * number for number in range(len(titles))]
    return [
        Told(f"{name}{number}", when[number] * DAY_MS, title, "", f"p{name}{number}")._replace(**fields)  # type: ignore[arg-type]
        for number, title in enumerate(titles)
    ]


SETTINGS = Settings()


def test_reports_on_one_subject_are_one_issue_and_the_others_none() -> None:
    rows = told(MIXER, "m") + told(PARKING, "p") + told(OTHERS, "o")
    issues = hot_issues(rows, SETTINGS)
    assert {frozenset(rows[at].id[0] for at in issue.members) for issue in issues} == {frozenset("m"), frozenset("p")}
    assert {len(issue.members) for issue in issues} == {4}


def test_the_order_of_reports_does_not_matter() -> None:
    rows = told(MIXER, "m") + told(PARKING, "p") + told(OTHERS, "o")
    mixed = random.Random(3).sample(rows, len(rows))

    def ids(given: list[Told]) -> list[list[str]]:
        return [[given[at].id for at in issue.members] for issue in hot_issues(given, SETTINGS)]

    assert ids(mixed) == ids(rows)


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        pytest.param([Edge(0.5, 0, 1), Edge(0.5, 1, 2)], [[0, 1, 2]], id="mean of the three is a third"),
        pytest.param([Edge(0.5, 0, 1), Edge(0.4, 1, 2), Edge(0.5, 2, 3)], [[0, 1], [2, 3]], id="a chain is no group"),
        pytest.param([Edge(0.2, 0, 1)], [[0, 1]], id="exactly on the threshold"),
        pytest.param([Edge(0.199, 0, 1)], [], id="just below"),
    ],
)
def test_average_linkage(pairs: list[Edge], groups: list[list[int]]) -> None:
    assert average_linkage(pairs, 4, 0.2) == groups


def test_likeness_is_a_cosine_and_the_threshold_holds() -> None:
    found = vectors([(title, "") for title in (*MIXER, MIXER[0], *OTHERS)], 0.3, 300, 0.9)
    pairs = {(edge.first, edge.second): edge.likeness for edge in edges(found, 0.05)}
    assert pairs[0, 4] == pytest.approx(1.0)
    assert all(0.05 <= value <= 1.0 + 1e-9 for value in pairs.values())


def test_a_subject_that_comes_all_at_once_is_a_burst_and_hotter() -> None:
    steady = [Told(f"s{n}", n * 2 * DAY_MS, f"{n}号路灯问题", "", f"s{n}") for n in range(180)]
    burst = told(tuple(MIXER * 4), "m", [100 + number // 2 for number in range(16)])
    slow = told(tuple(PARKING * 4), "p", [22 * number for number in range(16)])
    issues = {frozenset(told_[0] for told_ in [(burst + slow + steady)[at].id for at in issue.members]): issue
              for issue in hot_issues(burst + slow + steady, Settings(common=0.6))}  # fmt: skip
    mixer, parking = issues[frozenset("m")], issues[frozenset("p")]
    assert mixer.burst
    assert mixer.peak_reports > 3 * mixer.peak_usual
    assert not parking.burst


def test_people_likes_and_recency_make_heat() -> None:
    rows = told(MIXER, "m") + told(PARKING, "p", [40] * 4) + told(OTHERS, "o")
    one = {rows[issue.members[0]].id[0]: issue for issue in hot_issues(rows, SETTINGS)}
    assert one["p"].heat > one["m"].heat
    others = told(OTHERS, "o")
    plain, by_one = told(MIXER, "m"), told(MIXER, "m", reporter="same")
    assert hot_issues(by_one + others)[0].people == 1
    assert hot_issues(told(MIXER, "m", likes=100) + others)[0].heat > hot_issues(plain + others)[0].heat


def test_nothing_and_empty_texts_have_no_issues() -> None:
    assert hot_issues([]) == []
    assert hot_issues([Told(str(n), n, "", "") for n in range(5)]) == []


@given(st.integers(0, 60), st.floats(0.01, 50))
def test_the_poisson_tail_is_the_sum_of_its_terms(count: int, mean: float) -> None:
    terms = [math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(count, count + 400)]
    assert poisson_tail(count, mean) == pytest.approx(min(1.0, sum(terms)), rel=1e-6, abs=1e-12)


def test_false_discoveries_are_bounded_by_rank() -> None:
    assert benjamini_hochberg([0.04, 0.01, 0.03, 0.9], 0.05) == [False, True, False, False]
    assert benjamini_hochberg([0.04, 0.02, 0.03, 0.04], 0.05) == [True] * 4
    assert benjamini_hochberg([], 0.05) == []
