"""When a worker polls next, and which partitions it asks for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from pipeline.runtime.kafka.brought import Worker
from pipeline.runtime.kafka.fetching import ALL_EVERY_S, BUSY_S, UNREAD_S, Busy
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.read import Brought, Read
from pipeline.settings import KafkaSettings

POLICY = WorkerPolicy(part_records=250, written_share=0.25, longest_rest_s=0.06)


@pytest.mark.parametrize(
    ("written_s", "records", "rest_s"),
    [
        pytest.param(0.01, 249, 0.03, id="three times as long as it wrote"),
        pytest.param(0.02, 249, 0.06, id="at most"),
        pytest.param(1.0, 1, 0.06, id="a slow broker"),
        pytest.param(0.01, 250, 0.0, id="a full part: it is behind"),
        pytest.param(0.0, 3, 0.0, id="nothing was written"),
    ],
)
def test_records_gather_after_a_small_poll(written_s: float, records: int, rest_s: float):
    assert POLICY.rest_s(written_s, records) == pytest.approx(rest_s)


A, B, C, GONE, FIRE = (TP(name, 0) for name in ("a", "b", "c", "gone", "fire"))


def test_quiet_partitions_are_asked_for_now_and_then():
    busy = Busy()
    assert busy.due({A, B, C}, 0.0) is None
    busy.asked_all(0.0)
    busy.heard([A, GONE], 0.1)
    assert busy.due({A, B, C}, 0.1) == {A}
    assert busy.due({A, B, C}, ALL_EVERY_S) is None
    assert busy.due({A, B, C}, ALL_EVERY_S + 0.01) is None, "until a fetch went out"
    busy.asked_all(ALL_EVERY_S + 0.01)
    assert busy.due({A, B, C}, ALL_EVERY_S + 0.02) == {A}


def test_a_partition_without_records_for_a_while_is_quiet_again_and_then_all_are_asked_for():
    busy = Busy()
    busy.heard([A], 0.0)
    busy.heard([B], 0.1)
    busy.asked_all(BUSY_S)
    assert busy.due({A, B}, BUSY_S + 0.05) == {B}
    assert busy.due({A, B}, BUSY_S + 0.11) is None


def test_urgent_topics_are_never_quiet():
    busy = Busy(["fire"])
    busy.asked_all(0.0)
    busy.heard([A], 0.0)
    assert busy.due({A, B, FIRE}, 0.1) == {A, FIRE}


def test_nothing_is_asked_for_just_after_records_came_that_nobody_has_taken():
    busy = Busy()
    assert busy.hold_s([], 0.0) == 0
    assert busy.hold_s([A], 1.0) == pytest.approx(UNREAD_S)
    assert busy.hold_s([A, B], 1.0 + UNREAD_S / 2) == pytest.approx(UNREAD_S / 2), "counted from the first"
    assert busy.hold_s([B], 1.0 + UNREAD_S) == 0, "who is behind goes on reading ahead"
    assert busy.hold_s([], 2.0) == 0
    assert busy.hold_s([A], 3.0) == pytest.approx(UNREAD_S), "taken in between"


def consumer_over(
    brings: dict[str, list[Any]], tmp_path: Any, topics: Any = ("urgent", "plain"), ahead: Any = (("urgent",),)
) -> tuple[Any, list[frozenset[str]]]:
    """A consumer whose thread brings what is asked for, and what it was asked for."""

    async def take(_: Brought) -> float:
        """Nothing is taken here."""
        return 0.0

    settings = KafkaSettings(bootstrap="127.0.0.1:1")
    worker = Worker(settings, "g", topics, ahead, take, poll_records=7, data_folder=str(tmp_path))
    asked: list[frozenset[str]] = []

    async def getmany(partitions: Any, timeout: float) -> Any:
        asked.append(frozenset(tp.topic for tp in partitions))
        return {tp: brings[tp.topic] for tp in partitions if brings.get(tp.topic)}

    made = worker.app.transport.Consumer.__new__(worker.app.transport.Consumer)
    made._thread = SimpleNamespace(getmany=getmany)
    return made, asked


@pytest.mark.parametrize(
    ("brings", "asked"),
    [
        pytest.param({"urgent": [1], "plain": [2]}, [{"urgent"}, {"plain"}], id="urgent ones lead the poll"),
        pytest.param({"plain": [2]}, [{"urgent"}, {"urgent", "plain"}], id="none: wait for all"),
    ],
)
def test_urgent_records_come_with_what_else_is_there(
    brings: dict[str, list[Any]], asked: list[set[str]], tmp_path: Any
):
    consumer, seen = consumer_over(brings, tmp_path)
    found = asyncio.run(consumer._getmany({TP("urgent", 0), TP("plain", 0)}, 0.1))
    assert [tp.topic for tp in found] == [topic for topic in ("urgent", "plain") if topic in brings]
    assert seen == [frozenset(one) for one in asked]
    assert not consumer.pace.is_free, "the next poll waits for this one"


LANES = {"topics": ("urgent", "spotted", "plain"), "ahead": (("urgent",), ("spotted",))}
PLACES = {TP("urgent", 0), TP("spotted", 0), TP("plain", 0)}


@pytest.mark.parametrize(
    ("urgent", "spotted", "asked"),
    [
        pytest.param(1, 1, ["urgent", "spotted", "plain"], id="a trickle: all go along"),
        pytest.param(0, 3, ["urgent", "spotted"], id="a flood of what sounds urgent holds the others back"),
        pytest.param(3, 3, ["urgent"], id="many urgent ones hold both back"),
    ],
)
def test_what_sounds_urgent_never_comes_before_what_its_source_calls_urgent(
    urgent: int, spotted: int, asked: list[str], tmp_path: Any
):
    brings = {"urgent": list(range(urgent)), "spotted": list(range(spotted)), "plain": [1]}
    consumer, seen = consumer_over(brings, tmp_path, **LANES)
    found = asyncio.run(consumer._getmany(PLACES, 0.1))
    assert seen == [frozenset([topic]) for topic in asked]
    assert [tp.topic for tp in found] == [topic for topic in asked if brings[topic]]


def test_the_next_poll_waits_for_the_one_in_work_but_not_for_ever(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.runtime.kafka.pace.WAIT_S", 0.05)
    consumer, seen = consumer_over({"plain": [2]}, tmp_path)

    async def twice() -> tuple[int, int]:
        await consumer._getmany({TP("plain", 0)}, 0.1)
        second = asyncio.create_task(consumer._getmany({TP("plain", 0)}, 0.1))
        await asyncio.sleep(0.01)
        early = len(seen)
        await second
        return early, len(seen)

    assert asyncio.run(twice()) == (1, 2)


@pytest.mark.parametrize(
    ("urgent", "records", "goes_on"),
    [
        pytest.param([], 2, False, id="a small poll"),
        pytest.param([], 3, True, id="half a poll: far behind"),
        pytest.param(["plain"], 3, False, id="something urgent may come meanwhile"),
        pytest.param(["elsewhere"], 3, True, id="an urgent topic that is not read here"),
    ],
)
def test_only_who_is_far_behind_and_has_nothing_urgent_polls_ahead(
    urgent: list[str], records: int, goes_on: bool, tmp_path: Any
):
    consumer, _ = consumer_over({"plain": list(range(records))}, tmp_path, topics=["plain"], ahead=[urgent])
    asyncio.run(consumer._getmany({TP("plain", 0)}, 0.1))
    assert consumer.pace.is_free is goes_on


@pytest.mark.parametrize(
    ("rest_s", "first", "polls"),
    [
        pytest.param(0.03, 1, [[0], [1]], id="what came while records gathered comes with it"),
        pytest.param(0.0, 1, [[0]], id="no rest: what is here"),
        pytest.param(0.03, 3, [[0, 1, 2]], id="half a poll: behind, and no time to gather"),
    ],
)
def test_records_gather_after_what_was_read_ahead_is_taken(
    rest_s: float, first: int, polls: list[list[int]], tmp_path: Any
):
    consumer, _ = consumer_over({}, tmp_path, topics=["plain"], ahead=())
    place, left = TP("plain", 0), [list(range(first)), [1]]
    limits = []

    async def getmany(partitions: Any, timeout: float) -> Any:
        limits.append(consumer._thread.most)
        return Read({place: left.pop(0)}, 4)

    consumer._thread = SimpleNamespace(getmany=getmany, most=None)

    async def rested() -> Any:
        consumer.pace.done(rest_s)
        return await consumer._getmany({place}, 0.1)

    found = asyncio.run(rested())
    assert found == {place: [one for poll in polls for one in poll]}
    assert found.assignment == 4
    assert limits == [None, consumer.large][: len(polls)]
