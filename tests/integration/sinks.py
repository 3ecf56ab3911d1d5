"""A sink between a real broker and a ClickHouse: topics to fill, processes to run and kill, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.librdkafka.reading import records_of
from connectors.sinks.clickhouse.auditing import audit
from connectors.sinks.clickhouse.ddl import migrations
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.process import topics_of_sink
from connectors.sinks.clickhouse.reader import Reader
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.verify import Account, Auditor, totals_of
from connectors.sinks.columns import ALL_TABLES
from pipeline.events.base import Value
from pipeline.events.facts import CaseDispatched, CaseFiled, CaseMoved
from pipeline.settings import ClickHouseSettings, KafkaSettings
from pipeline.wire import serde
from schemas.catalogue import FOLDER
from tests.sinks.facts import a_fact, samples
from tests.support.servers import client_of

ROOT = Path(__file__).parents[2]
PATIENCE = 120
"""Seconds after which a test gives up; nothing is measured by it."""


@dataclass
class Rig:
    """One sink's surroundings."""

    kafka: KafkaSettings
    clickhouse: ClickHouseSettings
    folder: Path
    instance: str = "sink-1"
    """Static membership: who comes back under the same name takes over at once. "" where two run together."""
    sent: int = 0

    def make(self, partitions: int = 2) -> Rig:
        """Make topics and tables."""
        self.make_topics(partitions)
        server = Server(self.clickhouse)
        migrate(server, migrations((FOLDER / "clickhouse").glob("*.sql"), self.clickhouse))
        server.close()
        return self

    def make_topics(self, partitions: int = 2) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        wanted = [NewTopic(self.kafka.prefix + name, partitions, 1) for name in topics_of_sink()]
        for made in admin.create_topics(wanted).values():
            made.result(30)

    def send(self, count: int) -> None:
        """New facts of three kinds and samples, in transactions of which some are aborted."""
        kinds = (CaseFiled, CaseDispatched, CaseMoved)
        for first in range(self.sent, self.sent + count, 25):
            facts = [a_fact(kinds[number % 3], f"f{number}") for number in range(first, first + 25)]
            self.write("facts.cases", facts)
            self.write("facts.readings", [samples(f"d{first}", range(0, 120_000, 60_000))])
            if first % 100 == 0:
                self.write("facts.cases", [a_fact(CaseFiled, f"aborted {first}")], commit=False)
        self.sent += count

    def write(self, topic: str, facts: Iterable[Value], *, commit: bool = True) -> None:
        """One transaction."""
        self.raw(topic, [serde.encode_struct(fact) for fact in facts], commit=commit)

    def raw(self, topic: str, values: Iterable[bytes], *, commit: bool = True) -> None:
        producer = self._producer()
        producer.begin_transaction()
        for number, value in enumerate(values):
            producer.produce(self.kafka.prefix + topic, key=f"key {number % 7}", value=value)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()

    _made: Any = None

    def _producer(self) -> Any:
        if self._made is None:
            name = f"{self.kafka.prefix}writer"
            self._made = Producer({"bootstrap.servers": self.kafka.bootstrap, "transactional.id": name, "linger.ms": 1})
            self._made.init_transactions()
        return self._made

    def read(self, topic: str) -> list[bytes]:
        """The values of a topic, as every reader sees them."""
        config, name = {"bootstrap.servers": self.kafka.bootstrap}, self.kafka.prefix + topic
        places = sorted(AdminClient(config).list_topics(name, timeout=30).topics[name].partitions)
        batches = (batch for place in places for batch in records_of(config, "reader", name, place))
        return [value or b"" for batch in batches for _, value in batch]

    def begin(self, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a sink, with a port of its own unless told otherwise; its log goes to a file."""
        return self.begin_command("sink", "--health", "127.0.0.1:0", *args, **environment)

    def begin_command(self, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start any command; its log goes to a file."""
        log = (self.folder / f"{args[0]}-{time.monotonic_ns()}.log").open("wb")
        command = [sys.executable, "-m", "pipeline", *args]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment() | environment, stdout=log, stderr=log)

    def drain(self, *args: str) -> dict[str, Any]:
        """Run a sink until all is written; its figures."""
        done = self.wangge("sink", "--until-done", "--json", *args, check=True)
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures

    def verify(self) -> dict[str, Any]:
        """What an audit of all partitions says, summed up as `wangge verify` does."""
        accounts = asyncio.run(self._accounts())
        answer = totals_of(accounts)
        return {"right": all(account.right for account in accounts), "totals": answer, "accounts": accounts}

    async def _accounts(self) -> list[Account]:
        server = Server(self.clickhouse)
        try:
            async with Reader(self.kafka, topics_of_sink()) as reader:
                return await audit(reader, Auditor(server, self.clickhouse.database))
        finally:
            server.close()

    def wangge(self, *args: str, check: bool = False, user: str = "default") -> subprocess.CompletedProcess[str]:
        """Run a command to its end; ``user`` is who it is for ClickHouse."""
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *args], cwd=ROOT,
            env=self.environment() | {"WANGGE_CLICKHOUSE_USER": user}, capture_output=True, text=True, timeout=PATIENCE,
            check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done

    def environment(self) -> dict[str, str]:
        """What the commands go by."""
        server = self.clickhouse
        return dict(os.environ) | {
            "WANGGE_KAFKA": self.kafka.bootstrap,
            "WANGGE_KAFKA_PREFIX": self.kafka.prefix,
            "WANGGE_KAFKA_SESSION_MS": "6000",
            "WANGGE_KAFKA_INSTANCE": self.instance,
            "WANGGE_CLICKHOUSE": f"{server.host}:{server.port}",
            "WANGGE_CLICKHOUSE_DATABASE": server.database,
        }

    def rows(self, sql: str) -> list[Any]:
        """Ask ClickHouse; ``db`` in front of a table is the test's own."""
        with client_of(self.clickhouse) as client:
            found: list[Any] = client.execute(sql.replace("db.", f"{self.clickhouse.database}."))
            return found

    def count(self) -> tuple[int, int]:
        """Rows of facts, as they lie there, and their distinct ids."""
        rows = distinct = 0
        for table in ALL_TABLES:
            key = "device_id, metric, at" if table == "readings" else "fact_id"
            ((here, ids),) = self.rows(f"SELECT count(), uniqExact({key}) FROM db.{table}")
            rows, distinct = rows + here, distinct + ids
        return rows, distinct

    def wanted(self) -> int:
        """How many rows what was sent makes."""
        return self.sent + 2 * (self.sent // 25)

    def assert_exact(self) -> None:
        """Nothing is lost or doubled, by our own count and by `wangge verify`."""
        assert self.count() == (self.wanted(), self.wanted())
        answer = self.verify()
        assert answer["right"], answer
        assert (answer["totals"]["found"], answer["totals"]["pending"]) == (self.wanted(), 0)


def wait_until(what: Callable[[], object], why: str = "it does not happen") -> None:
    """Wait, for as long as it takes on a busy machine."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)
