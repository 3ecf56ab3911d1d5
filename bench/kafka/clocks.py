"""When something was sent and when it was seen: publishing at a steady rate, and listening while others work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.kafka.inputs import Sent

TICK_S = 0.01


def publish(
    bootstrap: str, prefix: str, sent: Iterable[Sent], rate: float, noted: Callable[[int, float], None]
) -> None:
    """Send records evenly, ``rate`` a second; ``noted`` gets the place in the order and the time of each sending."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 2, "compression.type": "lz4",
         "log_level": 3}
    )  # fmt: skip
    begun = time.time()
    for number, (topic, key, value) in enumerate(sent):
        due = begun + number // max(1, round(rate * TICK_S)) * TICK_S if rate >= 1 / TICK_S else begun + number / rate
        if (ahead := due - time.time()) > 0:
            producer.poll(0)
            time.sleep(max(0.0, ahead))
        noted(number, time.time())
        producer.produce(prefix + topic, value, key)
    producer.flush(30)


class Ear(threading.Thread):
    """Hears every committed record on some topics from now on, with the time at which it was heard."""

    def __init__(
        self, bootstrap: str, ends: Mapping[tuple[str, int], int], heard: Callable[[Any, float], None]
    ) -> None:
        super().__init__(daemon=True)
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "bench-ear", "isolation.level": "read_committed",
             "enable.auto.commit": False, "fetch.wait.max.ms": 100, "log_level": 3}
        )  # fmt: skip
        self._consumer.assign([TopicPartition(topic, number, end) for (topic, number), end in ends.items()])
        self._heard, self._ended = heard, threading.Event()

    def run(self) -> None:
        """Until it is ended."""
        while not self._ended.is_set():
            messages = self._consumer.consume(1_000, 0.005)
            now = time.time()
            for message in messages:
                if message.error() is None:
                    self._heard(message, now)
        self._consumer.close()

    def end(self) -> None:
        """Stop listening."""
        self._ended.set()
        self.join()


class Rows(threading.Thread):
    """Asks a store ten times a second which of the awaited ids it shows by now."""

    def __init__(self, ask: Callable[[Sequence[str]], Iterable[str]]) -> None:
        super().__init__(daemon=True)
        self._ask, self._ended = ask, threading.Event()
        self._awaited: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        """Id to seconds from sending to being seen."""

    def expect(self, key: str, sent: float) -> None:
        """This id was sent."""
        self._awaited[key] = sent

    def run(self) -> None:
        """Until it is ended."""
        while not self._ended.is_set():
            awaited = list(self._awaited)[:1_000]
            for key in self._ask(awaited) if awaited else ():
                self.seen[key] = time.time() - self._awaited.pop(key)
            self._ended.wait(0.1)

    def idle(self) -> bool:
        """Whether everything that was sent is visible."""
        return not self._awaited

    def missing(self) -> int:
        """How many were sent and are not visible."""
        return len(self._awaited)

    def end(self) -> None:
        """Stop asking."""
        self._ended.set()
        self.join()


def spread(seconds: Iterable[float]) -> dict[str, float | int]:
    """p50, p99 and largest of some times, in milliseconds."""
    times = sorted(seconds)
    if not times:
        return {"count": 0}
    return {
        "count": len(times),
        "p50_ms": round(times[len(times) // 2] * 1000),
        "p99_ms": round(times[min(len(times) - 1, int(len(times) * 0.99))] * 1000),
        "max_ms": round(times[-1] * 1000),
    }


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait for something; whether it came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if done():
            return True
        time.sleep(0.05)
    return done()


def numbered(
    bodies: Sequence[tuple[str, Mapping[str, Any]]], tag: str, *, apart: float = 0.0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Reports without end: the day's again and again, with numbers of their own, each time ``apart`` degrees north."""
    round_ = 0
    while True:
        for schema, body in bodies:
            moved = {"lat": body["lat"] + round_ * apart} if apart and body.get("lat") else {}
            yield schema, {**body, **moved, "source_ref": f"{body['source_ref']}-{tag}{round_}"}
        round_ += 1
