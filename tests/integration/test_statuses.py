"""The way back to the sources, through real workers: what became of each report, merged and refused ones included."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from connectors.kafka.admin import Cluster
from connectors.kafka.config import for_librdkafka
from connectors.kafka.department import Answers
from connectors.kafka.plan import plan, wanted
from connectors.kafka.publisher import Publisher
from connectors.librdkafka.following import Follower, Read
from deploy.stack.places import free_ports
from pipeline.events.facts import CaseMoved, FeedbackSent
from pipeline.runtime.city import load_city
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.lanes import departments_of
from pipeline.settings import REFERENCE, KafkaSettings
from pipeline.wire.serde import decode, decode_struct
from schemas.topics import UNLISTED
from tests.integration.test_clients import wangge

PATIENCE_S = 240
"""How long a slow machine may take to start a worker and let it join."""
PARTITIONS = 4
SOURCE, PHONE = "hotline-12345", "13812345678"
PATH = ("file", "dispatch", "sign", "handle", "check_pass", "feedback", "close")
F = TypeVar("F")


@pytest.fixture
def ports() -> dict[str, int]:
    """Two workers and where they tell how they fare."""
    return free_ports(("worker-0", "worker-1"))


@pytest.fixture
def crew(kafka_settings: KafkaSettings, tmp_path: Path, ports: dict[str, int]) -> Iterator[Crew]:
    """Two workers over the topics of this test."""
    variables = {"WANGGE_KAFKA": kafka_settings.bootstrap, "WANGGE_KAFKA_PREFIX": kafka_settings.prefix}
    with Crew(tmp_path / "logs", variables) as crew:
        crew.once("topics", "topics", "apply", "--partitions", PARTITIONS, "--replication", 1)
        for name, port in ports.items():
            crew.start(name, "worker", "--health", f"127.0.0.1:{port}")
        yield crew


def read(kafka: KafkaSettings, *topics: str) -> list[Read]:
    """Everything that is committed on these topics now."""
    names = [kafka.prefix + topic for topic in topics]
    follower = Follower(for_librdkafka(kafka), names)
    try:
        return [record for batch in follower.read_to(follower.ends(names)) for record in batch]
    finally:
        follower.close()


def statuses(kafka: KafkaSettings, crew: Crew, topic: str, least: int) -> list[dict[str, Any]]:
    """The statuses of a topic, once there are so many."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = read(kafka, topic)
        if len(found) >= least or time.monotonic() > deadline:
            assert len(found) == least, [decode(one.value or b"")[1]["action"] for one in found]
            return [dict(decode(one.value or b"")[1]) for one in found]
        crew.check()
        time.sleep(0.1)


def behind(ports: dict[str, int]) -> list[tuple[str, int]]:
    """Partitions of which a worker says that records wait."""
    found = []
    for port in ports.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=30) as answer:
            found += [(one["topic"], one["partition"]) for one in json.load(answer)["partitions"] if one["lag_records"]]
    return found


def order(ref: str, lon: float, **more: Any) -> dict[str, Any]:
    """An order about garbage at a point, with a telephone number in it."""
    usual = {
        "source_system": SOURCE, "source_ref": ref, "received_at": "2026-08-03T09:00:00+08:00",
        "text": f"路边垃圾堆积，异味明显，请回电{PHONE}", "lon": lon, "lat": 31.20418, "datum": "WGS84",
    }  # fmt: skip
    return usual | more


def facts(kafka: KafkaSettings, kind: type[F]) -> list[F]:
    """Facts of one kind about cases."""
    found = [decode_struct(one.value or b"") for one in read(kafka, "facts.cases")]
    return [one for one in found if isinstance(one, kind)]


