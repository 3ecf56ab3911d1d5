"""The clock of a city goes on when Kafka was away, and tells every partition the same whole time."""

from __future__ import annotations

from threading import Event
from typing import Any

from pipeline.errors import NeighbourAway
from pipeline.runtime.kafka.clock import Clock
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

    def flush(self) -> object:
        if self.fails:
            self.sent.clear()
            raise NeighbourAway(self.__class__.__name__)
        return {}

    def forget(self) -> None:
        self.forgotten = True


def test_every_partition_is_told_the_last_whole_time() -> None:
    writer = Writer(fails=False)
    assert Clock(lambda: writer, "p.", MINUTE).once(MONDAY + 17) == MONDAY
    assert [(number, body["at"], body["partition"]) for number, body in writer.sent] == [
        (number, MONDAY, number) for number in range(3)
    ]


def test_after_a_fault_the_next_tick_is_told_by_a_new_writer() -> None:
    made, stop = list[Writer](), Event()

    def write() -> Writer:
        made.append(Writer(fails=not made))
        return made[-1]

    seconds = (MONDAY - 1) / 1000
    Clock(write, "p.", 1, told=lambda _: stop.set()).run(stop, now=lambda: seconds)
    assert [len(one.sent) for one in made] == [0, 3]
    assert [one.forgotten for one in made] == [True, False]
