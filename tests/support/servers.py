"""Servers for tests: those of the stack, a current ClickHouse, how to reach them, private ones that end with a test.

The fixtures are in :mod:`tests.support.fixtures`; fault runs and benches use the classes.
"""

from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from clickhouse_driver import Client
from clickhouse_driver.errors import Error

from deploy.stack import tls
from deploy.stack.places import HOST
from deploy.stack.servers import ClickHouseServer, KafkaServer, MosquittoServer, PrometheusServer, Security, Server
from pipeline.settings import MECHANISMS, ClickHouseSettings, KafkaSettings
from tests.support.front.disturbance import Disturbance, Switch

ROOT = Path(__file__).parents[2]
USERS = {"admin": "admin-secret"}
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
S = TypeVar("S", bound=Server)


class FrontServer(Server):
    """A current ClickHouse (chdb) behind the native protocol; it can be disturbed."""

    name = "front"
    port_names = ("tcp",)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.support.front", str(self.port), str(self.folder / "data")]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(ROOT), "TZ": "UTC"}

    def prepare(self) -> None:
        """Nothing: it makes what it needs."""

    def answers(self) -> bool:
        """Whether it speaks the protocol."""
        socket.create_connection((HOST, self.port), timeout=2).close()
        try:
            with Client(HOST, port=self.port, connect_timeout=5) as client:
                client.connection.force_connect()
        except Error:
            return False
        return True

    def disturb(self, disturbance: Disturbance) -> None:
        """Ask for a fault, in place of any before; see :class:`Disturbance`."""
        self._switch.set(disturbance)

    def heal(self) -> None:
        """No more faults. What hangs goes on and takes effect."""
        self._switch.clear()

    def disturbed(self) -> list[str]:
        """The statements that were disturbed since it was asked for."""
        return self._switch.done()

    @property
    def _switch(self) -> Switch:
        folder = self.folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        return Switch(folder)


class DoorsServer(KafkaServer):
    """A secured broker with three doors more: users without TLS, TLS without users, and both as the secured listener
    has them; all users by both mechanisms.

    Who comes in without a user is the operator, as by the plain listener.
    """

    port_names = (*KafkaServer.port_names, "users", "tls", "both")

    def prepare(self) -> None:
        """Open the further doors."""
        places = {name.upper(): port for name, port in self.ports.items()}
        listeners = {name: f"{name}://{HOST}:{port}" for name, port in places.items()}
        self.further |= {
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(place for name, place in listeners.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,"
            "USERS:SASL_PLAINTEXT,TLS:SSL,BOTH:SASL_SSL",
            **{f"listener.name.{door}.sasl.enabled.mechanisms": ",".join(MECHANISMS) for door in ("users", "both")},
            **{
                f"listener.name.{door}.{one.lower()}.sasl.jaas.config": SCRAM
                for door in ("users", "both")
                for one in MECHANISMS
            },
            **{f"listener.name.{door}.ssl.keystore.type": "PEM" for door in ("tls", "both")},
            **{
                f"listener.name.{door}.ssl.keystore.location": str(tls.certify(self.folder / "tls")[1])
                for door in ("tls", "both")
            },
        }
        super().prepare()

    def door(self, name: str) -> str:
        """``host:port`` of one of its listeners."""
        return f"{HOST}:{self.ports[name]}"


def kafka_settings_of(server: KafkaServer, *, user: str = "", password: str = "", prefix: str = "") -> KafkaSettings:
    """How to reach a broker: by its plain listener, or as a user by its secured one."""
    if not user:
        return KafkaSettings(bootstrap=server.address, prefix=prefix)
    return KafkaSettings(
        bootstrap=server.secure_address, protocol="SASL_SSL", username=user,
        password=password or server.users[user], ca_file=str(server.ca_file), prefix=prefix,
    )  # fmt: skip


def clickhouse_settings_of(server: Server, database: str = "default") -> ClickHouseSettings:
    """How to reach a ClickHouse or a front."""
    return ClickHouseSettings(host=HOST, port=server.port, database=database)


def client_of(settings: ClickHouseSettings, **further: Any) -> Client:
    """The driver's client, bare: what a test looks with."""
    return Client(
        settings.host, port=settings.port, user=settings.user, password=settings.password, database=settings.database,
        **further,
    )  # fmt: skip


def mark() -> str:
    """A name that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"


class Servers:
    """Makes private servers in a folder and stops them all at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._started = folder, list[Server]()

    def kafka(self, **options: Any) -> KafkaServer:
        """A plain broker; options as :class:`KafkaServer` has them."""
        return self.begin(KafkaServer(self._place(), **{"quick": True, "leash": os.getpid()} | options))

    def kafka_secured(self, users: Mapping[str, str] = USERS, **options: Any) -> KafkaServer:
        """A broker with users; ``admin`` may do everything."""
        return self.kafka(security=Security(users={**USERS, **users}), **options)

    def clickhouse_18(self) -> ClickHouseServer:
        """Debian's ClickHouse."""
        return self.begin(ClickHouseServer(self._place(), leash=os.getpid()))

    def front(self) -> FrontServer:
        """A current ClickHouse."""
        return self.begin(FrontServer(self._place(), leash=os.getpid()))

    def mosquitto(self) -> MosquittoServer:
        """An MQTT broker."""
        return self.begin(MosquittoServer(self._place(), leash=os.getpid()))

    def prometheus(self, config: Path) -> PrometheusServer:
        """Prometheus with a configuration."""
        return self.begin(PrometheusServer(self._place(), config, leash=os.getpid()))

    def begin(self, server: S) -> S:
        """Start a server; it is stopped with the others."""
        self._started.append(server)
        return server.start()

    def stop(self) -> None:
        """End all, by force: nobody needs their data."""
        for server in reversed(self._started):
            server.kill9()

    def _place(self) -> Path:
        return self._folder / f"server-{len(self._started) + 1}"
