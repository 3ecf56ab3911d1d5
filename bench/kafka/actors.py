"""A department and an inspector that answer at once: the way from an action to the source's status is timed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from connectors.kafka.contract import key_of, topic_of
from pipeline.wire.serde import encode

INSPECTORS = "grid-centre"


class Actors(threading.Thread):
    """Cases given to :meth:`handle` are handled now, and checked as soon as a status tells that they are.

    Only the check is timed. It goes to the topic of the inspectors: sent blindly it could overtake the handling.
    ``now`` is the time, in milliseconds, at which they say that they act: that of the stream they answer. Another one
    would move the pipeline's time there, and all that it remembers of the stream would be over.
    """

    def __init__(self, bootstrap: str, prefix: str, now: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0, "log_level": 3}
        )
        self._prefix, self._now, self._ended = prefix, now, threading.Event()
        self._due: deque[str] = deque()
        self._in_hand: set[str] = set()
        self.answered: dict[str, float] = {}
        """Case to the time at which its check was sent."""

    def handle(self, case: str, department: str) -> None:
        """The department has done its work."""
        self._in_hand.add(case)
        self._act(case, "handle", "handler", department)

    def handled(self, case: str) -> None:
        """A status told it: time to check, if it is a case of ours."""
        if case in self._in_hand:
            self._in_hand.discard(case)
            self._due.append(case)

    def run(self) -> None:
        """Check what is due, until it is ended."""
        while not self._ended.wait(0.01):
            self._producer.poll(0)
            while self._due:
                case = self._due.popleft()
                self.answered[case] = time.time()
                self._act(case, "check_pass", "inspector", INSPECTORS)

    def idle(self) -> bool:
        """Whether no check is to come."""
        return not self._due and not self._in_hand

    def waiting(self) -> int:
        """Cases of which no status tells that they are handled: the action was refused, or is still on its way."""
        return len(self._in_hand)

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self.join()
        self._producer.flush(10)

    def _act(self, case: str, action: str, role: str, unit: str) -> None:
        now = self._now()
        body: dict[str, Any] = {
            "source_system": f"department-{unit}", "source_ref": f"{case}:{action}", "received_at": now, "at": now,
            "case_id": case, "action": action, "actor_role": role, "actor_unit": unit, "actor_person": f"{unit}:{role}",
        }  # fmt: skip
        topic = self._prefix + topic_of("CaseAction", unit)
        self._producer.produce(topic, encode("CaseAction", body), key_of("CaseAction", body))
        self._producer.poll(0)
