"""MQTT to Kafka, at least once: a message is acknowledged to its broker only when Kafka has every record of it.

The session is persistent: what was not acknowledged when the bridge died, lost its line or lost Kafka is sent again by
the MQTT broker, in order. Doubles of that are known by device, metric and time of the readings. At most ``bound``
messages wait for Kafka; then nothing more is read, and the rest waits at the MQTT broker. The only user of paho.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.kafka.answering import Answering
from connectors.kafka.contract import Outgoing
from connectors.mqtt.payloads import QUARANTINE, Payloads
from connectors.mqtt.ports import Sent, Unwatched, Watch, Way
from connectors.mqtt.turning import turn
from pipeline.errors import ConfigFaults, Fault, NeighbourAway

QOS = 1
KEEP_ALIVE_S = 30
SESSION_S = 7 * 86_400
"""How long a broker of MQTT 5 keeps what comes while the bridge is away."""
QUICK_S, IDLE_S = 0.002, 0.2
FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.5, 30.0
SEND_AGAIN_S = 1.0
FAILED = 0x80
"""Reason codes from here on are failures."""


@dataclass(frozen=True, slots=True)
class MqttPlace:
    """Which broker, which topics, and under which name: the name is what the broker keeps the session by."""

    host: str
    port: int
    topics: tuple[str, ...]
    client_id: str = "wangge-bridge"
    version: int = 5
    """5, or 3 for MQTT 3.1.1."""
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """Authorities to trust; with it the line is encrypted."""


class _Waiting:
    """One message that is not acknowledged yet."""

    __slots__ = ("message_id", "qos", "records", "sent", "session")

    def __init__(self, message: Any, session: int, records: list[Outgoing]) -> None:
        self.message_id, self.qos, self.session = message.mid, message.qos, session
        self.records, self.sent = records, list[Sent]()


class Bridge:
    """Carries messages until it is told to stop. One thread."""

    def __init__(
        self,
        way: Way,
        payloads: Payloads,
        place: MqttPlace,
        *,
        bound: int = 1_000,
        watch: Watch | None = None,
        clock: Callable[[], float] = time.time,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._way, self._payloads, self._place, self._bound = way, payloads, place, bound
        self._watch, self._clock, self._say = watch or Unwatched(), clock, say
        self._kafka = Answering.to(self._watch)
        self._waiting: deque[_Waiting] = deque()
        self._unsent: deque[_Waiting] = deque()
        self._session = 0
        self._connected, self._subscribed = False, 0
        self._send_after = 0.0
        self._fault: ConfigFaults | None = None
        self._client = self._new_client()

    # --- life -----------------------------------------------------------------------------------------------------

    def run(self, stopped: Callable[[], bool]) -> None:
        """Carry messages until ``stopped``; then finish what waits, and leave. The session stays with the broker.

        A broker that is away is tried again with backoff, for ever. Raises :class:`ConfigFaults` when it refuses who we
        are or what we subscribe to, :class:`Refused` when Kafka does not let us write.
        """
        pause, again = FIRST_BACKOFF_S, 0.0
        while not stopped():
            if self._client.socket() is None and time.monotonic() >= again:
                self._connect()
                again, pause = time.monotonic() + pause, min(pause * 2, LAST_BACKOFF_S)
            if self._turn():
                pause = FIRST_BACKOFF_S
        self._finish()

    def _turn(self) -> bool:
        """One turn: read, send, acknowledge; true while connected."""
        self._watch.touched()
        if self._client.socket() is None:
            time.sleep(QUICK_S * 10)
        elif len(self._waiting) < self._bound:
            turn(self._client, QUICK_S if self._waiting else IDLE_S)
        else:  # read nothing more; keep the line alive
            time.sleep(QUICK_S)
            self._client.loop_misc()
        if self._fault is not None:
            raise self._fault
        self._send()
        self._acknowledge()
        self._ask()
        if self._client.socket() is not None and self._client.want_write():
            self._client.loop_write()
        return self._connected

    def _finish(self, seconds: float = 15.0) -> None:
        """Acknowledge what Kafka still confirms; the rest comes again to the next bridge of this name."""
        deadline = time.monotonic() + seconds
        while self._waiting and self._client.socket() is not None and time.monotonic() < deadline:
            self._send()
            self._acknowledge()
            time.sleep(QUICK_S)
        while self._client.socket() is not None and self._client.want_write() and time.monotonic() < deadline:
            self._client.loop_write()
        self._connected = False  # nobody need hear of it
        self._client.disconnect()
        self._client.loop_write()

    # --- MQTT -----------------------------------------------------------------------------------------------------

    def _new_client(self) -> mqtt.Client:
        place, modern = self._place, self._place.version == 5
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=place.client_id, manual_ack=True, reconnect_on_failure=False,
            protocol=MQTTProtocolVersion.MQTTv5 if modern else MQTTProtocolVersion.MQTTv311,
            clean_session=None if modern else False,
        )  # fmt: skip
        if place.username:
            client.username_pw_set(place.username, place.password)
        if place.ca_file:
            client.tls_set(ca_certs=place.ca_file)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message, client.on_subscribe = self._on_message, self._on_subscribe
        return client

    def _connect(self) -> None:
        more: dict[str, Any] = {}
        if self._place.version == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            properties.SessionExpiryInterval = SESSION_S
            properties.ReceiveMaximum = min(self._bound, 65_535)
            more = {"clean_start": False, "properties": properties}
        try:
            self._client.connect(self._place.host, self._place.port, keepalive=KEEP_ALIVE_S, **more)
        except OSError as error:
            self._say(f"the MQTT broker {self._place.host}:{self._place.port} is away: {error}")

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            if code.getName() in ("Bad user name or password", "Not authorized", "Client identifier not valid"):
                self._fault = _refused("--username", self._place.username, code)
            self._say(f"the MQTT broker refuses the connection: {code}")
            return
        self._connected, self._subscribed = True, 0
        modern = self._place.version == 5
        for topic in self._place.topics:
            if modern:  # what a broker retains comes once, not at each connection
                client.subscribe(topic, options=SubscribeOptions(qos=QOS, retainHandling=1))
            else:
                client.subscribe(topic, qos=QOS)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, codes: Sequence[Any], _properties: Any) -> None:
        for code in codes:
            if code.value >= FAILED:
                self._fault = _refused("--topic", ", ".join(self._place.topics), code)
        self._subscribed += 1
        if self._subscribed == len(self._place.topics):
            self._watch.ready("mqtt", True)
            self._say(f"connected to the MQTT broker {self._place.host}:{self._place.port}")

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        """Acknowledgements belong to a connection: what waits comes again on the next one."""
        self._session += 1
        if self._connected:
            self._say(f"the MQTT broker is gone: {code}")
        self._connected = False
        self._watch.ready("mqtt", False)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        records = self._payloads.records(message.topic, bytes(message.payload), int(self._clock() * 1000))
        self._waiting.append(_Waiting(message, self._session, records))
        self._unsent.append(self._waiting[-1])

    # --- Kafka ----------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send what was not sent yet, in order; when Kafka takes nothing, try again in a while."""
        if time.monotonic() < self._send_after:
            return
        while self._unsent:
            waiting = self._unsent[0]
            try:
                while len(waiting.sent) < len(waiting.records):
                    waiting.sent.append(self._way.post(waiting.records[len(waiting.sent)]))
            except NeighbourAway as away:
                self._say(str(away))
                self._kafka.missed()
                self._send_after = time.monotonic() + SEND_AGAIN_S
                return
            self._unsent.popleft()

    def _acknowledge(self) -> None:
        """Acknowledge, in order of arrival, what Kafka has; what Kafka gave up is sent again."""
        while self._waiting and self._settled(self._waiting[0]):
            waiting = self._waiting.popleft()
            self._kafka.heard()
            if waiting.session == self._session:
                self._client.ack(waiting.message_id, waiting.qos)
                refused = any(record.topic == QUARANTINE for record in waiting.records)
                self._watch.bridged("refused" if refused else "forwarded", 1)
        self._watch.bridge_waiting(len(self._waiting))

    def _ask(self) -> None:
        """What is sent and not confirmed is a question to Kafka; when nothing is, it is asked whether it is there."""
        if self._waiting:
            self._kafka.late()
        else:
            self._kafka.asked(self._way.answers)

    def _settled(self, waiting: _Waiting) -> bool:
        if len(waiting.sent) < len(waiting.records) or not all(sent.done for sent in waiting.sent):
            return False
        failed = next((sent.error for sent in waiting.sent if sent.error is not None), None)
        if failed is not None:
            self._heed(waiting)
            self._say(f"Kafka did not take a record, it is sent again: {failed}")
            self._kafka.missed()
            waiting.sent = []
            self._unsent.appendleft(waiting)
            self._send_after = time.monotonic() + SEND_AGAIN_S
        return failed is None

    def _heed(self, waiting: _Waiting) -> None:
        """Raise a refusal; what is not acknowledged stays with the MQTT broker until the right is there."""
        for record, sent in zip(waiting.records, waiting.sent, strict=True):
            if refusal := self._way.refusal(record, sent.error):
                raise refusal


def _refused(option: str, value: str, code: Any) -> ConfigFaults:
    return ConfigFaults([Fault("mqtt", option, value, f"the broker says: {code}")])
