"""A worker as a process: it stops in order, comes back under its name, and tells how it fares."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from connectors.kafka.config import for_librdkafka
from connectors.kafka.publisher import Publisher
from connectors.librdkafka.following import Follower
from deploy.stack.places import free_ports
from pipeline.runtime.kafka.crew import Crew
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode
from tests.integration.test_clients import ROOT, environment
from tests.integration.test_statuses import order, read
from tests.support.servers import Servers, kafka_settings_of

PATIENCE_S = 240
"""How long a slow machine may take."""
PARTITIONS = 4
GROUP = "worker-intake-casework"
WANGGE = ("-m", "pipeline")
LATE_S = 3
LATE = f"""
import time
from pipeline.commands import main
from pipeline.runtime.kafka.assigned import Assigned
known = Assigned._assigned
Assigned._assigned = lambda *given: (time.sleep({LATE_S}), known(*given))
main()
"""
"""A worker that learns of its partitions when Faust has long begun to bring their records."""


def until(what: Callable[[], object], why: str) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)


class Member:
    """A worker of two lanes in a process of its own."""

    def __init__(
        self, kafka: KafkaSettings, folder: Path, name: str, instance: str = "", program: Sequence[str] = WANGGE
    ) -> None:
        self.port, self._log = free_ports((name,))[name], (folder / f"{name}.log").open("ab")
        words = ["worker", "--stages", "intake,casework", "--health", f"127.0.0.1:{self.port}"]
        more = {"WANGGE_KAFKA_INSTANCE": instance, "WANGGE_KAFKA_SESSION_MS": "60000"}
        self.process = subprocess.Popen(
            [sys.executable, *program, *words], cwd=ROOT, env=environment(kafka) | more, stdout=self._log,
            stderr=self._log,
        )  # fmt: skip

    def asked(self, path: str) -> tuple[int, str]:
        """What it answers about itself; 0 while it does not."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refused:
            return refused.code, refused.read().decode()
        except URLError:
            return 0, ""

    def ready(self) -> None:
        """Wait until it works."""
        until(lambda: self.asked("/ready")[0] == 200, f"not ready: {self.asked('/ready')}")

    def rebalances(self) -> float:
        """How often its partitions changed."""
        lines = self.asked("/metrics")[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("wangge_rebalances_total"))

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self._log.close()
        return code


@pytest.fixture
def topics(kafka_settings: KafkaSettings, tmp_path: Path) -> KafkaSettings:
    """Topics of the test."""
    variables = {"WANGGE_KAFKA": kafka_settings.bootstrap, "WANGGE_KAFKA_PREFIX": kafka_settings.prefix}
    with Crew(tmp_path / "logs", variables) as crew:
        crew.once("topics", "topics", "apply", "--partitions", PARTITIONS, "--replication", 1)
    return kafka_settings


def publish(kafka: KafkaSettings, numbers: range) -> None:
    """Reports some hundred metres apart."""
    with Publisher(kafka) as publisher:
        for number in numbers:
            publisher.report(order(f"RX-{number}", 121.5 + number / 200), schema="HotlineOrder")


def settled(kafka: KafkaSettings) -> list[str]:
    """Numbers of the reports that were settled, in the order of their partitions."""
    found = [decode(one.value or b"") for one in read(kafka, "facts.reports")]
    return [body["source_ref"] for name, body in found if name == "ReportSettled"]


def members(kafka: KafkaSettings) -> tuple[ConsumerGroupState, int]:
    """State and members of the group, as the broker sees it."""
    admin = AdminClient(for_librdkafka(kafka))
    ((_, future),) = admin.describe_consumer_groups([kafka.prefix + GROUP]).items()
    found = future.result(30)
    return found.state, len(found.members)


def noted(kafka: KafkaSettings, topic: str) -> list[int]:
    """Committed offset minus end of each partition: 0 where all was done (marks of transactions aside)."""
    follower = Follower(for_librdkafka(kafka), [kafka.prefix + topic])
    try:
        ends = follower.ends([kafka.prefix + topic])
        done = follower.committed(kafka.prefix + GROUP, list(ends))
        return [done[place] - end for place, end in ends.items()]
    finally:
        follower.close()


