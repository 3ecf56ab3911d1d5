"""A topic read record by record, committed only, each record handed over once.

A record counts as handed over when the next one is asked for (or :meth:`Inbox.taken` is called); only then is it
committed: batch by batch, and after a few seconds at the latest. The commit's metadata keeps digests of the last ids of
each partition, so a record that stands in the topic twice is passed over even after a restart on another machine.
Between a hand-over and its commit a kill -9 hands at most ``batch`` records over again, with the same ids: whoever must
not meet them twice keeps the ids, as :mod:`connectors.kafka.kept` does.
"""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, RebalanceInProgressError

from connectors.kafka.config import for_kafka_python, prefixed
from connectors.kafka.faults import creates_nothing, told
from connectors.librdkafka.doorstep import absent
from pipeline.errors import ConfigFaults, InvalidRecord, NeighbourAway
from pipeline.settings import KafkaSettings
from schemas.topics import topic_part

REMEMBERED = 400
"""Ids of a partition that a commit remembers: 400 digests of 6 bytes fit into the 4,096 characters of its metadata."""
_DIGEST = 6
POLL_MS = 500
COMMIT_S = 5.0
"""What was taken is committed after so many seconds, though the batch is not done: a member that does not ask for more
within kafka-python's ``max_poll_interval_ms`` (five minutes) is thrown out, and what it has not committed comes again.
"""
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
    ``before_commit`` waits until everything that was done about the records taken so far is done for good; when it
    raises, nothing of them is committed and they are handed over again. ``clock`` tells seconds.
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
        before_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.topic, self.unreadable = settings, prefixed(settings, topic), 0
        self._decode, self._identity, self._before_commit = decode, identity, before_commit
        self._memory: dict[TopicPartition, Remembered] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._begun: dict[TopicPartition, int] = {}
        """Where what is not committed begins."""
        self._held: tuple[TopicPartition, int, str] | None = None
        self._open, self._thrown_out = True, False
        self._clock, self._committed_at = clock, clock()
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
                raise absent(settings, self.topic)
            self._consumer.subscribe([self.topic], listener=_Rebalances(self))

    def records(self, *, follow: bool = False, limit: int | None = None) -> Iterator[V]:
        """Records in order of each partition; ends at the ends the partitions have now, unless it shall ``follow``.

        A replica of this group may hold some of the partitions; then only the others are read.
        """
        left = limit
        ends: dict[TopicPartition, int] | None = None if follow else {}
        while left is None or left > 0:
            batch = self._polled()
            whole = False
            try:
                self._note_ends(ends)
                for place, value in self._fresh(batch):
                    self._held = place
                    yield value
                    self.taken()
                    left = None if left is None else left - 1
                    if left == 0 or self._thrown_out:
                        break
                else:
                    whole = True
            finally:
                if not whole:
                    self._rewind(batch)
            self._commit()
            if ends and not self._thrown_out and self._read_to(ends):
                return

    def _polled(self) -> dict[TopicPartition, list[Any]]:
        """The next batch."""
        with told(self.settings, self.topic):
            batch: dict[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=POLL_MS)
        for partition, records in batch.items():
            self._begun.setdefault(partition, records[0].offset)
            self._thrown_out = False
        return batch

    def _note_ends(self, ends: dict[TopicPartition, int] | None) -> None:
        """Note where the partitions end as soon as it is known which they are."""
        assigned = self._consumer.assignment()
        if ends is not None and not ends and assigned:
            with told(self.settings, self.topic):
                ends.update(self._consumer.end_offsets(list(assigned)))

    def _rewind(self, partitions: Iterable[TopicPartition]) -> None:
        """What was fetched of these partitions and not taken is fetched again."""
        self._held = None
        for partition in partitions if self._open else ():
            place = self._reached.get(partition, self._begun.get(partition))
            if place is not None and partition in self._consumer.assignment():
                self._consumer.seek(partition, place)

    def _undo(self) -> None:
        """What was taken since the last commit is handed over again."""
        self._memory.clear()
        self._reached.clear()
        self._rewind(self._begun)

    def taken(self) -> None:
        """The record at hand was dealt with: it is not handed over again.

        Raises as ``before_commit`` does when it is time to commit, and :class:`NeighbourAway` when Kafka is away.
        """
        if self._held is not None:
            partition, offset, identity = self._held
            self._memory[partition].add(identity)
            self._reached[partition] = offset + 1
            self._held = None
            if self._clock() - self._committed_at >= COMMIT_S:
                self._commit()

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
        """Commit what was taken. A group that moved on meanwhile hands it over again elsewhere, with the same ids.

        Then this member is thrown out: it reads nothing more of what it has before it has joined again.
        """
        self._committed_at = self._clock()
        if not self._reached:
            return
        try:
            self._before_commit()
        except BaseException:
            self._undo()
            raise
        offsets = {
            partition: OffsetAndMetadata(offset, self._memory_of(partition).metadata, -1)
            for partition, offset in self._reached.items()
        }
        with told(self.settings, self.topic):
            try:
                self._consumer.commit(offsets)
            except (CommitFailedError, RebalanceInProgressError):
                self._thrown_out = True
                self._undo()
        self._begun |= self._reached
        self._reached.clear()

    def _left(self, partitions: Collection[TopicPartition]) -> None:
        try:
            self._commit()
        except (ConfigFaults, NeighbourAway):  # leaving goes on: what is not committed is handed over again
            self._reached.clear()
        self._forget(partitions)

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Another member may go on with them, or has done so."""
        for partition in partitions:
            self._memory.pop(partition, None)
            self._reached.pop(partition, None)
            self._begun.pop(partition, None)


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    """Commits before partitions leave, and starts with a fresh memory of those that come."""

    def __init__(self, inbox: Inbox[Any]) -> None:
        self._inbox = inbox

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """They go to another member."""
        self._inbox._left(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """They come, maybe from another member."""
        self._inbox._forget(assigned)
        self._inbox._thrown_out = False
