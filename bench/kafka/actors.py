"""A department and an inspector that answer at once: the way from an action to the source's status is timed."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from confluent_kafka import Producer

from connectors.kafka.contract import key_of, topic_of
from pipeline.wire.serde import encode

CHECK_AFTER_S = 2.0
"""The check follows when the handling has surely arrived; only the check is timed."""
INSPECTORS = "grid-centre"


class Actors(threading.Thread):
    """Cases given to :meth:`handle` are handled now and checked two seconds later."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        super().__init__(daemon=True)
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 0, "log_level": 3}
        )
        self._prefix, self._ended = prefix, threading.Event()
        self._due: deque[tuple[float, str]] = deque()
        self.answered: dict[str, float] = {}
        """Case to the time at which its check was sent."""

    def handle(self, case: str, department: str) -> None:
        """The department has done its work."""
        self._act(case, "handle", "handler", department)
        self._due.append((time.time() + CHECK_AFTER_S, case))

    def run(self) -> None:
        """Check what is due, until it is ended."""
        while not self._ended.wait(0.01):
            self._producer.poll(0)
            while self._due and self._due[0][0] <= time.time():
                _, case = self._due.popleft()
                self.answered[case] = time.time()
                self._act(case, "check_pass", "inspector", INSPECTORS)

    def idle(self) -> bool:
        """Whether no check is waiting."""
        return not self._due

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self.join()
        self._producer.flush(10)

    def _act(self, case: str, action: str, role: str, unit: str) -> None:
        now = int(time.time() * 1000)
        body: dict[str, Any] = {
            "source_system": f"department-{unit}", "source_ref": f"{case}:{action}", "received_at": now, "at": now,
            "case_id": case, "action": action, "actor_role": role, "actor_unit": unit, "actor_person": f"{unit}:{role}",
        }  # fmt: skip
        topic = self._prefix + topic_of("CaseAction", unit)
        self._producer.produce(topic, encode("CaseAction", body), key_of("CaseAction", body))
        self._producer.poll(0)
