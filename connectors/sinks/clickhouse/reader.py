"""Partitions read from beginning to end, outside of any group: what an audit reads with. Knows aiokafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAuthorizationFailedError

from connectors.kafka.config import for_aiokafka, prefixed
from connectors.sinks.clickhouse.broker import GROUP, Place
from connectors.sinks.clickhouse.brokerfaults import closed, told
from connectors.sinks.clickhouse.plan import Record
from pipeline.settings import KafkaSettings

ATTEMPTS, PAUSE_S = 20, 0.5
"""How often the coordinator of the group is asked for: a cluster that had no group yet makes one first."""


class Reader:
    """Reads committed records; a context.

    Raises :class:`NeighbourAway` when Kafka is away, :class:`Refused` when the user may not look.
    """

    def __init__(self, settings: KafkaSettings, topics: Iterable[str]) -> None:
        self._settings = settings
        self._topics = [prefixed(settings, topic) for topic in topics]
        self._consumer = AIOKafkaConsumer(
            **for_aiokafka(settings), enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed", fetch_max_wait_ms=100, client_id="wangge-verify",
        )  # fmt: skip
        self._done: dict[Place, int] = {}

    async def __aenter__(self) -> Reader:
        group = prefixed(self._settings, GROUP)
        try:
            with told(self._settings, f"the offsets of {group}"):
                await self._consumer.start()
                self._done = await self._committed(group)
        except BaseException:
            await closed(self._consumer)
            raise
        return self

    async def _committed(self, group: str) -> dict[Place, int]:
        """Where the sink is, by partition; nothing where it has never been."""
        admin = AIOKafkaAdminClient(**for_aiokafka(self._settings))
        await admin.start()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    committed = await admin.list_consumer_group_offsets(group)
                except GroupCoordinatorNotAvailableError:
                    if attempt == ATTEMPTS:
                        raise
                    await asyncio.sleep(PAUSE_S)
                else:
                    break
        finally:
            await admin.close()
        return {(tp.topic, tp.partition): found.offset for tp, found in committed.items()}

    async def __aexit__(self, *_: object) -> None:
        await closed(self._consumer)

    async def places(self) -> list[Place]:
        """All partitions of the topics that there are.

        A broker names no topic that the user may not see, so each that is not named is asked for: it may be refused.
        """
        await self._consumer.topics()
        found = []
        for topic in self._topics:
            partitions = self._consumer.partitions_for_topic(topic)
            if partitions is None:
                with told(self._settings, topic):
                    await self._asked_for(topic)
                partitions = self._consumer.partitions_for_topic(topic)
            found += [(topic, partition) for partition in sorted(partitions or ())]
        return found

    async def _asked_for(self, topic: str) -> None:
        """Have the client learn of one topic; one that is not there is no fault."""
        client = self._consumer._client
        await client.add_topic(topic)
        await client.force_metadata_update()
        if topic in client.cluster.unauthorized_topics:
            raise TopicAuthorizationFailedError(topic)

    async def bounds(self, place: Place) -> tuple[int, int, int]:
        """Where the log begins, where the sink has committed, and where the log ends."""
        tp = TopicPartition(*place)
        with told(self._settings, place[0]):
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
            with told(self._settings, place[0]):
                batch = await self._consumer.getmany(tp, timeout_ms=500)
            records = [Record(one.offset, one.timestamp, one.value or b"") for one in batch.get(tp, ())]
            position = await self._consumer.position(tp)
            yield [record for record in records if record.offset < end], position
