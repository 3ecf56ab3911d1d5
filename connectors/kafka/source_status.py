"""A source system's way back: what became of its reports, each change once. See ``docs/sources-status.md``."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.kafka.inbox import Inbox, group_of
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.status import CaseStatus
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode_struct
from schemas.topics import topics


class SourceStatus:
    """The status topic of one source system. ``group`` lets several systems of a source read everything each."""

    def __init__(self, settings: KafkaSettings, source: str, *, group: str = "", batch: int = 100) -> None:
        topic = topics()["status.<source_system>"].named(source)
        self.inbox = Inbox(settings, topic, group_of("source", source, group), _status, _fact_id, batch=batch)

    def changes(self, *, follow: bool = False, limit: int | None = None) -> Iterator[CaseStatus]:
        """Changes that were not taken yet; one counts as taken when the next is asked for.

        Changes of one report come in the order in which they happened.
        """
        return self.inbox.records(follow=follow, limit=limit)

    def close(self) -> None:
        """Commit what was taken and leave."""
        self.inbox.close()

    def __enter__(self) -> SourceStatus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _status(value: bytes) -> CaseStatus:
    found = decode_struct(value)
    if not isinstance(found, CaseStatus):
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", type(found).__name__, "only statuses belong here")
    return found


def _fact_id(status: CaseStatus) -> str:
    return status.fact_id
