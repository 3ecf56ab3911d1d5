"""What is collected while one poll goes through the stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from connectors.librdkafka.transactions import Written
from pipeline.events.casework import CaseworkInput
from pipeline.events.facts import Fact, Samples
from pipeline.events.intake import ScreenedReport
from pipeline.events.status import CaseStatus
from pipeline.runtime.counts import Counts
from pipeline.runtime.kafka.steps import Stopwatch
from pipeline.stage import Settlement


@dataclass
class Work:
    """One poll: what its records brought about so far, and how long that took."""

    watch: Stopwatch
    facts: list[Fact | Samples] = field(default_factory=list)
    screened: list[ScreenedReport] = field(default_factory=list)
    unsigned: list[ScreenedReport] = field(default_factory=list)
    messages: list[CaseworkInput] = field(default_factory=list)
    statuses: list[CaseStatus] = field(default_factory=list)
    later: list[Written] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    acted: list[int] = field(default_factory=list)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    records: int = 0
    at_hand: int = 0
    """Messages of casework that were worked with the poll that brought them."""
    latest: int = 0

    def counted(self) -> list[Fact]:
        """The outcomes of this poll; their ids carry where it ended, so each poll counts once."""
        if not self.settled:
            return []
        counts = Counts()
        counts.add(self.settled)
        (topic, partition), offset = min(self.offsets.items())
        facts = counts.commit(0, self.latest, offset)
        place = f"{topic}:{partition}:{offset}"
        return [replace(fact, fact_id=f"{place}:{fact.fact_id.partition(':')[2]}") for fact in facts]
