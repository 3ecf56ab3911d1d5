"""A worker that waits for Kafka is alive and not ready; one whose stages hang is not alive."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.kafka.answering import SILENCE_S
from connectors.librdkafka.transactions import Membership
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.assigned import PATIENCE_S
from pipeline.runtime.kafka.handover import InHand
from pipeline.runtime.kafka.lanes import lanes_of
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.read import Brought
from pipeline.runtime.kafka.serving import Watching
from pipeline.runtime.kafka.worker import KafkaWorker
from pipeline.settings import KafkaSettings
from tests.runtime.kafka.feeding import an_order
from tests.small_city import MONDAY, topology
from tests.support.clock import Clock

PLACE = ("reports.hotline", 0)
LIMIT_S = 60.0
"""How long a slow machine may take to notice that nobody listens at an address."""


@dataclass
class Group:
    """What the worker asks of Faust: who it is, where partitions end, and that nothing is left."""

    left: set[tuple[str, int]] = field(default_factory=set)
    """Partitions on which something waits."""
    there: bool = True
    """Whether Kafka answers."""

    def membership(self) -> Membership:
        return Membership("g", 1, "m")

    def serial(self) -> int:
        return 1

    def check(self) -> None:
        """Nothing keeps it out of its group."""

    def end(self, tp: Any) -> int:
        return 2

    async def answers(self, seconds: float) -> bool:
        return self.there

    def read_out(self, topic: str, partition: int) -> bool:
        return (topic, partition) not in self.left


class TP(tuple[str, int]):
    """Topic and partition as Faust gives them."""

    topic = property(lambda self: self[0])
    partition = property(lambda self: self[1])


class Polled(tuple[Any, ...]):
    """A record as aiokafka gives it."""

    offset, timestamp, value, key, headers = (property(lambda self, n=n: self[n]) for n in range(5))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watching(clock: Clock) -> Watching:
    return Watching(Instruments("worker", needs=("kafka",), clock=clock))


@pytest.fixture
def worker(watching: Watching, tmp_path: Any) -> Iterator[KafkaWorker]:
    """A worker that has a partition, and a Kafka that is away."""
    found = KafkaWorker(
        topology(), lanes_of(["intake"], []), KafkaSettings(bootstrap="127.0.0.1:9"), WorkerPolicy(), watching,
        data_folder=str(tmp_path),
    )  # fmt: skip
    found.faust = Group()  # type: ignore[assignment]  # what is asked of it is here
    found._mine, found._generation, found._assignment = frozenset([PLACE]), 1, 1
    watching.assigned([PLACE])
    yield found
    found._stopping = True


def turned(worker: KafkaWorker) -> None:
    """A turn of the loop, as the timer has it."""
    asyncio.run(worker.turn())


def picture(watching: Watching) -> tuple[bool, tuple[str, ...]]:
    """Whether it is alive, and what keeps it from being ready."""
    found = watching.instruments.progress.picture()
    return found.live, found.missing


def test_kafka_that_is_away_is_waited_for_and_that_is_no_reason_to_start_anew(
    worker: KafkaWorker, watching: Watching, clock: Clock
) -> None:
    record = Polled((0, MONDAY, an_order("1"), b"k", ()))
    poll = Brought({TP(PLACE): [record]})  # type: ignore[dict-item]
    worker._at_hand = frozenset([PLACE])
    working = threading.Thread(target=worker._take, args=(InHand(poll),), daemon=True)
    working.start()
    deadline = time.monotonic() + LIMIT_S
    while "waits for kafka" not in picture(watching)[1] and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(10):
        clock.now += 20
        while worker._asked is None and worker._working.locked() and time.monotonic() < deadline:
            time.sleep(0.01)
        turned(worker)
        live, missing = picture(watching)
        assert live, "a poll is open for minutes, and it is known why"
        assert "waits for kafka" in missing
    worker._stopping = True
    working.join(LIMIT_S)
    assert not working.is_alive()


def test_a_call_of_kafka_that_lasts_is_told_before_it_has_failed(
    worker: KafkaWorker, watching: Watching, clock: Clock
) -> None:
    with worker._working:
        worker._asked = time.monotonic()
        clock.now += 31
        turned(worker)
        assert picture(watching) == (True, ())
        worker._asked = time.monotonic() - PATIENCE_S - 1
        turned(worker)
        assert picture(watching) == (True, ("kafka is away", "waits for kafka"))


def test_who_has_nothing_to_do_asks_whether_kafka_is_there(
    worker: KafkaWorker, watching: Watching, clock: Clock
) -> None:
    worker._kafka._clock = clock
    worker._kafka.heard()
    worker.faust.there = False  # type: ignore[attr-defined]
    turned(worker)
    assert picture(watching) == (True, ()), "it has just been heard"
    clock.now += SILENCE_S
    worker._at_hand = frozenset([PLACE])
    turned(worker)
    assert picture(watching) == (True, ()), "what is in work tells it by itself"
    worker._at_hand = frozenset()
    turned(worker)
    assert picture(watching) == (True, ("kafka is away", "waits for kafka"))
    worker.faust.there = True  # type: ignore[attr-defined]
    turned(worker)
    assert picture(watching) == (True, ())


def test_a_poll_that_waited_for_kafka_and_was_given_back_is_waited_for_no_longer(
    worker: KafkaWorker, watching: Watching, clock: Clock
) -> None:
    worker._kafka._clock = clock
    worker._kafka.heard()
    watching.waiting("kafka")
    clock.now += SILENCE_S
    turned(worker)
    assert picture(watching) == (True, ())


def test_stages_that_hang_are_no_life(worker: KafkaWorker, watching: Watching, clock: Clock) -> None:
    with worker._working:
        clock.now += 31
        turned(worker)
        assert not picture(watching)[0]
    turned(worker)
    assert picture(watching)[0]


def test_a_partition_that_is_read_out_has_no_lag_but_the_one_in_work_keeps_its(
    worker: KafkaWorker, watching: Watching
) -> None:
    def lag() -> int:
        return watching.instruments.progress.picture().places[PLACE].lag_records

    watching.polled({PLACE: (1, 1, 0.0)})
    worker._at_hand = frozenset([PLACE])
    turned(worker)
    assert lag() == 1
    worker._at_hand = frozenset()
    worker.faust.left = {PLACE}  # type: ignore[attr-defined]
    turned(worker)
    assert lag() == 1
    worker.faust.left = set()  # type: ignore[attr-defined]
    turned(worker)
    assert lag() == 0


def test_reading_a_state_back_is_told(watching: Watching, clock: Clock) -> None:
    watching.recovering("casework")
    clock.now += 20
    assert picture(watching) == (True, ("kafka is away", "reads casework back"))
    watching.recovering("")
    watching.waiting("")
    assert picture(watching) == (True, ())
