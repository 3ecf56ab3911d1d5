"""``wangge grids import`` and ``cut``: layers and their areas put into a city; a re-division and what it leaves."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.commands import main, wangge
from pipeline.domain.geo.datum import Datum
from pipeline.runtime.city import load_city
from pipeline.runtime.grid_files import read_own
from pipeline.settings import REFERENCE
from pipeline.stages.locate import Locator
from tests.builders import a_report, about
from tests.commands.grid_town import (
    EAST,
    PLANE,
    POLICE,
    SEPTEMBER,
    STREET,
    UNIT,
    WEST,
    a_city,
    areas,
    box,
    communities,
    done,
    faults,
    feature,
    geojson,
    grids,
    police,
    redivided,
    told,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_city(tmp_path_factory.mktemp("made") / "city")


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.parent, tmp_path, dirs_exist_ok=True)) / "city"


# --- import -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("datum", [Datum.WGS84, Datum.GCJ02, Datum.BD09, Datum.CGCS2000])
def test_an_import_is_written_in_wgs84_and_says_of_itself_what_it_is(tmp_path: Path, datum: Datum) -> None:
    file = police(tmp_path / "jwq.json", datum)
    found = told(done(grids("import", file, "--out", tmp_path / "city", *POLICE, "--datum", datum.value, "--json")))
    layer = read_own(tmp_path / "city" / "layers" / "police.geojson")
    assert (layer.name, layer.system, layer.kind, layer.version) == ("police", "police", "police", "1")
    cell = layer.cells[0]
    assert (cell.code, cell.name, cell.parent, cell.households) == ("J1", "First beat", "310199", 850)
    west, south = PLANE.to_metres(*layer.bounds[:2])
    assert west == pytest.approx(-300, abs=0.2)
    assert south == pytest.approx(0, abs=0.2)
    assert (found["cells"], found["area_m2"]) == (1, pytest.approx(120_000, rel=1e-3))


def test_a_zipped_file_gives_the_same_layer(tmp_path: Path) -> None:
    plain = police(tmp_path / "a.geojson")
    zipped = tmp_path / "a.geojson.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    for name, file in (("one", plain), ("two", zipped)):
        done(grids("import", file, "--out", tmp_path / name, *POLICE))
    written = [(tmp_path / name / "layers" / "police.geojson").read_bytes() for name in ("one", "two")]
    assert written[0] == written[1]


def test_every_fault_of_a_file_is_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    bow = [PLANE.to_degrees(*point) for point in ((0, 0), (100, 100), (100, 0), (0, 100), (0, 0))]
    swapped = [(lat, lon) for lon, lat in box(0, 0, 100, 100)]
    file = geojson(tmp_path / "bad.geojson", [
        feature([bow], code="1"), feature([swapped], code="2"), feature([box(0, 0, 9, 9)], code="2"),
        feature([box(0, 0, 9, 9)]), feature([box(0, 0, 9, 9)], code="5", households="many"),
    ])  # fmt: skip
    out = ("--out", tmp_path / "city", "--system", "police", "--kind", "police")
    found = faults(grids("import", file, *out, "--name", "a/b", "--name-property", "label"))
    assert sorted(field for field, _ in found) == [
        "--name", "--name-property", "code", "code", "coordinates", "geometry", "households",
    ]  # fmt: skip
    assert not (tmp_path / "city").exists()


def test_faults_end_the_command_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = geojson(tmp_path / "none.geojson", [])
    words = ["wangge", "grids", "import", str(file), "--out", str(tmp_path / "city"), "--system", "a", "--kind", "b"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "give at least one polygon" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    result = done(grids("import", police(tmp_path / "a.json"), "--out", tmp_path / "city", *POLICE, "--dry-run"))
    assert "nothing was written" in result.stdout
    assert not (tmp_path / "city").exists()


def test_areas_are_merged_by_code_and_the_city_passes_its_check(city: Path) -> None:
    rows = areas(city)
    assert (rows[WEST]["aliases"], rows[WEST]["households"], rows[WEST]["tier"]) == ("柳湾小区", "400", "community")
    assert (rows[EAST]["parent"], rows[EAST]["local_level"], rows[EAST]["level_role"]) == (STREET, "4", "community")
    assert "# invented" in (city / "areas.csv").read_text()
    checked = CliRunner().invoke(wangge, ["check", "--city", str(city)])
    assert (checked.exit_code, checked.output.strip()) == (0, "no faults")


@pytest.mark.parametrize(
    ("words", "field", "remedy"),
    [
        pytest.param(("--system", "beats"), "--system", "grid system", id="unknown system"),
        pytest.param(("--level-role", "lane"), "--level-role", "its levels are", id="unknown role"),
        pytest.param(("--parent-property", "DM"), "parent", "import the layer above first", id="unknown parent"),
    ],
)
def test_areas_that_fit_no_tree_are_faults(city: Path, words: Any, field: str, remedy: str) -> None:
    file = police(city.parent / "jwq.json")
    before = (city / "areas.csv").read_text()
    found = faults(grids("import", file, "--out", city, *POLICE, "--tier", "grid", *words))
    assert [(name, remedy in text) for name, text in found] == [(field, True)]
    assert (city / "areas.csv").read_text() == before


# --- versions -----------------------------------------------------------------------------------------------------


def test_a_case_filed_under_the_old_version_keeps_it_and_a_later_one_gets_the_new(city: Path) -> None:
    whole = load_city(REFERENCE, redivided(city))
    locator = Locator(whole.reference, whole.layers)
    lon, lat = PLANE.to_degrees(-160, 50)
    times = (SEPTEMBER - 1, SEPTEMBER)
    reports = [a_report(str(number), lon=lon, lat=lat, received_at=at) for number, at in enumerate(times)]
    old, new = locator.locate_many(reports, [about(), about()])
    assert (old.grid, old.grid_version) == (f"{WEST}001", "1")
    assert (new.grid, new.grid_version) == (f"{WEST}101", "2")
    assert locator.locate(reports[0], about()) == old  # read again after the re-division: still the version it had


def test_a_redivision_ends_the_older_version_and_its_areas(city: Path) -> None:
    redivided(city)
    old, new = (read_own(city / "layers" / name) for name in ("unit.geojson", "unit-2.geojson"))
    assert (old.valid_to, new.valid_from, len(old.cells)) == (SEPTEMBER, SEPTEMBER, 2)
    rows = areas(city)
    assert (rows[f"{WEST}001"]["valid_to"], rows[f"{WEST}101"]["valid_from"]) == ("2026-09-01", "2026-09-01")
    assert rows[WEST].get("valid_to", "") == ""


def test_an_area_that_stays_keeps_the_day_it_began_and_does_not_end(city: Path) -> None:
    redivided(city)
    third = geojson(city.parent / "v3.geojson", [
        feature([box(-300, 0, -200, 200)], code=f"{WEST}100", parent=WEST),
        feature([box(-200, 0, 0, 200)], code=f"{WEST}900", parent=WEST),
    ])  # fmt: skip
    new = ("--version", "3", "--valid-from", "2026-10-01", "--close-older")
    found = told(done(grids("import", third, "--out", city, *UNIT, *new, "--json")))
    assert (found["closed"], found["areas"]) == (["unit-2"], {"added": 1, "changed": 1, "ended": 2})
    rows = areas(city)
    held = {code: (row["valid_from"], row["valid_to"]) for code, row in rows.items() if code.startswith(f"{WEST}1")}
    ended = ("2026-09-01", "2026-10-01")
    assert held == {f"{WEST}100": ("2026-09-01", ""), f"{WEST}101": ended, f"{WEST}102": ended}


@pytest.mark.parametrize(
    ("words", "field"),
    [
        pytest.param(("--version", "3"), "version", id="two versions in force"),
        pytest.param(("--version", "3", "--valid-from", "2026-10-01"), "version", id="two in force from a day on"),
        pytest.param(("--version", "3", "--close-older"), "version", id="no day on which the new one begins"),
        pytest.param(("--name", "unit-2", "--version", "2", "--valid-from", "2026-09-01"), "--name", id="drawn over"),
    ],
)
def test_a_version_in_force_is_not_drawn_over(city: Path, words: Any, field: str) -> None:
    redivided(city)
    other = geojson(city.parent / "v3.geojson", [feature([box(-300, 0, 0, 200)], code=f"{WEST}900", parent=WEST)])
    before = {path.name: path.read_bytes() for path in (city / "layers").iterdir()}
    assert {name for name, _ in faults(grids("import", other, "--out", city, *UNIT, *words))} == {field}
    assert {path.name: path.read_bytes() for path in (city / "layers").iterdir()} == before


def test_the_same_import_twice_changes_nothing(city: Path) -> None:
    before = [(city / "areas.csv").read_text(), (city / "layers" / "community.geojson").read_text()]
    words = ("--system", "unit", "--kind", "community", "--tier", "community", "--json")
    found = told(done(grids("import", city.parent / "communities.geojson", "--out", city, *words)))
    assert found["areas"] == {"added": 0, "changed": 0, "ended": 0}
    assert [(city / "areas.csv").read_text(), (city / "layers" / "community.geojson").read_text()] == before


# --- cut ----------------------------------------------------------------------------------------------------------


def test_unit_grids_are_cut_inside_communities_with_15_digits_and_get_their_areas(city: Path) -> None:
    layer_file = city / "layers" / "community.geojson"
    found = told(done(grids("cut", "--communities", layer_file, "--out", city, "--origin", "121.5,31.2", "--json")))
    assert (found["cells"], found["area_m2"], found["areas"]["added"]) == (12, pytest.approx(120_000, rel=1e-3), 12)
    assert found["seconds"] >= 0
    layer = read_own(city / "layers" / "unit.geojson")
    assert {cell.code[:12] for cell in layer.cells} == {WEST, EAST}
    assert all(len(cell.code) == 15 and cell.parent == cell.code[:12] for cell in layer.cells)
    assert areas(city)[f"{WEST}001"]["local_level"] == "5"
    assert CliRunner().invoke(wangge, ["check", "--city", str(city)]).exit_code == 0
    assert grids("audit", city).exit_code == 0


def test_the_lattice_stays_where_it_was_when_it_is_cut_again(city: Path) -> None:
    words = ("cut", "--communities", city / "layers" / "community.geojson", "--out", city)
    done(grids(*words, "--origin", "121.50041,31.20037"))
    before = (city / "layers" / "unit.geojson").read_bytes()
    done(grids(*words))
    assert (city / "layers" / "unit.geojson").read_bytes() == before


def test_without_the_communities_areas_the_table_is_left_alone_and_that_is_said(tmp_path: Path) -> None:
    file = communities(tmp_path / "communities.geojson")
    result = done(grids("cut", "--communities", file, "--out", tmp_path / "fresh"))
    assert "areas.csv is left alone" in result.stdout
    assert not (tmp_path / "fresh" / "areas.csv").exists()


def test_communities_without_12_digits_cannot_be_cut(tmp_path: Path) -> None:
    file = geojson(tmp_path / "c.geojson", [
        feature([box(0, 0, 200, 200)], code="123"), feature([box(200, 0, 400, 200)], code="abc"),
    ])  # fmt: skip
    found = faults(grids("cut", "--communities", file, "--out", tmp_path / "city"))
    assert [field for field, _ in found] == ["code", "code"]
