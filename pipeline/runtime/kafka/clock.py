"""The clock: tells every partition of readings the time, so that silence is noticed though nobody sends.

A tick that is told twice, late or by two clocks changes nothing: what is due by a time is due once. One clock is
enough.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Protocol

from connectors.kafka.answering import Answering
from connectors.librdkafka.sending import Ends
from pipeline.errors import NeighbourAway
from pipeline.events.base import Millis
from pipeline.wire.serde import encode

log = logging.getLogger("wangge.clock")
TOPIC = "readings.sensor"
NAME = "clock"
TURN_S = 1.0
"""How often the loop turns between two ticks."""


def tick(at: Millis, partition: int) -> bytes:
    """The bytes of one tick."""
    return encode("Tick", {"at": at, "partition": partition, "source_system": NAME})


class Watch(Protocol):
    """Who hears how the clock fares (the instruments)."""

    def touched(self) -> None:
        """One turn of the loop."""

    def ready(self, need: str, there: bool) -> None:
        """Kafka is there, or away."""

    def waiting(self, neighbour: str) -> None:
        """Waits for Kafka; "" when it no longer does."""

    def produced(self, topic: str, records: int) -> None:
        """Ticks that Kafka has."""


class Writer(Protocol):
    """Who sends (``Sender``)."""

    def partitions(self, topic: str) -> int:
        """How many a topic has."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int) -> None:
        """Hand one over."""

    def flush(self, lasts: Callable[[], None]) -> Ends:
        """Wait until Kafka has all of them; ``lasts`` is called every second."""

    def forget(self) -> None:
        """Drop what is queued."""


class Clock:
    """Ticks at whole multiples of ``every_ms`` of the wall clock."""

    def __init__(self, write: Callable[[], Writer], prefix: str, every_ms: int, watch: Watch) -> None:
        self._write, self._topic = write, prefix + TOPIC
        self._writer: Writer | None = None
        self._every_ms, self._watch, self._kafka = every_ms, watch, Answering.to(watch)

    def run(self, stop: Event, now: Callable[[], float] = time.time) -> None:
        """Tick until it is told to stop. While Kafka is away ticks are left out: the next one says it all.

        It is told by a new writer: one that has met a fatal error takes nothing any more.
        """
        while not stop.is_set():
            self._watch.touched()
            try:
                self.once(int(now() * 1000))
            except NeighbourAway as away:
                log.warning("a tick was left out: %s", away)
                self._kafka.missed()
                self._begin_anew()
            self._wait((self._every_ms - int(now() * 1000) % self._every_ms) / 1000, stop)

    def once(self, now: Millis) -> Millis:
        """Tell every partition the last whole multiple before ``now``. Raises :class:`NeighbourAway`."""
        at = now - now % self._every_ms
        self._writer = writer = self._writer or self._write()
        partitions = writer.partitions(self._topic)
        for partition in range(partitions):
            writer.send(self._topic, None, tick(at, partition), partition)
        writer.flush(self._lasts)
        self._kafka.heard()
        self._watch.produced(TOPIC, partitions)
        return at

    def _wait(self, seconds: float, stop: Event) -> None:
        """Wait for the next tick. The loop turns meanwhile: ticks may be an hour apart."""
        while seconds > 0 and not stop.wait(min(seconds, TURN_S)):
            self._watch.touched()
            seconds -= TURN_S

    def _lasts(self) -> None:
        self._watch.touched()
        self._kafka.late()

    def _begin_anew(self) -> None:
        if self._writer is not None:
            self._writer.forget()
            self._writer = None
