"""A bridge tells that Kafka is away, whether messages wait for it or not."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

import pytest

from connectors.kafka.answering import SILENCE_S, Answering
from connectors.kafka.contract import Outgoing
from connectors.mqtt.bridge import Bridge, MqttPlace
from connectors.mqtt.payloads import Payloads
from pipeline.commands import bridge
from pipeline.errors import NeighbourAway, Refused
from pipeline.runtime.instruments import Instruments
from tests.support.clock import Clock

AWAY = ("kafka is away", "waits for kafka")


@dataclass
class Message:
    """As much of a message of paho as the bridge looks at."""

    payload: bytes = b'{"value": 61.5, "time": 1773620100000}'
    topic: str = "sensors/n-1/noise_laeq"
    mid: int = 1
    qos: int = 1


class Held:
    """A record on its way."""

    done = False
    error: BaseException | None = None


class Way:
    """A Kafka that may be away: it takes nothing, or what it took hangs."""

    def __init__(self) -> None:
        self.away, self.takes, self.posted = False, True, list[Held]()

    def post(self, record: Outgoing) -> Held:
        if not self.takes:
            message = "away"
            raise NeighbourAway(message)
        self.posted.append(Held())
        return self.posted[-1]

    def answers(self) -> bool:
        return not self.away

    def refusal(self, record: Outgoing, error: BaseException | None) -> Refused | None:
        return error if isinstance(error, Refused) else None


class Rig:
    """A bridge without a line to an MQTT broker; what comes is given to it."""

    def __init__(self) -> None:
        self.clock, self.way = Clock(), Way()
        self.watch = Instruments("bridge", needs=("kafka",), clock=self.clock)
        place = MqttPlace("127.0.0.1", 9, ("sensors/#",))
        self.bridge = Bridge(self.way, Payloads("mqtt-sensors"), place, watch=self.watch)
        self.bridge._kafka = Answering.to(self.watch, self.clock)
        self.bridge._kafka.heard()

    def comes(self) -> None:
        self.bridge._on_message(None, None, Message())  # type: ignore[arg-type]

    def turn(self, seconds: float) -> tuple[str, ...]:
        """What keeps it from being ready some seconds later, after one more turn; it is alive all the time."""
        self.clock.now += seconds
        self.bridge._send_after = 0.0
        self.bridge._turn()
        picture = self.watch.progress.picture()
        assert picture.live
        return picture.missing


class Turns(Event):
    """Is never waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_who_begins_in_an_outage_tells_it_and_begins_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, seen = Instruments("bridge", needs=("kafka",)), list[tuple[str, ...]]()

    def connected() -> object:
        seen.append(watch.progress.picture().missing)
        if len(seen) < 3:
            message = "away"
            raise NeighbourAway(message)
        return connected

    monkeypatch.setattr(bridge, "_connected", connected)
    assert bridge._publisher(Turns(), watch) is connected  # type: ignore[comparison-overlap]
    assert seen == [AWAY[:1], AWAY, AWAY]
    assert watch.progress.picture().is_ready


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_an_outage_while_no_device_speaks_is_told_and_its_end_too(rig: Rig) -> None:
    rig.way.away = True
    assert rig.turn(SILENCE_S - 1) == ()
    assert rig.turn(1) == AWAY
    assert rig.turn(1_000) == AWAY
    rig.way.away = False
    assert rig.turn(1) == ()


def test_a_message_that_kafka_does_not_confirm_is_waited_for_until_it_does(rig: Rig) -> None:
    rig.comes()
    assert rig.turn(1) == ()
    assert rig.turn(SILENCE_S) == AWAY
    rig.way.posted[0].done = True
    assert rig.turn(1) == ()


def test_a_message_that_kafka_does_not_take_is_told_at_once(rig: Rig) -> None:
    rig.way.takes = False
    rig.comes()
    assert rig.turn(1) == AWAY
    rig.way.takes = True
    assert rig.turn(1) == AWAY, "it is sent, and not there yet"
    rig.way.posted[0].done = True
    assert rig.turn(1) == ()


def test_a_message_that_kafka_gave_up_is_told(rig: Rig) -> None:
    rig.comes()
    rig.turn(1)
    rig.way.posted[0].done, rig.way.posted[0].error = True, NeighbourAway("gave up")
    assert rig.turn(1) == AWAY


def test_a_message_that_we_may_not_write_ends_the_bridge(rig: Rig) -> None:
    rig.comes()
    rig.turn(1)
    rig.way.posted[0].done, rig.way.posted[0].error = True, Refused([])
    with pytest.raises(Refused):
        rig.turn(1)
