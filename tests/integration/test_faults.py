"""A short form of the fault matrix (`make test-faults` has all of it): kill -9 of each kind of process at every marked
point of its loop; nothing is lost or doubled, in Kafka, in the tables, and by the word of `wangge verify`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from connectors.kafka.config import for_librdkafka
from tests.faults.__main__ import make_city
from tests.faults.delivery import Delivery, Handed
from tests.faults.scenarios import Scenario, Stage, marked
from tests.faults.sinking import killed

RECORDS, PER_SECOND = 900, 150.0
SHORT: dict[str, Scenario] = {
    "casework": marked("casework", at=1),
    "intake": marked("intake", at=1),
    "sink": killed("sink", at=1),
}


@pytest.mark.parametrize("scenario", SHORT)
def test_nothing_is_lost_and_nothing_is_doubled(scenario: str, kafka, tmp_path: Path):
    stage = Stage(kafka, make_city(tmp_path / "city", RECORDS), tmp_path / "worlds", RECORDS, PER_SECOND)
    row = SHORT[scenario](stage)
    assert row.kills == row.wanted_kills, "the points are not reached: the run proves nothing"
    assert (row.lost, row.doubled, row.verified) == (0, 0, True), row.notes
    assert min(row.effects, row.rows) > RECORDS


class Confirmed(NamedTuple):
    """A confirmation as librdkafka gives it."""

    record: Handed
    at: int

    def topic(self) -> str:
        return self.record.topic

    def key(self) -> bytes:
        return self.record.key

    def value(self) -> bytes:
        return self.record.value

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at


@pytest.mark.parametrize(
    ("value", "at", "again"),
    [
        pytest.param(b"gone", 1, 1, id="confirmed where another stands, and not there"),
        pytest.param(b"gone", -1, 1, id="confirmed without an offset, and not there"),
        pytest.param(b"two", -1, 0, id="confirmed without an offset, and there"),
    ],
)
def test_what_was_confirmed_and_is_not_there_is_sent_again(value: bytes, at: int, again: int, kafka_settings):
    notes: list[str] = []
    delivery = Delivery(for_librdkafka(kafka_settings), notes.append)
    topic = kafka_settings.prefix + "doubted"
    for one in (b"one", b"two", b"three"):
        delivery.send(Handed(topic, b"key", one))
    delivery.finish()
    assert notes == []
    delivery.told(None, Confirmed(Handed(topic, b"key", value), at))
    delivery.finish()
    assert len(notes) == again
    there = list(delivery.values((topic, 0)))
    assert there == [b"one", b"two", b"three", b"gone"][: 3 + again]
