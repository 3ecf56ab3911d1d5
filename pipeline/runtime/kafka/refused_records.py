"""Refused records on Kafka: read from the quarantine topic, judged by the rules of today, corrected.

What was sent again is in ``quarantine.sent`` (see :mod:`pipeline.runtime.kafka.sending_again`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from connectors.librdkafka.following import Follower
from connectors.librdkafka.reading import record_at
from connectors.sources.shapes import INPUT_SCHEMAS, shape_of
from pipeline.errors import InvalidRecord, Reason, StopRun
from pipeline.events.base import Millis
from pipeline.events.facts import RecordQuarantined
from pipeline.events.records import Arrival, Origin
from pipeline.runtime.kafka.arriving import allowed_on
from pipeline.runtime.kafka.lanes import LOCATED, LOCATED_SPOTTED, LOCATED_URGENT, NOTICES
from pipeline.runtime.kafka.retries import DESK, may_return
from pipeline.stages.intake import RAW_LIMIT, Intake, IntakeBook
from pipeline.topology import Topology
from pipeline.wire.serde import decode, decode_struct, encode

TOPIC = "quarantine"
BETWEEN_STAGES = frozenset({LOCATED, LOCATED_SPOTTED, LOCATED_URGENT, NOTICES})
"""Topics whose records are messages of our own stages: they are judged by whether they can be read."""
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """One record of the quarantine topic."""

    fact: RecordQuarantined
    at: Millis
    """When it was quarantined."""

    @property
    def id(self) -> str:
        """By which it is known: topic, partition and offset where it stood."""
        return self.fact.fact_id

    @property
    def place(self) -> str:
        """``topic/partition/offset`` where it stood."""
        return f"{self.fact.topic}/{self.fact.partition}/{self.fact.offset}"

    @property
    def cut(self) -> bool:
        """Whether quarantine has only the beginning of its bytes."""
        return len(self.fact.raw) >= RAW_LIMIT

    @cached_property
    def read(self) -> tuple[str, Body] | None:
        """Schema and fields, if its bytes can be read."""
        try:
            return decode(self.fact.raw)
        except InvalidRecord:
            return None

    @property
    def source(self) -> str:
        """The source system it names, "" when it cannot be read."""
        return str(self.read[1].get("source_system") or "") if self.read else ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which refused records are meant; what is empty means all."""

    reason: str = ""
    topic: str = ""
    source: str = ""
    since: Millis | None = None
    until: Millis | None = None
    id: str = ""

    def takes(self, one: Refused) -> bool:
        """Whether this is one of them."""
        return (
            (not self.id or one.id == self.id)
            and (not self.reason or one.fact.reason == self.reason)
            and (not self.topic or one.fact.topic == self.topic)
            and (self.since is None or one.at >= self.since)
            and (self.until is None or one.at < self.until)
            and (not self.source or one.source == self.source)
        )


def refused_records(config: Mapping[str, Any], prefix: str, wanted: Wanted) -> Iterator[Refused]:
    """Those that stand in the topic now, partition by partition as they come. Raises :class:`NeighbourAway`.

    The places they tell are without the prefix, whoever refused them.
    """
    follower = Follower(config, [prefix + TOPIC], prefix + DESK)
    try:
        for batch in follower.read_to(follower.ends([prefix + TOPIC])):
            for record in batch:
                found = _refused(record.value or b"", record.timestamp, prefix)
                if found is not None and wanted.takes(found):
                    yield found
    finally:
        follower.close()


def _refused(value: bytes, at: Millis, prefix: str) -> Refused | None:
    try:
        fact = decode_struct(value)
    except InvalidRecord:
        return None  # of a later release: the release that wrote it can mend it
    if not isinstance(fact, RecordQuarantined):
        return None
    if prefix and fact.topic.startswith(prefix):  # the sink knows topics by their whole name
        fact = replace(fact, topic=fact.topic[len(prefix) :])
    return Refused(fact, at)


def bytes_of(config: Mapping[str, Any], prefix: str, one: Refused) -> bytes:
    """The whole record: from quarantine, or from where it stood if that kept only its beginning.

    Raises :class:`StopRun` when its topic has let it go.
    """
    if not one.cut:
        return one.fact.raw
    found = record_at(config, prefix + DESK, prefix + one.fact.topic, one.fact.partition, one.fact.offset)
    if found is None:
        message = f"the bytes of {one.id} are not kept any more: ask its sender for the record"
        raise StopRun(message)
    return found


def corrected(value: bytes, changes: Mapping[str, Any]) -> tuple[str, Body]:
    """Schema and body with corrected fields. Raises :class:`InvalidRecord`, also for a field that there is not."""
    name, body = decode(value)
    if name not in INPUT_SCHEMAS:
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", name, "only records of sources have fields to correct")
    for field in changes:
        if field not in body:
            raise InvalidRecord(Reason.MISSING_FIELD, field, "", f"name a field of {name}: {', '.join(body)}")
    return shape_of("")({"schema": name, **body, **changes})


def written(value: bytes, changes: Mapping[str, Any]) -> bytes:
    """The bytes to send: as they came, or encoded anew when something is corrected. Raises :class:`InvalidRecord`."""
    return encode(*corrected(value, changes)) if changes else value


class Judge:
    """Would a record be taken now? By the rules of today, alone, without what came before it."""

    def __init__(self, topology: Topology, now: Callable[[], Millis]) -> None:
        self._intake, self._now = Intake(topology.screening), now

    def verdict(self, one: Refused, value: bytes, changes: Mapping[str, Any]) -> str:
        """Why it would be refused, "" when it would pass.

        One that said something else under a number that was taken stays refused until it has a number of its own. What
        ClickHouse refused stands on its topic still: a backfill brings it once the table is mended.
        """
        fact = one.fact
        if not may_return(fact.topic):
            return fact.reason
        if fact.reason == Reason.CONFLICTING_CONTENT and "source_ref" not in changes:
            return Reason.CONFLICTING_CONTENT
        try:
            if fact.topic in BETWEEN_STAGES:
                decode_struct(value)
                return ""
            name, body = decode(written(value, changes))
        except InvalidRecord as fault:
            return fault.reason
        if name not in allowed_on(fact.topic):
            return Reason.UNKNOWN_SCHEMA
        if name not in INPUT_SCHEMAS:
            return ""
        arrival = Arrival(name, Origin(fact.topic, fact.partition, -1), self._now(), body, -1, value)
        outcome = self._intake.step(IntakeBook(), arrival)
        told = [made for made in outcome.facts if isinstance(made, RecordQuarantined)]
        return told[0].reason if told else ""
