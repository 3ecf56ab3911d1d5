"""Access lists on a real broker: what each user may do, what is refused, and the pipeline under them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import kafka
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import GroupAuthorizationFailedError

from connectors.kafka.acls import grants, load_principals
from connectors.kafka.admin import Cluster
from connectors.kafka.config import for_kafka_python, for_librdkafka
from connectors.kafka.plan import plan, wanted
from deploy.stack.servers import KafkaServer
from pipeline.commands import main
from pipeline.commands.topics import PRINCIPALS
from pipeline.errors import ConfigFaults
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.lanes import STATE_READERS
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode, encode
from tests.builders import a_body
from tests.integration.secured import DISTRICTS, USERS, VALUES, City, begun, environment


@pytest.fixture(scope="module")
def city(kafka_secured: KafkaServer) -> City:
    """A city with users and access lists."""
    return begun(kafka_secured)


NO_TOPIC, NO_GROUP = "TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"


def allowed(settings: KafkaSettings) -> dict[str, set[str]]:
    """What the broker itself says this user may do with each topic; a topic it may not even see is left out."""
    client = KafkaAdminClient(**for_kafka_python(settings))
    found = client.describe_topics()
    client.close()
    return {one["name"]: set(one["authorized_operations"]) for one in found}


def refused_write(settings: KafkaSettings, topic: str) -> str:
    """Name of the error when a record is refused, or ""."""
    told: list[str] = []
    config = {"message.timeout.ms": 15_000, "topic.metadata.propagation.max.ms": 0, "log_level": 0}
    producer = Producer({**for_librdkafka(settings), **config})
    topic = settings.prefix + topic
    producer.produce(topic, b"value", b"key", on_delivery=lambda error, _: told.append(error.name() if error else ""))
    producer.flush(20)
    return told[0]


def refused_read(settings: KafkaSettings, topic: str, group: str) -> str:
    """Name of the error when reading is refused, or "" when a record came."""
    config = {"group.id": settings.prefix + group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer = Consumer({**for_librdkafka(settings), **config, "log_level": 0})
    consumer.subscribe([settings.prefix + topic])
    message = consumer.poll(60)
    consumer.close()
    assert message is not None, "neither a record nor a refusal"
    error = message.error()
    return error.name() if error else ""


def refused_group(settings: KafkaSettings, topic: str, group: str) -> str:
    """Name of the error when the group is refused, or ""."""
    consumer = KafkaConsumer(**for_kafka_python(settings), group_id=settings.prefix + group, enable_auto_commit=False)
    place = kafka.TopicPartition(settings.prefix + topic, 0)
    consumer.assign([place])
    try:
        consumer.commit({place: kafka.OffsetAndMetadata(1, "", -1)})
    except GroupAuthorizationFailedError:
        return NO_GROUP
    finally:
        consumer.close(autocommit=False)
    return ""


@pytest.mark.parametrize("user", USERS)
def test_the_broker_allows_each_user_its_own_topics_and_no_other(city: City, user: str) -> None:
    due: dict[str, set[str]] = {}
    for grant in grants(load_principals(PRINCIPALS), VALUES, DISTRICTS, city.prefix):
        if (grant.principal, grant.resource) == (city.prefix + user, "TOPIC"):
            due.setdefault(grant.name, {"DESCRIBE"}).add(grant.operation)
    found = allowed(city.of(user))
    if user == "operator":
        assert {frozenset(operations) for operations in found.values()} == {
            frozenset({"CREATE", "DESCRIBE", "ALTER", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"})
        }
    else:
        assert found == due


@pytest.mark.parametrize(
    ("user", "topic", "refused"),
    [
        pytest.param("department.water", "assignments.water", "", id="a department its assignments"),
        pytest.param("department.water", "assignments.water-supply", NO_TOPIC, id="a department those of another"),
        pytest.param("department.water", "actions.water", NO_TOPIC, id="a department what it wrote"),
        pytest.param("source.hotline-12345", "status.hotline-12345", "", id="a source its status"),
        pytest.param("source.hotline-12345", "status.grid-terminal", NO_TOPIC, id="a source that of another"),
        pytest.param("source.hotline-12345", "reports.hotline", NO_TOPIC, id="a source raw reports"),
        pytest.param("city", "facts.cases", "", id="the city figures"),
        pytest.param("city", "reports.hotline", NO_TOPIC, id="the city raw reports"),
        pytest.param("city", "quarantine", NO_TOPIC, id="the city refused records"),
        pytest.param("district.310101", "assignments.water", "", id="a district its work list"),
        pytest.param("district.310101", "assignments.water-supply", NO_TOPIC, id="a district that of another"),
        pytest.param("sink", "quarantine", "", id="the sink refused records"),
        pytest.param("sink", "reports.hotline", NO_TOPIC, id="the sink raw reports"),
    ],
)
def test_who_reads_what(city: City, user: str, topic: str, refused: str) -> None:
    group = user if "." in user or user == "city" else f"{user}.test"
    assert refused_read(city.of(user), topic, group) == refused


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [
        pytest.param(
            "department.water", ["actions.water"],
            ["actions.water-supply", "assignments.water", "reports.hotline", "facts.cases", "casework.notices"],
            id="a department",
        ),
        pytest.param(
            "source.hotline-12345", ["reports.hotline"], ["reports.grid-worker", "reports.located"], id="a source"
        ),
        pytest.param(
            "city", [],
            ["actions.water", "assignments.water", "casework.notices", "reports.located", "reports.hotline",
             "facts.cases"], id="the city writes no case",
        ),
        pytest.param("district.310101", ["actions.water"], ["actions.water-supply", "assignments.water"],
                     id="a district"),
        pytest.param("worker.intake", ["reports.located"], ["assignments.water", "changelog.casework"], id="intake"),
        pytest.param("sink", ["quarantine"], ["facts.cases", "reports.hotline"], id="the sink"),
        pytest.param("operator", [], ["reports.hotline"], id="operators"),
    ],
)  # fmt: skip
def test_who_writes_what(city: City, user: str, may: list[str], may_not: list[str]) -> None:
    settings = city.of(user)
    assert {topic: refused_write(settings, topic) for topic in may} == dict.fromkeys(may, "")
    assert {topic: refused_write(settings, topic) for topic in may_not} == dict.fromkeys(may_not, NO_TOPIC)


@pytest.mark.parametrize(
    ("user", "topic", "group", "refused"),
    [
        pytest.param("department.water", "assignments.water", "department.water", "", id="its own"),
        pytest.param("department.water", "assignments.water", "department.water.archive", "", id="one more of its own"),
        pytest.param(
            "department.water",
            "assignments.water",
            "department.water-supply",
            NO_GROUP,
            id="one that begins like its own",
        ),
        pytest.param("department.water", "assignments.water", "sink", NO_GROUP, id="the sink's"),
        pytest.param("worker.intake", "work.logs", "worker-intake", "", id="a worker's"),
        pytest.param("worker.intake", "work.logs", "worker-casework", NO_GROUP, id="another worker's"),
        pytest.param("worker.intake", "changelog.intake", STATE_READERS, "", id="a worker's that reads its state back"),
        pytest.param("verify", "facts.cases", "sink", NO_GROUP, id="who looks at offsets moves none"),
    ],
)
def test_who_moves_the_offsets_of_which_group(city: City, user: str, topic: str, group: str, refused: str) -> None:
    assert refused_group(city.of(user), topic, group) == refused


NO_IDENTITY = "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"


@pytest.mark.parametrize(
    ("user", "identity", "topic", "refused"),
    [
        pytest.param("worker.intake", "intake-1", "facts.work", "", id="a worker its own"),
        pytest.param("worker.intake", "casework-1", "facts.work", NO_IDENTITY, id="a worker those of another stage"),
        pytest.param("sink", "sink-facts.work-0", "quarantine", "", id="the sink sets aside what no table takes"),
        pytest.param("sink", "casework-1", "quarantine", NO_IDENTITY, id="the sink those of a worker"),
    ],
)
def test_who_takes_over_which_transactions(city: City, user: str, identity: str, topic: str, refused: str) -> None:
    config = {**for_librdkafka(city.of(user)), "transactional.id": city.prefix + identity, "log_level": 0}
    producer = Producer(config)
    found = ""
    try:
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(f"{city.prefix}{topic}", b"value", b"key")
        producer.commit_transaction(20)
    except KafkaException as fault:
        found = fault.args[0].name()
    assert found == refused


# -- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def as_operator(city: City, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``wangge topics`` as the operator of the city."""
    for name, value in environment(city.of("operator")).items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["wangge", "topics", *arguments])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return command


