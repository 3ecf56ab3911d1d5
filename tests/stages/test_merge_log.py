"""What a merge of two filed cases keeps of its reasons: all that was weighed, the score, and the cases beside them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.ids import mark_of_case
from pipeline.events.facts import CaseMerged
from pipeline.stage import Change
from pipeline.stages.entries import CaseEntry
from pipeline.stages.track import notice
from tests.builders import case_of, located
from tests.small_city import EAST, HOUR, MINUTE
from tests.town import Town

ORDERS = [pytest.param(lambda waiting: 0, id="in order"), pytest.param(lambda waiting: waiting - 1, id="last first")]
TEXT = "路边垃圾成堆，无人清扫"


def filed_twice(one: dict[str, Any], other: dict[str, Any], choose: Any = lambda waiting: 0) -> tuple[Town, CaseMerged]:
    """A case on each side of an edge, filed before either heard of the other, and what was said of their merge."""
    town = Town()
    town.send(located("w", **({"minute": 0, "xy": (-4.0, 0.0)} | one)), hold=True)
    town.send(located("e", **({"minute": 1, "xy": (4.0, 0.0)} | other)), hold=True)
    town.deliver(choose)
    (merged,) = town.said(CaseMerged)
    return town, merged


@pytest.mark.parametrize("choose", ORDERS)
@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        pytest.param({}, {}, (8.0, MINUTE, 0.0, 0.0, "duplicate"), id="place and time alone"),
        pytest.param({"text": TEXT}, {"text": TEXT}, (8.0, MINUTE, 0.0, 1.0, "duplicate"), id="the same words"),
        pytest.param(
            {"reporter_key": "k"}, {"reporter_key": "k"}, (8.0, MINUTE, 0.0, 0.0, "reminder"), id="the same person"
        ),
        pytest.param(
            {"error_m": 30.0}, {"error_m": 40.0}, (8.0, MINUTE, 50.0, 0.0, "duplicate"), id="both places inexact"
        ),
        pytest.param(
            {"xy": (-10.0, 0.0)},
            {"xy": (10.0, 0.0), "minute": 50 * 60},
            (20.0, 50 * HOUR, 0.0, 0.0, "duplicate"),
            id="farther, later",
        ),
        pytest.param(
            {"minute": 2, "text": TEXT},
            {"text": TEXT, "reporter_key": "k"},
            (8.0, MINUTE, 0.0, 1.0, "duplicate"),
            id="a person known on one side only; the east was first",
        ),
    ],
)
def test_a_merge_keeps_what_was_weighed_and_its_score_follows_from_it(
    one: dict[str, Any], other: dict[str, Any], kept: tuple[Any, ...], choose: Any
) -> None:
    town, merged = filed_twice(one, other, choose)
    distance, gap, error, likeness, how = kept
    assert merged.distance_m == pytest.approx(distance, abs=0.02)
    assert (merged.gap_ms, merged.error_m, merged.similarity, merged.how) == (gap, error, likeness, how)
    assert (merged.rule, merged.candidates, merged.probabilities) == ("D10-filed-twice", (), ())
    policy = town.stage.policy.duplicates
    weights = policy.weights
    said = weights.code + (weights.person if merged.how == "reminder" else 0.0)
    again = weights.probability(
        merged.distance_m, merged.error_m**2, merged.gap_ms / HOUR, merged.similarity, said
    )  # fmt: skip
    assert policy.threshold <= merged.score == pytest.approx(again, abs=1e-3)


def test_texts_that_are_partly_alike_keep_how_much() -> None:
    _, merged = filed_twice({"text": TEXT}, {"text": "路边垃圾成堆，已经三天"})
    assert 0.1 < merged.similarity < 0.9


EASTERN: dict[str, tuple[float, float, float]] = {
    "near": (4.0, 0.0, 2),
    "old": (21.0, 0.0, -7 * 24 * 60 + 30),
    "new": (23.0, 0.0, 1),
    "a": (6.0, 8.0, 3),
    "b": (9.0, -9.0, 4),
    "c": (12.0, 10.0, 5),
    "d": (14.0, 12.0, 6),
    "e": (16.0, 14.0, 7),
    "f": (18.0, 15.0, 8),
    "far": (40.0, 0.0, 9),
}
"""Cases east of the edge: metres east and north of it, minutes after the first case of the west."""


def eastern(town: Town, *names: str) -> dict[str, str]:
    """Cases that stand side by side in the eastern tile as if each had come alone; their ids by name."""
    found = {}
    for name in names:
        x, y, minute = EASTERN[name]
        report = located(name, minute, xy=(x, y))
        town.book(EAST).apply(town.stage._alone(report).changes)
        found[name] = case_of(report)
    return found


def told_of_the_west(town: Town, minute: float = 0) -> str:
    """The east hears of a case four metres west of the edge."""
    first = located("w", minute, xy=(-4.0, 0.0))
    town.send(first, hold=True)
    town.waiting.clear()
    entry = town.case(case_of(first))
    assert isinstance(entry, CaseEntry)
    town.send(notice(entry, EAST, entry.filed_at, 1), hold=True)
    return case_of(first)


@pytest.mark.parametrize(
    ("names", "merged", "others"),
    [
        pytest.param(["near"], "near", [], id="nothing else was near"),
        pytest.param(["near", "far"], "near", [], id="too far to be compared"),
        pytest.param(["b", "near", "a"], "near", ["a", "b"], id="two beside it"),
        pytest.param(["near", "old", "new"], "near", ["new", "old"], id="the likeliest first, not the nearest"),
        pytest.param(
            ["near", "f", "e", "d", "c", "b", "a"], "near", ["a", "b", "c", "d", "e"], id="no more than five are kept"
        ),
    ],
)
def test_the_cases_that_were_compared_beside_it_are_kept_with_their_scores(
    names: list[str], merged: str, others: list[str]
) -> None:
    town = Town()
    ids = eastern(town, *names)
    west = told_of_the_west(town)
    (fact,) = town.said(CaseMerged)
    assert (fact.case_id, fact.into) == (ids[merged], west)
    assert fact.candidates == tuple(ids[name] for name in others)
    assert len(fact.probabilities) == len(others)
    assert list(fact.probabilities) == sorted(fact.probabilities, reverse=True)
    assert all(0.0 < score <= 1.0 for score in fact.probabilities)


def test_the_score_beside_a_candidate_is_the_one_it_would_have_been_merged_with() -> None:
    both, alone = Town(), Town()
    ids = eastern(both, "near", "a")
    eastern(alone, "a")
    told_of_the_west(both)
    told_of_the_west(alone)
    (fact,), (without,) = both.said(CaseMerged), alone.said(CaseMerged)
    assert (fact.candidates, fact.probabilities) == ((ids["a"],), (without.score,))


def test_a_nearer_case_that_is_too_unlikely_is_kept_as_a_candidate_below_the_threshold() -> None:
    town = Town()
    ids = eastern(town, "old", "new")
    policy = town.stage.policy.duplicates
    told_of_the_west(town)
    (fact,) = town.said(CaseMerged)
    assert (fact.case_id, fact.candidates) == (ids["new"], (ids["old"],))
    assert 0.0 < fact.probabilities[0] < policy.threshold <= fact.score


def test_a_case_that_a_person_parted_from_it_is_no_candidate() -> None:
    town = Town()
    ids = eastern(town, "near", "a", "b")
    west = case_of(located("w", 0, xy=(-4.0, 0.0)))
    book, parted = town.book(EAST), town.case(ids["a"])
    book.apply((Change("case", ids["a"], replace(parted, apart=(mark_of_case(west),))),))
    assert told_of_the_west(town) == west
    (fact,) = town.said(CaseMerged)
    assert fact.candidates == (ids["b"],)
