"""Lanes: which topics feed which stages, and where their state is kept.

The partitions of a lane's topics with the same number share one state, so all of them have the same partition count and
go to the same worker. The urgent lane has a state of its own: its worker never waits behind ordinary reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connectors.kafka.contract import URGENT
from pipeline.domain.reference.model import Reference
from pipeline.stage import State
from pipeline.stages.casebook import CaseBook
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.intake import IntakeBook
from schemas.topics import topics

LOCATED, LOCATED_URGENT, NOTICES = "reports.located", "reports.located.urgent", "casework.notices"
REPORTS_SPOTTED, LOCATED_SPOTTED = "reports.spotted", "reports.located.spotted"
ACTIONS = "actions."
"""One topic of actions for each department."""
AHEAD = (frozenset({URGENT, LOCATED_URGENT}), frozenset({REPORTS_SPOTTED, LOCATED_SPOTTED}))
"""Topics that are polled before all others: first what a source called urgent, then what only sounds so.

Words are cheap: in a backlog of a million reports thousands sound urgent, and an emergency that somebody
vouches for must not wait behind them.
"""

CASEWORK = "casework"
"""The lane whose key is the tile: other lanes, and its own partitions, send it messages."""
STATE_READERS = "state-readers"
"""The group that whoever reads a state or the input of a lane names at the broker (no group is joined), without the
prefix of the city."""

Books = Mapping[str, Callable[[], State]]


@dataclass(frozen=True, slots=True)
class Lane:
    """A name, its input topics and the books of its state."""

    name: str
    topics: tuple[str, ...]
    books: Books

    @property
    def changelog(self) -> str:
        """The compacted topic that keeps its state."""
        return f"changelog.{self.name}"


LANES = {
    lane.name: lane
    for lane in (
        Lane(
            "intake",
            ("reports.grid-worker", "reports.hotline", "reports.other", "work.logs"),
            {"intake": IntakeBook},
        ),
        Lane("urgent", (URGENT, REPORTS_SPOTTED), {"intake": IntakeBook}),
        Lane("detect", ("readings.sensor",), {"detect": DeviceBook}),
        Lane(
            CASEWORK,
            (LOCATED_URGENT, LOCATED_SPOTTED, NOTICES, LOCATED),
            {"casework": CaseBook, "actions": IntakeBook},
        ),
    )
}
"""All lanes by name, urgent ones of casework first. Casework also reads the actions of every department."""


TRIAGE = "manual-triage"
"""The desk of people that decides what no rule decides; it has topics like any department."""


def departments_of(reference: Reference) -> tuple[str, ...]:
    """Everybody who may be assigned a case, the triage desk included."""
    return (*sorted(row.id for row in reference.tables.departments if row.id != TRIAGE), TRIAGE)


def lanes_of(names: Iterable[str], departments: Iterable[str]) -> tuple[Lane, ...]:
    """The lanes with these names; casework reads the actions of ``departments``. Raises ``KeyError``."""
    actions = tuple(topics()["actions.<department>"].named(department) for department in departments)
    return tuple(
        Lane(lane.name, (*lane.topics, *actions), lane.books) if lane.name == CASEWORK else lane
        for lane in (LANES[name] for name in names)
    )
