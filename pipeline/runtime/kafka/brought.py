"""Faust, made to bring whole polls: the only module that imports it.

A scheduler gives everything one poll brought as *one* event, so the cost of a record inside Faust is a list entry.
Faust keeps what it is good at: the group, the assignment of partitions that share a state, rebalancing, the worker.
Offsets travel in our transactions, so Faust commits nothing; ADR 0008 says why. Pinned: a test fails when an upgrade
changes what is relied on here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import faust
from faust.serializers import codecs
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.auth import SASLMechanism
from mode import CrashingSupervisor

from connectors.kafka.config import FaustAccess, for_faust
from connectors.librdkafka.transactions import Membership
from pipeline.runtime.kafka.fetching import GATHER_BYTES, GATHER_MS, install
from pipeline.runtime.kafka.pace import Pace
from pipeline.runtime.kafka.read import AnyOffset, Brought, Read, WholePoll
from pipeline.settings import KafkaSettings

PASSED = "whole-poll"
"""Name of the codec that gives a poll through as it is."""


class WholePollScheduler(DefaultSchedulingStrategy):
    """Gives each poll as one record, on the partition that comes first by name."""

    def iterate(self, records: Mapping[TP, Sequence[Any]]) -> Iterator[tuple[TP, Any]]:
        """One pair for all of ``records``."""
        filled = {tp: found for tp, found in records.items() if found}
        if filled:
            first = min(filled)
            yield first, WholePoll(filled, filled[first][-1], getattr(records, "generation", None))


class _Consumer(driver.Consumer):
    """Urgent topics first; offsets are noted in transactions and never by Faust."""

    ahead: Sequence[frozenset[str]] = ()
    """Groups of topics that are asked for before all others, in this order."""
    pace: Pace
    large: int
    """A poll of so many records is one of somebody who is behind."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._read_offset = AnyOffset()

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        """The next poll, taken when the one before is done.

        Earlier it would only lie in the queue of the stream, and what comes meanwhile would wait behind it. Who is far
        behind and has nothing urgent takes it earlier: there the time between two polls counts. What aiokafka read
        ahead is taken first, so that the next is fetched while records gather and a poll brings what has just come.
        """
        await self.pace.wait()
        found = await self._found(active_partitions, timeout)
        if found.size < self.large and await self.pace.gathered():
            found = found.before(await self._limited(active_partitions))
        if found and (self.ahead or found.size < self.large):
            self.pace.taken()
        return found

    async def _found(self, active_partitions: Any, timeout: float) -> Read:
        """Urgent records and, with them, whatever else is here: a poll of its own for each trickle of them would cost
        all others a transaction. The worker writes the urgent ones first. Where they are many, the others wait; where
        there are any, fewer others come, for more urgent ones may be under way."""
        found, rest = Read({}, -1), set(active_partitions or ())
        for topics in self.ahead:
            group = {tp for tp in rest if tp.topic in topics}
            if group:
                found = found.before(await (self._limited(group) if found else self._read(group, 0.0)))
            rest -= group
            if found.size >= self.large:
                return found
        if not found:
            return await self._read(active_partitions, timeout)
        return found.before(await self._limited(rest))

    async def _limited(self, partitions: Any) -> Read:
        """What is here, as far as it makes no large poll."""
        self._thread.most = self.large
        try:
            return await self._read(partitions, 0.0)
        finally:
            self._thread.most = None

    async def _read(self, partitions: Any, timeout: float) -> Read:
        found = await super()._getmany(partitions, timeout)
        return found if isinstance(found, Read) else Read(found or {}, -1)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full stream is waited for anyway, and a poll that leaves a partition out is a second too long.

        Faust would take the partition out of the set that is being polled; what comes on it then lies there until the
        poll for the others has timed out.
        """

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust would look at each of hundreds of partitions for the commits that it never makes here."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Skipped offsets are part of the poll or control records: nothing to hold."""

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None

    _thread: _Thread

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Thread(driver.AIOKafkaConsumerThread):
    """Reads committed records only: upstream workers write in transactions as well."""

    most: int | None = None
    """The most records of the next poll; none: as many as the worker's settings say."""

    async def _fetch_records(self, consumer: Any, *given: Any, **named: Any) -> Any:
        """In the consumer's own thread, so that the generation is that of the records: nothing comes between.

        A read that began before a rebalance may bring what belongs to the new assignment, before Faust wants any of it.
        It would drop these records and trust in its next seek; here they are as if they had not been read.
        """
        found, generation = await super()._fetch_records(consumer, *given, **named), consumer._coordinator.generation
        if self.consumer.flow_active:
            return Read(found, generation)
        for tp, records in found.items():
            consumer.seek(tp, records[0].offset)
        return Read({}, generation)

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:
        """Faust's own, but for the limit."""
        consumer = self._ensure_consumer()
        most = self.most or consumer._max_poll_records
        return await self.call_thread(
            self._fetch_records, consumer, active_partitions, timeout=timeout, max_records=most
        )  # fmt: skip

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = GATHER_BYTES, GATHER_MS
        return consumer


