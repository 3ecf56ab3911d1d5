"""What a worker ends with: a limit of refusals is for an operator, a bug is ours; a poll fed again counts once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.librdkafka.transactions import Membership
from pipeline.errors import AGAIN, BUG, STOPPED, FateUnknown, NeighbourAway, StopRun
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka import assigned as module
from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.handover import InHand
from pipeline.runtime.kafka.lanes import lanes_of
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.read import Brought
from pipeline.runtime.kafka.serving import Watching
from pipeline.runtime.kafka.worker import KafkaWorker
from pipeline.settings import KafkaSettings
from tests.runtime.kafka.feeding import an_order
from tests.runtime.kafka.test_worker_waits import PLACE, TP, Group, Polled
from tests.small_city import MONDAY, topology

ROOT = Path(__file__).parents[3]


class WithoutKafka(KafkaWorker):
    """A worker whose states are empty and whose transactions fail ``failures`` times before they are taken."""

    failure: type[Exception] = NeighbourAway
    failures = 0
    taken = prepared = 0

    def _bring(self, place: tuple[str, int]) -> None:
        lane = next(lane for lane in self.engine.lanes if lane.name == place[0])
        self.engine.states.setdefault(place, LaneState(lane))

    def _prepare(self) -> None:
        self.prepared += 1

    def _written(self, batch: Batch, reader: Membership) -> None:
        if self.failures:
            self.failures -= 1
            raise self.failure(self.name)
        self.taken += batch.records


def a_worker(kind: type[KafkaWorker], folder: str, settings: KafkaSettings) -> Any:
    """One that has a partition of intake."""
    watching = Watching(Instruments("worker", needs=("kafka",)))
    policy = WorkerPolicy(first_pause_s=0.0)
    found = kind(topology(), lanes_of(["intake"], []), settings, policy, watching, data_folder=folder)
    found.faust = Group()  # type: ignore[assignment]  # what is asked of it is here
    found._mine, found._generation, found._assignment = frozenset([PLACE]), 1, 1
    watching.assigned([PLACE])
    return found


def polled(values: Collection[object]) -> Brought:
    """One poll of the partition."""
    records = [Polled((number, MONDAY, value, b"k", ())) for number, value in enumerate(values)]
    return Brought({TP(PLACE): records})  # type: ignore[dict-item]


POLLS: dict[str, list[object]] = {
    "refused": [b"bad"] * 200,
    "a bug": [object()],
    "good": [an_order("1"), b"bad"],
    "no fate": [an_order("1")],
}
"""A value that is no bytes stands for a bug: no record of Kafka is like that."""


class WithoutFate(WithoutKafka):
    """One whose broker died while it committed."""

    failure, failures = FateUnknown, 1


KINDS = {"no fate": WithoutFate}


def take(name: str) -> None:
    """Take one of the polls: ends this process where the worker would."""
    kind = KINDS.get(name, WithoutKafka)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(a_worker(kind, folder, KafkaSettings(bootstrap="127.0.0.1:9")).take(polled(POLLS[name])))


@pytest.mark.parametrize(
    ("name", "code", "told", "traced"),
    [
        ("refused", STOPPED, "--max-refused 1", False),
        ("a bug", BUG, "TypeError", True),
        ("good", 0, "", False),
        ("no fate", AGAIN, "stopped: intake", False),
    ],
)
def test_a_limit_of_refusals_ends_a_worker_otherwise_than_a_bug(name: str, code: int, told: str, traced: bool) -> None:
    words = ["-c", f"from {__name__} import take; take({name!r})"]
    ended = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    assert told in ended.stderr
    assert ("Traceback" in ended.stderr) is traced


@pytest.mark.parametrize(
    ("assignment", "taken"),
    [
        pytest.param(0, 0, id="read before the rebalance: what came before it is read again, and so is it"),
        pytest.param(1, 2, id="read since"),
        pytest.param(None, 2, id="not known"),
    ],
)
def test_a_poll_from_before_a_rebalance_is_not_worked(tmp_path: Path, assignment: int | None, taken: int) -> None:
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    poll = Brought(polled([an_order("1"), an_order("2")]).records, assignment)
    worker._take(InHand(poll))
    assert worker.taken == taken
    assert bool(worker.engine.states) is bool(taken)


@dataclass
class Moved(Group):
    """A group that is in this generation now, with an assignment of this number."""

    generation: int = 2
    number: int = 2

    def membership(self) -> Membership:
        return Membership("g", self.generation, "m")

    def serial(self) -> int:
        return self.number


async def taken_when(worker: Any, assignment: int, then: Callable[[], Awaitable[None]]) -> tuple[int, int]:
    """Records taken of a poll of that assignment before and after ``then``."""
    taking = asyncio.ensure_future(worker.take(Brought(polled([an_order("1"), an_order("2")]).records, assignment)))
    await asyncio.wait([taking], timeout=0.2)
    before = worker.taken
    await then()
    await taking
    if worker._chain is not None:
        await worker._chain
    return before, worker.taken


def test_a_poll_that_comes_before_its_partitions_are_known_waits_for_them(tmp_path: Path) -> None:
    """Given back, it would be lost: its records were read after what the group noted was."""
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.faust = Moved()
    assert asyncio.run(taken_when(worker, 2, lambda: worker.assigned([TP(PLACE)]))) == (0, 2)


def test_transactions_are_prepared_once_all_states_are_here(tmp_path: Path) -> None:
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker._generation = 2
    worker._read_ahead(1)
    assert worker.prepared == 0, "the group moved on"
    worker._read_ahead(2)
    assert (worker.prepared, worker._asked) == (1, None)
    assert list(worker.engine.states) == [("intake", PLACE[1])]


def test_a_worker_whose_transactions_cannot_be_prepared_is_ready_and_tries_again_later(tmp_path: Path) -> None:
    class Away(WithoutKafka):
        def _prepare(self) -> None:
            message = "Kafka is away"
            raise NeighbourAway(message)

    worker = a_worker(Away, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker._read_ahead(1)
    assert "tables" not in worker.watcher.instruments.progress.picture().missing
    assert worker._asked is None


@pytest.mark.parametrize(
    ("name", "gives_way", "emergency", "rests"),
    [
        pytest.param("intake", True, True, 3, id="after each of its parts"),
        pytest.param("intake", True, False, 0, id="nobody has an emergency"),
        pytest.param("intake", False, True, 0, id="it was not asked to"),
        pytest.param("casework", True, True, 0, id="emergencies are what casework has in hand"),
    ],
)
def test_who_gives_way_rests_with_nothing_unwritten(
    tmp_path: Path, name: str, gives_way: bool, emergency: bool, rests: int
) -> None:
    rested = list[int]()

    class Rests(Alert):
        def give_way(self, worked_s: float) -> None:
            assert worked_s > 0
            rested.append(worker.taken)

    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.policy, worker._alert = WorkerPolicy(part_records=2, gives_way=gives_way), Rests()
    worker.name = name
    if emergency:
        worker._alert.heard()
    worker._take(InHand(polled([an_order(str(number)) for number in range(6)])))
    assert rested == [2, 4, 6][:rests]
    assert worker.taken == 6


def test_a_worker_that_stops_rests_no_longer(tmp_path: Path) -> None:
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    asyncio.run(worker.stopping())
    assert worker._alert.over.is_set()


def test_a_worker_that_stops_waits_for_no_news_of_its_partitions(tmp_path: Path) -> None:
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.faust = Moved()
    assert asyncio.run(taken_when(worker, 2, worker.stopping)) == (0, 0)


def test_nothing_is_worked_by_who_is_no_member(tmp_path: Path) -> None:
    """Kafka notes offsets for generation -1 without asking who it is."""
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.faust, worker._generation = Moved(generation=-1), -1
    worker._take(InHand(Brought(polled([an_order("1")]).records, 1)))
    assert worker.taken == 0


def test_a_poll_of_an_assignment_before_is_not_worked_in_the_same_generation(tmp_path: Path) -> None:
    """A member with a name that comes back is given the same generation (KIP-345), and reads again what it had read."""
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.faust = Moved(generation=1)
    worker._assigned([TP(PLACE)], worker.faust.serial())
    worker._take(InHand(Brought(polled([an_order("2")]).records, 1)))
    assert worker.taken == 0
    worker._take(InHand(Brought(polled([an_order("1"), an_order("2")]).records, 2)))
    assert worker.taken == 2


def test_a_poll_that_is_fed_again_and_again_while_kafka_is_away_is_counted_once(tmp_path: Path) -> None:
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.failures = 5
    worker._take(InHand(polled([b"bad"] * 60)))
    assert (worker.taken, worker.failures) == (60, 0)
    refusals = worker.engine.refusals["intake"]
    assert (refusals.refused, refusals.records, refusals.in_a_row) == (60, 60, 60)


def test_nothing_but_bad_records_from_the_start_stop_a_worker_with_the_two_hundredth(tmp_path: Path) -> None:
    worker = a_worker(WithoutKafka, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    with pytest.raises(StopRun, match="200 of the last 200 records"):
        worker._take(InHand(polled([b"bad"] * 200)))
    assert worker.taken == 0


def test_a_state_is_read_no_further_when_the_group_moves_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The news of the next assignment waits for it, and the group for the member."""
    worker = a_worker(KafkaWorker, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9"))
    worker.faust, read = Moved(generation=1), list[int]()

    def batches(*_: Any) -> Iterator[list[Any]]:
        for number in range(3):
            read.append(number)
            worker.faust.generation += number
            yield []

    monkeypatch.setattr(module, "records_of", batches)
    with pytest.raises(NeighbourAway, match="moved on"):
        worker._bring(("intake", 3))
    assert (read, worker.engine.states, worker._asked) == ([0, 1], {}, None)


def test_a_state_is_read_in_a_group_of_its_own_city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def read(_: Any, *place: Any) -> list[Any]:
        asked.append(place)
        return []

    monkeypatch.setattr(module, "records_of", read)
    worker = a_worker(KafkaWorker, str(tmp_path), KafkaSettings(bootstrap="127.0.0.1:9", prefix="north."))
    worker._bring(("intake", 3))
    assert asked == [("north.state-readers", "north.changelog.intake", 3)]
