"""What tests of canaries share: all channels, and the stages that their records go through."""

from typing import Any

from connectors.kafka.contract import Outgoing, outgoing
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival, Origin
from pipeline.runtime.birds import Bird
from pipeline.runtime.books import Books
from pipeline.runtime.perches import Wish, perches
from pipeline.topology import Topology
from pipeline.wire.serde import decode
from schemas.text import body_from_text
from tests.small_city import MONDAY, city, layers, screening

DEVICE = "d1"
PERCHES = {one.channel: one for one in perches(Wish(device=DEVICE), MONDAY)}


def published(one: Bird) -> Outgoing:
    """A canary as the publisher makes it."""
    body = body_from_text(one.perch.schema, one.fields)
    return outgoing(one.perch.schema, body, MONDAY, urgent=one.perch.lane == "urgent")


class Pipeline:
    """The stages of the small city, as far as a record goes within one process."""

    def __init__(self) -> None:
        self.topology, self.books, self.facts = Topology(city(), layers(), screening()), Books(1), list[Any]()
        self.settled: list[Any] = []

    def take(self, topic: str, value: bytes) -> None:
        """One record, to its end."""
        name, body = decode(value)
        arrival = Arrival(name, Origin(topic, 0, 0), MONDAY, body, 0)
        taken = self.topology.intake.steps(self.books.intake, [arrival])
        outcomes = [taken]
        readings = [message for message in taken.messages if isinstance(message, Readings)]
        outcomes.append(self.topology.detect.steps(self.books.detect, readings))
        reports = [message for message in taken.messages if not isinstance(message, Readings)]
        for located in self.topology.place([*reports, *outcomes[1].messages]):
            outcomes.append(self.topology.casework.step(self.books.casework[0], located))
        for outcome in outcomes:
            self.facts += outcome.facts
            self.settled += outcome.settled
