"""One scenario's world: topics of its own on a broker, an input, processes kept alive, and a ledger of effects."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.config import for_librdkafka
from connectors.sources.files import discover
from pipeline.runtime.city import load_city
from pipeline.runtime.kafka.lanes import LANES, departments_of
from pipeline.settings import REFERENCE, ClickHouseSettings, KafkaSettings
from pipeline.wire.serde import encode
from schemas.topics import UNLISTED, of_schema, topics
from tests.faults.kept import Kept
from tests.faults.ledger import Ledger

PARTITIONS = 4
Record = tuple[str, str, bytes]
"""Topic, key and value."""


@lru_cache
def inputs_of(folder: Path, limit: int) -> tuple[Record, ...]:
    """The first records of a simulated city as its systems would publish them (files that are no Avro left out)."""
    found: list[Record] = []
    arrivals = [iter(source) for source in discover([folder / "inputs"], 0, None, None)]
    while arrivals and len(found) < limit:
        for stream in list(arrivals):
            arrival = next(stream, None)
            if arrival is None:
                arrivals.remove(stream)
            elif arrival.body is not None and arrival.fault is None:
                body = arrival.body
                topic = next(one.name for one in of_schema(arrival.schema) if "urgent" not in one.name)
                key = body.get("device_id") or f"{body['source_system']}/{body['source_ref']}"
                found.append((topic, str(key), encode(arrival.schema, body)))
    return tuple(found[:limit])


class World:
    """Everything of one scenario. Leave it to stop all its processes."""

    def __init__(
        self, kafka: KafkaSettings, city: Path, folder: Path, clickhouse: ClickHouseSettings | None = None
    ) -> None:
        self.kafka, self.city, self.folder, self.clickhouse = kafka, city, folder, clickhouse
        folder.mkdir(parents=True, exist_ok=True)
        self.processes: dict[str, Kept] = {}
        self._config = for_librdkafka(kafka)
        self._publishing: threading.Thread | None = None
        self._make_topics()
        self.ledger = Ledger(kafka)

    def _make_topics(self) -> None:
        """All topics, few partitions each."""
        names: dict[str, str] = {}
        reference = load_city(REFERENCE, self.city / "city").reference
        for topic in topics().values():
            values: Iterable[str] = {
                "department": departments_of(reference), "stage": LANES, "source_system": (UNLISTED,),
            }.get(topic.parameter, ())  # fmt: skip
            for name in [topic.named(value) for value in values] if topic.parameter else [topic.name]:
                names[name] = topic.cleanup
        admin = AdminClient(self._config)
        made = admin.create_topics(
            [
                NewTopic(self.kafka.prefix + name, PARTITIONS, 1, config={"cleanup.policy": cleanup})
                for name, cleanup in names.items()
            ]
        )
        for future in made.values():
            future.result()

    # --- load -----------------------------------------------------------------------------------------------------

    def publish(self, records: Sequence[Record], *, per_second: float = 0, times: int = 1) -> None:
        """Publish records in the background; ``times`` is how often each one is sent (a producer that repeats)."""
        self._publishing = threading.Thread(target=self._publish, args=(records, per_second, times), daemon=True)
        self._publishing.start()

    def published(self) -> None:
        """Wait until all of it is with Kafka."""
        if self._publishing is not None:
            self._publishing.join()

    def _publish(self, records: Sequence[Record], per_second: float, times: int) -> None:
        config = self._config | {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 5}
        producer = Producer(config | {"message.timeout.ms": 600_000, "log_level": 2})
        for record in _paced(records, per_second):
            topic, key, value = record
            for _ in range(times):
                producer.produce(self.kafka.prefix + topic, value, key)
                producer.poll(0)
        producer.flush()

    # --- processes ------------------------------------------------------------------------------------------------

    def worker(self, name: str, stages: str, variants: Sequence[str] = (), *, poll: int = 100) -> Kept:
        """A worker kept alive under a name of its own, dying at each of ``variants`` in turn."""
        words = [
            "worker", "--stages", stages, "--city", str(self.city / "city"), "--health", "127.0.0.1:0",
            "--poll-records", str(poll),
        ]  # fmt: skip
        environment = {"WANGGE_KAFKA_INSTANCE": name, "WANGGE_KAFKA_SESSION_MS": "6000"}
        return self._keep(name, words, environment, [["--die-at", variant] for variant in variants])

    def sink(self, name: str = "sink", variants: Sequence[str] = ()) -> Kept:
        """A sink kept alive."""
        environment = {"WANGGE_KAFKA_INSTANCE": name, "WANGGE_KAFKA_SESSION_MS": "6000"}
        return self._keep(
            name, ["sink", "--health", "127.0.0.1:0"], environment, [["--fault-point", one] for one in variants]
        )

    def _keep(self, name: str, words: Sequence[str], more: dict[str, str], variants: Sequence[Sequence[str]]) -> Kept:
        kept = Kept(words, self.environment() | more, self.folder / f"{name}.log", variants)
        self.processes[name] = kept
        return kept.start()

    def environment(self) -> dict[str, str]:
        """What a process must know to work in this world."""
        found = {**os.environ, "WANGGE_KAFKA": self.kafka.bootstrap, "WANGGE_KAFKA_PREFIX": self.kafka.prefix}
        if self.clickhouse is not None:
            found["WANGGE_CLICKHOUSE"] = f"{self.clickhouse.host}:{self.clickhouse.port}"
            found["WANGGE_CLICKHOUSE_DATABASE"] = self.clickhouse.database
        return found

    def migrate(self) -> None:
        """Make the tables."""
        subprocess.run(
            [sys.executable, "-m", "pipeline", "migrate"], env=self.environment(), check=True, capture_output=True
        )

    def busy(self) -> bool:
        """Whether records are still being published."""
        return self._publishing is not None and self._publishing.is_alive()

    def deaths(self) -> list[float]:
        """When any process died."""
        return sorted(at for kept in self.processes.values() for at in kept.deaths)

    def stop(self) -> None:
        """Stop every process."""
        for kept in self.processes.values():
            kept.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.ledger.close()


def _paced(records: Sequence[Record], per_second: float) -> Iterator[Record]:
    begun = time.monotonic()
    for number, record in enumerate(records):
        if per_second and number % 50 == 0:
            ahead = number / per_second - (time.monotonic() - begun)
            if ahead > 0:
                time.sleep(ahead)
        yield record
