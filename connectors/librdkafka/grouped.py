"""Reading as a member of a group: batches in, offsets committed when the caller is done with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka.answering import ASK_S
from connectors.librdkafka.faults import in_our_words, user_of
from connectors.librdkafka.following import Read
from connectors.librdkafka.lasting import lasting
from connectors.librdkafka.sending import Ends
from pipeline.errors import ConfigFaults, Fault, NeighbourAway

Told = Callable[[Collection[tuple[str, int]]], None]


class GroupReader:
    """One member of a group. What was read counts for the group after :meth:`commit`, not before.

    ``assigned`` is told of the whole assignment after every rebalance, ``revoked`` of what is taken away. A member that
    is silent for ``session_ms`` loses its partitions; one that comes back under its ``instance`` name before has them
    again at once.
    """

    def __init__(
        self, config: Mapping[str, Any], group: str, topics: Collection[str], assigned: Told = lambda places: None,
        *, revoked: Told = lambda places: None, session_ms: int = 10_000, instance: str = "", headers: bool = False,
    ) -> None:  # fmt: skip
        settings = {
            **config,
            **({"group.instance.id": instance} if instance else {}),
            "session.timeout.ms": session_ms,
            "group.id": group,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "fetch.wait.max.ms": 30,
            "fetch.min.bytes": 65_536,
            "queued.max.messages.kbytes": 65_536,
            "log_level": 3,
        }
        self._consumer = Consumer(settings)
        self._read: Ends = {}
        self._topic, self._user = min(topics), user_of(config)
        self._what = f"{', '.join(sorted(topics))} in the group {group}"
        self._told, self._taken, self._headers = assigned, revoked, headers
        self.membership = b""
        """Who this member is in the generation it was last given partitions in: what a transaction notes offsets as.

        Taken when partitions are assigned, not when it is asked for: a member that was thrown out no longer knows its
        name, and the coordinator takes offsets of nobody as those of an outsider."""
        self._consumer.subscribe(sorted(topics), on_assign=self._assigned, on_revoke=self._revoked)

    def read(self, records: int, seconds: float) -> list[Read]:
        """What comes within ``seconds``, at most so many records.

        Raises :class:`ConfigFaults` when a topic is missing, :class:`Refused` when topic or group are not allowed,
        :class:`NeighbourAway` when Kafka is away.
        """
        found = []
        for message in self._consumer.consume(records, seconds):
            error = message.error()
            if error is not None:
                if error.retriable():
                    continue
                raise self._meant(error)
            place = message.topic() or "", message.partition() or 0
            offset = message.offset() or 0
            self._read[place] = offset + 1
            headers = headers_of(message) if self._headers else ()
            found.append(Read(*place, offset, message.key(), message.value(), message.timestamp()[1], headers))
        return found

    def pause(self, places: Collection[tuple[str, int]]) -> None:
        """Read nothing more of these partitions for now; what was not given out yet comes after :meth:`resume`."""
        self._consumer.pause([TopicPartition(*place) for place in places])

    def resume(self, places: Collection[tuple[str, int]]) -> None:
        """Read them again, from behind the last record that was given out."""
        self._consumer.resume([TopicPartition(*place) for place in places])

    def commit(self, lasts: Callable[[], None] = lambda: None) -> Ends:
        """Note everything read so far for the group; gives back what was noted. ``lasts`` is called every second.

        While Kafka is away this may last until it is back.

        Raises :class:`NeighbourAway` when the group did not take it: the records come again, here or elsewhere.
        """
        noted, self._read = self._read, {}
        if noted:
            offsets = [TopicPartition(*place, offset) for place, offset in noted.items()]
            try:
                lasting(lambda: self._consumer.commit(offsets=offsets, asynchronous=False), lasts)
            except KafkaException as fault:
                raise in_our_words(fault.args[0], self._user, self._what) from fault
        return noted

    def behind(self, place: tuple[str, int]) -> int:
        """Records between what was read and the end as far as it is known without asking."""
        _, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        return max(high - self._read.get(place, high), 0)

    def answers(self, seconds: float = ASK_S) -> bool:
        """Whether Kafka answers a question within ``seconds``: while it is away :meth:`read` only gives nothing."""
        try:
            self._consumer.list_topics(self._topic, timeout=seconds)
        except KafkaException:
            return False
        return True

    def close(self, lasts: Callable[[], None] = lambda: None) -> None:
        """Leave the group. ``lasts`` is called every second."""
        lasting(self._consumer.close, lasts)

    def _meant(self, error: KafkaError) -> Exception:
        found, name = in_our_words(error, self._user, self._what), str(error.name())
        if isinstance(found, NeighbourAway) and ("TOPIC" in name or name == "_UNKNOWN_PARTITION"):
            return ConfigFaults([Fault("kafka", "topic", name, f"{error}: `wangge topics apply` makes topics")])
        return found

    def _assigned(self, _: Any, places: Collection[TopicPartition]) -> None:
        self.membership = self._consumer.consumer_group_metadata()
        self._told([(one.topic, one.partition) for one in places])

    def _revoked(self, _: Any, places: Collection[TopicPartition]) -> None:
        for one in places:
            self._read.pop((one.topic, one.partition), None)
        self._taken([(one.topic, one.partition) for one in places])


def headers_of(message: Message) -> tuple[tuple[str, bytes], ...]:
    """The headers of a record, those without a value with an empty one."""
    found = message.headers() or ()
    pairs = found.items() if isinstance(found, dict) else found
    return tuple((name, value if isinstance(value, bytes) else b"") for name, value in pairs)
