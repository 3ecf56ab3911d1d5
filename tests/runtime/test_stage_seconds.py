"""Every value of the label ``stage`` is written by the process that the documentation says, from work it really did."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.plan import Plan
from connectors.sinks.clickhouse.port import PartitionPort
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.columns import READINGS
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.handover import InHand
from pipeline.runtime.kafka.lanes import LANES, lanes_of
from pipeline.runtime.kafka.policy import WorkerPolicy
from pipeline.runtime.kafka.read import Brought
from pipeline.runtime.kafka.serving import Watching
from pipeline.runtime.kafka.spotter import Spotter
from pipeline.runtime.metrics import STAGES
from pipeline.settings import KafkaSettings
from tests.runtime.kafka import test_steps
from tests.runtime.kafka.test_spotter import Kafka
from tests.runtime.kafka.test_worker_stops import WithoutKafka
from tests.runtime.kafka.test_worker_waits import TP, Group, Polled
from tests.runtime.test_instruments import DOC, samples
from tests.sinks.clickhouse.member import PLACE, Member, broker_of, consumer_of
from tests.sinks.clickhouse.test_tables import PART, Notes
from tests.small_city import topology

READ = 3
"""Records that the spotter reads."""


def of_worker(folder: Path) -> Instruments:
    """A worker of all lanes with one poll that each of them has a part of."""
    watching = Watching(Instruments("worker"))
    lanes = lanes_of(tuple(LANES), ["sanitation"])
    worker: Any = WithoutKafka(
        topology(), lanes, KafkaSettings(bootstrap="127.0.0.1:9"), WorkerPolicy(), watching, data_folder=str(folder)
    )
    poll = test_steps.ORDERS | test_steps.URGENT | test_steps.READINGS | test_steps.located()
    worker.faust, worker._mine, worker._generation = Group(), frozenset(poll), 1
    brought = {
        TP(place): [Polled((one.offset, one.timestamp, one.value, one.key, ())) for one in some]
        for place, some in poll.items()
    }
    worker._take(InHand(Brought(brought)))  # type: ignore[arg-type]
    return watching.instruments


def of_spotter(_: Path) -> Instruments:
    """A spotter that reads some records, then nothing more."""
    kafka, instruments = Kafka([[b"x", b"!a"], [b"y"]]), Instruments("spotter")
    Spotter("p-", kafka.join, kafka.writer, lambda value: value.startswith(b"!"), instruments).run(kafka.stop)
    return instruments


class HasNothing(Notes):
    """A server whose tables are empty."""

    def rows(self, *_: Any) -> list[Any]:
        return []


def of_sink(_: Path) -> Instruments:
    """A sink that plans a block of five records, looks for its row and inserts it."""
    instruments = Instruments("sink")

    async def write() -> None:
        target = Target("25", Mode.TOKEN, {}, {READINGS: {}}, {READINGS: (list,) * len(PART.values)})
        with ThreadPoolExecutor(1) as threads:
            shared = consumer_of(broker_of(Member(0)))._shared
            shared = replace(shared, server=HasNothing(), target=target, threads=threads)
            shared.figures.watch = instruments
            nothing_waits: Any = None
            port = PartitionPort(shared, PLACE, nothing_waits, Member.generation)
            await port.commit(0, Plan(end=5, n=5, h="", t=0, sv=""))
            assert await port.present(PART) == set()
            await port.insert(PART, "token", None)
            await port.commit(5, None)  # the end alone is no plan

    asyncio.run(write())
    return instruments


PROCESSES: dict[str, Callable[[Path], Instruments]] = {"worker": of_worker, "spotter": of_spotter, "sink": of_sink}


def documented() -> list[tuple[str, str]]:
    """Step and process of each row of the table of steps."""
    return re.findall(r"^\| `(\w+)` \| (worker|spotter|sink) \|", DOC.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_documentation_tells_of_every_step_in_order() -> None:
    assert [step for step, _ in documented()] == list(STAGES)


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_writes_the_steps_that_the_documentation_says(process: str, tmp_path: Path) -> None:
    found = samples(PROCESSES[process](tmp_path))
    steps = {(step,) for step, of in documented() if of == process}
    assert set(found["wangge_stage_seconds_count"]) == steps


@pytest.mark.parametrize(
    ("process", "times", "steps"),
    [
        ("worker", 1, {"poll": 6, "intake": 2, "urgent": 1, "detect": 1, "casework": 2, "place": 3}),
        ("spotter", 2, {"spot": READ}),
        ("sink", 1, {"plan": 5, "probe": 1, "insert": 1}),
    ],
)
def test_a_step_is_told_once_a_time_with_its_records(
    process: str, times: int, steps: dict[str, int], tmp_path: Path
) -> None:
    found = samples(PROCESSES[process](tmp_path))
    assert {step: found["wangge_stage_records_total"][step,] for step in steps} == steps
    assert set(found["wangge_stage_seconds_count"].values()) == {times}
