"""Which channels canaries are sent by, and what is told of those that there cannot be."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pipeline.commands.canary import canary_command
from pipeline.errors import ConfigFaults
from pipeline.runtime.metrics import LABELS, LANES
from pipeline.runtime.perches import BUILT_IN, LANE_OF, Wish, perches
from schemas.mapping import load_all, shipped
from tests.small_city import MONDAY

BUILT = tuple(one.channel for one in BUILT_IN)
ALL = (*BUILT, *shipped())
SENSORS = {"sensor", "mqtt-sensors"}
FIELDS = {
    "source_system": {"value": "app"}, "source_ref": "id", "channel": {"value": "app"},
    "received_at": {"from": "t", "format": "epoch_ms"},
}  # fmt: skip


def chosen(*channels: str, **wish: Any) -> list[str]:
    return [one.channel for one in perches(Wish(channels, **wish), MONDAY)]


def a_mapping(folder: Path, name: str = "street-app", *, schema: str = "Report", **fields: Any) -> str:
    """A mapping file of a city."""
    path = folder / f"{name}.yaml"
    usual = {field: spec for field, spec in FIELDS.items() if field != "channel" or schema == "Report"}
    path.write_text(yaml.safe_dump({"name": name, "schema": schema, "fields": usual | fields}), encoding="utf-8")
    return str(path)


def faults(wish: Wish) -> dict[tuple[str, str], str]:
    with pytest.raises(ConfigFaults) as caught:
        perches(wish, MONDAY)
    return {(one.where, one.field): f"{one.value}: {one.remedy}" for one in caught.value.faults}


def test_every_channel_has_a_canary_and_every_shipped_mapping_is_one() -> None:
    assert chosen(device="d1") == list(ALL)
    assert {"police-110", "open311", "citizen-app", "chat-group", "media", "leader", "platform", "video-ai"} <= set(ALL)
    assert chosen() == [name for name in ALL if name not in SENSORS]


def test_every_way_in_has_a_channel() -> None:
    assert {one.lane for one in perches(Wish(device="d1"), MONDAY)} == set(LANES)
    assert {one.schema: one.lane for one in BUILT_IN if one.channel != "urgent"} == LANE_OF


def test_all_shipped_channels_have_a_series_of_their_own() -> None:
    assert 2 * len(ALL) < LABELS["channel"].limit, "room for as many of a city"


def test_channels_are_chosen_by_name_and_by_way_in() -> None:
    assert chosen("police-110", "hotline") == ["hotline", "police-110"]
    others = ["report", *(name for name in shipped() if load_all()[name].schema == "Report")]
    assert chosen(lanes=("other",)) == others
    assert chosen("hotline", lanes=("sensor",), device="d1") == ["hotline", "sensor", "mqtt-sensors"]


def test_a_mapping_file_elsewhere_is_a_channel_without_further_ado(tmp_path: Path) -> None:
    file = a_mapping(tmp_path)
    assert chosen(mappings=(file,)) == [*chosen(), "street-app"]
    (one,) = perches(Wish(("street-app",), mappings=(file,)), MONDAY)
    assert (one.lane, one.schema, one.mapping) == ("other", "Report", file)


@pytest.mark.parametrize(
    ("schema", "fields", "lane"),
    [
        ("HotlineOrder", {}, "hotline"),
        ("GridWorkerReport", {}, "grid-worker"),
        ("Report", {"urgent": {"value": True}}, "urgent"),
    ],
)
def test_a_mapped_channel_goes_the_way_of_its_records(
    schema: str, fields: dict[str, Any], lane: str, tmp_path: Path
) -> None:
    file = a_mapping(tmp_path, schema=schema, **fields)
    (one,) = perches(Wish(("street-app",), mappings=(file,)), MONDAY)
    assert one.lane == lane


def test_an_unknown_channel_is_told_with_those_there_are() -> None:
    told = faults(Wish(("police-911", "hotline")))
    assert told.keys() == {("arguments", "--channel")}
    assert all(name in told["arguments", "--channel"] for name in ("police-911", *ALL))


@pytest.mark.parametrize("wish", [Wish(lanes=("sensor",)), Wish(("sensor",)), Wish(("mqtt-sensors", "hotline"))])
def test_sensors_that_are_asked_for_by_name_need_a_device(wish: Wish) -> None:
    assert "sensor" in faults(wish)["arguments", "--device"]


def test_all_faults_of_the_mappings_that_are_needed_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "torn.yaml").write_text("name: [torn", encoding="utf-8")
    (tmp_path / "gbk.yaml").write_bytes("name: 街面".encode("gbk"))
    files = (a_mapping(tmp_path, "colourful", colour="c"), str(tmp_path / "torn.yaml"), str(tmp_path / "gbk.yaml"))
    told = faults(Wish(("nobody",), mappings=(*files, str(tmp_path / "away.yaml"))))
    assert told.keys() == {
        ("arguments", "--channel"), ("colourful.yaml", "colour"), ("torn.yaml", "file"), ("gbk.yaml", "file"),
        ("mapping", "path"),
    }  # fmt: skip


def test_a_mapping_that_makes_no_record_is_faulty(tmp_path: Path) -> None:
    file = a_mapping(tmp_path, received_at={"from": "t", "format": "%Y-%m-%d"})
    assert "zone" in faults(Wish(mappings=(file,)))[file, "t (received_at)"]


def test_a_faulty_mapping_holds_up_no_channel_that_does_not_need_it(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "torn.yaml").write_text("name: [torn", encoding="utf-8")
    monkeypatch.setattr("schemas.mapping.FOLDER", tmp_path)
    assert chosen("hotline") == ["hotline"]
    assert faults(Wish()).keys() == {("torn.yaml", "file")}


def test_a_mapping_of_what_no_canary_can_be_has_none_and_says_so_when_named(tmp_path: Path) -> None:
    times = {name: {"from": "t", "format": "epoch_ms"} for name in ("started_at", "ended_at")}
    file = a_mapping(tmp_path, "patrols", schema="PatrolLog", worker_id="id", **times)
    assert "patrols" not in chosen(mappings=(file,))
    assert "PatrolLog" in faults(Wish(("patrols",), mappings=(file,)))["arguments", "--channel"]


def test_two_mappings_of_one_name_are_told(tmp_path: Path) -> None:
    file = a_mapping(tmp_path, "police-110")
    assert "police-110" in faults(Wish(("hotline",), mappings=(file,)))["arguments", "--mapping"]


def test_a_mapping_takes_the_place_of_a_built_in_channel_of_its_name_and_way(tmp_path: Path) -> None:
    (one,) = perches(Wish(("report",), mappings=(file := a_mapping(tmp_path, "report"),)), MONDAY)
    assert one.mapping == file
    file = a_mapping(tmp_path, "urgent")
    assert "urgent" in faults(Wish(("urgent",), mappings=(file,)))[file, "name"]


def test_a_dry_run_shows_each_and_what_it_was_mapped_from_and_needs_no_kafka(tmp_path: Path) -> None:
    words = ["--dry-run", "--device", "d1", "--mapping", a_mapping(tmp_path, text="words")]
    done = CliRunner().invoke(canary_command, words)
    assert done.exit_code == 0, done.output
    shown = {one["channel"]: one for one in json.loads(done.output)}
    assert list(shown) == [*ALL, "street-app"]
    assert {name for name, one in shown.items() if "mapped_from" not in one} == set(BUILT)
    assert shown["street-app"]["mapped_from"]["words"] == shown["street-app"]["record"]["text"] == "canary"


def test_an_unknown_channel_ends_the_command_before_it_asks_anybody() -> None:
    done = CliRunner(env={"WANGGE_KAFKA": "127.0.0.1:1"}).invoke(canary_command, ["--once", "--channel", "police-911"])
    assert isinstance(done.exception, ConfigFaults)
    assert "police-110" in str(done.exception)


def test_a_device_that_no_record_can_name_is_told_for_each_channel_of_sensors() -> None:
    found = faults(Wish(lanes=("sensor",), device="d" * 300))
    assert found.keys() == {("arguments", "--device")}
    assert chosen("hotline", device="d1") == ["hotline"]
