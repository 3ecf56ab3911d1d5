"""What a canary of each channel is, and how it is known again.

The canary of a channel with a mapping file is a record as its source would write it that has gone through the mapping.
Whatever the mapping says, canaries of reports are drills of the source ``canary``: they open no case and count in no
indicator. Those of sensors have no samples and change nothing. None says anything of a person.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.kafka.contract import check
from pipeline.domain.ids import report_id
from pipeline.errors import ConfigFaults, Fault, InvalidRecord
from pipeline.events.base import Millis
from pipeline.events.facts import ReportSettled, Samples
from pipeline.events.records import READINGS_SCHEMA, Body
from pipeline.wire.serde import decode_struct
from schemas.mapping import Mapping
from schemas.specimen import specimen
from schemas.text import body_from_text, shape_of

SOURCE = "canary"
"""Source system of canaries, and what they say."""
METRIC = f"{SOURCE}/"
"""Begins the metric of canaries of sensors; the channel follows, because several share one device."""
_MARK = SOURCE.encode()
_PERSONAL = ("reporter_name", "reporter_phone", "reporter_id")


class Perch(NamedTuple):
    """A channel that canaries are sent by."""

    channel: str
    lane: str
    """The way in: which topic its records come in on."""
    schema: str
    mapping: str = ""
    """A mapping file, or the name of a shipped one; empty where records are written in our own schemas."""


class Bird(NamedTuple):
    """One canary: its channel, what is published, and how it is known again."""

    perch: Perch
    fields: dict[str, Any]
    key: str
    """The id of its fact; of a sensor the device, the metric and the time."""
    sent_at: Millis
    given: dict[str, Any] | None = None
    """The record before it went through its mapping; ``None`` where there is no mapping."""

    @property
    def reaches(self) -> tuple[str, ...]:
        """How far it can be seen: samples that are not there make no row."""
        return ("fact",) if self.perch.lane == "sensor" else ("fact", "row")


def bird(perch: Perch, now: Millis, device: str) -> Bird:
    """The canary of a channel at a time; ``device`` is the registered device of canaries of sensors.

    A mapping file is read anew each time, so that one which became faulty shows. Raises :class:`ConfigFaults` when
    the file, and :class:`InvalidRecord` when the record that comes of it is faulty.
    """
    words = _words(perch, now, device)
    given: dict[str, Any] | None = None
    if perch.mapping:
        mapping = Mapping.load(perch.mapping)
        if mapping.schema != perch.schema:
            remedy = f"it was {perch.schema} when the canaries began: start them anew"
            raise ConfigFaults([Fault(perch.mapping, "schema", mapping.schema, remedy)])
        given = specimen(mapping, words, now)
        _, body = mapping.apply(given)
    else:
        known = shape_of(perch.schema).defaults
        body = body_from_text(perch.schema, {name: word for name, word in words.items() if name in known})
    body = {**body, **_marks(perch, words)}
    check(perch.schema, body, now)
    return Bird(perch, _told(perch.schema, body), _key(perch.schema, body), now, given)


def _words(perch: Perch, now: Millis, device: str) -> dict[str, Any]:
    """What a canary says, by the fields of its schema."""
    words: dict[str, Any] = {"source_system": SOURCE, "source_ref": f"{perch.channel}-{now}", "received_at": now}
    if perch.schema != READINGS_SCHEMA:
        return words | {"channel": SOURCE, "title": SOURCE, "text": SOURCE}
    words |= {"device_id": device, "metric": METRIC + perch.channel}
    return words | {"started_at": now, "offsets_ms": [0], "values": [0.0]}


def _marks(perch: Perch, words: dict[str, Any]) -> dict[str, Any]:
    """What a canary is whatever its mapping says: ours, without effect, and of nobody."""
    if perch.schema != READINGS_SCHEMA:
        return {"source_system": SOURCE, "drill": True} | dict.fromkeys(_PERSONAL, "")
    return {name: words[name] for name in ("source_system", "device_id", "metric")} | {"offsets_ms": [], "values": []}


def _told(schema: str, body: Body) -> dict[str, Any]:
    """What differs from a record that says nothing."""
    silent = shape_of(schema).defaults
    return {name: value for name, value in body.items() if value != silent[name]}


def _key(schema: str, body: Body) -> str:
    if schema == READINGS_SCHEMA:
        return f"{body['device_id']}|{body['metric']}|{body['received_at']}"
    return report_id(SOURCE, body["source_ref"])


def key_of_fact(value: bytes) -> str | None:
    """The key of the canary that a fact is about; ``None`` for every other fact."""
    if _MARK not in value:
        return None
    try:
        fact = decode_struct(value)
    except InvalidRecord:
        return None
    if isinstance(fact, ReportSettled) and fact.source_system == SOURCE:
        return fact.fact_id
    if isinstance(fact, Samples) and fact.metric.startswith(METRIC):
        return f"{fact.device_id}|{fact.metric}|{fact.received_at}"
    return None
