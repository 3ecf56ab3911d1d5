"""``wangge topics`` against a real broker: a plan, its application, and all that it refuses."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from connectors.kafka import admin
from connectors.kafka.acls import Grant
from connectors.kafka.admin import CONFIG, Cluster
from connectors.kafka.plan import Shape, enforce_partitions, plan, refused, wanted
from deploy.stack.servers import KafkaServer
from pipeline.commands import main
from pipeline.errors import ConfigFaults, NeighbourAway
from pipeline.settings import KafkaSettings
from tests.support.servers import kafka_settings_of, mark

VALUES = {"department": ("water", "水务局"), "source_system": ("hotline-12345",)}
WISH = wanted(VALUES, 1, 2)
SMALL = ("--replication", "1", "--partitions", "1")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def counts(self) -> dict[str, int]:
        """What a plan would do, from ``--json``."""
        found: dict[str, int] = json.loads(self.out)["counts"]
        return found


Topics = Callable[..., Ended]


@pytest.fixture
def topics(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Topics:
    """``wangge topics`` on the broker of the test."""
    monkeypatch.setenv("WANGGE_KAFKA", kafka_settings.bootstrap)
    monkeypatch.setenv("WANGGE_KAFKA_PREFIX", kafka_settings.prefix)

    def command(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["wangge", "topics", *arguments])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return command


@pytest.fixture
def cluster(kafka_settings: KafkaSettings) -> Any:
    """A few topics of a small city, applied."""
    with Cluster(kafka_settings) as found:
        found.apply(plan(WISH, {}))
        yield found


def actions(cluster: Cluster, wish: dict[str, Shape] = WISH) -> dict[str, str]:
    return {step.shape.name: step.action for step in plan(wish, cluster.topics()) if step.action != "leave"}


def change(settings: KafkaSettings, topic: str, config: dict[str, str]) -> None:
    """What somebody does behind our back."""
    client = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.prefix + topic, config)])
    client.close()
    with Cluster(settings) as cluster:
        for _ in range(600):
            if cluster.topics()[topic].config.items() >= {key: config[key] for key in config.keys() & CONFIG}.items():
                return
            time.sleep(0.05)
    pytest.fail(f"{config} of {topic} was not shown")


def create(settings: KafkaSettings, topic: str, partitions: int = 1) -> None:
    client = KafkaAdminClient(bootstrap_servers=settings.bootstrap)
    new = {settings.prefix + topic: {"num_partitions": partitions, "replication_factor": 1}}
    client.create_topics(new, wait_for_metadata=True)
    client.close()


def test_a_plan_changes_nothing_an_application_all_and_a_second_one_nothing(topics: Topics) -> None:
    planned = topics("plan", *SMALL, "--json")
    assert (planned.code, set(planned.counts)) == (0, {"create"})
    assert topics("apply", *SMALL, "--dry-run", "--json").counts == planned.counts
    assert json.loads(topics("list", "--json").out)["topics"] == []
    assert topics("apply", *SMALL, "--json").counts == planned.counts
    again = topics("apply", *SMALL, "--json")
    assert again.counts == {"leave": planned.counts["create"]}
    rows = {row["topic"]: row for row in json.loads(topics("list", "--json").out)["topics"]}
    assert len(rows) == planned.counts["create"]
    assert rows["assignments.water"] == {
        "topic": "assignments.water", "partitions": 1, "copies": 1, "cleanup": "delete", "retention": "90d",
    }  # fmt: skip
    assert rows["changelog.urgent"]["retention"] == "forever"
    assert f"{planned.counts['create']} leave" in topics("plan", *SMALL).out
    assert "access lists" not in topics("plan", *SMALL).out, "nothing is missing where nothing is denied"
    assert topics("plan", "--replication", "1", "--partitions", "2").code == 1


def test_more_copies_than_brokers_are_refused(topics: Topics) -> None:
    ended = topics("apply")
    assert ended.code == 2
    assert "--replication 1" in ended.err


def test_a_source_and_a_department_with_their_own_names(topics: Topics) -> None:
    steps = json.loads(topics("plan", *SMALL, "--sources", "市民热线, app-2", "--json").out)["steps"]
    names = {step["topic"] for step in steps}
    assert "status.app-2" in names
    assert len([name for name in names if name.startswith("status.x-")]) == 1


def test_every_topic_is_as_it_was_wanted(cluster: Cluster) -> None:
    seen = cluster.topics()
    assert seen.keys() == WISH.keys()
    for name, shape in WISH.items():
        assert (seen[name].partitions, seen[name].copies) == (shape.partitions, 1), name
        assert seen[name].config.items() >= shape.config.items(), name


def test_a_setting_changed_by_hand_is_mended_and_no_other_touched(cluster: Cluster) -> None:
    change(cluster.settings, "quarantine", {"retention.ms": "1000", "compression.type": "lz4"})
    assert actions(cluster) == {"quarantine": "configure"}
    cluster.apply(plan(WISH, cluster.topics()))
    assert actions(cluster) == {}
    assert cluster.topics()["quarantine"].config["retention.ms"] == WISH["quarantine"].config["retention.ms"]


def test_topics_without_state_grow_and_never_shrink(cluster: Cluster) -> None:
    more = WISH | {"facts.cases": replace(WISH["facts.cases"], partitions=5)}
    cluster.apply(plan(more, cluster.topics()))
    assert cluster.counts()["facts.cases"] == 5
    cluster.apply(plan(WISH, cluster.topics()))
    assert cluster.counts()["facts.cases"] == 5


def test_one_stateful_topic_with_another_count_stops_an_application_before_it_begins(
    topics: Topics, kafka_settings: KafkaSettings
) -> None:
    create(kafka_settings, "reports.hotline", partitions=3)
    ended = topics("plan", *SMALL)
    assert (ended.code, re.search("refuse +reports.hotline ", ended.out) is not None) == (1, True)
    ended = topics("apply", *SMALL)
    assert ended.code == 2
    assert "has 3 partitions, 1 are wanted, and the state of intake lies in them" in ended.err
    with Cluster(kafka_settings) as cluster:
        assert cluster.counts() == {"reports.hotline": 3}


def test_what_no_file_knows_is_shown_and_left(cluster: Cluster) -> None:
    create(cluster.settings, "reports.hotlnie")
    assert actions(cluster) == {"reports.hotlnie": "unknown"}
    cluster.apply(plan(WISH, cluster.topics()))
    assert "reports.hotlnie" in cluster.counts()


def test_another_city_on_the_cluster_is_not_seen(cluster: Cluster, kafka: KafkaServer) -> None:
    with Cluster(kafka_settings_of(kafka, prefix=f"{mark()}-")) as other:
        assert other.topics() == {}


def test_a_topic_made_meanwhile_by_somebody_else_is_no_fault(kafka_settings: KafkaSettings) -> None:
    steps = plan({"notices": WISH["notices"]}, {})
    with Cluster(kafka_settings) as one, Cluster(kafka_settings) as other:
        one.apply(steps)
        other.apply(steps)
        assert one.counts() == {"notices": WISH["notices"].partitions}


def test_a_worker_starts_only_when_its_group_is_in_step(cluster: Cluster) -> None:
    found = enforce_partitions(cluster, "casework", VALUES["department"])
    assert set(found.values()) == {2}
    assert len(found) == 7
    create(cluster.settings, "actions.parks", partitions=3)
    with pytest.raises(ConfigFaults) as caught:
        enforce_partitions(cluster, "casework", ("water", "fire"))
    assert [(fault.where, fault.value) for fault in caught.value.faults] == [
        ("actions.fire", "missing"),
        ("actions.parks", "3"),
    ]


def test_a_broker_without_authorizer_has_no_access_lists(cluster: Cluster) -> None:
    with pytest.raises(ConfigFaults, match=r"authorizer\.class\.name"):
        cluster.grants()
    with pytest.raises(ConfigFaults, match=r"authorizer\.class\.name"):
        cluster.allow([Grant("city", "READ", "TOPIC", "facts.cases")])


def test_a_broker_that_is_away_is_told_with_its_address(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE_MS", 500)
    monkeypatch.setattr(admin, "DIAGNOSIS_S", 0.5)
    monkeypatch.setenv("WANGGE_KAFKA", "127.0.0.1:1")
    with pytest.raises(NeighbourAway, match=r"127\.0\.0\.1:1"):
        Cluster(KafkaSettings(bootstrap="127.0.0.1:1"))
    ended = topics("plan")
    assert (ended.code, "127.0.0.1:1" in ended.err) == (3, True)


def test_a_faulty_prefix_is_told_before_anything_is_asked(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGGE_KAFKA_PREFIX", "杭州.")
    ended = topics("apply", *SMALL)
    assert (ended.code, "WANGGE_KAFKA_PREFIX" in ended.err) == (2, True)


def test_steps_that_nobody_takes_are_faults(cluster: Cluster) -> None:
    assert refused(plan(wanted(VALUES, 1, 3), cluster.topics())) != []