def test_records_that_come_before_their_partitions_are_known_are_not_lost(
    topics: KafkaSettings, tmp_path: Path
) -> None:
    """On a slow machine the state that is read back just then keeps the news for seconds."""
    publish(topics, range(20))
    first = Member(topics, tmp_path, "first", program=["-c", LATE])
    until(lambda: len(settled(topics)) >= 20, "not all is settled")
    second = Member(topics, tmp_path, "second", program=["-c", LATE])
    until(lambda: members(topics) == (ConsumerGroupState.STABLE, 2), "the second did not join")
    publish(topics, range(20, 40))
    until(lambda: len(settled(topics)) >= 40, "not all is settled")
    assert [first.stop(), second.stop()] == [0, 0]
    assert sorted(settled(topics)) == sorted(f"RX-{number}" for number in range(40))


def test_a_worker_that_is_asked_to_stop_finishes_its_poll_commits_and_leaves(
    topics: KafkaSettings, tmp_path: Path
) -> None:
    """The session is a minute long, so a group that is empty at once was left and not timed out."""
    first = Member(topics, tmp_path, "first")
    first.ready()
    assert first.asked("/live") == (200, "yes\n")
    publish(topics, range(40))
    until(lambda: len(settled(topics)) >= 10, "nothing is settled")
    assert first.stop() == 0
    assert members(topics) == (ConsumerGroupState.EMPTY, 0)
    publish(topics, range(40, 60))
    second = Member(topics, tmp_path, "second")
    until(lambda: len(settled(topics)) >= 60, "not all is settled")
    assert second.stop() == 0
    assert sorted(settled(topics)) == sorted(f"RX-{number}" for number in range(60))
    assert noted(topics, "reports.hotline") == [0] * PARTITIONS


def test_a_worker_with_a_name_comes_back_without_a_rebalance(topics: KafkaSettings, tmp_path: Path) -> None:
    """Two workers; one is killed and started again under its name: the other one notices nothing."""
    stays, goes = Member(topics, tmp_path, "stays", "one"), Member(topics, tmp_path, "goes", "two")
    stays.ready()
    goes.ready()
    until(lambda: members(topics) == (ConsumerGroupState.STABLE, 2), "the group does not settle")
    publish(topics, range(20))
    until(lambda: len(settled(topics)) >= 20, "not all is settled")
    before = stays.rebalances()
    goes.process.kill()
    goes.process.wait()
    publish(topics, range(20, 40))
    back = Member(topics, tmp_path, "back", "two")
    until(lambda: len(settled(topics)) >= 40, "not all is settled")
    assert (stays.rebalances(), members(topics)) == (before, (ConsumerGroupState.STABLE, 2))
    assert sorted(settled(topics)) == sorted(f"RX-{number}" for number in range(40))
    for one in (back, stays):
        assert one.stop() == 0


def test_a_worker_that_starts_before_kafka_waits_for_it(servers: Servers, tmp_path: Path) -> None:
    """Alive meanwhile, so that nobody starts it again and again, and ready as soon as Kafka is there."""
    kafka = servers.kafka()
    settings = kafka_settings_of(kafka)
    with Crew(tmp_path / "logs", {"WANGGE_KAFKA": settings.bootstrap}) as crew:
        crew.once("topics", "topics", "apply", "--partitions", 1, "--replication", 1)
    kafka.kill9()
    early = Member(settings, tmp_path, "early")
    until(lambda: early.asked("/live") == (200, "yes\n"), "it does not live")
    assert early.asked("/ready") == (503, "kafka is away\ntables is away\n")
    log = tmp_path / "early.log"
    until(lambda: "waiting for Kafka" in log.read_text(errors="replace"), "it does not say that it waits")
    kafka.restart()
    early.ready()
    assert early.asked("/live") == (200, "yes\n")
    assert early.stop() == 0
