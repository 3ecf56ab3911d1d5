"""The same input gives the same set of facts in one process and through Kafka, with any number of workers."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from connectors.sources.files import discover
from deploy.stack.places import free_ports
from pipeline.commands.run import responder_of
from pipeline.domain.geo.tiles import neighbours_within, tile_of
from pipeline.events.facts import Fact, ReportLinked, Samples
from pipeline.events.records import Arrival
from pipeline.runtime.kafka.conductor import Conductor
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.lanes import LANES, departments_of
from pipeline.runtime.kafka.stillness import groups_of
from pipeline.runtime.partitioning import partition_of
from pipeline.settings import KafkaSettings
from tests.integration import parity, stores

ALL = ",".join(LANES)


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """City, input, and what the local runner makes of it."""

    def make(folder: Path) -> None:
        parity.make_city(folder)
        taken_at = int(time.time() * 1000)
        facts, counts = parity.run_locally(folder, folder, taken_at)
        found = [[one.decode(), number] for one, number in sorted(parity.comparable(facts).items())]
        (folder / "local.json").write_bytes(msgspec.json.encode({"at": taken_at, "facts": found, "counts": counts}))

    return stores.once(tmp_path_factory, "parity", make)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_kafka_and_one_process_come_to_the_same_facts(
    workers: int, small_city: Path, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    local = json.loads((small_city / "local.json").read_bytes())
    facts: list[Fact | Samples] = []
    topology = parity.topology(small_city)
    groups = groups_of([ALL], kafka_settings.prefix)
    variables = {"WANGGE_KAFKA": kafka_settings.bootstrap, "WANGGE_KAFKA_PREFIX": kafka_settings.prefix}
    ports = free_ports(tuple(f"health {number}" for number in range(workers)))
    with Crew(tmp_path, variables) as crew:
        crew.once("topics", "topics", "apply", "--city", small_city / "city", "--partitions", parity.PARTITIONS,
                  "--replication", 1)  # fmt: skip
        for name, port in ports.items():
            crew.start(name, "worker", "--city", small_city / "city", "--health", f"127.0.0.1:{port}")
        conductor = Conductor(
            topology, kafka_settings, groups, departments_of(topology.reference), parity.POLICY,
            responder_of(small_city / "city"), hear=facts.append, check=crew.check,
        )  # fmt: skip
        played = conductor.play(parity.log_of(small_city, local["at"]))
        conductor.close()
        states = [states_of(port) for port in ports.values()]
    expected = Counter({one.encode(): number for one, number in local["facts"]})
    assert parity.different(expected, parity.comparable(facts)) == []
    assert played.counts == local["counts"]
    assert all(states), "a worker had nothing to do"
    assert sum(map(len, states)) == len(LANES) * parity.PARTITIONS
    assert pairs_across_partitions(facts) >= 3


def states_of(port: int) -> dict[str, int]:
    """The partitions whose state a worker holds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=30) as answer:
        found: dict[str, int] = json.load(answer)["states"]
    return found


def pairs_across_partitions(facts: list[Fact | Samples]) -> int:
    """Reports that were linked to a case of a neighbour tile whose state lies in another partition."""
    return sum(
        partition_of(fact.tile.encode(), parity.PARTITIONS) != partition_of(fact.case_tile.encode(), parity.PARTITIONS)
        for fact in facts
        if isinstance(fact, ReportLinked) and fact.tile != fact.case_tile
    )


def test_the_input_has_border_pairs_in_different_partitions_and_some_of_all_else(small_city: Path) -> None:
    orders = [arrival.body for arrival in _border(small_city)]
    tiles = {tile_of(body["lon"], body["lat"]) for body in orders if body is not None}
    assert len(tiles) == 2
    assert len({partition_of(tile.encode(), parity.PARTITIONS) for tile in tiles}) == 2
    for body in orders:
        assert body is not None
        assert neighbours_within(body["lon"], body["lat"], 10)
    local = json.loads((small_city / "local.json").read_bytes())
    kinds = {text.split(" ", 1)[0] for text, _ in local["facts"]}
    wanted = {"AlarmChanged", "CaseFiled", "CaseDispatched", "CaseMoved", "FeedbackSent", "ReportLinked", "Samples"}
    assert wanted | {"RecordQuarantined", "SurveyAnswered", "PatrolLogged"} <= kinds


def _border(city: Path) -> list[Arrival]:
    (source,) = discover([city / "inputs" / "border.avro"], 0, None, None)
    return list(source)
