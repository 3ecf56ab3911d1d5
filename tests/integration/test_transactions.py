"""A transaction whose broker is killed in the middle: it ends one way or the other, nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.librdkafka.sending import Sender
from connectors.librdkafka.transactions import Membership, Transactions, Written, bounded
from deploy.stack.servers import KafkaServer
from pipeline.errors import NeighbourAway, StopRun
from tests.support.servers import Servers

READER = Membership("g", -1, "")
"""A group without members: its offsets may be noted by anyone."""


class Killing:
    """Kills the broker when its writer comes to a point, and starts it again a second later."""

    def __init__(self, broker: KafkaServer) -> None:
        self._broker, self.where = broker, ""
        self._back: threading.Thread | None = None

    def __call__(self, point: str) -> None:
        if point != self.where:
            return
        self.where = ""
        self._broker.kill9()
        self._back = threading.Thread(target=self._start)
        self._back.start()

    def _start(self) -> None:
        time.sleep(1)
        self._broker.start()

    def wait(self) -> None:
        """Until the broker is back."""
        if self._back is not None:
            self._back.join()


def committed(address: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition("out", 0, 0)])
    found, deadline = list[bytes](), time.monotonic() + 60
    try:
        while len(found) < count and time.monotonic() < deadline:
            found += [record.value() or b"" for record in consumer.consume(100, 0.5) if not record.error()]
        found += [record.value() or b"" for record in consumer.consume(100, 1)]
        return found
    finally:
        consumer.close()


def noted(address: str) -> int:
    """The offset that the group has; asked again while the broker still looks for who keeps it."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": READER.group})
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                found: int = consumer.committed([TopicPartition("in", 0)], 30)[0].offset
            except KafkaException:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return found
    finally:
        consumer.close()


def test_a_transaction_ends_when_its_broker_is_killed_in_the_middle(servers: Servers) -> None:
    broker = servers.kafka()
    admin, config = AdminClient({"bootstrap.servers": broker.address}), {"bootstrap.servers": broker.address}
    for made in admin.create_topics([NewTopic("in", 1, 1), NewTopic("out", 1, 1)]).values():
        made.result()
    killing, writers, attempts = Killing(broker), list[Transactions](), list[int]()

    def write(number: int) -> None:
        """As the runners do: what was taken back is written again by a new producer unless its offset is noted."""
        while True:
            attempts.append(number)
            try:
                if not writers:
                    writers.append(Transactions(config, "me", killing))
                    if attempts.count(number) > 1 and noted(broker.address) > number:
                        return
                writers[-1].commit([Written("out", b"key", b"%d" % number)], {("in", 0): number + 1}, READER)
            except NeighbourAway:
                if writers:
                    writers.pop().forget()
                killing.wait()
            else:
                return

    write(0)  # the group is new: here librdkafka may wait for ever, and the bound ends it
    for number, point in enumerate(("begun", "flushed", "noted"), 1):
        killing.where = point
        write(number)
        killing.wait()
    assert committed(broker.address, 4) == [b"0", b"1", b"2", b"3"]
    assert noted(broker.address) == 4


def test_a_record_that_its_topic_does_not_take_stops_the_run(servers: Servers) -> None:
    config = {"bootstrap.servers": servers.kafka().address}
    admin = AdminClient(config)
    admin.create_topics([NewTopic("narrow", 1, 1)])["narrow"].result()
    writer, sender, value = Transactions(config, "me"), Sender(config), b"x" * 1_048_588
    with pytest.raises(StopRun, match="larger than Kafka takes"):
        writer.commit([Written("narrow", b"key", value)], {})
    Transactions(config, "me").commit([Written("narrow", b"key", b"small")], {})
    sender.send("narrow", b"key", value)
    with pytest.raises(StopRun, match="narrow: a record is larger"):
        sender.flush()


def stuck() -> None:
    threading.Event().wait()


def refused() -> None:
    message = "no"
    raise ValueError(message)


@pytest.mark.parametrize(("call", "wanted"), [(stuck, NeighbourAway), (refused, ValueError)])
def test_a_call_that_does_not_end_is_left_and_a_fault_is_passed_on(
    call: Callable[[], None], wanted: type[Exception]
) -> None:
    with pytest.raises(wanted):
        bounded(call, 0.05)
