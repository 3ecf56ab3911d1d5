"""The way in for upstream systems: records are checked, encoded, keyed and sent, and every delivery is reported.

::

    with Publisher(kafka_settings_from()) as publisher:
        order = {"source_system": "hotline-12345", "source_ref": "RX-1", "received_at": "2026-03-16T08:15:00+08:00"}
        publisher.report(order | {"text": "..."}, schema="HotlineOrder")

A record that breaks its contract is refused at once (:class:`InvalidRecord`: field, value, remedy) and nothing of it is
sent. What was taken is sent again until Kafka has it on all its in-sync replicas; the broker drops doubles of such
repetitions, and the same record published twice is known by its source system and number. See ``docs/publishing.md``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from connectors.kafka.answering import ASK_S
from connectors.kafka.config import for_kafka_python, prefixed
from connectors.kafka.contract import Outgoing, outgoing
from connectors.kafka.faults import creates_nothing, in_our_words, missing, told
from pipeline.errors import ConfigFaults, NeighbourAway, Refused
from pipeline.events.base import Millis
from pipeline.settings import KafkaSettings
from schemas.text import body_from_text

WAITING = 5_000
"""Most records on their way; who publishes more waits for the oldest, so memory stays bounded."""
GIVE_UP_MS = 120_000
"""How long a record is tried before its delivery is reported as failed."""
SETTLED = 1.25
"""After so many times as long its fate is known, or the publisher gives up."""
TURN_S = 5.0
"""How often whoever waits is told that it lasts."""


class Delivery(NamedTuple):
    """What became of one record: its place in Kafka, or why it has none."""

    outgoing: Outgoing
    partition: int
    offset: int
    fault: str
    """Empty when Kafka has it."""


class Receipt:
    """One record on its way."""

    __slots__ = ("_future", "outgoing")

    def __init__(self, record: Outgoing, future: Any) -> None:
        self.outgoing, self._future = record, future

    @property
    def done(self) -> bool:
        """Whether its fate is known."""
        return bool(self._future.is_done)

    @property
    def error(self) -> BaseException | None:
        """Why it failed; ``None`` while it has not."""
        found: BaseException | None = self._future.exception
        return found

    def delivery(self) -> Delivery:
        """Its fate; ask when it is ``done``."""
        if self.error is not None:
            return Delivery(self.outgoing, -1, -1, f"{type(self.error).__name__}: {self.error}")
        return Delivery(self.outgoing, self._future.value.partition, self._future.value.offset, "")

    def wait(self, seconds: float) -> Delivery:
        """Its fate as soon as it is known, within ``seconds``; raises ``TimeoutError`` after that."""
        try:
            self._future.get(timeout=seconds)
        except KafkaTimeoutError as error:
            if not self.done:
                raise TimeoutError(str(error)) from error
        except KafkaError:
            pass  # told in the delivery
        return self.delivery()


class Publisher:
    """Publishes records of the input schemas. One thread; close it, or use it in a ``with``.

    ``on_delivery`` is called once for each record when its fate is known, in the order of publishing, within a later
    call of this publisher. ``lasts`` is called every :data:`TURN_S` while records are waited for, with how many.
    ``block_ms`` is how long Kafka is asked for a topic that this publisher has not used yet; one that is ``patient``
    then waits for Kafka to come back as long as the fate of a record may take.
    Raises :class:`NeighbourAway` when Kafka cannot be reached, :class:`ConfigFaults` when it refuses who we are.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_delivery: Callable[[Delivery], None] | None = None,
        lasts: Callable[[int], None] = lambda waiting: None,
        waiting: int = WAITING,
        block_ms: int = 15_000,
        patient: bool = False,
        give_up_ms: int = GIVE_UP_MS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self.delivered, self.failed = settings, 0, 0
        self._told, self._limit, self._clock = on_delivery, waiting, clock
        self._lasts, self._fate_s, self._patient = lasts, give_up_ms / 1000 * SETTLED, patient
        self._lost = 0
        """Records that were not delivered since the last flush."""
        self._pending: deque[Receipt] = deque()
        self._failure: BaseException | None = None
        self._refusal: Refused | None = None
        with told(settings, "a connection"):
            self._producer = KafkaProducer(
                acks="all", enable_idempotence=True, linger_ms=5, batch_size=65_536, max_block_ms=block_ms,
                delivery_timeout_ms=give_up_ms, request_timeout_ms=min(30_000, give_up_ms - 1_000),
                reconnect_backoff_max_ms=1_000, bootstrap_timeout_ms=block_ms, max_request_size=2_097_152,
                allow_auto_create_topics=False, **for_kafka_python(settings),
            )  # fmt: skip
        creates_nothing(self._producer._metadata)

    def report(self, fields: Mapping[str, Any], *, schema: str = "Report", urgent: bool = False) -> Receipt:
        """Publish a report of a problem; ``urgent`` (or the field of that name) sends it ahead of ordinary ones."""
        return self.send(schema, fields, urgent=urgent)

    def send(
        self, schema: str, fields: Mapping[str, Any], *, urgent: bool = False, department: str = ""
    ) -> Receipt:  # fmt: skip
        """Publish a record by the names of its schema; times as text with a zone, or milliseconds.

        Raises :class:`InvalidRecord` at once when it breaks its contract.
        """
        body = body_from_text(schema, fields) if schema else {}
        return self.post(outgoing(schema, body, self.now(), urgent=urgent, department=department))

    def post(self, record: Outgoing) -> Receipt:
        """Send what :func:`connectors.kafka.contract.outgoing` made ready."""
        return self._kept(Receipt(record, self._sent(record)))

    def now(self) -> Millis:
        """The wall clock of this publisher."""
        return int(self._clock() * 1000)

    def answers(self, seconds: float = ASK_S) -> bool:
        """Whether Kafka answers a question within ``seconds``: who publishes nothing would not notice it going away."""
        answered = threading.Event()
        future = self._producer._metadata.request_update()
        future.add_both(lambda *_: answered.set())
        self._producer._sender.wakeup()
        answered.wait(seconds)
        return bool(future.succeeded())

    def refusal(self, record: Outgoing, error: BaseException | None) -> Refused | None:
        """What to raise when Kafka did not take a record because this user may not write it: sending it again is vain.

        Who may see a topic and not write it hears so with the delivery only.
        """
        what = prefixed(self.settings, record.topic)
        found = in_our_words(error, self.settings, what) if error is not None else None
        return found if isinstance(found, Refused) else None

    def heed(self) -> None:
        """Raise the first refusal that came with a delivery: for who sends and forgets, and never flushes."""
        self._settle()
        if self._refusal is not None:
            raise self._refusal

    def flush(self, seconds: float | None = None) -> None:
        """Wait until the fate of every record is known; raises when any failed since the last call.

        :class:`NeighbourAway` or :class:`ConfigFaults`, as for the first that failed: publish what was not delivered
        again. ``seconds`` is how long it waits, usually as long as a record is tried and some more.
        """
        seconds = self._fate_s if seconds is None else seconds
        deadline = time.monotonic() + seconds
        while self._pending:
            self._wait_for_first(deadline, seconds)
            self._settle()
        failure, lost, self._failure, self._lost = self._failure, self._lost, None, 0
        if failure is not None:
            raise in_our_words(failure, self.settings, f"publishing, {lost:,} records have no place in it")

    def _wait_for_first(self, deadline: float, seconds: float) -> None:
        """Wait until the fate of the first record on its way is known. Raises :class:`NeighbourAway` after that."""
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                self._pending[0].wait(min(left, TURN_S))
            except TimeoutError:
                if left <= TURN_S:
                    message = f"Kafka has not confirmed {len(self._pending):,} records within {seconds:g} s"
                    raise NeighbourAway(message) from None
                self._lasts(len(self._pending))
            else:
                return

    def close(self, seconds: float | None = None) -> None:
        """Flush and let go of the connection."""
        try:
            self.flush(seconds)
        finally:
            self._let_go(5)

    def abandon(self) -> None:
        """Let go of the connection without waiting for what is on its way."""
        self._pending.clear()
        self._let_go(0)

    def _let_go(self, seconds: float) -> None:
        """kafka-python ends nothing while records are left: those it would send for ever are dropped then."""
        try:
            self._producer.close(timeout=seconds)
        except KafkaError:
            self._producer._sender.force_close()
            with suppress(KafkaError):
                self._producer.close(timeout=5)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _sent(self, record: Outgoing) -> Any:
        topic, deadline = prefixed(self.settings, record.topic), time.monotonic() + self._fate_s
        while True:
            asked = self._metadata_time()
            try:
                future = self._producer.send(topic, value=record.value, key=record.key)
                if future.failed():
                    raise future.exception
                return future
            except KafkaTimeoutError as error:
                if self._metadata_time() > asked:  # the broker answered, and knows no such topic
                    raise ConfigFaults([missing(topic)]) from error
                if not (self._patient and self._answers_before(deadline)):
                    raise in_our_words(error, self.settings, topic) from error
            except KafkaError as error:
                raise in_our_words(error, self.settings, topic) from error

    def _answers_before(self, deadline: float) -> bool:
        """Wait for a Kafka that is away, with a record in hand: whether it answers in time."""
        while (left := deadline - time.monotonic()) > 0:
            self._lasts(len(self._pending) + 1)
            turn = time.monotonic() + min(left, TURN_S)
            if self.answers(min(left, TURN_S)):
                return True
            time.sleep(max(0.0, turn - time.monotonic()))
        return False

    def _metadata_time(self) -> float:
        """When the broker last told which topics there are."""
        return float(self._producer._metadata._last_successful_refresh_ms)

    def _kept(self, receipt: Receipt) -> Receipt:
        self._pending.append(receipt)
        self._settle()
        while len(self._pending) >= self._limit:
            self._wait_for_first(time.monotonic() + self._fate_s, self._fate_s)
            self._settle()
        return receipt

    def _settle(self) -> None:
        """Tell the fates that are known, in order."""
        while self._pending and self._pending[0].done:
            receipt = self._pending.popleft()
            delivery, self._failure = receipt.delivery(), self._failure or receipt.error
            self._refusal = self._refusal or self.refusal(receipt.outgoing, receipt.error)
            self.delivered += not delivery.fault
            self.failed += bool(delivery.fault)
            self._lost += bool(delivery.fault)
            if self._told is not None:
                self._told(delivery)
