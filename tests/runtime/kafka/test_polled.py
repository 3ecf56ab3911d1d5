"""What is read of an assignment: nothing before Faust resumes its flow, nothing it would drop, and what was settled."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.tables.recovery import Recovery
from faust.types import TP
from mode.utils.queues import FlowControlEvent

from pipeline.runtime.kafka.brought import NEVER_S, Worker
from pipeline.runtime.kafka.polled import _Thread
from pipeline.runtime.kafka.read import NOWHERE, Brought, Told
from pipeline.runtime.kafka.settled import Settled
from pipeline.settings import KafkaSettings
from tests.runtime.kafka.test_brought import Polled


class Partitions:
    """What aiokafka keeps of an assignment: where each partition stands and ends."""

    def __init__(self, *tps: TP) -> None:
        self.tps = frozenset(tps)
        self.places = {tp: SimpleNamespace(has_valid_position=False, position=0, highwater=None) for tp in tps}

    def state_value(self, tp: TP) -> Any:
        return self.places[tp]


class Reader:
    """A consumer of aiokafka that has an assignment; ``then`` happens while it reads."""

    _closed = False

    def __init__(self, assignment: Any, then: Callable[[Reader], None] = lambda _: None) -> None:
        self.assignment, self._then = assignment, then
        self.sought, self.reads, self.faults = list[tuple[TP, int]](), 0, list[Exception]()
        self._fetcher = self._subscriptions = self._coordinator = self._subscription = self.subscription = self

    def check_errors(self) -> None:
        if self.faults:
            raise self.faults.pop()

    def fetch_context(self) -> Any:
        return nullcontext()

    async def fetched_records(self, *_: Any, **__: Any) -> dict[TP, list[Polled]]:
        self.reads += 1
        self._then(self)
        return {TP("a", 0): [Polled("a", 0, 7), Polled("a", 0, 8)], TP("b", 1): [Polled("b", 1, 3)]}

    def seek(self, tp: TP, offset: int) -> None:
        self.sought.append((tp, offset))


FIRST, SECOND = Partitions(TP("a", 0), TP("b", 1)), Partitions(TP("a", 0), TP("b", 1))


def reading(reader: Reader, opened: Told | None) -> _Thread:
    """The thread of a consumer of which records of ``opened`` may come."""
    thread = object.__new__(_Thread)
    thread.consumer = SimpleNamespace(flow_active=True, opened=opened)  # type: ignore[assignment]  # all that is asked
    thread.settled = Settled(["a"])
    reader.flow = thread.consumer  # type: ignore[attr-defined]
    return thread


def moved(reader: Reader) -> None:
    reader.assignment = SECOND


def stopped(reader: Reader) -> None:
    reader.flow.flow_active = False  # type: ignore[attr-defined]


BACK = [(TP("a", 0), 7), (TP("b", 1), 3)]


@pytest.mark.parametrize(
    ("opened", "then", "read", "reads", "sought"),
    [
        pytest.param(Told(4, FIRST), lambda _: None, 3, 1, [], id="what was read is handed over"),
        pytest.param(None, lambda _: None, 0, 0, [], id="Faust wants nothing yet"),
        pytest.param(Told(3, SECOND), lambda _: None, 0, 0, [], id="only of an assignment before"),
        pytest.param(Told(4, FIRST), moved, 0, 1, BACK, id="a rebalance came while it read"),
        pytest.param(Told(4, FIRST), stopped, 0, 1, BACK, id="Faust stopped its flow meanwhile"),
    ],
)
def test_records_that_faust_would_drop_are_as_if_they_had_not_been_read(
    opened: Told | None, then: Callable[[Reader], None], read: int, reads: int, sought: list[tuple[TP, int]]
):
    reader = Reader(FIRST, then)
    found = asyncio.run(reading(reader, opened)._fetch_records(reader, set(), timeout=1.0, max_records=9))
    assert (found.size, reader.reads, reader.sought) == (read, reads, sought)
    assert found.assignment == (4 if read else NOWHERE)


def test_what_keeps_a_consumer_out_of_its_group_is_raised_by_the_next_read():
    reader = Reader(FIRST)
    reader.faults.append(ValueError("not authorised"))
    with pytest.raises(ValueError, match="not authorised"):
        asyncio.run(reading(reader, None)._fetch_records(reader, set(), timeout=1.0, max_records=9))


def an_application(folder: Any) -> Worker:
    """One that was not started."""

    async def take(_: Brought) -> float:
        return 0.0

    settings = KafkaSettings(bootstrap="127.0.0.1:1")
    return Worker(settings, "g", ["t"], [], take, poll_records=7, data_folder=str(folder))


def test_it_is_raised_by_a_turn_as_well_since_nobody_may_be_reading(tmp_path: Any):
    reader, worker = Reader(FIRST), an_application(tmp_path)
    loop = SimpleNamespace(call_soon_threadsafe=lambda look, *given: look(*given))
    worker.app.consumer = SimpleNamespace(_thread=SimpleNamespace(_consumer=reader, thread_loop=loop))
    worker.check()
    reader.faults.append(ValueError("not authorised"))
    worker.check()
    with pytest.raises(ValueError, match="not authorised"):
        worker.check()


def a_consumer(folder: Any) -> Any:
    """Faust's consumer with ours on top, of an application that was not started."""
    worker = an_application(folder)
    return worker.app.transport.create_consumer(
        callback=nothing, on_partitions_revoked=nothing, on_partitions_assigned=nothing, beacon=worker.app.beacon
    )


