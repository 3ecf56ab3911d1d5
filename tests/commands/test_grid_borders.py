"""``wangge grids borders`` and ``practice``: segments, strips, groups, blind strips, a ledger from closed cases."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.geo.index import LayerIndex
from pipeline.domain.geo.segments import along, segments_of
from pipeline.runtime.grid_borders import LEAST_CASES
from pipeline.runtime.workspace import StoreFacts, Workspace
from tests.assessment import ward
from tests.commands.grid_town import EAST, PLANE, STREET, WEST, a_city, box, done, faults, feature, geojson, grids, told
from tests.domain.geo.geo_builders import a_layer, at
from tests.domain.geo.geo_builders import box as shape

OTHER = "310199002"
CLOSED = ward.done(10, 12)


def three() -> Any:
    """Two squares beside each other and one that touches a corner of the first only, above the second."""
    return a_layer({"a": shape(-100, 0, 0, 100), "b": shape(0, 0, 100, 100), "c": shape(0, 100, 100, 300)})


def test_segments_are_common_lines_and_corners_are_none() -> None:
    assert [(one.codes, round(one.length_m)) for one in segments_of(three())] == [(("a", "b"), 100), (("b", "c"), 100)]


@pytest.mark.parametrize(
    ("x", "y", "line"),
    [
        pytest.param(-9.0, 50.0, ("a", "b"), id="in the strip"),
        pytest.param(9.0, 50.0, ("a", "b"), id="on the other side"),
        pytest.param(-11.0, 50.0, None, id="beyond it"),
        pytest.param(3.0, 92.0, ("a", "b"), id="two lines near: the nearer"),
        pytest.param(-99.0, 50.0, None, id="the outer edge is between no two"),
        pytest.param(-101.0, 50.0, None, id="outside"),
    ],
)
def test_a_place_lies_along_the_nearest_border(x: float, y: float, line: Any) -> None:
    lon, lat = at(x, y)
    assert along(LayerIndex(three()), [lon], [lat], 10.0) == [line]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two communities in two streets that meet at x = 0, each street with an office."""
    made = a_city(tmp_path_factory.mktemp("made") / "city")
    table = (made / "areas.csv").read_text()
    names = next(line for line in table.splitlines() if line.startswith("code")).split(",")
    more = {"code": OTHER, "name": "Other", "parent": "310199", "tier": "street", "level_role": "street",
            "local_level": "3", "system": "unit"}  # fmt: skip
    (made / "areas.csv").write_text(table + ",".join(more.get(name, "") for name in names) + "\n")
    streets = [feature([box(-300, 0, 0, 200)], code=STREET), feature([box(0, 0, 300, 200)], code=OTHER)]
    geojson(made / "layers" / "street.geojson", streets, name="street", system="unit", kind="street", version="1")
    (made / "departments.csv").write_text(
        f"id,name_zh,name_en,kind,level,area\noffice-w,W,W,street,street,{STREET}\noffice-e,E,E,street,street,{OTHER}\n"
    )
    return made


def stored(folder: Path, cases: Sequence[tuple[float, str, str, Any]]) -> Path:
    """A store with cases: metres east, channel, unit, steps."""
    with Workspace(folder) as store:
        store.agree(StoreFacts(reference_version="1", poll_records=1, polls_per_commit=1, partitions=1))
        facts = []
        for number, (x, channel, unit, steps) in enumerate(cases):
            lon, lat = PLANE.to_degrees(x, 100.0)
            flags = ("BORDER",) if abs(x) < 20 else ()
            made = ward.case(
                f"C{number:03d}", unit, 0, 24, *steps, channel=channel, lon=lon, lat=lat, border_flags=flags
            )
            facts += [_of_street(fact, STREET if x < 0 else OTHER) for fact in made]
        store.tables().write(ward.by_kind(facts))
    return folder


def _of_street(fact: Any, street: str) -> Any:
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return type(fact)(**fields | ({"street": street} if "street" in fields else {}))


def borders(city: Path, store: Path, *words: Any) -> Any:
    return told(done(grids("borders", city, "--store", store, "--json", *words)))


