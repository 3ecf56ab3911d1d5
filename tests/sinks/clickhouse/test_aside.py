"""What the sink sets aside stands in Kafka once, whatever became of the transaction before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.librdkafka.transactions import Membership, TakenOver
from connectors.sinks.clickhouse import aside
from connectors.sinks.clickhouse.aside import Aside
from connectors.sinks.clickhouse.lane import Fenced
from pipeline.errors import FateUnknown, NeighbourAway
from pipeline.settings import KafkaSettings

PLACE, END = ("facts.cases", 3), 7
MEMBER = Membership("sink", 1, "me")


class Broker:
    """A Kafka that meets the attempts with these faults, then takes them; ``kept`` tells which took effect even so."""

    def __init__(self, *faults: Exception, kept: int | None = None) -> None:
        self.faults, self.kept = list(faults), kept
        self.attempts = self.committed = 0

    def producer(self, *_: Any) -> Broker:
        return self

    def commit(self, written: Any, offsets: dict[Any, int], member: Membership) -> None:
        self.attempts += 1
        if self.faults:
            self.committed = END if self.kept == self.attempts else 0
            raise self.faults.pop(0)
        self.committed = offsets[PLACE]

    def forget(self) -> None:
        """Nothing."""

    def positions(self, *_: Any) -> dict[Any, tuple[int, str]]:
        return {PLACE: (self.committed, "")}


def put(monkeypatch: pytest.MonkeyPatch, broker: Broker) -> None:
    monkeypatch.setattr(aside, "Transactions", broker.producer)
    monkeypatch.setattr(aside, "settled_positions", broker.positions)
    monkeypatch.setattr(aside, "backoff", lambda _: 0.0)
    asyncio.run(Aside(KafkaSettings(bootstrap="127.0.0.1:9"), PLACE).put([], END, MEMBER))


@pytest.mark.parametrize(
    ("broker", "attempts"),
    [
        pytest.param(Broker(), 1, id="taken"),
        pytest.param(Broker(NeighbourAway("away")), 2, id="away once"),
        pytest.param(Broker(FateUnknown("killed")), 2, id="fate unknown: it had no effect"),
        pytest.param(Broker(FateUnknown("killed"), kept=1), 1, id="fate unknown: it took effect"),
        pytest.param(Broker(NeighbourAway("away"), FateUnknown("killed"), kept=2), 2, id="one after the other"),
    ],
)
def test_what_has_no_answer_is_looked_up_before_it_is_done_again(
    monkeypatch: pytest.MonkeyPatch, broker: Broker, attempts: int
) -> None:
    put(monkeypatch, broker)
    assert (broker.attempts, broker.committed) == (attempts, END)


def test_another_sink_in_its_place_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fenced):
        put(monkeypatch, Broker(TakenOver("another")))
