"""What an MQTT message becomes: records ready for Kafka, or one for quarantine with its bytes. Pure.

A payload is an Avro single-object message, or JSON: an object, a list of objects, or a bare number (``21.5`` is read as
``{"value": 21.5}``). A mapping file sees the object and beside it ``mqtt.topic``, ``mqtt.levels`` (the topic cut at its
slashes, so that ``mqtt.levels.1`` may be the device) and ``mqtt.received_at`` (ms).

A payload may say itself which schema it is, so what is carried is a closed list: whatever goes to a topic whose file
(schemas/topics) has the bridge among its producers.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from connectors.kafka.contract import Outgoing, outgoing
from connectors.sources.fields import undecodable
from connectors.sources.shapes import shape_of
from pipeline.domain.privacy import redact
from pipeline.errors import ConfigFaults, Fault, InvalidRecord, Reason
from pipeline.events.base import Millis
from pipeline.events.facts import RecordQuarantined
from pipeline.events.records import READINGS_SCHEMA
from pipeline.wire.serde import MARKER, decode, encode_struct
from schemas.mapping import Mapping
from schemas.topics import of_name, of_schema

QUARANTINE = "quarantine"
ROLE = "bridge"
"""What the topic files call it."""
RAW_LIMIT = 65_536
"""Bytes of a refused payload that quarantine keeps."""


class Payloads:
    """Reads payloads by a mapping file or a shipped mapping's name; without one, fields are named as in ``schema``.

    Raises :class:`ConfigFaults` when the mapping is faulty, or makes records that the bridge does not carry.
    """

    def __init__(self, mapping: str | None = None, schema: str = READINGS_SCHEMA) -> None:
        made = schema if mapping is None else Mapping.load(mapping).schema
        if not any(carries(topic.name) for topic in of_schema(made)):
            remedy = f"name {ROLE} as a producer of its topic, or publish it another way"
            raise ConfigFaults([Fault("arguments", "--schema, --mapping", made, remedy)])
        self._schema, self._mapped = schema, mapping is not None
        self._shape = shape_of("", schema, mapping)

    def records(self, topic: str, payload: bytes, now: Millis) -> list[Outgoing]:
        """What to send for one message: its records, or, when any of them is refused, the message for quarantine."""
        schema = self._schema
        try:
            if payload.startswith(MARKER):
                schema, body = decode(payload)
                return [_carried(outgoing(schema, body, now))]
            return [self._one(fields, topic, now) for fields in _objects(payload)]
        except InvalidRecord as fault:
            return [quarantined(topic, payload, schema, fault, now)]

    def _one(self, fields: dict[str, Any], topic: str, now: Millis) -> Outgoing:
        if self._mapped:
            fields = {**fields, "mqtt": {"topic": topic, "levels": topic.split("/"), "received_at": now}}
        schema, body = self._shape(fields)
        return _carried(outgoing(schema, body, now))


def carries(topic: str) -> bool:
    """Whether the bridge may write this topic."""
    file = of_name(topic)
    return file is not None and ROLE in file.producers


def _carried(record: Outgoing) -> Outgoing:
    """The record. Raises :class:`InvalidRecord` when no right of the bridge reaches so far: nobody on the MQTT broker
    acts for a department, and what Kafka would refuse for ever would hold up all that comes behind it."""
    if not carries(record.topic):
        remedy = f"the bridge does not write {record.topic}: publish it there as its source"
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", record.schema, remedy)
    return record


def _objects(payload: bytes) -> list[dict[str, Any]]:
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise undecodable(payload[:60], f"send JSON, or Avro as a single-object message ({error})") from error
    if isinstance(found, int | float) and not isinstance(found, bool):
        return [{"value": found}]
    objects = found if isinstance(found, list) else [found]
    if not objects or not all(isinstance(one, dict) for one in objects):
        raise undecodable(payload[:60], "send a JSON object, a list of objects or a number")
    return objects


def quarantined(topic: str, payload: bytes, schema: str, fault: InvalidRecord, now: Millis) -> Outgoing:
    """A refused message for the quarantine topic. The same payload on the same topic has the same id."""
    number = int.from_bytes(blake2b(payload, digest_size=8, key=topic.encode()[:64]).digest(), "big") >> 1
    origin = f"mqtt:{topic}"
    fact = RecordQuarantined(
        fact_id=f"{origin}:0:{number}", at=now, recorded=0, topic=origin, partition=0, offset=number, schema=schema,
        reason=fault.reason.value, field=fault.field, value=redact(fault.value).text, remedy=fault.remedy,
        raw=payload[:RAW_LIMIT], attempts=1,
    )  # fmt: skip
    return Outgoing("RecordQuarantined", QUARANTINE, f"{origin}/0/{number}".encode(), encode_struct(fact), {})
