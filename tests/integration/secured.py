"""A city on a broker that asks who one is: its topics, users and access lists."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

from connectors.kafka.acls import grants, load_principals
from connectors.kafka.admin import Cluster
from connectors.kafka.config import for_librdkafka
from connectors.kafka.plan import parameters, plan, wanted
from deploy.stack.servers import KafkaServer
from pipeline.commands.topics import PRINCIPALS
from pipeline.runtime.city import load_city
from pipeline.settings import REFERENCE, KafkaSettings
from tests.support.servers import kafka_settings_of, mark

SECRET = "a password for tests"
VALUES = parameters(load_city(REFERENCE, None).reference, (*load_principals(PRINCIPALS).source_systems, "new-app"))
DISTRICTS = {"310101": ("water",), "310104": ("water-supply",)}
USERS = (
    "department.water", "department.water-supply", "department.manual-triage", "source.hotline-12345",
    "source.new-app", "source.canary", "district.310101", "city", "boards", "worker", "worker.intake", "worker.urgent",
    "worker.detect", "worker.casework", "clock", "assess", "bridge", "sink", "verify", "spotter", "desk", "operator",
    "stranger",
)  # fmt: skip
SCRAM = (ScramMechanism.SCRAM_SHA_512, ScramMechanism.SCRAM_SHA_256)
READ = ("assignments.water", "status.hotline-12345", "facts.cases", "quarantine")


@dataclass(frozen=True)
class City:
    """A city on the secured broker: its topics, access lists and users."""

    server: KafkaServer
    prefix: str

    def of(self, user: str) -> KafkaSettings:
        """Settings of one user."""
        return kafka_settings_of(self.server, user=self.prefix + user, password=SECRET, prefix=self.prefix)

    @property
    def door(self) -> KafkaSettings:
        """The operator's door on the machine of the broker, where everything is allowed."""
        return KafkaSettings(bootstrap=self.server.address, prefix=self.prefix)


def begun(server: KafkaServer) -> City:
    """Topics, some with a record, access lists and users."""
    found = City(server, f"{mark()}.")
    let_in(server, [found.prefix + user for user in USERS])
    wish = wanted(VALUES, 1, 1)
    with Cluster(found.door) as cluster:
        cluster.apply(plan(wish, {}))
        cluster.allow(grants(load_principals(PRINCIPALS), VALUES, DISTRICTS, found.prefix))
    producer = Producer(for_librdkafka(found.door))
    for topic in READ:
        producer.produce(found.prefix + topic, b"value", b"key")
    assert producer.flush(30) == 0
    return found


def let_in(server: KafkaServer, users: list[str]) -> None:
    """Give users their password, for both mechanisms."""
    client = KafkaAdminClient(bootstrap_servers=server.address)
    for mechanism in SCRAM:  # a request may name each user once
        told = client.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, mechanism, SECRET) for user in users]
        )
        assert {user: fault for user, fault in told.items() if fault} == {}
    client.close()


def environment(settings: KafkaSettings) -> dict[str, str]:
    """The settings of one user as a process reads them."""
    return {
        "WANGGE_KAFKA": settings.bootstrap, "WANGGE_KAFKA_PROTOCOL": settings.protocol,
        "WANGGE_KAFKA_USER": settings.username, "WANGGE_KAFKA_PASSWORD": settings.password,
        "WANGGE_KAFKA_CA": settings.ca_file, "WANGGE_KAFKA_PREFIX": settings.prefix,
    }  # fmt: skip
