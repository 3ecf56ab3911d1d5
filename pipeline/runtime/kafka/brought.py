"""The Faust application, whose only agent is given whole polls by the consumer of :mod:`pipeline.runtime.kafka.polled`.

Faust keeps what it is good at: the group, the assignment of partitions that share a state, rebalancing, the worker.
Offsets travel in our transactions, so Faust commits nothing; ADR 0008 says why. Pinned: a test fails when an upgrade
changes what is relied on here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, cast

import faust
from faust.serializers import codecs
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.auth import SASLMechanism
from mode import CrashingSupervisor

from connectors.kafka.config import FaustAccess, for_faust
from connectors.librdkafka.transactions import Membership
from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.fetching import answers, assignment_of, install
from pipeline.runtime.kafka.pace import Pace
from pipeline.runtime.kafka.polled import WholePollConsumer, WholePollScheduler
from pipeline.runtime.kafka.read import Brought
from pipeline.settings import KafkaSettings

NEVER_S = 10_000_000.0
"""aiokafka leaves its group when nothing was fetched for so long, and Faust fetches nothing before it is back. Our own
liveness tells of a poll that is in work for too long; the broker does not hear of this."""
PASSED = "whole-poll"
"""Name of the codec that gives a poll through as it is."""


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
        settling: Collection[str] = (),
        backlog: Collection[str] = (),
        alert: Alert | None = None,
    ) -> None:
        codecs.register(PASSED, _Passed())
        install(frozenset[str]().union(*ahead))
        access = for_faust(settings)
        self.group = group
        self._fault: Exception | None = None
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
            broker_max_poll_interval=NEVER_S,
            stream_buffer_maxsize=1,
            stream_wait_empty=False,
            stream_recovery_delay=0.0,
            worker_redirect_stdouts=False,
        )
        pace, first = Pace(), [here for names in ahead if (here := frozenset(names).intersection(topics))]
        told = {"ahead": first, "pace": pace, "large": poll_records // 2, "settling": frozenset(settling)}
        if alert is not None:
            told |= {"backlog": frozenset(backlog), "alert": alert}
        consumer = type("Consumer", (WholePollConsumer,), told)
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

    def serial(self) -> int:
        """The number of the assignment that was told last."""
        consumer: Any = self.app.consumer
        number: int = consumer.told.serial
        return number

    def check(self) -> None:
        """Raise what keeps the consumer out of its group, as far as it was seen by now, and have it looked for again.

        aiokafka keeps it until somebody asks in the thread of the consumer. That one may be busy: nobody waits here.
        """
        if self._fault is not None:
            raise self._fault
        consumer: Any = self.app.consumer
        if consumer._thread._consumer is not None:
            consumer._thread.thread_loop.call_soon_threadsafe(self._look, consumer._thread._consumer)

    def _look(self, consumer: Any) -> None:
        try:
            consumer._coordinator.check_errors()
        except Exception as fault:  # raised by the next check
            self._fault = fault

    async def answers(self, seconds: float) -> bool:
        """Whether Kafka answers the consumer within ``seconds``; while it is away polls only bring nothing."""
        consumer: Any = self.app.consumer
        thread = consumer._thread
        if thread._consumer is None:
            return False
        asked = asyncio.run_coroutine_threadsafe(answers(thread._consumer, seconds), thread.thread_loop)
        return await asyncio.wrap_future(asked)

    def end(self, tp: TP) -> int:
        """The end of a partition as far as it is known without asking; 0 when it is not."""
        return self.app.consumer.highwater(tp) or 0

    def read_out(self, topic: str, partition: int) -> bool:
        """Whether all there is on a partition was handed over; marks of transactions count as nothing."""
        tp = TP(topic, partition)
        consumer: Any = self.app.consumer
        assignment = assignment_of(consumer._thread._consumer)
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
