"""One scenario's world: topics of its own on a broker, an input, processes kept alive, and a ledger of effects."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.config import for_librdkafka
from connectors.sinks.clickhouse.broker import GROUP
from connectors.sinks.clickhouse.process import topics_of_sink
from connectors.sources.files import discover
from deploy.stack.places import HOST, free_ports
from deploy.stack.servers import ClickHouseServer
from pipeline.runtime.city import load_city
from pipeline.runtime.kafka.lanes import LANES, departments_of
from pipeline.settings import REFERENCE, KafkaSettings
from pipeline.wire.serde import encode
from schemas.topics import UNLISTED, of_schema, topics
from tests.faults.delivery import Delivery, Handed
from tests.faults.kept import Kept
from tests.faults.ledger import Ledger
from tests.faults.progress import Progress, Struck
from tests.faults.tables import Tables
from tests.support.servers import FrontServer, clickhouse_settings_of

PARTITIONS = 4
SESSION_MS = 6_000
"""Session of every member here; a frozen one is out of its group after it. The usual is 10 s."""
PATIENCE_S = 10
"""Seconds that an insert may take here. The usual is 30 s."""
MEMORY_MB = 8
"""Megabytes of records that may wait in a sink here, so that it has to hold back. The usual is 64."""
HOLD_S = 60
"""The longest that the load is held back for a death that does not come."""
OWN_OUTPUTS = ("changelog.", "assignments.", "status.", "retry.")
"""Topics that no process here reads as a member of a group."""
PULSE = 50
"""Records that are sent at once."""
TIGHT_POLL = 100
"""Records of one poll of a worker: small, so that every point is passed often."""
Record = tuple[str, str, bytes]
"""Topic, key and value."""
Engine = FrontServer | ClickHouseServer


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
        self, kafka: KafkaSettings, city: Path, folder: Path, engine: Engine, database: str = "wangge"
    ) -> None:
        self.kafka, self.city, self.folder, self.engine = kafka, city, folder, engine
        self.tables = Tables(clickhouse_settings_of(engine, database), old=isinstance(engine, ClickHouseServer))
        self.tables.make()
        folder.mkdir(parents=True, exist_ok=True)
        self.processes: dict[str, Kept] = {}
        self.retired: list[Kept] = []
        self.notes: list[str] = []
        """What a scenario has to say besides."""
        self.sent: Counter[str] = Counter()
        """How many records were published on each topic."""
        self.begun = time.monotonic()
        self._health: dict[str, int] = {}
        self._topics: list[str] = []
        self._config = for_librdkafka(kafka) | {"log_level": 2}
        self._publishing: list[threading.Thread] = []
        self._make_topics()
        read = [name for name in self._topics if not name[len(kafka.prefix) :].startswith(OWN_OUTPUTS)]
        self.ledger, self.progress = Ledger(kafka), Progress(kafka, read, PARTITIONS)
        self._looker = Consumer(self._config | {"group.id": kafka.prefix + GROUP, "enable.auto.commit": False})

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
        self._topics = [self.kafka.prefix + name for name in names]
        self._admin = AdminClient(self._config)
        made = self._admin.create_topics(
            [
                NewTopic(self.kafka.prefix + name, PARTITIONS, 1, config={"cleanup.policy": cleanup})
                for name, cleanup in names.items()
            ]
        )
        for future in made.values():
            future.result()

    # --- load -----------------------------------------------------------------------------------------------------

    def publish(
        self, records: Sequence[Record], *, per_second: float = 0, times: int = 1,
        held: Callable[[float], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        """Publish records in the background.

        ``times`` is how often each one is sent (a producer that repeats). ``held`` is asked with the share that was
        sent, and holds the rest back as long as it says so (not for ever: see ``HOLD_S``).
        """
        thread = threading.Thread(target=self._publish, args=(records, per_second, times, held), daemon=True)
        self._publishing.append(thread)
        thread.start()

    def published(self) -> None:
        """Wait until all of it is with Kafka."""
        while self.busy():
            self.ledger.read()

    def _publish(self, records: Sequence[Record], per_second: float, times: int, held: Callable[[float], bool]) -> None:
        def each() -> Iterator[Record]:
            holding = True
            for number, record in enumerate(paced(records, per_second)):
                if holding and number % PULSE == 0:
                    holding = _waited(held, number / len(records))
                yield from (record for _ in range(times))

        self.fill(each())

    def fill(self, records: Iterable[Record]) -> None:
        """Publish records; returns when Kafka has them. What was not delivered is sent again, and noted."""
        delivery = Delivery(self._config, self.notes.append)
        for topic, key, value in records:
            delivery.send(Handed(self.kafka.prefix + topic, key.encode(), value))
            self.sent[topic] += 1
        delivery.finish()

    # --- processes ------------------------------------------------------------------------------------------------

    def worker(self, name: str, stages: str, variants: Sequence[str] = (), *, poll: int = TIGHT_POLL) -> Kept:
        """A worker kept alive under a name of its own, dying at each of ``variants`` in turn."""
        words = ["worker", "--stages", stages, "--city", str(self.city / "city"), "--poll-records", str(poll)]
        words += ["--part-records", str(max(poll // 4, 1))]
        group = f"worker-{stages.replace(',', '-')}"
        return self._keep(name, words, group, [["--die-at", variant] for variant in variants])

    def sink(self, name: str = "sink", variants: Sequence[str] = ()) -> Kept:
        """A sink kept alive."""
        words = ["sink", "--patience", str(PATIENCE_S), "--memory-mb", str(MEMORY_MB)]
        return self._keep(name, words, GROUP, [["--fault-point", one] for one in variants])

    def _keep(self, name: str, words: Sequence[str], group: str, variants: Sequence[Sequence[str]]) -> Kept:
        self._health[name] = free_ports(("health",))["health"]
        self.progress.follow(group)
        environment = self.environment() | {"WANGGE_KAFKA_INSTANCE": name}
        words = [*words, "--health", f"{HOST}:{self._health[name]}"]
        kept = Kept(words, group, environment, self.folder / f"{name}.log", variants)
        self.processes[name] = kept
        return kept.start()

    def retire(self, name: str) -> None:
        """Stop one in order, as when it is needed no more."""
        self.retired.append(self.processes.pop(name))
        self.retired[-1].stop()

    def environment(self) -> dict[str, str]:
        """What a process must know to work in this world."""
        tables = self.tables.settings
        return {**os.environ, "WANGGE_KAFKA": self.kafka.bootstrap, "WANGGE_KAFKA_PREFIX": self.kafka.prefix} | {
            "WANGGE_KAFKA_SESSION_MS": str(SESSION_MS),
            "WANGGE_CLICKHOUSE": f"{tables.host}:{tables.port}",
            "WANGGE_CLICKHOUSE_DATABASE": tables.database,
        }

    def status(self, name: str) -> dict[str, Any]:
        """What a process says of itself; nothing while it does not answer."""
        try:
            with urlopen(f"http://{HOST}:{self._health[name]}/status", timeout=1) as answer:
                found: dict[str, Any] = json.load(answer)
        except (URLError, OSError, ValueError):
            return {}
        return found

    def behind(self) -> int:
        """Offsets that the sinks have not passed yet."""
        places = [self.kafka.prefix + topic for topic in topics_of_sink()]
        return sum(self._behind(TopicPartition(topic, number)) for topic in places for number in range(PARTITIONS))

    def _behind(self, place: TopicPartition) -> int:
        low, high = self._looker.get_watermark_offsets(place, timeout=30)
        done = self._looker.committed([place], timeout=30)[0].offset
        return int(high) - max(done, int(low))

    def busy(self) -> bool:
        """Whether records are still being published."""
        return any(thread.is_alive() for thread in self._publishing)

    def everybody(self) -> list[Kept]:
        """All processes that there are and were."""
        return [*self.processes.values(), *self.retired]

    def deaths(self) -> list[Struck]:
        """When any process died, and its group."""
        return sorted(
            (Struck(at, (kept.group,)) for kept in self.everybody() for at in kept.deaths), key=lambda one: one.at
        )

    def stop(self) -> None:
        """Stop every process."""
        for kept in self.processes.values():
            kept.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.progress.stop()
        self.ledger.close()
        self._looker.close()
        with suppress(KafkaException):  # only so that the broker has less to carry
            for gone in self._admin.delete_topics(self._topics).values():
                gone.result()


def _waited(held: Callable[[float], bool], share: float) -> bool:
    """Wait while the load is held back; False when that took too long: then it is held back no more."""
    until = time.monotonic() + HOLD_S
    while held(share):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def paced(records: Sequence[Record], per_second: float) -> Iterator[Record]:
    """Records at a rate; what was held back is not made up for."""
    due = time.monotonic()
    for number, record in enumerate(records):
        if per_second and number % PULSE == 0:
            due = max(due, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0))
            due += PULSE / per_second
        yield record