def test_an_operator_plans_and_gives_what_is_missing_and_takes_back_what_is_stale(
    city: City, as_operator: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    small = ("--replication", "1", "--partitions", "1", "--sources", "new-app,another-app", "--acls", "--json")

    def grants_of(*arguments: str) -> tuple[int, int]:
        capsys.readouterr()
        assert as_operator(*arguments) == 0
        told = json.loads(capsys.readouterr().out)
        return len(told["grants"]), len(told["stale_grants"])

    missing, stale = grants_of("plan", *small)
    assert missing == 7  # another-app writes two inputs and reads its status in two groups; workers write the status
    assert stale > 0  # the districts of the fixture: the shipped reference set has none
    assert grants_of("apply", "--dry-run", *small) == (missing, stale)
    assert grants_of("apply", *small) == (missing, stale)
    assert grants_of("plan", *small) == (0, stale)
    assert refused_write(city.of("district.310101"), "actions.water") == ""
    with Cluster(city.door) as cluster:
        assert "status.another-app" in cluster.counts()
    grants_of("apply", "--revoke", *small)
    assert grants_of("plan", *small) == (0, 0)
    assert refused_write(city.of("district.310101"), "actions.water") == NO_TOPIC
    with Cluster(city.door) as cluster:
        cluster.allow(grants(load_principals(PRINCIPALS), VALUES, DISTRICTS, city.prefix))


def test_nobody_else_changes_topics_or_access(city: City) -> None:
    wish = wanted({**VALUES, "department": ("parks",)}, 1, 1)
    with Cluster(city.of("worker.intake")) as cluster:
        with pytest.raises(Exception, match="Authorization"):
            cluster.apply(plan({"assignments.parks": wish["assignments.parks"]}, {}))
        with pytest.raises(ConfigFaults, match="Authorization"):
            cluster.grants()


# -- the pipeline itself ------------------------------------------------------------------------------------------


def test_workers_with_their_own_users_bring_a_report_from_its_source_to_a_department(
    city: City, tmp_path: Path
) -> None:
    source, desk = city.of("source.hotline-12345"), city.of("department.manual-triage")
    crews = [
        (Crew(tmp_path / stage, environment(city.of(f"worker.{stage}"))), stage, words)
        for stage, words in (("intake", ["--give-way"]), ("casework", []))
    ]
    producer = KafkaProducer(**for_kafka_python(source))
    order = encode("HotlineOrder", a_body("HotlineOrder", source_ref="RX-1", title="", text="何处何事不明"))
    producer.send(f"{city.prefix}reports.hotline", order, b"hotline-12345/RX-1").get(30)
    producer.close()
    try:
        for crew, stage, words in crews:
            crew.start(stage, "worker", "--stages", stage, "--health", "127.0.0.1:0", "--log-level", "info", *words)
        value = arrived(desk, "assignments.manual-triage", "department.manual-triage", [crew for crew, *_ in crews])
    finally:
        for crew, *_ in crews:
            crew.stop()
    assert decode(value)[0] == "CaseDispatched"
    assert "is not heard" not in (tmp_path / "intake" / "intake.log").read_text(), "it may hear of emergencies"


def arrived(settings: KafkaSettings, topic: str, group: str, crews: list[Crew]) -> bytes:
    """The first committed record, while all processes live."""
    config = {"group.id": settings.prefix + group, "auto.offset.reset": "earliest", "log_level": 0}
    consumer = Consumer({**for_librdkafka(settings), **config})
    consumer.subscribe([settings.prefix + topic])
    try:
        for _ in range(180):
            message = consumer.poll(1)
            for crew in crews:
                crew.check()
            if message is not None and not message.error():
                return bytes(message.value())
    finally:
        consumer.close()
    pytest.fail("nothing came")