async def nothing(*_: Any, **__: Any) -> None:
    """Whatever is told."""


async def told(consumer: Any, assignment: Any) -> None:
    """Faust tells of an assignment."""
    consumer._thread._consumer = Reader(assignment)
    consumer.app.on_rebalance_start()
    await consumer.on_partitions_assigned(set(assignment.tps), 5)


def test_records_come_when_the_flow_resumes_and_only_those_of_the_assignment_it_resumes_for(tmp_path: Any):
    async def run() -> list[Told | None]:
        consumer = a_consumer(tmp_path)
        consumer.resume_flow()  # as Faust does when it starts
        seen = [consumer.opened]
        await told(consumer, FIRST)
        seen.append(consumer.opened)
        await consumer.perform_seek()
        consumer.resume_flow()
        seen.append(consumer.opened)
        await consumer.perform_seek()
        await told(consumer, SECOND)
        consumer.resume_flow()  # late: of the recovery that had begun for the first one
        seen.append(consumer.opened)
        await consumer.perform_seek()
        consumer.resume_flow()
        return [*seen, consumer.opened]

    assert asyncio.run(run()) == [None, None, Told(1, FIRST), None, Told(2, SECOND)]


def test_faust_still_clears_the_streams_right_before_the_flow_resumes_and_after_it_asked_to_seek():
    source = inspect.getsource(Recovery._resume_streams)
    steps = (
        "consumer_generation_id != generation_id",
        "consumer.perform_seek()",
        "flow_control.resume()\n",
        "resume_flow()",
    )
    assert [source.index(step) for step in steps] == sorted(source.index(step) for step in steps)
    between = source.split("flow_control.resume()")[1].split("consumer.resume_flow()")[0]
    assert "await" not in between
    assert "self.clear()" in inspect.getsource(FlowControlEvent.resume)


def test_no_time_without_a_fetch_puts_a_worker_out_of_its_group(tmp_path: Any):
    assert a_consumer(tmp_path).app.conf.broker_max_poll_interval == NEVER_S
    assert "self._max_poll_interval" in inspect.getsource(GroupCoordinator)
    assert "max_poll_interval" not in inspect.getsource(GroupCoordinator._send_req), "it is not told to the broker"


@pytest.mark.parametrize(
    ("positions", "ends", "settled"),
    [
        pytest.param((None, None), (None, None), [], id="nothing is known"),
        pytest.param((5, 9), (5, 9), [0], id="all is read"),
        pytest.param((7, 9), (5, 9), [0], id="and more"),
        pytest.param((4, 9), (5, 9), [], id="one record is left"),
        pytest.param((5, None), (5, 0), [], id="no position yet"),
        pytest.param((0, 0), (0, 0), [0], id="nothing was ever written"),
    ],
)
def test_a_partition_is_settled_when_all_its_topics_were_read_to_where_they_ended(
    positions: tuple[int | None, ...], ends: tuple[int | None, ...], settled: list[int]
):
    names = (TP("a", 0), TP("b", 0))
    assignment, looking = Partitions(*names, TP("other", 1)), Settled(["a", "b"])
    for tp, position, end in zip(names, positions, ends, strict=True):
        known = position is not None
        assignment.places[tp] = SimpleNamespace(has_valid_position=known, position=position, highwater=end)
    assert sorted(looking.partitions(Told(1, assignment))) == settled


def test_what_was_settled_stays_so_until_the_next_assignment():
    tp, looking = TP("a", 3), Settled(["a"])
    assignment = Partitions(tp)
    assignment.places[tp] = SimpleNamespace(has_valid_position=True, position=4, highwater=5)
    assert looking.partitions(Told(1, assignment)) == frozenset()
    assignment.places[tp] = SimpleNamespace(has_valid_position=True, position=5, highwater=8)
    assert looking.partitions(Told(1, assignment)) == {3}, "where it ended when it was seen first counts"
    assert looking.partitions(Told(2, assignment)) == frozenset()
