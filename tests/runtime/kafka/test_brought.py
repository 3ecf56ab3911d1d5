"""What the worker relies on inside Faust: this fails when an upgrade changes it, before a city finds out."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from typing import Any, NamedTuple

import pytest
from aiokafka.consumer import consumer as users
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from pipeline.runtime.kafka.brought import Worker
from pipeline.runtime.kafka.polled import WholePollScheduler
from pipeline.runtime.kafka.read import AnyOffset, Brought, Read
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