def test_a_strip_in_which_grid_workers_find_nothing_is_blind(city: Path, tmp_path: Path) -> None:
    inner = [(x, "grid-worker", "office-w", CLOSED) for x in range(-200, -100, 10)]
    strip = [(-5.0, "hotline", "office-w", ())] * LEAST_CASES
    found = borders(city, stored(tmp_path / "s", [*inner, *strip]))
    (line,) = found["segments"]
    assert (line["between"], line["length_m"], line["cases"]) == ([WEST, EAST], 200, LEAST_CASES)
    assert (line["seen"], line["seen_inside"], line["blind"]) == (0.0, 1.0, True)
    groups = {row["group"]: row for row in found["groups"]}
    assert (groups["inner"]["cases"], groups["inner"]["closed"], groups["inner"]["median_hours"]) == (10, 1.0, 10.0)
    assert (groups["strip"]["cases"], groups["strip"]["closed"], groups["strip"]["share"]) == (LEAST_CASES, 0.0, 0.5)
    assert groups["BORDER"]["cases"] == LEAST_CASES


def test_a_case_whose_point_a_table_gave_says_nothing_of_a_border(city: Path, tmp_path: Path) -> None:
    folder = stored(tmp_path / "s", [(-5.0, "hotline", "office-w", ())] * LEAST_CASES)
    with Workspace(folder) as store:
        named = store.tables().rows("SELECT report_id, case_id FROM cases ORDER BY case_id LIMIT 3")
        methods = ("gazetteer", "area_code", "point")
        store.tables().write(
            ward.by_kind(
                [
                    ward.report(row["report_id"], 0, case_id=row["case_id"], place_method=method)
                    for row, method in zip(named, methods, strict=True)
                ]
            )
        )
    (line,) = borders(city, folder)["segments"]
    assert line["cases"] == LEAST_CASES - 2


@pytest.mark.parametrize(
    ("strip", "seen"),
    [
        pytest.param(LEAST_CASES - 1, 0, id="one case too few"),
        pytest.param(LEAST_CASES, LEAST_CASES, id="as well seen as inside"),
    ],
)
def test_other_strips_are_not_blind(city: Path, tmp_path: Path, strip: int, seen: int) -> None:
    inner = [(-200.0, "grid-worker", "office-w", CLOSED)] * 10
    along_it = [(5.0, "grid-worker" if n < seen else "hotline", "office-e", ()) for n in range(strip)]
    found = borders(city, stored(tmp_path / "s", [*inner, *along_it]), "--strip", 10)
    assert [row["blind"] for row in found["segments"]] == [False]


def test_a_layer_that_the_city_has_not_is_told(city: Path, tmp_path: Path) -> None:
    store = stored(tmp_path / "s", [(-200.0, "hotline", "office-w", ())])
    ((field, remedy),) = faults(grids("borders", city, "--store", store, "--layer", "river"))
    assert (field, remedy) == ("--layer", "the city has community, street")


def test_the_ledger_of_practice_comes_from_closed_cases_of_street_offices(city: Path, tmp_path: Path) -> None:
    store = stored(
        tmp_path / "s",
        [
            (-30.0, "hotline", "office-e", CLOSED),
            (-30.0, "hotline", "office-e", CLOSED),
            (-250.0, "hotline", "office-w", CLOSED),
            (40.0, "hotline", "office-e", CLOSED),
            (-60.0, "hotline", "office-e", ()),
            (-70.0, "hotline", "police", CLOSED),
        ],
    )
    dry = told(done(grids("practice", city, "--store", store, "--json", "--dry-run")))
    assert (dry["written"], dry["spots"], dry["cases"], dry["held_elsewhere"]) == (False, 2, 3, 2)
    assert not (city / "practices.csv").exists()
    assert told(done(grids("practice", city, "--store", store, "--json")))["written"] is True
    lines = [line for line in (city / "practices.csv").read_text().splitlines() if not line.startswith("#")]
    rows = [(row["drawn"], row["held"], row["border_m"], row["cases"]) for row in csv.DictReader(lines)]
    assert sorted(rows) == [(STREET, STREET, "", "1"), (STREET, OTHER, "30.0", "2")]
    (city / "practices.csv").unlink()
