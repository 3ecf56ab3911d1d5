"""What the sink did and how it stands: plain numbers, and a watcher that metrics may put in their place."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from connectors.sinks.clickhouse.decide import Mode
from pipeline.events.base import Millis

LOG = logging.getLogger("wangge.sink")
MOST_ALARMS = 50
"""How many alarms are kept in words; the metric counts them all."""


class Alarm(StrEnum):
    """What an operator has to look at."""

    VIEWS_MAY_LACK = "views_may_lack"
    """A block was found written, too long ago to repair by its token what views may have missed of it."""
    PLAN_CHANGED = "plan_changed"
    """A planned block was written with other records than planned, as ``--rebuild-changed`` allows."""
    OTHER_VERSION = "other_version"
    """A planned block was written by another version of the sink than planned it."""


class Watch(Protocol):
    """Who is told of each step. Calls come by block, never by record, and from one thread."""

    def touched(self) -> None:
        """The loop came round."""

    def assigned(self, partitions: list[tuple[str, int]]) -> None:
        """The whole new assignment."""

    def batch(self, stage: str, records: int, seconds: float) -> None:
        """One step of one block: ``plan``, ``probe``, ``insert``."""

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """How far behind a partition is."""

    def took(self, topic: str, partition: int) -> None:
        """A block was taken and is not done."""

    def committed(self, topic: str, partition: int, position: int) -> None:
        """Everything below ``position`` is done."""

    def waiting(self, neighbour: str) -> None:
        """The sink waits for a neighbour ("" when no longer)."""

    def ready(self, need: str, there: bool) -> None:
        """A need is there or away."""

    def quarantined(self, topic: str, reason: str, n: int) -> None:
        """Records were set aside."""

    def latency(self, path: str, seconds: float, n: int = 1) -> None:
        """How long after being published a row was there."""

    def sink_inserted(self, table: str, rows: int, seconds: float) -> None:
        """Rows are in."""

    def sink_retried(self, cause: str) -> None:
        """An insert has to be tried again."""

    def sink_probed(self, result: str) -> None:
        """What of a block was there: ``present``, ``absent`` or ``partial``."""

    def sink_rejected(self, table: str, rows: int) -> None:
        """Rows that the server does not take."""

    def sink_alarm(self, alarm: str) -> None:
        """Something that an operator has to look at."""

    def sink_state(self, mode: str, plans: int, rows: int, size: int) -> None:
        """How the sink stands."""


class Unwatched:
    """Nobody is told anything."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@dataclass(slots=True)
class SinkFigures:
    """Counters since the start, and gauges of the last turn of the loop."""

    mode: Mode = Mode.TOKEN
    blocks: int = 0
    rows: int = 0
    records: int = 0
    retries: int = 0
    probes: int = 0
    fenced: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Records set aside, by reason."""
    alarms: list[str] = field(default_factory=list)
    """What an operator has to look at: the latest of it, oldest first."""
    away: set[str] = field(default_factory=set)
    """Neighbours that are waited for."""
    plans: int = 0
    """Blocks planned and not done."""
    lag: int = 0
    """Offsets between what is done and what is readable; marks of transactions count, so 0 is exact and the rest an
    upper bound."""
    oldest_ms: Millis = 0
    """Age of the oldest record that is read and not written; 0 when there is none."""
    buffered: int = 0
    size: int = 0
    """Records and bytes that wait in memory."""
    paused: int = 0
    """Partitions that are not read because enough waits."""
    watch: Watch = field(default_factory=Unwatched)

    def alarm(self, alarm: Alarm, told: str) -> None:
        """An operator has to look at something: counted by its kind, and told in words."""
        self.note(told)
        self.watch.sink_alarm(alarm.value)
        LOG.warning("to be looked at", extra={"alarm": alarm.value, "told": told})

    def note(self, told: str) -> None:
        """Keep something in words for whoever asks; only the latest is kept."""
        self.alarms.append(told)
        del self.alarms[:-MOST_ALARMS]

    def neighbour(self, name: str, *, there: bool) -> None:
        """A neighbour is there or away. Some may be away at the same time: each is waited for until it is there."""
        (self.away.discard if there else self.away.add)(name)
        self.watch.ready(name, there)
        self.watch.waiting(", ".join(sorted(self.away)))

    def document(self) -> dict[str, Any]:
        """All of it as one JSON document."""
        names = ("blocks", "rows", "records", "retries", "probes", "fenced", "alarms", "plans", "lag", "oldest_ms",
                 "buffered", "size", "paused")  # fmt: skip
        return {"mode": self.mode.value, "rejected": dict(self.rejected)} | {
            name: getattr(self, name) for name in names
        }
