"""What stands in Kafka's outputs: every effect counted by its id, as a reader of committed records sees it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.kafka.config import for_librdkafka
from pipeline.errors import InvalidRecord
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode

OUTPUTS = ("facts.", "quarantine", "assignments.", "status.")
ASSIGNED = "assignments"
"""The kind under which the work lists of departments are counted."""


class Ledger:
    """Reads the outputs as they grow. ``effects`` counts each kind of record by id: more than one is a double."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.effects: dict[str, Counter[str]] = {}
        self.settled: Counter[tuple[str, str, str]] = Counter()
        self.samples: set[tuple[str, str, int]] = set()
        """Device, metric and time of every reading."""
        self.unreadable = 0
        config = for_librdkafka(settings) | {
            "group.id": "ledger", "isolation.level": "read_committed", "enable.partition.eof": True,
            "enable.auto.commit": False, "log_level": 2,
        }  # fmt: skip
        self._consumer = Consumer(config)
        prefix = settings.prefix
        found = self._consumer.list_topics(timeout=30).topics
        self._places = [
            TopicPartition(name, number, 0)
            for name, topic in found.items()
            if name.startswith(prefix) and name[len(prefix) :].startswith(OUTPUTS)
            for number in topic.partitions
        ]
        self._consumer.assign(self._places)

    @property
    def records(self) -> int:
        """Records that came in and were settled (what the pipeline derived itself is not among them)."""
        return sum(self.settled.values())

    def read(self, seconds: float = 0.2) -> int:
        """Take what came within ``seconds``; gives back how many records were settled by it."""
        before = self.records
        for message in self._consumer.consume(10_000, seconds):
            error = message.error()
            if error is None:
                self._count(str(message.topic())[len(self.settings.prefix) :], message.value() or b"")
            elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                raise RuntimeError(str(error))
        return self.records - before

    def wait(self, records: int, seconds: float, turn: Callable[[], None] = lambda: None) -> None:
        """Until so many records are settled. Raises ``TimeoutError`` with what is missing."""
        deadline = time.monotonic() + seconds
        while self.records < records:
            turn()
            self.read()
            if time.monotonic() > deadline:
                message = f"{self.records} of {records} records were settled within {seconds:g} s"
                raise TimeoutError(message)

    def rest(self, seconds: float = 2.0) -> None:
        """Read on until nothing came for a while: a double may come late."""
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            held = sum(map(len, self.effects.values()))
            self.read()
            if sum(map(len, self.effects.values())) > held:
                quiet_since = time.monotonic()

    def doubled(self) -> int:
        """Effects that stand there more than once, the copies counted."""
        return sum(number - 1 for kind in self.effects.values() for number in kind.values())

    def distinct(self) -> int:
        """Different effects; counts of outcomes are left out, for there are as many of them as transactions."""
        return sum(len(ids) for kind, ids in self.effects.items() if kind != "OutcomesCounted")

    def unassigned(self) -> int:
        """Assignments that stand among the facts and on no department's work list, or the other way round."""
        return len(self.effects.get("CaseDispatched", {}).keys() ^ self.effects.get(ASSIGNED, {}).keys())

    def in_tables(self) -> dict[str, int]:
        """How many different keys the tables should hold, by kind."""
        elsewhere = (ASSIGNED, "Samples", "CaseStatus")
        found = {kind: len(ids) for kind, ids in self.effects.items() if kind not in elsewhere}
        return found | {"readings": len(self.samples)}

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _count(self, topic: str, value: bytes) -> None:
        try:
            name, body = decode(value)
        except InvalidRecord:  # a scenario put it there for the sink to set aside
            self.unreadable += 1
            return
        kind = ASSIGNED if topic.startswith("assignments.") else name
        self.effects.setdefault(kind, Counter())[_identity(name, body)] += 1
        if name == "OutcomesCounted" and not body["derived"]:
            self.settled[body["channel"], body["fate"], body["outcome"]] += body["records"]
        elif name == "Samples":
            self.samples.update((body["device_id"], body["metric"], at) for at in body["times"])


def _identity(name: str, body: Any) -> str:
    if name == "Samples":
        return f"{body['device_id']}|{body['metric']}|{body['recorded']}|{body['times'][0]}"
    return str(body["fact_id"])
