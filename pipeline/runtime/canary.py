"""Canaries: a record for each way in, every minute, through all that real records go through, and timed.

A canary of a report is a drill of the source ``canary``: it is screened, classified, located and settled, and opens no
case. A canary of a sensor is a record without samples of a registered device: it goes the same way and changes nothing.
Each is seen as a fact on its topic; those of reports also as a row of ClickHouse, when one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pipeline.domain.ids import report_id
from pipeline.errors import InvalidRecord
from pipeline.events.base import Millis
from pipeline.events.facts import ReportSettled, Samples
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.metrics import LANES
from pipeline.wire.serde import decode_struct

SOURCE = "canary"
"""Source system of canaries, and the metric of those of sensors."""
FACT_TOPICS = ("facts.reports", "facts.readings")
_SCHEMAS = {
    "grid-worker": "GridWorkerReport", "hotline": "HotlineOrder", "other": "Report", "urgent": "Report",
    "sensor": "SensorReadings",
}  # fmt: skip
_MARK = SOURCE.encode()


class Bird(NamedTuple):
    """One canary: its way in, what is published, and how it is known again."""

    lane: str
    schema: str
    fields: dict[str, Any]
    key: str
    """The id of its fact; of a sensor the device and the time."""
    sent_at: Millis

    @property
    def reaches(self) -> tuple[str, ...]:
        """How far it can be seen: samples that are not there make no row."""
        return ("fact",) if self.lane == "sensor" else ("fact", "row")


def bird(lane: str, now: Millis, device: str) -> Bird:
    """The canary of a way in at a time; ``device`` is the registered device of canaries of sensors."""
    reference = f"{lane}-{now}"
    fields: dict[str, Any] = {"source_system": SOURCE, "source_ref": reference, "received_at": now}
    if lane == "sensor":
        fields |= {"device_id": device, "metric": SOURCE, "started_at": now, "offsets_ms": [], "values": []}
        return Bird(lane, _SCHEMAS[lane], fields, f"{device}|{now}", now)
    fields |= {"title": SOURCE, "drill": True}
    if _SCHEMAS[lane] == "Report":
        fields["channel"] = SOURCE
    return Bird(lane, _SCHEMAS[lane], fields, report_id(SOURCE, reference), now)


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
    if isinstance(fact, Samples) and fact.metric == SOURCE:
        return f"{fact.device_id}|{fact.received_at}"
    return None


class Sighting(NamedTuple):
    """A canary that was seen, or (``seconds`` is ``None``) that was not seen in time."""

    lane: str
    reach: str
    seconds: float | None


@dataclass
class Aviary:
    """The canaries on their way. Pure: what is seen and when is told to it."""

    patience_s: float
    reaches: tuple[str, ...] = ("fact",)
    _awaited: dict[tuple[str, str], Bird] = field(default_factory=dict)

    def send(self, one: Bird) -> None:
        """A canary was published."""
        self._awaited |= {(one.key, reach): one for reach in one.reaches if reach in self.reaches}

    def see(self, key: str, reach: str, now: Millis) -> Sighting | None:
        """A canary was seen; ``None`` when it was seen before, given up or another's."""
        one = self._awaited.pop((key, reach), None)
        return None if one is None else Sighting(one.lane, reach, max(0, now - one.sent_at) / 1000)

    def awaited(self, reach: str) -> list[str]:
        """Keys of those not seen there yet."""
        return [key for key, known in self._awaited if known == reach]

    def give_up(self, now: Millis) -> list[Sighting]:
        """Those that were not seen in time; they are waited for no longer."""
        late = [place for place, one in self._awaited.items() if now - one.sent_at > self.patience_s * 1000]
        return [Sighting(self._awaited.pop(place).lane, place[1], None) for place in late]


class Sender(Protocol):
    """Publishes records of the input schemas."""

    def report(self, fields: dict[str, Any], *, schema: str = "Report", urgent: bool = False) -> Any:
        """Send one; it may still be on its way."""


class Facts(Protocol):
    """The newest facts."""

    def poll(self, seconds: float) -> list[tuple[str, bytes]]:
        """Topic and value of what came."""


Rows = Callable[[Sequence[str]], Iterable[str]]
"""Of some ids of facts those that ClickHouse has."""


@dataclass
class Canary:
    """Sends canaries and looks for them. ``now`` is the wall clock: publishing and seeing are both timed by it."""

    sender: Sender
    facts: Facts
    instruments: Instruments
    now: Callable[[], Millis]
    lanes: Sequence[str] = LANES[:-1]
    device: str = ""
    rows: Rows | None = None
    patience_s: float = 60.0
    aviary: Aviary = field(init=False)

    def __post_init__(self) -> None:
        """Begin with none on its way."""
        self.aviary = Aviary(self.patience_s, ("fact", "row") if self.rows else ("fact",))

    def release(self) -> None:
        """Publish one canary for each way in."""
        for lane in self.lanes:
            one = bird(lane, self.now(), self.device)
            self.sender.report(one.fields, schema=one.schema, urgent=lane == "urgent")
            self.aviary.send(one)
            self.instruments.canary_sent(lane)

    def look(self, seconds: float) -> list[Sighting]:
        """Look for them for some time; what was seen, and what is given up."""
        found = [self.aviary.see(key, "fact", self.now()) for key in self._facts_seen(seconds)]
        found += [self.aviary.see(key, "row", self.now()) for key in self._rows_seen()]
        sightings = [one for one in found if one is not None] + self.aviary.give_up(self.now())
        for one in sightings:
            self._tell(one)
        self.instruments.touched()
        return sightings

    def _facts_seen(self, seconds: float) -> list[str]:
        return [key for _, value in self.facts.poll(seconds) if (key := key_of_fact(value)) is not None]

    def _rows_seen(self) -> Iterable[str]:
        waiting = self.aviary.awaited("row")
        return self.rows(waiting) if self.rows is not None and waiting else ()

    def _tell(self, one: Sighting) -> None:
        if one.seconds is None:
            self.instruments.canary_lost(one.lane, one.reach)
        else:
            self.instruments.canary_seen(one.lane, one.reach, one.seconds, self.now() / 1000)
