"""A spotter whose Kafka is away says so, though it has nothing to do, and is no reason to start it anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.kafka.answering import SILENCE_S
from connectors.librdkafka.following import Read
from connectors.librdkafka.sending import Ends
from pipeline.errors import NeighbourAway
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.spotter import Spotter
from tests.runtime.kafka.test_spotter import PLACE, Kafka
from tests.support.clock import Clock

AWAY = ("kafka is away", "waits for kafka")


class Outage(Kafka):
    """A broker that may be away: then reading gives nothing and no question is answered."""

    def __init__(self, clock: Clock) -> None:
        super().__init__([])
        self.clock, self.away, self.asked = clock, False, 0

    def read(self, records: int, seconds: float) -> list[Read]:
        return [] if self.away or not self.batches else super().read(records, seconds)

    def answers(self) -> bool:
        self.asked += 1
        return not self.away


class Rig:
    """A spotter with a partition, and what it says of itself."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.watch = Instruments("spotter", needs=("kafka",), clock=self.clock)
        self.kafka = Outage(self.clock)
        self.spotter = Spotter("p-", self.kafka.join, self.kafka.writer, lambda value: True, self.watch, self.clock)
        self.spotter._assigned([PLACE])

    def turn(self, seconds: float) -> tuple[bool, tuple[str, ...]]:
        """Some seconds later, after one more turn: whether it is alive, and what keeps it from being ready."""
        self.clock.now += seconds
        self.spotter.turn(self.kafka, self.kafka)
        picture = self.watch.progress.picture()
        return picture.live, picture.missing


def test_before_its_group_gave_it_anything_it_is_not_ready() -> None:
    picture = Instruments("spotter", needs=("kafka",)).progress.picture()
    assert (picture.live, picture.missing) == (True, AWAY[:1])


def test_with_nothing_to_do_it_asks_now_and_then_and_is_ready() -> None:
    rig = Rig()
    assert [rig.turn(SILENCE_S / 4) for _ in range(12)] == [(True, ())] * 12
    assert rig.kafka.asked == 3


def test_an_outage_while_it_has_nothing_to_do_is_told_and_its_end_too() -> None:
    rig = Rig()
    rig.kafka.away = True
    assert rig.turn(SILENCE_S - 1) == (True, ())
    assert rig.turn(1) == (True, AWAY)
    assert rig.turn(1_000) == (True, AWAY)
    rig.kafka.away = False
    assert rig.turn(1) == (True, ())


def test_records_that_nobody_can_commit_in_an_outage_do_not_count_against_it() -> None:
    rig = Rig()
    rig.watch.took("reports.hotline", 0)
    rig.kafka.away = True
    assert rig.turn(SILENCE_S) == (True, AWAY)
    assert rig.turn(1_000) == (True, AWAY)
    rig.kafka.away = False
    assert rig.turn(1) == (True, ()), "time begins to count now"
    assert not rig.turn(61)[0], "Kafka is there and nothing moves"


@pytest.mark.parametrize("call", ["flush", "commit"])
def test_what_kafka_does_not_confirm_for_minutes_is_waited_for(call: str) -> None:
    rig, seen = Rig(), list[tuple[bool, tuple[str, ...]]]()

    def lasting(lasts: Callable[[], None]) -> Ends:
        for _ in range(300):
            rig.clock.now += 1
            lasts()
            picture = rig.watch.progress.picture()
            seen.append((picture.live, picture.missing))
        message = "not confirmed"
        raise NeighbourAway(message)

    setattr(rig.kafka, call, lasting)
    rig.kafka.batches = [[b"!a"]]
    with pytest.raises(NeighbourAway):
        rig.turn(1)
    silent = int(SILENCE_S) - 1
    assert seen == [(True, ())] * silent + [(True, AWAY)] * (300 - silent)
