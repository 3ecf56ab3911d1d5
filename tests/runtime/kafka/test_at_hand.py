"""What follows for partitions of casework that are at hand is worked with the poll that brings it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.engine import Engine
from pipeline.runtime.kafka.handover import InHand
from pipeline.runtime.kafka.lanes import LANES, lanes_of
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.read import Brought
from pipeline.runtime.partitioning import partition_of
from pipeline.settings import KafkaSettings
from tests.builders import MONDAY
from tests.runtime.kafka.feeding import PARTITION, an_order, polled, topics, values
from tests.runtime.kafka.test_worker_stops import WithoutKafka, a_worker
from tests.runtime.kafka.test_worker_waits import TP
from tests.small_city import DAY, EAST, WEST, at, topology

PARTITIONS = next(
    count for count in range(2, 100) if partition_of(WEST.encode(), count) != partition_of(EAST.encode(), count)
)
WEST_PART, EAST_PART = (partition_of(tile.encode(), PARTITIONS) for tile in (WEST, EAST))
BOTH = (WEST_PART, EAST_PART)


def an_engine(partitions: Collection[int] = BOTH, **options: Any) -> Engine:
    """All lanes, with states of casework in ``partitions``; options as :class:`Engine` has them."""
    lanes = lanes_of(tuple(LANES), ["sanitation", "manual-triage"])
    engine = Engine(topology(), lanes, partitions=PARTITIONS, **options)
    for lane in lanes:
        for number in partitions if lane.name == "casework" else (PARTITION,):
            engine.states[lane.name, number] = LaneState(lane)
    return engine


def order(ref: str, x: float, **fields: Any) -> bytes:
    """An order about rubbish so many metres east of the border of the two tiles."""
    lon, lat = at(x, 30)
    return an_order(ref, lon=lon, lat=lat, **fields)


def fed(engine: Engine, *orders: bytes, at_hand: Collection[int] = (), start: int = 0) -> Batch:
    return engine.feed({("reports.hotline", PARTITION): polled(*orders, start=start)}, at_hand)


def by_topics(engine: Engine, *orders: bytes) -> list[Batch]:
    """The same through the topics of casework, until nothing is left."""
    batches, start = [fed(engine, *orders)], Counter[tuple[str, int]]()
    while waiting := [one for one in batches[-1].written if one.topic in LANES["casework"].topics]:
        poll: dict[tuple[str, int], list[Any]] = {}
        for one in waiting:
            place = one.topic, partition_of(one.key or b"", PARTITIONS)
            poll.setdefault(place, []).extend(polled(one.value or b"", start=start[place]))
            start[place] += 1
        batches.append(engine.feed(poll))
    return batches


def outputs(batches: Collection[Batch]) -> Counter[tuple[str, bytes | None, bytes | None]]:
    """All that leaves the workers for good, but for the counts of polls, which are cut otherwise."""
    return Counter(
        (one.topic, one.key, one.value) for batch in batches for one in batch.written
        if one.topic.startswith(("facts.cases", "facts.reports", "facts.work", "assignments.", "status."))
    )  # fmt: skip


def books(engine: Engine) -> dict[tuple[str, int], dict[str, bytes]]:
    """The states of casework without positions."""
    return {
        place: {key: data for key, data in state.entries() if not key.startswith("@")}
        for place, state in engine.states.items()
        if place[0] == "casework"
    }


def test_a_report_becomes_a_case_in_the_same_batch():
    batch = fed(an_engine(), order("1", -900), at_hand=BOTH)
    written = topics(batch)
    assert written["reports.located"] == 0
    assert written["facts.cases"] == 2
    assert sum(number for topic, number in written.items() if topic.startswith("assignments.")) == 1
    assert written["changelog.casework"] >= 1
    assert {one.partition for one in batch.written if one.topic == "changelog.casework"} == {WEST_PART}
    assert batch.offsets == {("reports.hotline", PARTITION): 1}


def test_what_is_for_other_partitions_is_written_to_their_topics():
    batch = fed(an_engine(), order("1", -20), order("2", 400), at_hand=[WEST_PART])
    assert topics(batch)["reports.located"] == 1
    ((_, located),) = values(batch, "reports.located")
    assert located["place"]["tile"] == EAST
    assert topics(batch)["facts.cases"] == 2


@pytest.mark.parametrize("apart_m", [400, 900])
def test_it_comes_to_the_same_as_through_the_topics(apart_m: float):
    """Reports that have nothing to do with each other: what touches the same things may come in another order."""
    orders = [order(str(number), -2_000 + apart_m * number, title=f"垃圾{number}") for number in range(6)]
    direct, around = an_engine(), an_engine()
    assert outputs([fed(direct, *orders, at_hand=BOTH)]) == outputs(by_topics(around, *orders))
    assert books(direct) == books(around)


def test_a_notice_is_heard_before_the_next_report_is_judged():
    """Two orders about one heap, six metres apart across the border of two tiles: the second joins the first's case."""
    orders = order("1", -3), order("2", 3, received_at=MONDAY + 60_000)
    batch = fed(an_engine(), *orders, at_hand=BOTH)
    linked = [body for name, body in values(batch, "facts.reports") if name == "ReportLinked"]
    assert [(one["tile"], one["case_tile"]) for one in linked] == [(EAST, WEST)]
    assert topics(batch)["casework.notices"] == 0
    filed = [body for name, body in values(batch, "facts.cases") if name == "CaseFiled"]
    assert len(filed) == 1


