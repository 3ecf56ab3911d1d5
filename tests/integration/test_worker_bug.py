"""A bug of ours on one record, against a real broker: the process ends, nothing is left of that part of the poll."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from connectors.kafka.admin import Cluster
from connectors.kafka.config import for_librdkafka
from connectors.kafka.publisher import Publisher
from connectors.librdkafka.following import Follower, Read
from pipeline.errors import BUG
from pipeline.runtime.kafka.crew import Crew
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode
from tests.integration.test_statuses import order, read
from tests.integration.test_worker_process import GROUP, PATIENCE_S, Member, noted, settled, until
from tests.support.faulty_worker import TRIP

INPUT = "reports.hotline"
REPORTS, BAD = 10, 6
"""Reports of one partition, and which of them trips the bug: not the first one, not the last one."""
FAULTY = ("-m", "tests.support.faulty_worker")


@pytest.fixture
def topics(kafka_settings: KafkaSettings, tmp_path: Path) -> KafkaSettings:
    """Topics of one partition, with the reports."""
    variables = {"WANGGE_KAFKA": kafka_settings.bootstrap, "WANGGE_KAFKA_PREFIX": kafka_settings.prefix}
    with Crew(tmp_path / "logs", variables) as crew:
        crew.once("topics", "topics", "apply", "--partitions", 1, "--replication", 1)
    with Publisher(kafka_settings) as publisher:
        for number in range(REPORTS):
            more = {"text": f"路面破损，有人{TRIP}"} if number == BAD else {}
            publisher.report(order(f"RX-{number}", 121.5 + number / 200, **more), schema="HotlineOrder")
    return kafka_settings


def done(kafka: KafkaSettings) -> int:
    """How far the group has come in the input."""
    topic = kafka.prefix + INPUT
    follower = Follower(for_librdkafka(kafka), [topic])
    try:
        return max(follower.committed(kafka.prefix + GROUP, [(topic, 0)])[topic, 0], 0)
    finally:
        follower.close()


def visible(kafka: KafkaSettings) -> dict[str, list[Read]]:
    """Everything that a reader of committed records sees besides the input, by topic."""
    with Cluster(kafka) as cluster:
        names = cluster.counts().keys() - {INPUT}
    found: dict[str, list[Read]] = {}
    for one in read(kafka, *names):
        found.setdefault(one.topic.removeprefix(kafka.prefix), []).append(one)
    return found


def test_a_bug_ends_the_worker_and_leaves_nothing_of_its_part_and_a_healthy_one_does_it_all_once(
    topics: KafkaSettings, tmp_path: Path
) -> None:
    broken = Member(topics, tmp_path, "broken", "one", program=FAULTY)
    assert broken.process.wait(PATIENCE_S) == BUG
    log = (tmp_path / "broken.log").read_text(errors="replace")
    assert "ZeroDivisionError: a bug of ours" in log
    assert "nothing of this part of the poll was acknowledged" in log

    end = done(topics)
    assert end <= BAD, "the parts before it count, its own does not"
    told = b"".join(one.value or b"" for some in visible(topics).values() for one in some)
    assert [number for number in range(REPORTS) if f"RX-{number}".encode() in told] == list(range(end))

    healthy = Member(topics, tmp_path, "healthy", "one")
    until(lambda: len(settled(topics)) >= REPORTS, "not all is settled")
    assert healthy.stop() == 0
    assert sorted(settled(topics)) == [f"RX-{number}" for number in range(REPORTS)]
    assert noted(topics, INPUT) == [0]
    facts = [one for name, some in visible(topics).items() if name.startswith("facts.") for one in some]
    ids = Counter(decode(one.value or b"")[1]["fact_id"] for one in facts)
    assert [fact for fact, times in ids.items() if times > 1] == []
