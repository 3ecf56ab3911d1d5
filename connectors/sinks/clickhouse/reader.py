"""Partitions read from beginning to end, outside of any group: what an audit reads with. Knows aiokafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from connectors.kafka.config import for_aiokafka, prefixed
from connectors.sinks.clickhouse.broker import GROUP, Place
from connectors.sinks.clickhouse.plan import Record
from pipeline.errors import StopRun
from pipeline.settings import KafkaSettings


class Reader:
    """Reads committed records; a context."""

    def __init__(self, settings: KafkaSettings, topics: Iterable[str]) -> None:
        self._settings = settings
        self._topics = [prefixed(settings, topic) for topic in topics]
        self._consumer = AIOKafkaConsumer(
            **for_aiokafka(settings), enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed", fetch_max_wait_ms=100, client_id="wangge-verify",
        )  # fmt: skip
        self._done: dict[Place, int] = {}

    async def __aenter__(self) -> Reader:
        try:
            await self._consumer.start()
        except KafkaConnectionError as error:
            await self._consumer.stop()
            message = f"Kafka at {self._settings.bootstrap} does not answer: {error}"
            raise StopRun(message) from error
        admin = AIOKafkaAdminClient(**for_aiokafka(self._settings))
        await admin.start()
        try:
            committed = await admin.list_consumer_group_offsets(prefixed(self._settings, GROUP))
        finally:
            await admin.close()
        self._done = {(tp.topic, tp.partition): found.offset for tp, found in committed.items()}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def places(self) -> list[Place]:
        """All partitions of the topics that there are."""
        await self._consumer.topics()
        found = []
        for topic in self._topics:
            partitions = self._consumer.partitions_for_topic(topic)
            if partitions is None:
                await self._consumer._client.force_metadata_update()
                partitions = self._consumer.partitions_for_topic(topic)
            found += [(topic, partition) for partition in sorted(partitions or ())]
        return found

    async def bounds(self, place: Place) -> tuple[int, int, int]:
        """Where the log begins, where the sink has committed, and where the log ends."""
        tp = TopicPartition(*place)
        begin = (await self._consumer.beginning_offsets([tp]))[tp]
        end = (await self._consumer.end_offsets([tp]))[tp]
        return begin, max(self._done.get(place, begin), begin), end

    async def read(self, place: Place, begin: int, end: int) -> AsyncIterator[tuple[list[Record], int]]:
        """Records below ``end`` in order, with the position after each batch."""
        tp = TopicPartition(*place)
        if begin >= end:
            return
        self._consumer.assign([tp])
        self._consumer.seek(tp, begin)
        position = begin
        while position < end:
            batch = await self._consumer.getmany(tp, timeout_ms=500)
            records = [Record(one.offset, one.timestamp, one.value or b"") for one in batch.get(tp, ())]
            position = await self._consumer.position(tp)
            yield [record for record in records if record.offset < end], position
