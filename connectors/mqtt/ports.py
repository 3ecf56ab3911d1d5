"""What the bridge asks of Kafka, and who hears how it fares."""

from __future__ import annotations

from typing import Protocol

from connectors.kafka.contract import Outgoing
from pipeline.errors import Refused


class Sent(Protocol):
    """One record on its way to Kafka."""

    @property
    def done(self) -> bool:
        """Whether its fate is known."""

    @property
    def error(self) -> BaseException | None:
        """Why it failed."""


class Way(Protocol):
    """Where records go: a :class:`connectors.kafka.publisher.Publisher` in earnest."""

    def post(self, record: Outgoing) -> Sent:
        """Send one record; raises :class:`NeighbourAway` when it cannot be taken now."""

    def answers(self) -> bool:
        """Whether Kafka does."""

    def refusal(self, record: Outgoing, error: BaseException | None) -> Refused | None:
        """What to raise when a record failed because we may not write it; ``None`` when it may be sent again."""


class Watch(Protocol):
    """Who is told how it goes; an ``Instruments`` in earnest."""

    def touched(self) -> None:
        """The loop turned."""

    def bridged(self, outcome: str, n: int) -> None:
        """Messages that were acknowledged: ``forwarded`` or ``refused``."""

    def bridge_waiting(self, n: int) -> None:
        """Messages that wait for Kafka."""

    def ready(self, need: str, there: bool) -> None:
        """Whether the MQTT broker is there, or Kafka."""

    def waiting(self, neighbour: str) -> None:
        """The bridge waits for Kafka; "" when it no longer does."""


class Unwatched:
    """Nobody is told."""

    def touched(self) -> None:
        """Nothing."""

    def bridged(self, outcome: str, n: int) -> None:
        """Nothing."""

    def bridge_waiting(self, n: int) -> None:
        """Nothing."""

    def ready(self, need: str, there: bool) -> None:
        """Nothing."""

    def waiting(self, neighbour: str) -> None:
        """Nothing."""
