"""What a step of work wrote and how far it read, as one transaction of Kafka.

Outputs and the consumed offsets become visible together or not at all, to readers with ``read_committed``. The offsets
carry the generation of the consumer's group, so a worker that was frozen past its session is refused when it wakes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import wait
from typing import Any, NamedTuple, NoReturn

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from msgspec import Struct

from connectors.librdkafka.faults import in_our_words, user_of
from connectors.librdkafka.lasting import begun
from connectors.librdkafka.sending import LARGEST, partitions_known
from pipeline.errors import FateUnknown, NeighbourAway, Refused, StopRun

TRANSACTION_MS = 15_000
"""How long the broker keeps a transaction whose writer is silent; readers behind it wait as long."""
ATTEMPTS, CALL_S = 3, 10
OFFSETS_S = 8
"""How long noting offsets may take. librdkafka ignores its own limit of this one call when the group's coordinator is
away (its issue 5456) and may then wait for ever (5511); later than ``TRANSACTION_MS`` the transaction is lost anyway.
"""


class Written(Struct, frozen=True, gc=False):
    """One record to write. ``partition`` -1 leaves it to the key (murmur2, as every producer here does)."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = -1
    headers: tuple[tuple[str, bytes], ...] = ()


class Membership(NamedTuple):
    """Who reads: group, generation and member as the group's coordinator knows them."""

    group: str
    generation: int
    member: str
    instance: str | None = None


class TakenOver(StopRun):
    """Another process works under the same transactional identity."""


class _Stuck(NeighbourAway):
    """The producer does not come back from a call: nothing more can be asked of it, a new one takes its place."""


class Superseded(Exception):
    """The group moved on without this member: its work was dropped whole, another does it again."""


