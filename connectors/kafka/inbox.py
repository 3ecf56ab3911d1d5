"""A topic read record by record, committed only, each record handed over once.

A record counts as handed over when the next one is asked for (or :meth:`Inbox.taken` is called); only then is it
committed. The commit's metadata keeps digests of the last ids of each partition, so a record that stands in the topic
twice is passed over even after a restart on another machine. Between a hand-over and its commit a kill -9 hands at most
``batch`` records over again, with the same ids: whoever must not meet them twice keeps the ids, as
:mod:`connectors.kafka.kept` does.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError

from connectors.kafka.config import for_kafka_python, prefixed
from connectors.kafka.faults import creates_nothing, missing, told
from pipeline.errors import ConfigFaults, InvalidRecord, NeighbourAway
from pipeline.settings import KafkaSettings
from schemas.topics import topic_part

REMEMBERED = 400
"""Ids of a partition that a commit remembers: 400 digests of 6 bytes fit into the 4,096 characters of its metadata."""
_DIGEST = 6
POLL_MS = 500
V = TypeVar("V")


def group_of(role: str, name: str, group: str = "") -> str:
    """The group of a reader, as the access lists name it: ``department.water``, or ``department.water.board``."""
    return ".".join([role, *(topic_part(part) for part in (name, group) if part)])


class Remembered:
    """The last ids of one partition, as short digests."""

    def __init__(self, metadata: str = "") -> None:
        try:
            packed = b64decode(metadata, validate=True)
        except (NotBase64, ValueError):
            packed = b""
        digests = [packed[at : at + _DIGEST] for at in range(0, len(packed), _DIGEST)]
        self._seen = OrderedDict[bytes, None].fromkeys(digests)

    def __contains__(self, identity: str) -> bool:
        return _digest(identity) in self._seen

    def add(self, identity: str) -> None:
        """Remember one more, and forget the oldest."""
        self._seen[_digest(identity)] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    @property
    def metadata(self) -> str:
        """What a commit keeps."""
        return b64encode(b"".join(self._seen)).decode()


def _digest(identity: str) -> bytes:
    return blake2b(identity.encode(), digest_size=_DIGEST).digest()


class Inbox(Generic[V]):
    """One topic as a member of a group. ``decode`` reads a value, ``identity`` says which values are the same.

    ``unreadable`` counts records that ``decode`` refused: they are passed over, so that one never stops the others.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        group: str,
        decode: Callable[[bytes], V],
        identity: Callable[[V], str],
        *,
        batch: int = 100,
    ) -> None:
        self.settings, self.topic, self.unreadable = settings, prefixed(settings, topic), 0
        self._decode, self._identity = decode, identity
        self._memory: dict[TopicPartition, Remembered] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._held: tuple[TopicPartition, int, str] | None = None
        self._open = True
        with told(settings, self.topic):
            self._consumer = KafkaConsumer(
                group_id=prefixed(settings, group), isolation_level="read_committed", enable_auto_commit=False,
                auto_offset_reset="earliest", max_poll_records=batch, session_timeout_ms=settings.session_ms,
                heartbeat_interval_ms=settings.session_ms // 3, reconnect_backoff_max_ms=1_000,
                bootstrap_timeout_ms=15_000, allow_auto_create_topics=False, **for_kafka_python(settings),
            )  # fmt: skip
            creates_nothing(self._consumer._client._manager.cluster)
            if not self._consumer.partitions_for_topic(self.topic):
                self._consumer.close()
                raise ConfigFaults([missing(self.topic)])
            self._consumer.subscribe([self.topic], listener=_Rebalances(self))

    def records(self, *, follow: bool = False, limit: int | None = None) -> Iterator[V]:
        """Records in order of each partition; ends at the ends the partitions have now, unless it shall ``follow``.

        A replica of this group may hold some of the partitions; then only the others are read.
        """
        left = limit
        ends: dict[TopicPartition, int] | None = None if follow else {}
        while left is None or left > 0:
            batch = self._polled(ends)
            whole = False
            try:
                for place, value in self._fresh(batch):
                    self._held = place
                    yield value
                    self.taken()
                    left = None if left is None else left - 1
                    if left == 0:
                        break
                else:
                    whole = True
            finally:
                if not whole:
                    self._rewind(batch)
            self._commit()
            if ends and self._read_to(ends):
                return

    def _polled(self, ends: dict[TopicPartition, int] | None) -> dict[TopicPartition, list[Any]]:
        """The next batch; notes the ends of the partitions in ``ends`` as soon as they are known."""
        with told(self.settings, self.topic):
            batch: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=POLL_MS)
            assigned = self._consumer.assignment()
            if ends is not None and not ends and assigned:
                ends.update(self._consumer.end_offsets(list(assigned)))
        return batch

    def _rewind(self, batch: dict[TopicPartition, list[Any]]) -> None:
        """What was fetched and not taken is fetched again."""
        self._held = None
        for partition, records in batch.items() if self._open else ():
            if partition in self._consumer.assignment():
                self._consumer.seek(partition, self._reached.get(partition, records[0].offset))

    def taken(self) -> None:
        """The record at hand was dealt with: it is not handed over again."""
        if self._held is not None:
            partition, offset, identity = self._held
            self._memory[partition].add(identity)
            self._reached[partition] = offset + 1
            self._held = None

    def close(self) -> None:
        """Commit what was taken and leave the group."""
        try:
            self._commit()
        finally:
            self._open = False
            self._consumer.close(autocommit=False)

    def _fresh(self, batch: dict[TopicPartition, list[Any]]) -> Iterator[tuple[tuple[TopicPartition, int, str], V]]:
        """Records that were not handed over before, each with its place and id."""
        for partition, records in batch.items():
            memory = self._memory_of(partition)
            for record in records:
                try:
                    value = self._decode(record.value)
                except InvalidRecord:
                    self.unreadable += 1
                else:
                    identity = self._identity(value)
                    if identity not in memory:
                        yield (partition, record.offset, identity), value
                        continue
                self._reached[partition] = record.offset + 1

    def _memory_of(self, partition: TopicPartition) -> Remembered:
        found = self._memory.get(partition)
        if found is None:
            with told(self.settings, self.topic):
                before = self._consumer.committed(partition, metadata=True)
            found = self._memory[partition] = Remembered(before.metadata if before is not None else "")
        return found

    def _read_to(self, ends: dict[TopicPartition, int]) -> bool:
        assigned = self._consumer.assignment()
        return all(self._consumer.position(partition) >= ends.get(partition, 0) for partition in assigned)

    def _commit(self) -> None:
        """Commit what was taken. A group that moved on meanwhile hands it over again elsewhere, with the same ids."""
        if not self._reached:
            return
        offsets = {
            partition: OffsetAndMetadata(offset, self._memory_of(partition).metadata, -1)
            for partition, offset in self._reached.items()
        }
        with told(self.settings, self.topic):
            try:
                self._consumer.commit(offsets)
            except CommitFailedError:
                self._memory.clear()
        self._reached.clear()

    def _left(self, partitions: Collection[TopicPartition]) -> None:
        try:
            self._commit()
        except (ConfigFaults, NeighbourAway):  # leaving goes on: what is not committed is handed over again
            self._reached.clear()
        for partition in partitions:
            self._memory.pop(partition, None)


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Commits before partitions leave, and starts with a fresh memory of those that come."""

    def __init__(self, inbox: Inbox[Any]) -> None:
        self._inbox = inbox

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """They go to another member."""
        self._inbox._left(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """They come, maybe from another member."""
        for partition in assigned:
            self._inbox._memory.pop(partition, None)
