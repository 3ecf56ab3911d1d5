"""Where things are and what is secret: the only module that reads the environment. All faults are told at once.

What the rules are is not here: that is the reference set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from pipeline.errors import ConfigFaults, Fault

DEVELOPMENT_KEY = b"wangge development key: not secret"
"""Used when no key is set, so that a first try works; ``Settings.key_is_secret`` is false then and a run says so."""
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 64
REFERENCE = Path(__file__).resolve().parent.parent / "deploy" / "reference"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process."""

    reference: Path
    key: bytes
    key_is_secret: bool

    @property
    def key_mark(self) -> str:
        """A digest that tells one key from another and gives nothing of it away."""
        return blake2b(b"", key=self.key, digest_size=8, person=b"wangge-key-mark").hexdigest()


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach Kafka. ``cluster`` names it in dedup tokens, so two clusters never share one."""

    bootstrap: str = "127.0.0.1:9092"
    cluster: str = "wangge"
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    prefix: str = ""
    """Put before every topic and group name, so that several cities can share a cluster (and tests a broker)."""
    instance_id: str = ""
    """Static membership: a worker that comes back under the same name takes its partitions over at once."""
    session_ms: int = 10_000

    @property
    def sasl(self) -> bool:
        """Whether clients say who they are."""
        return self.protocol.startswith("SASL")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")


@dataclass(frozen=True, slots=True)
class ClickHouseSettings:
    """How to reach a ClickHouse server over its native protocol. ``cluster`` makes migrations run ``ON CLUSTER``."""

    host: str = "127.0.0.1"
    port: int = 9000
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str = "wangge"
    secure: bool = False
    ca_file: str = ""
    cluster: str = ""


def refuse_faulty(*readers: Callable[[], object]) -> None:
    """Read several parts for their faults only. Raises :class:`ConfigFaults` with those of all parts at once."""
    faults: list[Fault] = []
    for read in readers:
        try:
            read()
        except ConfigFaults as found:
            faults += found.faults
    if faults:
        raise ConfigFaults(faults)


class _Reader:
    """Reads values of an environment and collects every fault."""

    def __init__(self, environment: Mapping[str, str] | None) -> None:
        self.values = os.environ if environment is None else environment
        self.faults: list[Fault] = []

    def fault(self, name: str, value: str, remedy: str) -> None:
        """Note one fault."""
        self.faults.append(Fault("environment", name, value, remedy))

    def text(self, name: str, usual: str) -> str:
        """A text; an empty one counts as not set."""
        return self.values.get(name) or usual

    def one_of(self, name: str, usual: str, choices: tuple[str, ...]) -> str:
        """One of a closed list."""
        value = self.text(name, usual)
        if value not in choices:
            self.fault(name, value, f"use one of {', '.join(choices)}")
        return value

    def number(self, name: str, usual: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.text(name, str(usual))
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            self.fault(name, value, f"give a whole number from {least} to {most}")
            return usual
        return int(value)

    def file(self, name: str) -> str:
        """The path of a file that exists, or ""."""
        value = self.text(name, "")
        if value and not Path(value).is_file():
            self.fault(name, value, "name a file that can be read")
        return value

    def done(self) -> None:
        """Raise :class:`ConfigFaults` if anything was wrong."""
        if self.faults:
            raise ConfigFaults(self.faults)


def settings_from(environment: Mapping[str, str] | None = None, *, key_name: str = "WANGGE_HMAC_KEY") -> Settings:
    """Settings from the environment (of this process unless given). Raises :class:`ConfigFaults`."""
    read = _Reader(environment)
    reference = Path(read.text("WANGGE_REFERENCE", str(REFERENCE)))
    if not reference.is_dir():
        read.fault("WANGGE_REFERENCE", str(reference), "name the folder of the reference set")
    key = read.text(key_name, "").encode()
    if key and not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        read.fault(key_name, f"{len(key)} bytes", f"give {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes")
    read.done()
    return Settings(reference, key or DEVELOPMENT_KEY, bool(key))


def kafka_settings_from(environment: Mapping[str, str] | None = None) -> KafkaSettings:
    """How to reach Kafka, from ``WANGGE_KAFKA_*``. Raises :class:`ConfigFaults` with every fault."""
    read = _Reader(environment)
    usual = KafkaSettings()
    found = KafkaSettings(
        bootstrap=read.text("WANGGE_KAFKA", usual.bootstrap),
        cluster=read.text("WANGGE_KAFKA_CLUSTER", usual.cluster),
        protocol=read.one_of("WANGGE_KAFKA_PROTOCOL", usual.protocol, PROTOCOLS),
        mechanism=read.one_of("WANGGE_KAFKA_MECHANISM", usual.mechanism, MECHANISMS),
        username=read.text("WANGGE_KAFKA_USER", ""),
        password=read.text("WANGGE_KAFKA_PASSWORD", ""),
        ca_file=read.file("WANGGE_KAFKA_CA"),
        prefix=read.text("WANGGE_KAFKA_PREFIX", ""),
        instance_id=read.text("WANGGE_KAFKA_INSTANCE", ""),
        session_ms=read.number("WANGGE_KAFKA_SESSION_MS", usual.session_ms, 6_000, 300_000),
    )
    for place in found.bootstrap.split(","):
        host, _, port = place.rpartition(":")
        if not host or not port.isdigit():
            read.fault("WANGGE_KAFKA", found.bootstrap, "give host:port, several parted by commas")
            break
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,80}", found.prefix):
        remedy = "use letters, digits, dots, - and _ only, 80 at most: Kafka knows no other names"
        read.fault("WANGGE_KAFKA_PREFIX", found.prefix, remedy)
    if found.sasl and not (found.username and found.password):
        read.fault("WANGGE_KAFKA_USER", found.username, f"{found.protocol} needs WANGGE_KAFKA_USER and _PASSWORD")
    read.done()
    return found


def clickhouse_settings_from(environment: Mapping[str, str] | None = None) -> ClickHouseSettings:
    """How to reach ClickHouse, from ``WANGGE_CLICKHOUSE_*``. Raises :class:`ConfigFaults` with every fault."""
    read = _Reader(environment)
    usual = ClickHouseSettings()
    host, _, port = read.text("WANGGE_CLICKHOUSE", f"{usual.host}:{usual.port}").rpartition(":")
    if not host or not port.isdigit():
        read.fault("WANGGE_CLICKHOUSE", f"{host}:{port}", "give host:port of the native protocol")
    found = ClickHouseSettings(
        host=host, port=int(port) if port.isdigit() else 0,
        user=read.text("WANGGE_CLICKHOUSE_USER", usual.user),
        password=read.text("WANGGE_CLICKHOUSE_PASSWORD", ""),
        database=read.text("WANGGE_CLICKHOUSE_DATABASE", usual.database),
        secure=read.one_of("WANGGE_CLICKHOUSE_SECURE", "no", ("yes", "no")) == "yes",
        ca_file=read.file("WANGGE_CLICKHOUSE_CA"),
        cluster=read.text("WANGGE_CLICKHOUSE_CLUSTER", ""),
    )  # fmt: skip
    read.done()
    return found