class Transactions:
    """One producer with a transactional identity; a second one with the same identity shuts the first out.

    The producer keeps to the brokers it knows while they are away. Starting over from the bootstrap servers, librdkafka
    forgets the broker that it has noted as the group's coordinator, and waits for it for ever; who wants to start over
    makes a new producer.
    """

    def __init__(self, config: Mapping[str, Any], identity: str, point: Callable[[Any], None] = lambda _: None) -> None:
        settings = {
            **config,
            "transactional.id": identity,
            "transaction.timeout.ms": TRANSACTION_MS,
            "partitioner": "murmur2_random",
            "linger.ms": 2,
            "message.max.bytes": LARGEST,
            "retry.backoff.ms": 3,
            "retry.backoff.max.ms": 1_000,
            "metadata.recovery.strategy": "none",
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 262_144,
            "log_level": 3,
        }
        self._producer, self._user = Producer(settings), user_of(config)
        self._point = point
        try:
            _retried(lambda: self._producer.init_transactions(CALL_S))
        except KafkaException as fault:
            raise in_our_words(fault.args[0], self._user, f"the transactional id {identity}") from fault

    def commit(
        self,
        written: Iterable[Written],
        offsets: Mapping[tuple[str, int], int],
        reader: Membership | bytes | None = None,
        prefix: str = "",
    ) -> None:
        """Write everything and note the offsets (next to read) for the reader's group, or change nothing.

        ``reader`` is a membership in librdkafka's serialised form where librdkafka itself reads. ``prefix`` goes before
        the topics of what is written.

        Raises :class:`Superseded` when the group refuses the member, :class:`NeighbourAway` when the same work may be
        tried again with a new producer of the same identity (making it ends whatever this one left open),
        :class:`TakenOver` when another process has this identity now, :class:`Refused` when a right is missing,
        :class:`StopRun` when Kafka refuses for good, as it does a record that is larger than its topic takes,
        :class:`FateUnknown` when the producer is at its end and cannot tell whether the transaction took effect, as
        after a broker that died while it committed.
        """
        try:
            self._producer.begin_transaction()
            self._point("begun")
            self._produce(written, prefix)
            self._point("flushed")
            self._send_offsets(offsets, reader)
            self._point("noted")
            _retried(lambda: self._producer.commit_transaction(CALL_S))
        except KafkaException as fault:
            self._give_up(fault)
        except _Stuck:
            raise
        except NeighbourAway:
            self._abort()
            raise

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has, 0 when there is none of this name. Raises :class:`NeighbourAway`."""
        return partitions_known(self._producer, topic, self._user)

    def prepare(self) -> None:
        """Learn of all topics before the first record goes to each. Raises :class:`NeighbourAway`."""
        try:
            self._producer.list_topics(timeout=CALL_S)
        except KafkaException as fault:
            raise NeighbourAway(str(fault.args[0])) from fault

    def forget(self) -> None:
        """Drop what is still queued; the producer is not used any more."""
        self._producer.purge()

    def _produce(self, written: Iterable[Written], prefix: str) -> None:
        """Hand everything over and wait until the broker has it.

        Nobody asks after single records: one that is not delivered spoils the transaction, and its commit says so.
        """
        produce, poll = self._producer.produce, self._producer.poll
        for one in written:
            topic = prefix + one.topic
            while True:
                try:
                    if one.headers:
                        produce(topic, one.value, one.key, one.partition, headers=list(one.headers))
                    else:
                        produce(topic, one.value, one.key, one.partition)
                    break
                except BufferError:
                    poll(0.05)
        if self._producer.flush(TRANSACTION_MS / 1000):
            message = "Kafka did not take the records of a transaction in time"
            raise NeighbourAway(message)

    def _send_offsets(self, offsets: Mapping[tuple[str, int], int], reader: Membership | bytes | None) -> None:
        """After the flush: whoever reads the state's topic up to its end sees all records of a noted offset."""
        if reader is None or not offsets:
            return
        noted = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        member = reader if isinstance(reader, bytes) else _metadata(reader)
        producer = self._producer
        bounded(lambda: _retried(lambda: producer.send_offsets_to_transaction(noted, member, CALL_S)), OFFSETS_S)

    def _give_up(self, fault: KafkaException) -> None:
        error: KafkaError = fault.args[0]
        if error.fatal():
            self._end(error, fault)
        self._abort()
        if error.code() in _SUPERSEDED:
            raise Superseded(str(error)) from fault
        raise in_our_words(error, self._user, "the topics of a transaction") from fault

    def _end(self, error: KafkaError, fault: KafkaException) -> NoReturn:
        if error.code() in _TAKEN_OVER:
            message = f"another process works under the same transactional id: {error}"
            raise TakenOver(message) from fault
        meant = in_our_words(error, self._user, "a transaction")
        message = f"Kafka refused a transaction: {error}"
        raise meant if isinstance(meant, Refused) else FateUnknown(message) from fault

    def _abort(self) -> None:
        try:
            _retried(lambda: self._producer.abort_transaction(CALL_S))
        except KafkaException as fault:
            if fault.args[0].fatal():
                message = f"a transaction could not be taken back: {fault.args[0]}"
                raise FateUnknown(message) from fault
            raise NeighbourAway(str(fault.args[0])) from fault


_TAKEN_OVER = frozenset([KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH])
_SUPERSEDED = frozenset(
    [
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
    ]
)


def _retried(call: Any) -> None:
    """What librdkafka says may be called again is called again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            call()
        except KafkaException as fault:
            if not fault.args[0].retriable() or attempt == ATTEMPTS:
                raise
        else:
            return


def bounded(call: Callable[[], None], seconds: float) -> None:
    """Call, and wait for it so long at most; raises what it raises, :class:`NeighbourAway` when it does not end."""
    done = begun(call)
    if not wait([done], seconds).done:
        message = f"Kafka did not answer within {seconds:g} s whether it noted the offsets of a transaction"
        raise _Stuck(message)
    done.result()


def _metadata(reader: Membership) -> bytes:
    """The group metadata of a consumer that is not librdkafka's own, in librdkafka's serialised form (version 2)."""
    instance = b"\1" if reader.instance is None else b"\0" + reader.instance.encode() + b"\0"
    head = b"CGMDv2:" + struct.pack("<i", reader.generation)
    return head + reader.group.encode() + b"\0" + reader.member.encode() + b"\0" + instance
