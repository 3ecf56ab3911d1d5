"""What the worker relies on inside Faust: this fails when an upgrade changes it, before a city finds out."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from aiokafka.consumer import consumer as users
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.queues import FlowControlEvent

from pipeline.runtime.kafka.brought import NEVER_S, Worker
from pipeline.runtime.kafka.polled import WholePollScheduler, _Thread
from pipeline.runtime.kafka.read import NOWHERE, AnyOffset, Brought, Read, Told
from pipeline.runtime.kafka.settled import Settled
from pipeline.settings import KafkaSettings

PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}


class Polled(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int = 0
    timestamp_type: int = 0


@pytest.mark.parametrize(("library", "expected"), PINNED.items())
def test_the_versions_are_those_whose_inside_was_read(library: str, expected: str):
    assert version(library) == expected


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (Consumer, "_add_gap", ["self", "tp", "offset_from", "offset_to"]),
        (Consumer, "_new_offset", ["self", "tp"]),
        (Consumer, "verify_all_partitions_active", ["self"]),
        (driver.Consumer, "_getmany", ["self", "active_partitions", "timeout"]),
        (driver.Consumer, "_new_consumer_thread", ["self"]),
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (Fetcher, "_get_actions_per_node", ["self", "assignment"]),
    ],
)
def test_a_method_that_is_overridden_is_there_with_the_same_parameters(owner: Any, name: str, parameters: list[str]):
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_consumer_still_acks_and_seeks_by_the_fields_that_are_cleared():
    source = inspect.getsource(Consumer)
    for field in ("self._acked[", "self._acked_index[", "self._read_offset", "self.scheduler.iterate("):
        assert field in source


def test_the_coordinator_still_knows_generation_and_member():
    source = inspect.getsource(GroupCoordinator)
    assert "self.generation" in source
    assert "self.member_id" in source


def test_the_consumer_still_knows_position_and_end_of_a_partition():
    from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState

    assert {"has_valid_position", "position"} <= vars(TopicPartitionState).keys()
    assert "self.highwater = " in inspect.getsource(TopicPartitionState.__init__)
    assert {"tps", "state_value"} <= vars(Assignment).keys()


def test_the_fetcher_still_looks_only_at_places_and_state_of_an_assignment():
    source = inspect.getsource(Fetcher._get_actions_per_node)
    assert set(re.findall(r"assignment\.(\w+)", source)) == {"tps", "state_value"}
    assert "self._records" in source
    assert "self._fetcher = Fetcher(" in inspect.getsource(users.AIOKafkaConsumer.start)


def test_the_isolation_level_is_read_when_the_consumer_starts():
    import aiokafka

    assert "self._isolation_level" in inspect.getsource(aiokafka.AIOKafkaConsumer.start)


def test_a_poll_is_one_event_with_every_record_in_it():
    records = {
        TP("b", 1): [Polled("b", 1, 7), Polled("b", 1, 8)],
        TP("a", 0): [Polled("a", 0, 3)],
        TP("a", 1): [],
    }
    ((tp, event),) = WholePollScheduler().iterate(records)
    assert tp == TP("a", 0)
    assert (event.topic, event.partition, event.offset) == ("a", 0, 3)
    assert event.value == Brought({TP("b", 1): records[TP("b", 1)], TP("a", 0): records[TP("a", 0)]})


def test_a_poll_carries_the_number_of_the_assignment_in_which_it_was_read():
    records = {TP("a", 0): [Polled("a", 0, 3)]}
    ((_, event),) = WholePollScheduler().iterate(Read(records, 4))
    assert event.value == Brought(records, 4)


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        pytest.param(4, 4, {"urgent", "other"}, id="the same assignment: both"),
        pytest.param(4, 5, {"other"}, id="the group moved on in between: what was read before is read again"),
        pytest.param(-1, 5, {"other"}, id="a member that was put out"),
    ],
)
def test_what_was_read_before_a_rebalance_goes_into_no_poll(first: int, then: int, kept: set[str]):
    one, other = TP("urgent", 0), TP("other", 0)
    found = Read({one: [Polled("urgent", 0, 1)]}, first).before(Read({other: [Polled("other", 0, 1)]}, then))
    assert {tp.topic for tp in found} == kept
    assert found.assignment == then


def test_faust_still_reads_records_where_the_assignment_is_taken():
    source = inspect.getsource(driver.AIOKafkaConsumerThread.getmany)
    assert "self._fetch_records" in source
    assert "call_thread" in source
    waits = inspect.getsource(Fetcher.fetched_records).split("drained = {}")
    assert "reassignment_in_progress" in waits[0]
    assert "await" not in waits[1].split("return drained\n\n")[0], "between the records and their assignment is no wait"


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


def a_consumer(folder: Any) -> Any:
    """Faust's consumer with ours on top, of an application that was not started."""

    async def take(_: Brought) -> float:
        return 0.0

    worker = Worker(
        KafkaSettings(bootstrap="127.0.0.1:1"), "g", ["t"], [], take, poll_records=7, data_folder=str(folder)
    )
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


def test_no_poll_is_dropped_for_the_offset_of_the_one_record_that_stands_for_it():
    source = inspect.getsource(Consumer._drain_messages)
    assert "self._read_offset.__getitem__" in source
    assert "if r_offset is None or" in source
    assert (
        "_read_offset = "
        not in inspect.getsource(Consumer)
        .replace("read_offset = self._read_offset", "")
        .split("self._read_offset = defaultdict(lambda: None)")[1]
    ), "it is made once"
    offsets: Any = AnyOffset()
    offsets[TP("a", 0)] = 9
    offsets.update({TP("a", 0): 9})
    assert offsets.pop(TP("a", 0), None) is None
    assert offsets[TP("a", 0)] is None


def test_a_poll_of_nothing_is_no_event():
    assert list(WholePollScheduler().iterate({TP("a", 0): []})) == []


def test_faust_is_told_to_note_no_offset_of_its_own(tmp_path):
    async def take(_: Brought) -> None:
        """Nothing is polled here."""

    settings = KafkaSettings(bootstrap="127.0.0.1:1,127.0.0.2:1", instance_id="w-1")
    worker = Worker(settings, "g", ["t"], [["t"], ["u"]], take, poll_records=7, data_folder=str(tmp_path))
    consumer: Any = worker.app.transport.Consumer
    assert consumer.ahead == [{"t"}]
    assert consumer._new_offset is not driver.Consumer._new_offset
    assert worker.app.conf.broker_max_poll_records == 7
    assert worker.app.conf.consumer_group_instance_id == "w-1"
    assert [str(url) for url in worker.app.conf.broker] == ["kafka://127.0.0.1:1", "kafka://127.0.0.2:1"]
    assert worker.app.conf.topic_allow_declare is False
