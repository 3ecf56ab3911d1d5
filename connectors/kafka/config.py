"""One set of connection settings in the words of each client library. Imports none of them, so anyone may use it.

Only how to connect and who one is: groups, isolation and batching are the caller's. Every client checks the broker's
certificate and its host name; there is no setting that turns this off.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ConfigFaults, Fault
from pipeline.settings import KafkaSettings

RECONNECT_MS = 1_000
"""The longest pause between two attempts of librdkafka to connect. Its own 10 s prolong every absence of a broker."""


@dataclass(frozen=True, slots=True)
class FaustAccess:
    """What a Faust app needs to build its broker address and credentials. ``username`` is "" without SASL."""

    brokers: tuple[str, ...]
    """``kafka://host:port``, one for each broker."""
    username: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = ""
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)


def prefixed(settings: KafkaSettings, name: str) -> str:
    """The name of a topic, group or transactional id as the broker knows it."""
    return settings.prefix + name


def brokers(settings: KafkaSettings) -> list[str]:
    """The bootstrap servers as ``host:port``, one each."""
    return [place.strip() for place in settings.bootstrap.split(",") if place.strip()]


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """A context that trusts ``ca_file`` only (the system's authorities when none is named); ``None`` without TLS.

    Raises :class:`ConfigFaults` when the file holds no certificate.
    """
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (ssl.SSLError, OSError) as error:
        remedy = f"name a file of PEM certificates that can be read ({error})"
        raise ConfigFaults([Fault("environment", "WANGGE_KAFKA_CA", settings.ca_file, remedy)]) from error


def for_kafka_python(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for every client of kafka-python."""
    return _pythonic(settings)


def for_aiokafka(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments for every client of aiokafka."""
    return _pythonic(settings)


def for_librdkafka(settings: KafkaSettings) -> dict[str, Any]:
    """Properties for every client of confluent-kafka."""
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(brokers(settings)),
        "security.protocol": settings.protocol,
        "reconnect.backoff.max.ms": RECONNECT_MS,
    }
    if settings.tls:
        tls_context(settings)  # the same fault for the same file as the other clients
        found["ssl.endpoint.identification.algorithm"] = "https"
        if settings.ca_file:
            found["ssl.ca.location"] = settings.ca_file
    if settings.sasl:
        found |= {
            "sasl.mechanism": settings.mechanism,
            "sasl.username": settings.username,
            "sasl.password": settings.password,
        }
    return found


def for_faust(settings: KafkaSettings) -> FaustAccess:
    """Brokers and credentials as plain values; the worker makes Faust's own objects of them."""
    places = tuple(f"kafka://{place}" for place in brokers(settings))
    context = tls_context(settings)
    if not settings.sasl:
        return FaustAccess(places, ssl_context=context)
    return FaustAccess(places, settings.username, settings.password, settings.mechanism, context)


def _pythonic(settings: KafkaSettings) -> dict[str, Any]:
    """kafka-python and aiokafka share their words for connecting."""
    found: dict[str, Any] = {"bootstrap_servers": brokers(settings), "security_protocol": settings.protocol}
    if settings.tls:
        found["ssl_context"] = tls_context(settings)
    if settings.sasl:
        found |= {
            "sasl_mechanism": settings.mechanism,
            "sasl_plain_username": settings.username,
            "sasl_plain_password": settings.password,
        }
    return found
