"""The canary of each channel: its record and its way, and that it does nothing and is known again."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.kafka.contract import outgoing
from pipeline.errors import ConfigFaults, InvalidRecord
from pipeline.events.base import Fate, Logged
from pipeline.events.facts import ReportSettled, Samples
from pipeline.runtime.birds import Bird, Perch, bird, key_of_fact
from pipeline.wire.serde import decode, encode_struct
from schemas.mapping import Mapping
from schemas.text import body_from_text
from tests.runtime.birdsong import DEVICE, PERCHES, Pipeline, published
from tests.small_city import MONDAY

TOPICS = {
    "grid-worker": "reports.grid-worker", "hotline": "reports.hotline", "other": "reports.other",
    "urgent": "reports.urgent", "sensor": "readings.sensor",
}  # fmt: skip
NOT_PERSONAL = {"reporter_role", "reporter_unit"}
MAPPED = [name for name, perch in PERCHES.items() if perch.mapping]
REPORTS = {
    "source_system": {"value": "app"}, "source_ref": "id", "channel": {"value": "app"},
    "received_at": {"from": "t", "format": "epoch_ms"},
}  # fmt: skip


def of(channel: str, now: int = MONDAY) -> Bird:
    return bird(PERCHES[channel], now, DEVICE)


@pytest.mark.parametrize("channel", PERCHES)
def test_a_canary_goes_the_way_in_of_its_channel(channel: str) -> None:
    assert published(of(channel)).topic == TOPICS[PERCHES[channel].lane]


@pytest.mark.parametrize("channel", PERCHES)
def test_a_canary_opens_no_case_and_its_one_fact_is_known_again(channel: str) -> None:
    pipeline, sensor = Pipeline(), PERCHES[channel].lane == "sensor"
    record = published(of(channel))
    pipeline.take(record.topic, record.value)
    assert [type(fact) for fact in pipeline.facts] == [Samples if sensor else ReportSettled]
    (ended,) = pipeline.settled
    assert (ended.fate, ended.outcome) == (Fate.LOGGED, Logged.READINGS if sensor else Logged.DRILL)
    assert ended.samples == 0
    assert key_of_fact(encode_struct(pipeline.facts[0])) == of(channel).key


@pytest.mark.parametrize("channel", PERCHES)
def test_a_canary_says_nothing_but_what_it_is(channel: str) -> None:
    fields = of(channel).fields
    assert not [name for name in fields if name.startswith("reporter_") and name not in NOT_PERSONAL]
    assert fields.keys().isdisjoint({"lon", "lat", "address", "place_name", "area_code", "related_refs"})
    assert set(fields.get("extra", {}).values()) <= {fields.get("source_ref")}
    assert {fields.get("title", "canary"), fields.get("text", "canary")} == {"canary"}
    assert fields["source_system"] == "canary"


@pytest.mark.parametrize("channel", MAPPED)
def test_the_canary_of_a_mapping_is_what_the_mapping_makes_of_a_record_of_its_source(channel: str) -> None:
    one = of(channel)
    schema, body = Mapping.load(channel).apply(one.given or {})
    ours = {"source_system", "drill", "metric", "device_id", "offsets_ms", "values"}
    whole = body_from_text(schema, one.fields)
    assert {name for name, value in whole.items() if value != body[name]} <= ours
    if schema == "Report":
        assert (whole["channel"], whole["drill"], whole["urgent"]) == (channel, True, False)
        assert whole["text"] == "canary"


def test_canaries_of_one_moment_are_told_apart() -> None:
    assert len({of(channel).key for channel in PERCHES}) == len(PERCHES)


def test_canaries_one_after_the_other_are_not_taken_for_the_same_problem() -> None:
    pipeline = Pipeline()
    for minute in range(3):
        for channel in ("hotline", "police-110"):
            record = published(of(channel, MONDAY - minute * 60_000))
            pipeline.take(record.topic, record.value)
    assert {(one.fate, one.outcome) for one in pipeline.settled} == {(Fate.LOGGED, Logged.DRILL)}


@pytest.mark.parametrize("value", [b"", b"canary", b"\xc3\x01canary and what is no record"])
def test_what_is_no_fact_of_a_canary_is_none(value: bytes) -> None:
    assert key_of_fact(value) is None


def test_a_report_that_only_speaks_of_canaries_is_none() -> None:
    pipeline = Pipeline()
    fields = {"source_system": "app", "source_ref": "1", "received_at": MONDAY, "channel": "app", "text": "canary"}
    body = body_from_text("Report", fields | {"drill": True})
    pipeline.take("reports.other", outgoing("Report", body, MONDAY).value)
    assert key_of_fact(encode_struct(pipeline.facts[0])) is None


@pytest.mark.parametrize(("metric", "key"), [("noise", None), ("canary/sensor", f"canary|canary/sensor|{MONDAY}")])
def test_readings_are_known_by_their_metric_alone(metric: str, key: str | None) -> None:
    fact = Samples(
        device_id="canary", metric=metric, unit="", recorded=0, received_at=MONDAY, times=(), values=(), flags=""
    )
    assert key_of_fact(encode_struct(fact)) == key


# --- mappings of a city --------------------------------------------------------------------------------------------


def mapped(path: Path, *, schema: str = "Report", **fields: Any) -> Perch:
    """The channel of a mapping file that is written now."""
    text = {"name": "app", "schema": schema, "fields": REPORTS | fields}
    path.write_text(yaml.safe_dump(text, allow_unicode=True), encoding="utf-8")
    return Perch("app", "other", "Report", str(path))


def test_whatever_a_mapping_says_its_canary_is_a_drill_of_nobody(tmp_path: Path) -> None:
    number = {"value": "13800000000"}
    path = tmp_path / "app.yaml"
    perch = mapped(path, reporter_phone=number, reporter_name=number, reporter_id="id", drill={"value": False})
    record = published(bird(perch, MONDAY, ""))
    _, body = decode(record.value)
    assert (body["reporter_phone"], body["reporter_name"], body["reporter_id"]) == ("", "", "")
    assert (body["drill"], body["source_system"]) == (True, "canary")
    assert b"13800000000" not in record.value


def test_a_mapping_that_became_faulty_makes_no_canary(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    perch = mapped(path)
    assert bird(perch, MONDAY, "").fields["channel"] == "app"
    mapped(path, colour="c")
    with pytest.raises(ConfigFaults, match="colour"):
        bird(perch, MONDAY, "")
    mapped(path, received_at={"from": "t", "format": "%Y-%m-%d"})
    with pytest.raises(InvalidRecord, match="zone"):
        bird(perch, MONDAY, "")
    mapped(path, source_ref={"from": "id", "join": "-"}, channel={"value": "x" * 65})
    with pytest.raises(InvalidRecord, match="channel"):
        bird(perch, MONDAY, "")


def test_a_mapping_of_another_schema_than_before_makes_none_until_the_start(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    perch = mapped(path)
    text = yaml.safe_load(path.read_text("utf-8"))
    del text["fields"]["channel"]
    path.write_text(yaml.safe_dump(text | {"schema": "HotlineOrder"}), encoding="utf-8")
    with pytest.raises(ConfigFaults, match="anew"):
        bird(perch, MONDAY, "")
