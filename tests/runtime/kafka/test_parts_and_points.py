"""How a poll is cut into parts, and the marked points at which fault tests kill a worker."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.kafka.arriving import parts_of
from pipeline.runtime.kafka.batch import Batch, together
from pipeline.runtime.kafka.points import POINTS, dying_at

POLLS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3)), st.lists(st.integers(), max_size=40), max_size=6
)


@given(POLLS, st.integers(1, 12))
def test_parts_hold_every_record_once_and_in_order(poll, size):
    seen: dict[tuple[str, int], list[int]] = {place: [] for place in poll}
    parts = list(parts_of(poll, size))
    for part in parts:
        assert sum(map(len, part.values())) < size + max(size // 2, 1)
        for place, records in part.items():
            seen[place] += records
    assert seen == poll


@given(POLLS, st.integers(1, 12))
def test_groups_of_topics_that_go_ahead_come_first_in_their_order(poll, size):
    parts = list(parts_of(poll, size, [{"c"}, {"b"}]))
    number = {topic: sum(len(found) for place, found in poll.items() if place[0] == topic) for topic in "abc"}
    order = ["cba".index(topic) for part in parts for topic in sorted({name for name, _ in part}, reverse=True)]
    assert order == sorted(order)
    if number["b"] + number["c"] > size // 2:
        assert all(len({name for name, _ in part}) == 1 for part in parts)
    assert sum(len(records) for part in parts for records in part.values()) == sum(map(len, poll.values()))


@pytest.mark.parametrize(
    ("first", "second", "others", "parts"),
    [(1, 1, 2, 1), (1, 1, 6, 1), (1, 1, 9, 1), (1, 1, 10, 2), (2, 2, 7, 1), (2, 2, 8, 2), (3, 2, 0, 2), (3, 2, 8, 3),
     (0, 0, 5, 1), (4, 0, 0, 1), (1, 0, 10, 1), (0, 0, 19, 2), (0, 0, 20, 3)],
)  # fmt: skip
def test_what_fills_half_a_part_shares_one(first: int, second: int, others: int, parts: int):
    poll = {("c", 0): range(first), ("b", 0): range(second), ("a", 0): range(others)}
    found = parts_of({place: list(some) for place, some in poll.items() if some}, 8, [{"c"}, {"b"}])
    assert len(list(found)) == parts


@given(st.lists(st.tuples(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), st.integers(0, 9)),
                          st.lists(st.integers(), max_size=5)), min_size=1, max_size=6))  # fmt: skip
def test_batches_written_together_are_what_they_were_one_after_the_other(fed):
    batches: list[Any] = [
        Batch([("out", n) for n in found], offsets, len(found), [("settled", n) for n in found], list(found), found)
        for offsets, found in fed
    ]
    one = together(batches)
    everything = [n for _, found in fed for n in found]
    assert one.written == [("out", n) for n in everything]
    assert one.settled == [("settled", n) for n in everything]
    assert (one.facts, one.acted, one.records) == (everything, everything, len(everything))
    last: dict[tuple[str, int], int] = {}
    for offsets, _ in fed:
        last |= offsets
    assert one.offsets == last


def test_a_point_kills_at_its_count_and_not_before():
    killed: list[str] = []
    reach = dying_at("fed:2", lambda: killed.append("now"))
    reach("fed")
    reach("committed")
    assert killed == []
    reach("fed")
    assert killed == ["now"]


@pytest.mark.parametrize("text", ["", "fed", "fed:x", "nowhere:1", "fed:1:later"])
def test_a_point_that_is_not_there_is_refused_with_the_list(text):
    with pytest.raises(ValueError, match=POINTS[0]):
        dying_at(text)
