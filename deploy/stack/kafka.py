"""One Kafka broker that is its own controller (KRaft), plain, or with a second, secured listener."""

from __future__ import annotations

import base64
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.stack import tls
from deploy.stack.jars import BROKER
from deploy.stack.places import HOST, program
from deploy.stack.process import Server, ServerFailed

LOGGING = Path(__file__).with_name("log4j2.properties")
MECHANISM = "SCRAM-SHA-512"
FULL_SPEED = ("-Xms256m", "-Xmx1g", "-XX:+UseSerialGC")
QUICK_START = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Half the seconds to start and half the speed afterwards."""
FOUND_DEAD_SOON = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "1000"}
"""A killed broker may come back only when its old self has timed out, usually after 9 s."""

# Metadata request, version 1, for no topic. The answer lists the brokers that take part.
_METADATA = struct.pack(">hhih6si", 3, 1, 1, 6, b"wangge", 0)


@dataclass(frozen=True)
class Security:
    """A listener with SASL_SSL and SCRAM-SHA-512, and an authorizer over all listeners.

    ``users`` have names and passwords; those in ``super_users`` may do everything. Others may do what an ACL allows;
    with ``open`` also what no ACL speaks of. The plain listener is the operator's door: whoever comes in there may do
    everything.
    """

    users: Mapping[str, str] = field(default_factory=lambda: {"admin": "admin-secret"})
    super_users: tuple[str, ...] = ("admin",)
    open: bool = False


class KafkaServer(Server):
    """A broker. ``partitions`` is what a topic gets that names no count, ``settings`` are further broker settings.

    With ``quick`` it starts and comes back after a kill in a few seconds, and moves fewer records a second.
    """

    name = "kafka"
    port_names: tuple[str, ...] = ("plain", "controller", "secure")

    def __init__(
        self, folder: Path, *, partitions: int = 1, security: Security | None = None,
        settings: Mapping[str, str] | None = None, quick: bool = False, leash: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(folder, leash=leash)
        self.partitions, self.security, self.quick = partitions, security, quick
        self.further, self.flags = dict(settings or {}), self._shared_classes()
        self.properties, self.data = self.folder / "server.properties", self.folder / "data"

    @property
    def secure_address(self) -> str:
        """``host:port`` of the listener with SASL_SSL."""
        return f"{HOST}:{self.ports['secure']}"

    @property
    def ca_file(self) -> Path:
        """The certificate that clients of the secured listener must trust."""
        return tls.certify(self.folder / "tls")[0]

    @property
    def users(self) -> Mapping[str, str]:
        """Names and passwords that were given at the start."""
        return self.security.users if self.security else {}

    def add_user(self, name: str, password: str) -> None:
        """Let one more user in, or change a password. The broker must run."""
        done = subprocess.run(
            self._java(QUICK_START, "kafka.admin.ConfigCommand", "--bootstrap-server", self.address, "--alter",
                       "--entity-type", "users", "--entity-name", name,
                       "--add-config", f"{MECHANISM}=[password={password}]"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServerFailed(done.stdout + done.stderr)

    def command(self) -> list[str]:
        flags = QUICK_START if self.quick else FULL_SPEED
        return self._java((*flags, *self.flags), "kafka.Kafka", str(self.properties))

    def prepare(self) -> None:
        """Write the settings; format the data folder the first time. A format that was cut off is done again."""
        found = self._settings()
        self.properties.write_text("".join(f"{name}={value}\n" for name, value in found.items()), encoding="utf-8")
        formatted = self.folder / "formatted"
        if not formatted.exists():
            shutil.rmtree(self.data, ignore_errors=True)
            self._format()
            formatted.touch()

    def answers(self) -> bool:
        """Whether the broker takes part in the cluster, by its own metadata."""
        with socket.create_connection((HOST, self.port), timeout=2) as line:
            line.sendall(struct.pack(">i", len(_METADATA)) + _METADATA)
            head = line.recv(12, socket.MSG_WAITALL)
        return len(head) == 12 and struct.unpack(">iii", head)[2] > 0

    def _settings(self) -> dict[str, str]:
        ports = self.ports
        places = {"PLAIN": ports["plain"], "CONTROLLER": ports["controller"]}
        if self.security:
            places["SECURE"] = ports["secure"]
        listeners = {name: f"{name}://{HOST}:{port}" for name, port in places.items()}
        found = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{ports['controller']}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAIN",
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(place for name, place in listeners.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "log.dirs": str(self.data),
            "num.partitions": str(self.partitions),
            "default.replication.factor": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.cleaner.dedupe.buffer.size": str(16 << 20),
        }
        return found | (FOUND_DEAD_SOON if self.quick else {}) | self._secured() | self.further

    def _secured(self) -> dict[str, str]:
        if self.security is None:
            return {}
        _, store = tls.certify(self.folder / "tls")
        secure = "listener.name.secure."
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": str(self.security.open).lower(),
            "super.users": ";".join(f"User:{name}" for name in ("ANONYMOUS", *self.security.super_users)),
            f"{secure}sasl.enabled.mechanisms": MECHANISM,
            f"{secure}{MECHANISM.lower()}.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            f"{secure}ssl.keystore.type": "PEM",
            f"{secure}ssl.keystore.location": str(store),
        }

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        words = ["format", f"--cluster-id={cluster}", "--config", str(self.properties)]
        for name, password in self.users.items():
            words += ["--add-scram", f"{MECHANISM}=[name={name},password={password}]"]
        command = self._java(QUICK_START, "kafka.tools.StorageTool", *words)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerFailed(done.stdout + done.stderr)

    @staticmethod
    def _shared_classes() -> tuple[str, ...]:
        """Flags that save a third of a start, once the classes were archived (:mod:`deploy.stack.prepare`)."""
        archive = BROKER.archive
        return (f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()

    def _java(self, flags: tuple[str, ...], main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"
        return [program("java"), *flags, logging, "-cp", BROKER.class_path(), main, *arguments]
