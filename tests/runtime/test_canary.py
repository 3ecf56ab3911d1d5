"""Canaries on their way: what is seen and what is given up, and what is told of it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.contract import outgoing
from pipeline.commands.standing import place_of
from pipeline.errors import ConfigFaults, Refused
from pipeline.events.facts import ReportSettled
from pipeline.runtime.birds import Perch, bird
from pipeline.runtime.canary import Aviary, Canary, Sighting
from pipeline.runtime.instruments import Instruments
from pipeline.wire.serde import encode_struct
from schemas.text import body_from_text
from tests.runtime.birdsong import DEVICE, PERCHES, Pipeline
from tests.small_city import MONDAY

HOTLINE, SENSOR = PERCHES["hotline"], PERCHES["sensor"]


def test_an_aviary_tells_when_each_was_seen_once() -> None:
    aviary, one = Aviary(patience_s=30, reaches=("fact", "row")), bird(HOTLINE, MONDAY, DEVICE)
    aviary.send(one)
    assert (aviary.awaited("fact"), aviary.awaited("row")) == ([one.key], [one.key])
    assert aviary.see(one.key, "fact", MONDAY + 400) == Sighting(HOTLINE, "fact", 0.4)
    assert aviary.see(one.key, "fact", MONDAY + 500) is None
    assert aviary.see("another", "row", MONDAY + 500) is None
    assert aviary.give_up(MONDAY + 30_000) == []
    assert aviary.give_up(MONDAY + 30_001) == [Sighting(HOTLINE, "row", None)]
    assert aviary.see(one.key, "row", MONDAY + 40_000) is None


def test_nobody_waits_for_a_row_of_a_sensor_or_without_clickhouse() -> None:
    aviary = Aviary(patience_s=30, reaches=("fact", "row"))
    aviary.send(bird(SENSOR, MONDAY, DEVICE))
    assert aviary.awaited("row") == []
    aviary = Aviary(patience_s=30)
    aviary.send(bird(HOTLINE, MONDAY, DEVICE))
    assert aviary.awaited("row") == []


class Loop:
    """A sender and the facts that come of what it sends, a little later; records that say ``lost`` never arrive."""

    def __init__(self, lost: str = "") -> None:
        self.pipeline, self.waiting, self.lost = Pipeline(), list[Any](), lost
        self.time, self.topics, self.refused = MONDAY, list[str](), False

    def report(self, fields: dict[str, Any], *, schema: str = "Report", urgent: bool = False) -> None:
        if not self.lost or self.lost not in fields.get("source_ref", ""):
            record = outgoing(schema, body_from_text(schema, fields), self.time, urgent=urgent)
            self.topics.append(record.topic)
            self.pipeline.take(record.topic, record.value)
            self.waiting.append(self.pipeline.facts[-1])

    def heed(self) -> None:
        if self.refused:
            raise Refused([])

    def poll(self, seconds: float) -> list[tuple[str, bytes]]:
        self.time += 500
        found, self.waiting = self.waiting, []
        return [("facts", encode_struct(fact)) for fact in found]

    def rows(self, ids: Sequence[str]) -> list[str]:
        return [fact.fact_id for fact in self.pipeline.facts if isinstance(fact, ReportSettled) and fact.fact_id in ids]

    def now(self) -> int:
        return self.time


def test_canaries_are_measured_and_lost_ones_are_counted() -> None:
    loop, instruments = Loop(lost="police-110"), Instruments("canary")
    perches = tuple(PERCHES.values())
    canary = Canary(loop, loop, instruments, loop.now, perches, DEVICE, rows=loop.rows, patience_s=2)
    canary.release()
    seen = [one for _ in range(6) for one in canary.look(0.1)]
    lost = {(one.perch.channel, one.reach) for one in seen if one.seconds is None}
    assert lost == {("police-110", "fact"), ("police-110", "row")}
    whole = {(one.channel, reach) for one in perches for reach in ("fact", "row") if one.lane != "sensor"}
    assert {(one.perch.channel, one.reach) for one in seen} == {("sensor", "fact"), ("mqtt-sensors", "fact"), *whole}
    assert loop.topics.count("reports.urgent") == 1
    text = instruments.exposition()[1].decode()
    assert 'wangge_canaries_sent_total{channel="police-110",lane="other"} 1.0' in text
    assert 'wangge_canaries_lost_total{channel="police-110",lane="other",reach="row"} 1.0' in text
    assert 'wangge_canary_seconds_count{channel="media",lane="other",reach="fact"} 1.0' in text
    assert 'wangge_canary_seen_timestamp_seconds{channel="urgent",lane="urgent",reach="fact"}' in text


def test_a_channel_whose_mapping_became_faulty_is_lost_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = tmp_path / "app.yaml"
    faulty.write_text("name: app", encoding="utf-8")
    loop, instruments = Loop(), Instruments("canary")
    canary = Canary(loop, loop, instruments, loop.now, (Perch("app", "other", "Report", str(faulty)), HOTLINE))
    with caplog.at_level(logging.ERROR, "wangge.canary"):
        unmade = canary.release()
    assert [(one.perch.channel, one.reach, one.seconds) for one in unmade] == [("app", "fact", None)]
    assert [(one.perch.channel, one.seconds is None) for one in canary.look(0.1)] == [("hotline", False)]
    assert "no canary of app: app.yaml: fields" in caplog.text
    text = instruments.exposition()[1].decode()
    assert 'wangge_canaries_lost_total{channel="app",lane="other",reach="fact"} 1.0' in text
    assert 'wangge_canaries_sent_total{channel="app"' not in text


def test_a_canary_that_we_may_not_send_ends_the_looking() -> None:
    loop = Loop()
    canary = Canary(loop, loop, Instruments("canary"), loop.now, (HOTLINE,))
    canary.release()
    loop.refused = True
    with pytest.raises(Refused):
        canary.look(0.1)


@pytest.mark.parametrize("text", ["9605", "host:", ":9605", "host:99999"])
def test_a_faulty_place_of_health_is_told(text: str) -> None:
    with pytest.raises(ConfigFaults, match="--health"):
        place_of("--health", text)
