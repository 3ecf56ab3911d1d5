"""Where each output goes: topic and key of facts, messages, assignments, statuses. Pure; the transaction writes it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import lru_cache

from connectors.kafka.contract import URGENT
from connectors.librdkafka.transactions import Written
from pipeline.events.base import Value
from pipeline.events.casework import CaseworkInput, tile_of_input
from pipeline.events.facts import CaseDispatched, Fact, RecordQuarantined, Samples
from pipeline.events.intake import LocatedReport
from pipeline.events.status import CaseStatus
from pipeline.runtime.kafka.lanes import LOCATED, LOCATED_SPOTTED, LOCATED_URGENT, NOTICES
from pipeline.wire.serde import STRUCTS, encode_struct
from schemas.topics import UNLISTED, of_schema, topics


def _routes() -> dict[type[Value], tuple[str, str]]:
    """Fact to its topic and the field that is its key, as the topic files say."""
    found: dict[type[Value], tuple[str, str]] = {}
    for name, kind in STRUCTS.items():
        for topic in of_schema(name):
            if topic.name.startswith("facts."):
                found[kind] = (topic.name, topic.key)
    return found


ROUTES = _routes()
ASSIGNMENTS, STATUS = topics()["assignments.<department>"], topics()["status.<source_system>"]
UNLISTED_STATUS = STATUS.named(UNLISTED)


def fact_records(facts: Iterable[Fact | Samples]) -> Iterable[Written]:
    """A record for each fact, and one more for the department when it is an assignment."""
    for fact in facts:
        value = encode_struct(fact)
        kind = fact.__class__
        if kind is RecordQuarantined:
            yield Written("quarantine", _place_of(fact).encode(), value)
            continue
        topic, key = ROUTES[kind]
        yield Written(topic, getattr(fact, key).encode(), value)
        if kind is CaseDispatched:
            yield Written(ASSIGNMENTS.named(fact.department), fact.case_id.encode(), value)  # type: ignore[union-attr]


def status_records(statuses: Iterable[CaseStatus], known: Container[str]) -> Iterable[Written]:
    """A record for each status, keyed by its report, on the topic of its source; ``known`` are the topics there are.

    What is meant for a source without a topic of its own goes to that of the sources without one.
    """
    for status in statuses:
        topic = _status_topic(status.source_system)
        yield Written(
            topic if topic in known else UNLISTED_STATUS, status.report_id.encode(), encode_struct(status)
        )  # fmt: skip


@lru_cache(maxsize=4096)
def _status_topic(source_system: str) -> str:
    return STATUS.named(source_system)


def casework_records(messages: Iterable[CaseworkInput]) -> Iterable[Written]:
    """A record for each message to casework, keyed by its tile; emergencies go ahead on topics of their own."""
    for message in messages:
        yield Written(_casework_topic(message), tile_of_input(message).encode(), encode_struct(message))


def _casework_topic(message: CaseworkInput) -> str:
    if message.__class__ is not LocatedReport:
        return NOTICES
    report, about = message.report, message.classification
    if report.urgent or report.origin.topic == URGENT:
        return LOCATED_URGENT
    if about.case_class != "emergency":
        return LOCATED
    return LOCATED_SPOTTED if about.urgent_words else LOCATED_URGENT


def _place_of(fact: Fact | Samples) -> str:
    assert isinstance(fact, RecordQuarantined)
    return f"{fact.topic}/{fact.partition}/{fact.offset}"