def test_what_casework_said_in_the_same_batch_is_heard_before_a_new_report():
    """A report of another worker opens a case; one from next door that comes with it joins that case."""
    engine, sender = an_engine(), an_engine()
    first = fed(sender, order("1", -3))
    ((located, _),) = [(one.value, one.key) for one in first.written if one.topic == "reports.located"]
    second = order("2", 3, received_at=MONDAY + 60_000)
    batch = engine.feed(
        {("reports.located", WEST_PART): polled(located or b""), ("reports.hotline", PARTITION): polled(second)}, BOTH
    )
    assert topics(batch)["casework.notices"] == 0
    assert len([1 for name, _ in values(batch, "facts.cases") if name == "CaseFiled"]) == 1


def test_messages_at_hand_count_as_records_of_casework():
    """Else a few bad actions would be most of what it reads, and stop the worker."""
    engine = an_engine()
    fed(engine, order("1", -20), order("2", 400), at_hand=BOTH)
    assert engine.refusals["casework"].records >= 2


def test_a_notice_for_a_partition_elsewhere_is_written():
    batch = fed(an_engine([WEST_PART]), order("1", -3), at_hand=[WEST_PART])
    ((name, notice),) = values(batch, "casework.notices")
    assert (name, notice["tile"]) == ("NeighbourNotice", EAST)


def test_records_below_the_position_are_answered_once():
    engine = an_engine()
    first = fed(engine, order("1", -20), order("2", 400), at_hand=BOTH)
    again = fed(engine, order("1", -20), order("2", 400), at_hand=BOTH)
    assert topics(first)["facts.cases"] == 4
    assert (again.written, again.records) == ([], 0)


def test_a_new_day_of_stream_time_begins_for_casework_too():
    engine = an_engine()
    fed(engine, order("1", -20), at_hand=BOTH)
    later = order("2", -900, received_at=MONDAY + DAY, sent_at=MONDAY + DAY)
    records = [one._replace(timestamp=one.timestamp + DAY) for one in polled(later, start=1)]
    engine.feed({("reports.hotline", PARTITION): records}, BOTH)
    assert engine.states["casework", WEST_PART].time == MONDAY + DAY


# --- the worker -------------------------------------------------------------------------------------------------------


class Noting:
    """An engine that notes which partitions were at hand, part by part, and leaves the work on them out."""

    def __init__(self, engine: Engine, seen: list[frozenset[int]]) -> None:
        self._engine, self._seen = engine, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def feed(self, part: Any, at_hand: frozenset[int] = frozenset()) -> Batch:
        self._seen.append(at_hand)
        return self._engine.feed(part)


class OfAllStages(WithoutKafka):
    """Has empty states of casework too."""

    def _bring(self, place: tuple[str, int]) -> None:
        self.engine.states.setdefault(place, LaneState(LANES[place[0]]))


def a_noting(folder: Path, *casework: int) -> tuple[Any, list[frozenset[int]]]:
    """A worker of intake that has the states of these partitions of casework, and what it notes."""
    worker, seen = a_worker(OfAllStages, str(folder), KafkaSettings(bootstrap="127.0.0.1:9")), list[frozenset[int]]()
    for number in casework:
        worker.engine.states["casework", number] = LaneState(LANES["casework"])
    worker.engine = Noting(worker.engine, seen)
    return worker, seen


def poll(number: int, *settled: int) -> InHand:
    """One order, in a poll by which those partitions of casework were settled."""
    record = polled(an_order(str(number)), start=number)
    return InHand(Brought({TP(("reports.hotline", 0)): record}, 1, frozenset(settled)))  # type: ignore[dict-item]


def test_a_partition_is_at_hand_from_the_poll_on_that_follows_the_one_by_which_it_was_settled(tmp_path: Path) -> None:
    """What was left for it may lie in that very poll, behind a report."""
    worker, seen = a_noting(tmp_path, 1, 2)
    for number, settled in enumerate([(), (1,), (1, 2, 5), ()]):
        worker._take(poll(number, *settled))
    assert seen == [frozenset(), frozenset(), {1}, {1, 2, 5}]
    assert ("casework", 5) in worker.engine.states, "its state was read"


def test_nothing_is_at_hand_after_a_rebalance(tmp_path: Path) -> None:
    worker, seen = a_noting(tmp_path, 1)
    worker._take(poll(0, 1))
    worker._assigned([TP(("reports.hotline", 0))], worker.faust.serial())
    worker.engine.states["casework", 1] = LaneState(LANES["casework"])
    worker._take(poll(1, 1))
    assert seen == [frozenset(), frozenset()]


def test_states_at_hand_are_read_again_when_a_transaction_is_lost(tmp_path: Path) -> None:
    """They stay at hand: what was written to their topics meanwhile would be overtaken by what comes later."""
    worker, seen = a_noting(tmp_path, 1)
    worker._take(poll(0, 1))
    before, worker.failures = worker.engine.states["casework", 1], 1
    worker._take(poll(1, 1))
    assert seen == [frozenset(), {1}, {1}]
    assert worker.engine.states["casework", 1] is not before
    assert worker.taken == 2


def test_a_lost_transaction_does_not_settle_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fed again, a poll may bring what was left after the report that it brings first."""
    worker, seen = a_noting(tmp_path, 1)
    monkeypatch.setattr(worker, "_drop", lambda *_: None)
    worker.failures = 1
    worker._take(poll(0, 1))
    assert seen == [frozenset(), frozenset()]
