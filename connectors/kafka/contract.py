"""What a record must be to be published, and where it goes: topic, key and bytes. Pure; no Kafka here.

The same rules for every way in: the publisher, ``wangge publish``, the answers of departments and the bridge of
sensors. What only a city can know (its bounding box, its words) is checked by intake.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import NamedTuple

from connectors.sources.shapes import INPUT_SCHEMAS
from pipeline.domain.ids import tile_of_case
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Millis
from pipeline.events.records import ACTION_SCHEMA, READINGS_SCHEMA, REPORT_SCHEMAS, Body
from pipeline.wire.serde import encode
from schemas.catalogue import limits, newest
from schemas.text import is_time
from schemas.topics import Topic, of_schema, topics

URGENT = "reports.urgent"
"""The lane of what a source itself calls urgent."""
YEAR_2000: Millis = 946_684_800_000
TOLERANCE: Millis = 5 * 60_000
"""How far a sender's clock may be ahead."""
_IDENTITY = {READINGS_SCHEMA: ("source_system", "device_id", "metric")}
_USUAL_IDENTITY = ("source_system", "source_ref")


class Outgoing(NamedTuple):
    """One record ready to be sent. ``topic`` is without the prefix of the settings."""

    schema: str
    topic: str
    key: bytes
    value: bytes
    body: Body


def outgoing(schema: str, body: Body, now: Millis, *, urgent: bool = False, department: str = "") -> Outgoing:
    """A whole body (all fields of its schema, times as ``Millis``) ready to be sent.

    Reports go to the lane of emergencies when the body or the caller says ``urgent``. An action goes to the topic of
    ``department``, by default the unit that acts. Raises :class:`InvalidRecord` naming field, value and remedy.
    """
    check(schema, body, now)
    lane = schema in REPORT_SCHEMAS and (urgent or bool(body.get("urgent")))
    topic = URGENT if lane else topic_of(schema, department or str(body.get("actor_unit", "")))
    return Outgoing(schema, topic, key_of(schema, body), encode(schema, body), body)


def topic_of(schema: str, department: str = "") -> str:
    """The topic on which records of an input schema come in; raises :class:`InvalidRecord` for any other schema."""
    topic = _topics().get(schema)
    if topic is None:
        known = ", ".join(INPUT_SCHEMAS)
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", schema, f"publish one of {known}")
    if topic.parameter and not department.strip():
        raise InvalidRecord(Reason.MISSING_FIELD, "actor_unit", department, "name the department by its code")
    return topic.named(department)


def key_of(schema: str, body: Body) -> bytes:
    """The key: the tile of an action's case, the device of readings, else source system and its own number."""
    if schema == ACTION_SCHEMA:
        return tile_of_case(body["case_id"]).encode()
    if schema == READINGS_SCHEMA:
        return str(body["device_id"]).encode()
    return f"{body['source_system']}/{body['source_ref']}".encode()


def check(schema: str, body: Body, now: Millis) -> None:
    """What can be known of a record by itself. Raises :class:`InvalidRecord`."""
    topic_of(schema, "any")
    for name in _IDENTITY.get(schema, _USUAL_IDENTITY):
        if not str(body.get(name) or "").strip():
            raise InvalidRecord(Reason.MISSING_FIELD, name, body.get(name), "send the field: it is part of who it is")
    for name, cap in limits(schema).items():
        if len(body.get(name) or ()) > cap:
            raise InvalidRecord(Reason.OVERSIZE, name, f"{len(body[name])} long", f"at most {cap}")
    _check_times(schema, body, now)
    _check_numbers(body)
    if schema == READINGS_SCHEMA and len(body["offsets_ms"]) != len(body["values"]):
        lengths = f"{len(body['offsets_ms'])} offsets, {len(body['values'])} values"
        raise InvalidRecord(Reason.WRONG_TYPE, "offsets_ms", lengths, "send one offset for each value")
    if schema == ACTION_SCHEMA and not tile_of_case(body["case_id"]):
        raise InvalidRecord(Reason.MISSING_FIELD, "case_id", body["case_id"], "give the case id of the assignment")


def _check_times(schema: str, body: Body, now: Millis) -> None:
    for name in _times(schema):
        value = body.get(name)
        if value is None:
            continue
        if type(value) is not int:
            raise InvalidRecord(Reason.WRONG_TYPE, name, value, "send milliseconds since 1970 in UTC")
        if value < YEAR_2000:
            raise InvalidRecord(Reason.ANCIENT_TIME, name, value, "send milliseconds; nothing is older than 2000")
    received = body.get("received_at") or 0
    if received > now + TOLERANCE:
        raise InvalidRecord(Reason.FUTURE_TIME, "received_at", received, "the time lies ahead: set the sender's clock")


def _check_numbers(body: Body) -> None:
    for name, value in body.items():
        numbers = value if type(value) is list else (value,)
        if any(type(one) is float and not isfinite(one) for one in numbers):
            raise InvalidRecord(Reason.NOT_A_NUMBER, name, value, "leave a value out when it is not known")


@cache
def _times(schema: str) -> tuple[str, ...]:
    return tuple(field["name"] for field in newest(schema).fields if is_time(schema, field["name"]))


@cache
def _topics() -> Mapping[str, Topic]:
    """Input schema to the topic that carries it, those of emergencies aside."""
    ahead = topics()[URGENT].copartitioned
    return {schema: next(one for one in of_schema(schema) if one.copartitioned != ahead) for schema in INPUT_SCHEMAS}
