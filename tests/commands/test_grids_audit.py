"""``wangge grids audit`` and ``compare`` through the real commands, on small invented areas."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.geo.layers import Cell, Layer, polygon
from pipeline.runtime.grid_audit import workload
from pipeline.runtime.workspace import StoreFacts, Workspace
from tests.commands.grid_town import (
    EAST,
    PLANE,
    POLICE,
    WEST,
    Point,
    Row,
    a_city,
    box,
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


# --- audit --------------------------------------------------------------------------------------------------------


def community_grids(path: Path, cells: Sequence[Row]) -> None:
    geojson(path / "layers" / "cg.geojson", cells, name="cg", system="community", kind="community_grid")


def two_grids(west: Row, east: Row, middle: float = 0.0) -> list[Row]:
    """Two community grids over the two communities, their border at ``middle``."""
    return [
        feature([box(-300, 0, middle, 200)], **({"code": "W", "parent": WEST, "households": 400} | west)),
        feature([box(middle, 0, 300, 200)], **({"code": "E", "parent": EAST, "households": 400} | east)),
    ]


P: Row = {"responsible": "p1"}
Q: Row = {"responsible": "p2"}


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        pytest.param(two_grids(P, Q), [], id="nothing"),
        pytest.param(two_grids({**P, "households": 300}, {**Q, "households": 500}), [], id="300 and 500 households"),
        pytest.param(two_grids({**P, "households": 299}, Q), [("few_households", "W")], id="299 households"),
        pytest.param(two_grids(P, {**Q, "households": 501}), [("many_households", "E")], id="501 households"),
        pytest.param(
            two_grids({**P, "households": 299, "area_type": "village"}, Q), [], id="a village below 500 is one grid"
        ),
        pytest.param(
            two_grids({**P, "households": None}, Q), [("unknown_households", "W")], id="households nobody counted"
        ),
        pytest.param(two_grids({}, Q), [("no_person", "W")], id="nobody is responsible"),
        pytest.param(two_grids(P, Q)[:1], [("gap", "W")], id="a gap"),
        pytest.param(
            [*two_grids(P, Q), feature([box(-100, 50, -50, 100)], code="X", households=300, responsible="p3")],
            [("overlap", "W X")], id="an overlap",
        ),
        pytest.param(
            [*two_grids(P, Q)[:1],
             feature([box(0, 0, 100, 200), box(200, 0, 300, 200)], code="E", households=400, responsible="p2"),
             feature([box(100, 0, 200, 200)], code="F", households=400, responsible="p2")],
            [("parts", "E")], id="a cell in two parts",
        ),
        pytest.param(
            [*two_grids(P, Q), feature([box(300, 0, 350, 200)], code="Y", households=300, responsible="p3")],
            [("outside", "Y")], id="beyond the communities",
        ),
    ],
)  # fmt: skip
def test_what_an_audit_finds_in_community_grids(city: Path, cells: list[Row], found: list[tuple[str, str]]) -> None:
    community_grids(city, cells)
    result = grids("audit", city, "--json")
    assert [(row["finding"], " ".join(sorted(row["codes"]))) for row in told(result)["findings"]] == found
    assert result.exit_code == (1 if found else 0)


@pytest.mark.parametrize(
    ("side", "area_type", "found"),
    [
        pytest.param(49.0, "urban", ["undersize"], id="below a quarter of the target"),
        pytest.param(51.0, "urban", [], id="a quarter of the target"),
        pytest.param(141.0, "urban", [], id="below the largest"),
        pytest.param(142.0, "urban", ["oversize"], id="above the largest"),
        pytest.param(142.0, "rural", [], id="in the countryside no size is asked"),
        pytest.param(142.0, "", ["oversize"], id="without an area type the general rule holds"),
    ],
)
def test_the_size_of_a_unit_grid_is_checked_by_type_of_area(
    tmp_path: Path, side: float, area_type: str, found: list[str]
) -> None:
    cell = feature([box(0, 0, side, side)], code=f"{WEST}001", area_type=area_type)
    geojson(tmp_path / "layers" / "unit.geojson", [cell], name="unit", system="unit", kind="unit")
    assert [row["finding"] for row in told(grids("audit", tmp_path, "--json"))["findings"]] == found


def test_a_person_of_the_table_is_a_person_too(city: Path) -> None:
    row = "p9,Wang,street-office,grid-worker,W\n"
    (city / "persons.csv").write_text("id,name,department,post,areas\n" + row)
    community_grids(city, two_grids({}, Q))
    assert grids("audit", city).exit_code == 0


def test_what_a_layer_does_not_say_is_taken_from_the_areas(city: Path) -> None:
    bare = {"households": None, "parent": None}
    community_grids(city, two_grids(bare | P, bare | Q))
    unknown = {row["finding"] for row in told(grids("audit", city, "--json"))["findings"]}
    with (city / "areas.csv").open("a") as table:
        names = (city / "areas.csv").read_text().splitlines()[1].split(",")
        for code, parent, households, kind in (("W", WEST, 299, "village"), ("E", EAST, 400, "urban")):
            row = {"code": code, "name": code, "parent": parent, "tier": "grid", "level_role": "community_grid",
                   "local_level": 5, "system": "community", "households": households, "area_type": kind}  # fmt: skip
            table.write(",".join(str(row.get(name, "")) for name in names) + "\n")
    assert unknown == {"unknown_households"}
    assert told(grids("audit", city, "--json"))["findings"] == []


def test_kinds_that_fill_one_area_together_are_audited_together(city: Path) -> None:
    for kind, ring in (("village", box(-300, 0, 0, 200)), ("street_face", box(0, 0, 300, 200))):
        parent = WEST if kind == "village" else EAST
        cell = feature([ring], code=kind, parent=parent, responsible="p1", households=400)
        geojson(city / "layers" / f"{kind}.geojson", [cell], system="management", kind=kind)
    assert told(grids("audit", city, "--json"))["findings"] == []


@pytest.mark.parametrize(
    ("middle", "disagree"),
    [
        pytest.param(0.0, 0.0, id="the same borders"),
        pytest.param(60.0, 0.1, id="a border 60 m off in 600 m"),
    ],
)
def test_the_cross_walk_says_where_grid_systems_disagree(city: Path, middle: float, disagree: float) -> None:
    community_grids(city, two_grids(P, Q, middle))
    result = grids("audit", city, "--json")
    assert [row["disagree"] for row in told(result)["cross_walk"]] == [pytest.approx(disagree, abs=1e-3)]
    assert result.exit_code == 0


def test_a_system_that_nests_in_another_does_not_disagree(city: Path) -> None:
    done(grids("import", police(city.parent / "jwq.json"), "--out", city, *POLICE, "--tier", "grid"))
    walk = told(grids("audit", city, "--json"))["cross_walk"][0]
    assert (walk["a"], walk["b"], walk["disagree"]) == ("community", "police", 0.0)
    assert walk["b_outside_main_a"] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("day", "layers"),
    [
        pytest.param("2026-08-31", {"community", "unit"}, id="the last day of the old"),
        pytest.param("2026-09-01", {"community", "unit-2"}, id="the first day of the new"),
    ],
)
def test_an_audit_of_a_day_looks_at_the_versions_in_force(city: Path, day: str, layers: set[str]) -> None:
    found = told(grids("audit", redivided(city), "--at", day, "--json"))
    assert {row["layer"] for row in found["layers"]} == layers


def test_a_city_without_layers_and_a_broken_layer_are_faults(tmp_path: Path) -> None:
    assert faults(grids("audit", tmp_path))[0][0] == "layers"
    for name in ("a", "b"):
        (tmp_path / "layers").mkdir(exist_ok=True)
        (tmp_path / "layers" / f"{name}.geojson").write_text("{")
    assert [field for field, _ in faults(grids("audit", tmp_path))] == ["layer", "layer"]


# --- compare ------------------------------------------------------------------------------------------------------


def versions(folder: Path, *cells: dict[str, list[Point]]) -> list[Path]:
    """A layer file for each version."""
    return [
        geojson(folder / f"v{number}.geojson", [feature([ring], code=code) for code, ring in shapes.items()],
                name="unit", version=str(number))
        for number, shapes in enumerate(cells, 1)
    ]  # fmt: skip


HALVES = {"w": box(-100, 0, 0, 100), "e": box(0, 0, 100, 100)}


@pytest.mark.parametrize(
    ("new", "counts", "mapping"),
    [
        pytest.param(HALVES, {"kept": 2}, {("e", "e"): 1.0, ("w", "w"): 1.0}, id="kept"),
        pytest.param(
            {"w": box(-100, 0, 0, 100), "n": box(0, 75, 100, 100), "s": box(0, 0, 100, 75)},
            {"kept": 1, "split": 1}, {("e", "n"): 0.25, ("e", "s"): 0.75, ("w", "w"): 1.0}, id="split",
        ),
        pytest.param(
            {"x": box(-100, 0, 100, 100)}, {"merged": 1}, {("e", "x"): 1.0, ("w", "x"): 1.0}, id="merged",
        ),
        pytest.param(
            {"w": box(-100, 0, 40, 100), "e": box(40, 0, 100, 100)},
            {"moved": 1}, {("e", "e"): 0.6, ("e", "w"): 0.4, ("w", "w"): 1.0}, id="moved",
        ),
    ],
)  # fmt: skip
def test_a_comparison_tells_changes_and_shares_of_area(tmp_path: Path, new: Any, counts: Row, mapping: Any) -> None:
    found = told(done(grids("compare", *versions(tmp_path, HALVES, new), "--json")))
    assert found["counts"] == counts
    shares = {(row["old"], row["new"]): row["share_of_old"] for row in found["mapping"]}
    assert shares == {pair: pytest.approx(share, abs=1e-3) for pair, share in mapping.items()}


def test_a_comparison_says_that_open_cases_keep_their_version(tmp_path: Path) -> None:
    result = done(grids("compare", *versions(tmp_path, HALVES, {"x": box(-100, 0, 100, 100)})))
    assert "Open cases keep the version they were filed under (1)" in result.stdout
    assert "both are in force at the same time" in result.stdout


# --- work ---------------------------------------------------------------------------------------------------------


def test_work_is_counted_by_version_for_unit_grids_and_by_point_for_the_others(fake_cases: Callable[..., Row]) -> None:
    unit = fake_cases("unit", "unit")
    assert (unit["cases"], unit["gini"]) == (3, 0.5)
    other = fake_cases("police", "police")
    assert (other["cases"], other["gini"]) == (2, 0.0)


@pytest.fixture
def fake_cases() -> Callable[..., Row]:
    """Work on two cells of 100 m: three cases of version 1 in the first, one of version 2, two of them with a point."""
    inside = [PLANE.to_degrees(50, 50), PLANE.to_degrees(150, 50)]
    points: list[tuple[float | None, float | None]] = [*inside, (None, None), (None, None)]
    cases = [
        {"grid": "a", "grid_version": version, "lon": lon, "lat": lat, "at": 0}
        for version, (lon, lat) in zip("1112", points, strict=True)
    ]

    def work(system: str, kind: str) -> Row:
        cells = [("a", box(0, 0, 100, 100)), ("b", box(100, 0, 200, 100))]
        made = tuple(Cell(code=code, shape=polygon(ring)) for code, ring in cells)
        return workload(Layer(name=kind, system=system, kind=kind, version="1", cells=made), cases, known=True)

    return work


@pytest.mark.parametrize(
    ("rows", "cases", "gini"),
    [
        pytest.param([], 0, None, id="no case"),
        pytest.param([WEST, WEST, EAST, EAST], 4, 0.0, id="even"),
        pytest.param([WEST, WEST, WEST, WEST], 4, 0.5, id="all in one of two"),
    ],
)
def test_the_cases_of_a_store_tell_how_evenly_work_lies(
    city: Path, tmp_path: Path, rows: list[str], cases: int, gini: float | None
) -> None:
    with Workspace(tmp_path / "store") as store:
        store.agree(StoreFacts(reference_version="1", poll_records=1, polls_per_commit=1, partitions=1))
        for number, community in enumerate(rows):
            sql = "INSERT INTO cases (fact_id, case_id, community) VALUES ({id:String}, {id:String}, {c:String})"
            store.tables().query(sql, {"id": str(number), "c": community})
    found = told(done(grids("audit", city, "--store", tmp_path / "store", "--json")))["layers"]
    assert [(row["cases"], row["gini"]) for row in found] == [(cases, gini)]


def test_the_cases_of_a_store_tell_where_grid_systems_disagree(city: Path, tmp_path: Path) -> None:
    """The border of the community grids lies 60 m east of that of the communities: two of five cases lie between."""
    community_grids(city, two_grids(P, Q, 60.0))
    with Workspace(tmp_path / "store") as store:
        store.agree(StoreFacts(reference_version="1", poll_records=1, polls_per_commit=1, partitions=1))
        for number, x in enumerate((-200.0, -1.0, 1.0, 59.0, 61.0)):
            lon, lat = PLANE.to_degrees(x, 100.0)
            values = "({i:String}, {i:String}, {x:Float64}, {y:Float64})"
            sql = f"INSERT INTO cases (fact_id, case_id, lon, lat) VALUES {values}"
            store.tables().query(sql, {"i": str(number), "x": lon, "y": lat})
    (walk,) = told(done(grids("audit", city, "--store", tmp_path / "store", "--json")))["cross_walk"]
    assert (walk["disagree"], walk["disagree_cases"]) == (pytest.approx(0.1, abs=1e-3), 0.4)