class _Passed(codecs.Codec):
    """Values pass as they are: decoding is the stages' work, so a bad record is quarantined and stalls nothing."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, obj: Any) -> Any:
        return obj


class Worker:
    """A Faust application that hands whole polls to ``take`` and tells of assignments.

    ``take`` is back when the next poll may come, with the seconds for which records may gather before it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: Collection[str],
        ahead: Sequence[Collection[str]],
        take: Callable[[Brought], Awaitable[float]],
        *,
        poll_records: int,
        data_folder: str,
    ) -> None:
        codecs.register(PASSED, _Passed())
        install(frozenset[str]().union(*ahead))
        access = for_faust(settings)
        self.group = group
        self.settings = settings
        self.app = app = faust.App(
            group,
            broker=list(access.brokers),
            broker_credentials=_credentials(access),
            datadir=data_folder,
            store="memory://",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            consumer_group_instance_id=settings.instance_id or None,
            ConsumerScheduler=WholePollScheduler,
            agent_supervisor=CrashingSupervisor,
            broker_max_poll_records=poll_records,
            broker_session_timeout=settings.session_ms / 1000,
            broker_heartbeat_interval=max(settings.session_ms / 5000, 1.0),
            broker_commit_interval=1.0,
            stream_buffer_maxsize=1,
            stream_wait_empty=False,
            stream_recovery_delay=0.0,
            worker_redirect_stdouts=False,
        )
        pace, first = Pace(), [here for names in ahead if (here := frozenset(names).intersection(topics))]
        consumer = type("Consumer", (_Consumer,), {"ahead": first, "pace": pace, "large": poll_records // 2})
        transport = type("Transport", (driver.Transport,), {"Consumer": consumer})
        app.transport = transport(app.conf.broker_consumer, app)
        source = app.topic(*sorted(topics), value_serializer=PASSED, key_serializer=PASSED)

        async def polls(stream: Any) -> None:
            """One event is one poll; it is acked when its transaction is done (Faust notes no offset for it)."""
            waiting = stream.noack()
            async for event in waiting.events():
                rest_s = await take(event.value)
                await waiting.ack(event)
                pace.done(rest_s)

        app.agent(source, name="polls")(polls)

    def on_rebalance(
        self, assigned: Callable[[Collection[TP]], Awaitable[None]], revoked: Callable[[], Awaitable[None]]
    ) -> None:
        """Call ``revoked`` when a rebalance begins, then ``assigned`` with what this worker has from now on."""

        async def tell_assigned(_: Any, partitions: Any, *__: Any, **___: Any) -> None:
            await assigned(partitions)

        async def tell_revoked(*_: Any, **__: Any) -> None:
            await revoked()

        self._told = (
            self.app.on_partitions_assigned.connect(cast("Any", tell_assigned), weak=False),
            self.app.on_partitions_revoked.connect(cast("Any", tell_revoked), weak=False),
        )

    def on_stop(self, stopping: Callable[[], Awaitable[None]]) -> None:
        """Call ``stopping`` before the worker lets go of anything."""

        async def tell(*_: Any, **__: Any) -> None:
            await stopping()

        self._stop_told = self.app.on_before_shutdown.connect(cast("Any", tell), weak=False)

    def every(self, seconds: float, turn: Callable[[], Awaitable[None]]) -> None:
        """Call ``turn`` again and again while the worker runs."""
        self.app.timer(interval=seconds)(turn)

    def membership(self) -> Membership:
        """Generation and member id of Faust's own consumer, as they are now."""
        consumer: Any = self.app.consumer
        coordinator = consumer._thread._consumer._coordinator
        return Membership(self.group, coordinator.generation, coordinator.member_id, self.settings.instance_id or None)

    def end(self, tp: TP) -> int:
        """The end of a partition as far as it is known without asking; 0 when it is not."""
        return self.app.consumer.highwater(tp) or 0

    def read_out(self, topic: str, partition: int) -> bool:
        """Whether all there is on a partition was handed over; marks of transactions count as nothing."""
        tp = TP(topic, partition)
        consumer: Any = self.app.consumer
        subscription = consumer._thread._consumer._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None or tp not in assignment.tps:
            return False
        state = assignment.state_value(tp)
        return bool(state.has_valid_position and state.position >= (state.highwater or 0))

    def run(self, log_level: str) -> None:
        """Work until a signal ends it."""
        worker = faust.Worker(self.app, loglevel=log_level, redirect_stdouts=False, quiet=True, override_logging=False)
        worker.execute_from_commandline()


def _credentials(access: FaustAccess) -> Any:
    """What Faust calls credentials."""
    if access.username:
        return faust.SASLCredentials(
            username=access.username,
            password=access.password,
            mechanism=SASLMechanism(access.mechanism),
            ssl_context=access.ssl_context,
        )
    return faust.SSLCredentials(access.ssl_context) if access.ssl_context is not None else None
