"""The clock of a city goes on when Kafka was away, and tells every partition the same whole time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from connectors.librdkafka.sending import Ends
from pipeline.errors import NeighbourAway
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.kafka.clock import TURN_S, Clock
from pipeline.wire.serde import decode
from tests.builders import MONDAY

MINUTE = 60_000


class Writer:
    """A topic of three partitions; once it has failed it takes nothing any more, as a producer after a fatal error."""

    def __init__(self, fails: bool) -> None:
        self.fails, self.sent, self.forgotten = fails, list[tuple[int, dict[str, Any]]](), False

    def partitions(self, topic: str) -> int:
        assert topic == "p.readings.sensor"
        return 3

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int = -1) -> None:
        self.sent.append((partition, decode(value or b"")[1]))

    def flush(self, lasts: Callable[[], None]) -> Ends:
        lasts()
        if self.fails:
            self.sent.clear()
            raise NeighbourAway(self.__class__.__name__)
        return {}

    def forget(self) -> None:
        self.forgotten = True


class Watch(Instruments):
    """Ends the clock with its first tick, and keeps what was told of Kafka."""

    def __init__(self) -> None:
        super().__init__("clock", needs=("kafka",))
        self.stop, self.told = Event(), list[tuple[str, bool]]()

    def produced(self, topic: str, n: int) -> None:
        super().produced(topic, n)
        self.stop.set()

    def ready(self, need: str, there: bool) -> None:
        super().ready(need, there)
        self.told.append((need, there))


class Turns(Event):
    """Is never waited for, and set after some waits."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self.turns, self.waited = turns, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        if len(self.waited) == self.turns:
            self.set()
        return self.is_set()


def test_every_partition_is_told_the_last_whole_time() -> None:
    writer = Writer(fails=False)
    assert Clock(lambda: writer, "p.", MINUTE, Watch()).once(MONDAY + 17) == MONDAY
    assert [(number, body["at"], body["partition"]) for number, body in writer.sent] == [
        (number, MONDAY, number) for number in range(3)
    ]


def test_after_a_fault_the_next_tick_is_told_by_a_new_writer_and_both_are_told() -> None:
    made, watch = list[Writer](), Watch()

    def write() -> Writer:
        made.append(Writer(fails=not made))
        return made[-1]

    seconds = (MONDAY - 1) / 1000
    Clock(write, "p.", 1, watch).run(watch.stop, now=lambda: seconds)
    assert [len(one.sent) for one in made] == [0, 3]
    assert [one.forgotten for one in made] == [True, False]
    assert watch.told == [("kafka", False), ("kafka", True)]
    assert watch.progress.picture().is_ready


def test_between_two_ticks_the_loop_turns() -> None:
    turned, stop = list[int](), Turns(5)

    class Turned(Watch):
        def touched(self) -> None:
            super().touched()
            turned.append(len(stop.waited))

    seconds = MONDAY / 1000
    Clock(lambda: Writer(fails=False), "p.", 60 * MINUTE, Turned()).run(stop, now=lambda: seconds)
    assert stop.waited == [TURN_S] * 5
    assert turned == [0, 0, 1, 2, 3, 4], "as it begins, while Kafka is waited for, and after every wait"
