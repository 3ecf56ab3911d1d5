"""A whole small city: same bytes, independent days, complete truth, a reference set and layers without fault."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.domain.geo.audit import FindingKind, SizeRule, audit_layer
from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import BEGIN, END, OWN_PROPERTIES, Layer, LayerSpec
from pipeline.domain.reference.load import load_reference
from pipeline.errors import ConfigFaults
from pipeline.simulation.city import City
from pipeline.simulation.simulate import DayMaker, Summary, simulate
from pipeline.simulation.switches import Switches
from pipeline.wire.serde import read_container

BASE = Path(__file__).parents[2] / "deploy" / "reference"
START = date(2026, 3, 16)
TINY = {"seed": 7, "days": 3, "scale": 0.05, "start": START}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    folder = tmp_path_factory.mktemp("city")
    return folder, simulate(folder, **TINY)  # type: ignore[arg-type]


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def layers(folder: Path) -> list[Layer]:
    found = []
    for path in sorted((folder / "city" / "layers").glob("*.geojson")):
        about = json.loads(path.read_bytes())
        known = {name: about[name] for name in ("name", "system", "kind", "version")}
        valid = {"valid_from": about.get("valid_from", BEGIN), "valid_to": about.get("valid_to", END)}
        found.append(read_layer(path.read_bytes(), LayerSpec(**known, **valid, **OWN_PROPERTIES)))
    return found


def test_same_seed_gives_the_same_bytes_in_every_file(made: tuple[Path, Summary], tmp_path: Path) -> None:
    simulate(tmp_path, **TINY)  # type: ignore[arg-type]
    assert hashes(tmp_path) == hashes(made[0])


def test_another_seed_gives_other_reports(made: tuple[Path, Summary], tmp_path: Path) -> None:
    simulate(tmp_path, **{**TINY, "seed": 8, "days": 1})  # type: ignore[arg-type]
    name = "inputs/2026-03-16/hotline.avro"
    assert hashes(tmp_path)[name] != hashes(made[0])[name]


def test_a_day_made_alone_is_the_same_as_in_its_turn() -> None:
    city, switches = City(7, 0.05), Switches()
    in_turn = DayMaker(city, switches, START, 5)
    days = [[item.body for item in in_turn.reports(day, [])] for day in range(5)]
    for day in (4, 1, 3):
        alone = DayMaker(city, switches, START, 5)
        assert repr([item.body for item in alone.reports(day, [])]) == repr(days[day])
    jumping = DayMaker(city, switches, START, 5)
    for day in (3, 0, 3, 1):
        assert repr([item.body for item in jumping.reports(day, [])]) == repr(days[day])


def test_every_report_in_the_inputs_appears_in_the_truth_and_no_other(made: tuple[Path, Summary]) -> None:
    folder, summary = made
    told = Counter(
        (row["day"], row["file"], row["source_system"], row["source_ref"])
        for row in table(folder / "truth" / "reports.csv")
    )
    found: Counter[tuple[str, ...]] = Counter()
    for day, place in enumerate(sorted((folder / "inputs").iterdir())):
        for name in ("grid-worker", "hotline", "other"):
            with (place / f"{name}.avro").open("rb") as stream:
                for _, body in read_container(stream):
                    assert isinstance(body, dict)
                    found[str(day), name, body["source_system"], body["source_ref"]] += 1
    assert found == told
    assert sum(found.values()) == summary.reports > 300


def test_every_problem_behind_a_report_is_in_the_truth_once(made: tuple[Path, Summary]) -> None:
    problems = Counter(row["problem"] for row in table(made[0] / "truth" / "problems.csv"))
    named = {row["problem"] for row in table(made[0] / "truth" / "reports.csv")} - {""}
    assert named <= problems.keys()
    assert max(problems.values()) == 1


def test_records_come_in_the_order_they_were_received_but_for_second_deliveries(made: tuple[Path, Summary]) -> None:
    rows = [row for row in table(made[0] / "truth" / "reports.csv") if "redelivered" not in row["errors"]]
    for name in ("grid-worker", "hotline", "other"):
        times = [int(row["received_at"]) for row in rows if row["file"] == name]
        assert times == sorted(times)
    for path in (made[0] / "inputs").rglob("*.avro"):
        if path.stem in ("grid-worker", "hotline", "other"):
            continue
        with path.open("rb") as stream:
            received = [body["received_at"] for _, body in read_container(stream) if isinstance(body, dict)]
        assert received == sorted(received), path.name


def test_the_overlay_and_its_layers_have_no_fault(made: tuple[Path, Summary]) -> None:
    reference = load_reference(BASE, made[0] / "city")
    found = layers(made[0])
    assert all(reference.area(code) for layer in found if layer.system != "noise_zone" for code in layer.codes)
    assert {layer.system for layer in found} == {
        "unit", "management", "community", "police", "zongzhi", "party", "noise_zone",
    }  # fmt: skip


def test_layers_have_no_gap_and_no_overlap_and_sizes_as_stated(made: tuple[Path, Summary]) -> None:
    rules = (
        SizeRule(kind="unit", max_m2=20_000),
        SizeRule(kind="community_grid", area_type="village", max_households=500),
        SizeRule(kind="community_grid", min_households=300, max_households=500),
    )
    found = layers(made[0])
    within = next(layer for layer in found if layer.name == "district")
    for layer in found:
        bad = [
            finding
            for finding in audit_layer(layer, rules=rules, within=within)
            if finding.kind not in (FindingKind.UNKNOWN_HOUSEHOLDS, FindingKind.PARTS)
        ]
        assert not bad, (layer.name, bad[:3])


def test_true_unit_grids_are_those_of_the_layer_in_force(made: tuple[Path, Summary]) -> None:
    versions = [layer for layer in layers(made[0]) if layer.kind == "unit"]
    problems = [row for row in table(made[0] / "truth" / "problems.csv") if not row["component_code"]]
    assert len(versions) == 2
    changed = max(layer.valid_from for layer in versions)
    checked = 0
    for row in problems[::7]:
        at = changed if int(row["day"]) >= 1 else changed - 1
        layer = next(layer for layer in versions if layer.valid_at(at))
        shape = layer.cells[layer.number_of[row["grid"]]].shape
        assert shape.distance(type(shape.centroid)(float(row["lon"]), float(row["lat"]))) < 1e-6
        checked += 1
    assert checked > 20


def test_private_pieces_are_really_in_the_records(made: tuple[Path, Summary]) -> None:
    said: dict[str, str] = {}
    for path in (made[0] / "inputs").rglob("*.avro"):
        if path.stem in ("grid-worker", "hotline", "other"):
            with path.open("rb") as stream:
                for _, body in read_container(stream):
                    assert isinstance(body, dict)
                    said[body["source_ref"]] = said.get(body["source_ref"], "") + repr(body)
    rows = [row for row in table(made[0] / "truth" / "personal.csv") if row["source_ref"]]
    present = sum(row["value"] in said[row["source_ref"]] for row in rows)
    assert len(rows) > 300
    assert present / len(rows) > 0.97  # an over-size text replaces what was in it, a slip rewrites its figures


@pytest.mark.parametrize(("days", "scale"), [(0, 1.0), (1, 0.0), (1, -1.0), (0, 1000.0)])
def test_impossible_sizes_are_refused_with_every_fault(days: int, scale: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults):
        simulate(tmp_path, seed=1, days=days, scale=scale)
    assert not any(tmp_path.iterdir())


def test_the_gazetteer_knows_places_and_not_problems(made: tuple[Path, Summary]) -> None:
    rows = table(made[0] / "city" / "gazetteer.csv")
    assert {row["kind"] for row in rows} == {"crossing", "road", "estate"}
    assert len({(row["name"], area) for row in rows for area in row["areas"].split("|")}) == sum(
        len(row["areas"].split("|")) for row in rows
    )
    problems = {(row["lon"], row["lat"]) for row in table(made[0] / "truth" / "problems.csv")}
    assert not problems & {(row["lon"], row["lat"]) for row in rows}


def test_the_gazetteer_lacks_a_share_of_the_places_and_changes_no_report(
    made: tuple[Path, Summary], tmp_path: Path
) -> None:
    simulate(tmp_path, **TINY, switches=Switches(gazetteer_missing=0.0))  # type: ignore[arg-type]
    whole, part = (table(folder / "city" / "gazetteer.csv") for folder in (tmp_path, made[0]))
    assert all(row in whole for row in part)
    assert 0.8 * len(whole) < len(part) < len(whole)
    inputs = [
        {name: value for name, value in hashes(one).items() if name.startswith("inputs")} for one in (tmp_path, made[0])
    ]
    assert inputs[0] == inputs[1]