def heard(kafka: KafkaSettings, source: str) -> list[dict[str, Any]]:
    """What `wangge consume --source` prints."""
    ended = wangge(kafka, "consume", "--source", source, "--json")
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_source_hears_of_every_report_from_filing_to_feedback_and_of_no_person(
    crew: Crew, kafka_settings: KafkaSettings, ports: dict[str, int]
) -> None:
    """One case with three reports of two sources, one of which has no topic of its own; and a drill that opens none."""
    own = f"status.{SOURCE}"
    with Publisher(kafka_settings) as publisher:
        publisher.report(order("RX-1", 121.50317), schema="HotlineOrder")
        (filed,) = statuses(kafka_settings, crew, own, 1)
        publisher.report(order("RX-2", 121.50317), schema="HotlineOrder")
        publisher.report(order("N-1", 121.50317, source_system="village-board"), schema="HotlineOrder")
        publisher.report(order("RX-9", 121.60317, drill=True), schema="HotlineOrder")
        publisher.flush()
        statuses(kafka_settings, crew, own, 3)
        statuses(kafka_settings, crew, "status.unlisted", 1)
        case = filed["case_id"]
        triage = Answers(publisher, filed["department"], person="P0100")
        triage.act(case, "file", actor_role="acceptor")
        triage.act(case, "dispatch", actor_role="dispatcher", to_department="sanitation")
        statuses(kafka_settings, crew, own, 7)
        desk = Answers(publisher, "sanitation", person="P0200")
        desk.sign(case)
        desk.handle(case, f"已清运，已电话告知{PHONE}", ["photo/1.jpg"])
        statuses(kafka_settings, crew, own, 11)  # another topic keeps no order with that of the department
        centre = Answers(publisher, "grid-centre")
        centre.act(case, "check_pass", actor_role="inspector", actor_person="P0300")
        centre.act(case, "close", actor_role="acceptor", actor_person="P0400")
        statuses(kafka_settings, crew, own, 17)
    told = heard(kafka_settings, SOURCE)
    assert len({one["fact_id"] for one in told}) == len(told) == 17
    for ref, taken in (("RX-1", "filed"), ("RX-2", "linked")):
        mine = [one for one in told if one["source_ref"] == ref]
        assert [one["action"] for one in mine] == [taken, *PATH]
        assert [one["action"] for one in mine if one["final"]] == ["feedback"]
        assert {one["action"]: one["done"] for one in mine if one["done"]} == {
            "handle": "已清运，已电话告知[手机号] [photo/1.jpg]"
        }
        assert {one["case_id"] for one in mine} == {case}
        assert [one["department"] for one in mine] == ["manual-triage"] * 2 + ["sanitation"] * 6
        assert mine[-1]["state"] == "closed"
    (drill,) = [one for one in told if one["source_ref"] == "RX-9"]
    assert (drill["action"], drill["outcome"], drill["case_id"], drill["final"]) == ("logged", "drill", "", True)
    other = heard(kafka_settings, "unlisted")
    assert [one["action"] for one in other] == ["linked", *PATH]
    assert {(one["source_system"], one["source_ref"]) for one in other} == {("village-board", "N-1")}
    assert heard(kafka_settings, SOURCE) == []
    assert PHONE.encode() not in b"".join(one.value or b"" for one in read(kafka_settings, own, "status.unlisted"))
    fed_back = Counter(one.report_id for one in facts(kafka_settings, FeedbackSent))
    assert sorted(fed_back.values()) == [1, 1, 1]
    assert {move.action for move in facts(kafka_settings, CaseMoved)} >= {"sign", "handle", "check_pass", "close"}
    deadline = time.monotonic() + PATIENCE_S
    while (waits := behind(ports)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert waits == [], "marks of transactions are no records that wait"


@pytest.mark.parametrize("wrong", ["count", "missing"])
def test_a_worker_does_not_start_over_topics_that_do_not_fit_its_state(
    wrong: str, kafka_settings: KafkaSettings
) -> None:
    values = {"department": departments_of(load_city(REFERENCE, None).reference), "source_system": (SOURCE, UNLISTED)}
    shapes = wanted(values, 1, PARTITIONS)
    if wrong == "missing":
        del shapes["actions.manual-triage"], shapes["status.unlisted"]
    else:
        shapes["reports.located"] = replace(shapes["reports.located"], partitions=PARTITIONS + 1)
    with Cluster(kafka_settings) as cluster:
        cluster.apply(plan(shapes, {}))
    ended = wangge(kafka_settings, "worker", "--health", "127.0.0.1:0")
    said = ended.stderr.decode()
    assert ended.returncode == 2, said
    if wrong == "missing":
        assert "2 faults; nothing was started" in said
        for topic in ("actions.manual-triage", "status.unlisted"):
            assert f"{topic}: topic = 'missing': create it: wangge topics apply" in said
    else:
        assert "reports.located: partitions = '5': state of casework lies in 4 partitions" in said
        assert "replay into new topics" in said
