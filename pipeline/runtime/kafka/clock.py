"""The clock: tells every partition of readings the time, so that silence is noticed though nobody sends.

A tick that is told twice, late or by two clocks changes nothing: what is due by a time is due once. One clock is
enough.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event

from connectors.librdkafka.sending import Sender
from pipeline.errors import NeighbourAway
from pipeline.events.base import Millis
from pipeline.wire.serde import encode

log = logging.getLogger("wangge.clock")
TOPIC = "readings.sensor"
NAME = "clock"


def tick(at: Millis, partition: int) -> bytes:
    """The bytes of one tick."""
    return encode("Tick", {"at": at, "partition": partition, "source_system": NAME})


class Clock:
    """Ticks at whole multiples of ``every_ms`` of the wall clock."""

    def __init__(
        self, write: Callable[[], Sender], prefix: str, every_ms: int, told: Callable[[Millis], None] = lambda at: None
    ) -> None:
        self._write, self._topic = write, prefix + TOPIC
        self._writer: Sender | None = None
        self._every_ms, self._told = every_ms, told

    def run(self, stop: Event, now: Callable[[], float] = time.time) -> None:
        """Tick until it is told to stop. While Kafka is away ticks are left out: the next one says it all.

        It is told by a new writer: one that has met a fatal error takes nothing any more.
        """
        while not stop.is_set():
            try:
                self._told(self.once(int(now() * 1000)))
            except NeighbourAway as away:
                log.warning("a tick was left out: %s", away)
                self._begin_anew()
            stop.wait((self._every_ms - int(now() * 1000) % self._every_ms) / 1000)

    def once(self, now: Millis) -> Millis:
        """Tell every partition the last whole multiple before ``now``. Raises :class:`NeighbourAway`."""
        at = now - now % self._every_ms
        self._writer = writer = self._writer or self._write()
        for partition in range(writer.partitions(self._topic)):
            writer.send(self._topic, None, tick(at, partition), partition)
        writer.flush()
        return at

    def _begin_anew(self) -> None:
        if self._writer is not None:
            self._writer.forget()
            self._writer = None
