"""Canaries: a record for each channel, every minute, through all that real records go through, and timed.

Each is seen as a fact on its topic; those of reports also as a row of ClickHouse, when one is asked. What they are
stands in :mod:`pipeline.runtime.birds`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pipeline.errors import ConfigFaults, InvalidRecord
from pipeline.events.base import Millis
from pipeline.runtime.birds import Bird, Perch, bird, key_of_fact
from pipeline.runtime.instruments import Instruments

FACT_TOPICS = ("facts.reports", "facts.readings")
log = logging.getLogger("wangge.canary")


class Sighting(NamedTuple):
    """A canary that was seen, or (``seconds`` is ``None``) that was not seen in time."""

    perch: Perch
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
        return None if one is None else Sighting(one.perch, reach, max(0, now - one.sent_at) / 1000)

    def awaited(self, reach: str) -> list[str]:
        """Keys of those not seen there yet."""
        return [key for key, known in self._awaited if known == reach]

    def give_up(self, now: Millis) -> list[Sighting]:
        """Those that were not seen in time; they are waited for no longer."""
        late = [place for place, one in self._awaited.items() if now - one.sent_at > self.patience_s * 1000]
        return [Sighting(self._awaited.pop(place).perch, place[1], None) for place in late]


class Sender(Protocol):
    """Publishes records of the input schemas."""

    def report(self, fields: dict[str, Any], *, schema: str = "Report", urgent: bool = False) -> Any:
        """Send one; it may still be on its way."""

    def heed(self) -> None:
        """Raise :class:`Refused` when one was not taken because we may not send it."""


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
    perches: Sequence[Perch]
    device: str = ""
    rows: Rows | None = None
    patience_s: float = 60.0
    aviary: Aviary = field(init=False)

    def __post_init__(self) -> None:
        """Begin with none on its way."""
        self.aviary = Aviary(self.patience_s, ("fact", "row") if self.rows else ("fact",))

    def release(self) -> list[Sighting]:
        """Publish one canary for each channel; gives back those that could not be made: the others go all the same."""
        unmade: list[Sighting] = []
        for perch in self.perches:
            try:
                one = bird(perch, self.now(), self.device)
            except (ConfigFaults, InvalidRecord) as fault:
                log.error("no canary of %s: %s", perch.channel, fault)
                unmade.append(Sighting(perch, "fact", None))
                self._tell(unmade[-1])
                continue
            self.sender.report(one.fields, schema=perch.schema, urgent=perch.lane == "urgent")
            self.aviary.send(one)
            self.instruments.canary_sent(perch.lane, perch.channel)
        return unmade

    def look(self, seconds: float) -> list[Sighting]:
        """Look for them for some time; what was seen, and what is given up. Raises :class:`Refused`."""
        self.sender.heed()
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
        lane, channel = one.perch.lane, one.perch.channel
        if one.seconds is None:
            self.instruments.canary_lost(lane, channel, one.reach)
        else:
            self.instruments.canary_seen(lane, channel, one.reach, one.seconds, self.now() / 1000)
