"""What a sink says of itself while a neighbour is away: alive, not ready, and which one it waits for."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from connectors.kafka.answering import SILENCE_S, Answering
from connectors.sinks.clickhouse.consumer import Consumer
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.turning import look, turning
from pipeline.runtime.instruments import Instruments
from tests.sinks.clickhouse.member import TP, Member, Polled, broker_of, consumer_of
from tests.support.clock import Clock

LONG_S = 1_000.0
KAFKA, BOTH = (
    ("kafka is away", "waits for kafka"),
    ("clickhouse is away", "kafka is away", "waits for clickhouse, kafka"),
)


class Outage(Member):
    """A member whose broker may be away: polls give nothing then, and no question is answered."""

    away = False

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Polled]]:
        return {} if self.away else await super().getmany(timeout_ms, max_records)

    async def topics(self) -> set[str]:
        if self.away:
            raise KafkaConnectionError
        return {TP.topic}


class Rig:
    """A sink that has a partition, by a clock of the test."""

    def __init__(self) -> None:
        self.clock, self.member = Clock(), Outage(committed=10)
        self.member.answer.set()
        self.broker = broker_of(self.member)
        self.consumer: Consumer = consumer_of(self.broker)
        self.figures = self.consumer._shared.figures
        self.watch = self.figures.watch = Instruments("sink", needs=("clickhouse", "kafka"), clock=self.clock)
        self.consumer._kafka = Answering(
            lambda there: self.figures.neighbour("kafka", there=there), self.clock
        )  # fmt: skip
        self.figures.neighbour("clickhouse", there=True)

    async def turned(self, seconds: float) -> tuple[bool, tuple[str, ...]]:
        """Some seconds later, when the loop turned and Kafka was looked for: whether it is alive, and what is away."""
        self.clock.now += seconds
        await self.consumer._turn()
        asking = asyncio.create_task(look(self.consumer._kafka, self.broker.answers, 0))
        for _ in range(5):
            await asyncio.sleep(0)
        asking.cancel()
        picture = self.watch.progress.picture()
        return picture.live, picture.missing


def test_a_planned_block_in_an_outage_of_kafka_is_no_reason_to_start_anew() -> None:
    async def run() -> None:
        rig = Rig()
        await rig.consumer._receive({(TP.topic, TP.partition)})
        assert await rig.turned(1) == (True, ())
        rig.watch.took(TP.topic, TP.partition)
        rig.member.away = True
        assert await rig.turned(SILENCE_S) == (True, KAFKA)
        assert await rig.turned(LONG_S) == (True, KAFKA)
        rig.member.away = False
        assert await rig.turned(1) == (True, ())
        assert not (await rig.turned(61))[0], "Kafka is there and the block is not done"
        await rig.consumer._give_back()

    asyncio.run(run())


def test_with_nothing_to_read_kafka_is_asked_and_answers() -> None:
    async def run() -> None:
        rig = Rig()
        rig.member.paused = True
        assert (await rig.turned(SILENCE_S - 1))[1] == ("kafka is away",), "nothing came yet"
        assert await rig.turned(1) == (True, ())
        rig.member.away = True
        assert await rig.turned(SILENCE_S) == (True, KAFKA)

    asyncio.run(run())


def test_who_waits_for_two_goes_on_to_wait_for_the_other() -> None:
    figures, clock = SinkFigures(), Clock()
    watch = figures.watch = Instruments("sink", needs=("clickhouse", "kafka"), clock=clock)
    figures.neighbour("kafka", there=False)
    figures.neighbour("clickhouse", there=False)
    assert watch.progress.picture().missing == BOTH
    figures.neighbour("clickhouse", there=True)
    assert watch.progress.picture().missing == KAFKA
    figures.neighbour("kafka", there=True)
    assert watch.progress.picture().is_ready


def test_what_lasts_long_at_the_start_is_a_turning_loop_and_can_be_stopped() -> None:
    async def run() -> tuple[int, Any, bool]:
        stop, turns, cancelled = asyncio.Event(), list[int](), asyncio.Event()

        async def joins() -> str:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return "joined"

        def touched() -> None:
            turns.append(1)
            stop.set()

        return await turning(joins(), touched, stop) or 0, turns, cancelled.is_set()  # type: ignore[return-value]

    assert asyncio.run(run()) == (0, [1], True)


def test_what_comes_of_the_start_is_given_back() -> None:
    async def run() -> str | None:
        return await turning(asyncio.sleep(0, "joined"), lambda: None, asyncio.Event())

    assert asyncio.run(run()) == "joined"
