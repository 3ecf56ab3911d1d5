"""The spotter copies what speaks of danger, whatever kills it; of copy and original one counts. The clock ticks."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.kafka.config import for_librdkafka
from connectors.kafka.contract import key_of, topic_of
from connectors.librdkafka.following import Follower, Read
from connectors.librdkafka.sending import Sender
from deploy.stack.places import free_ports
from pipeline.events.facts import CaseFiled, OutcomesCounted
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.clock import Clock
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.spotter import LANE
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode, decode_struct, encode
from tests.builders import a_body
from tests.integration import stores
from tests.small_city import MONDAY

PATIENCE_S = 120
PARTITIONS = 4
GAS, LAMP = "燃气泄漏，气味很浓", "路灯不亮"


@pytest.fixture
def crew(kafka_settings: KafkaSettings, tmp_path: Path) -> Iterator[Crew]:
    """Processes with the topics of this test."""
    variables = {
        "WANGGE_KAFKA": kafka_settings.bootstrap, "WANGGE_KAFKA_PREFIX": kafka_settings.prefix,
        "WANGGE_KAFKA_INSTANCE": "one",
    }  # fmt: skip
    with Crew(tmp_path / "logs", variables) as crew:
        crew.once("topics", "topics", "apply", "--partitions", PARTITIONS, "--replication", 1)
        yield crew


def order(number: int, text: str) -> tuple[bytes, bytes]:
    """Key and bytes of a report."""
    body = a_body("HotlineOrder", source_ref=f"o-{number}", received_at=MONDAY - 86_400_000 * 90 + number, text=text)
    body |= {name: None for name in ("lon", "lat") if body[name] == "x"}
    return key_of("HotlineOrder", body), encode("HotlineOrder", body)


def sent(kafka: KafkaSettings, records: list[tuple[bytes, bytes]]) -> None:
    sender = Sender(for_librdkafka(kafka))
    for key, value in records:
        sender.send(kafka.prefix + topic_of("HotlineOrder"), key, value)
    sender.flush()


def read(kafka: KafkaSettings, *topics: str) -> list[Read]:
    """Everything that stands on these topics now."""
    names = [kafka.prefix + topic for topic in topics]
    follower = Follower(for_librdkafka(kafka), names)
    try:
        return [record for batch in follower.read_to(follower.ends(names)) for record in batch]
    finally:
        follower.close()


def copies(kafka: KafkaSettings, least: int) -> Counter[tuple[bytes | None, bytes | None]]:
    """What stands in the lane of emergencies, once there are so many different ones."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = Counter((record.key, record.value) for record in read(kafka, LANE))
        if len(found) >= least or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def health() -> str:
    return f"127.0.0.1:{free_ports(('health',))['health']}"


def test_what_speaks_of_danger_is_copied_as_it_came_and_nothing_else(crew: Crew, kafka_settings: KafkaSettings) -> None:
    records = [order(number, GAS if number % 10 == 0 else LAMP) for number in range(400)]
    sent(kafka_settings, [*records, (b"broken", b"\xc3\x01 no record")])
    crew.start("spotter", "spotter", "--health", health())
    assert copies(kafka_settings, 40) == Counter(records[::10])


def test_a_spotter_that_is_killed_leaves_nothing_out(crew: Crew, kafka_settings: KafkaSettings) -> None:
    records = [order(number, GAS) for number in range(3_000)]
    for start in (0, 1_000, 2_000):
        crew.start(f"spotter-{start}", "spotter", "--health", health())
        sent(kafka_settings, records[start : start + 1_000])
        copies(kafka_settings, start + 1)
        crew.kill(f"spotter-{start}")
    crew.start("spotter", "spotter", "--health", health())
    assert copies(kafka_settings, 3_000).keys() == set(records)


def test_of_a_report_and_its_copy_the_first_counts_and_the_second_is_known(
    crew: Crew, kafka_settings: KafkaSettings
) -> None:
    records = [order(number, GAS if number < 5 else LAMP) for number in range(20)]
    sent(kafka_settings, records)
    crew.start("spotter", "spotter", "--health", health())
    assert len(copies(kafka_settings, 5)) == 5
    crew.start("worker", "worker", "--health", health())
    deadline = time.monotonic() + PATIENCE_S
    while sum(counted(kafka_settings).values()) < 25 and time.monotonic() < deadline:
        crew.check()
        time.sleep(0.2)
    outcomes = counted(kafka_settings)
    assert (outcomes.total(), outcomes["redelivered"]) == (25, 5)
    filed = [one for one in facts(kafka_settings, "facts.cases") if isinstance(one, CaseFiled)]
    assert len({one.report_id for one in filed}) == len(filed)


def counted(kafka: KafkaSettings) -> Counter[str]:
    """Records by what became of them."""
    found: Counter[str] = Counter()
    for fact in facts(kafka, "facts.counts"):
        assert isinstance(fact, OutcomesCounted)
        found[fact.outcome] += fact.records
    return found


def facts(kafka: KafkaSettings, topic: str) -> list[object]:
    return [decode_struct(record.value or b"") for record in read(kafka, topic)]


def test_a_tick_goes_to_every_partition_and_two_clocks_say_the_same(crew: Crew, kafka_settings: KafkaSettings) -> None:
    config = for_librdkafka(kafka_settings)
    for _ in range(2):
        clock = Clock(lambda: Sender(config), kafka_settings.prefix, 60_000, Instruments("clock"))
        clock.once(MONDAY + 17)
    ticks = [(record.partition, decode(record.value or b"")) for record in read(kafka_settings, "readings.sensor")]
    assert Counter(partition for partition, _ in ticks) == dict.fromkeys(range(PARTITIONS), 2)
    for partition, (name, body) in ticks:
        assert (name, body["at"], body["partition"]) == ("Tick", MONDAY, partition)


def test_the_commands_say_what_they_would_do() -> None:
    plan = json.loads(stores.wangge("spotter", "--dry-run", "--json"))
    assert plan["writes"] == LANE
    assert "燃气泄漏" in plan["words"]
    assert json.loads(stores.wangge("clock", "--dry-run", "--json"))["topic"] == "readings.sensor"
