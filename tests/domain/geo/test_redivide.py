"""Cross-walks between systems and comparison of versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.overlay import cross_walk, main_cells, overlay
from pipeline.domain.geo.redivide import CellChange, Change, compare, remap, version_at
from tests.domain.geo.geo_builders import a_layer, box, two_squares

QUARTERS = a_layer(
    {"sw": box(-1000, 0, 0, 500), "nw": box(-1000, 500, 0, 1000), "e": box(0, 0, 1000, 1000)}
)  # fmt: skip


def test_the_same_borders_agree_wholly() -> None:
    walk = cross_walk(two_squares(), two_squares())
    assert (walk.disagreement_a, walk.disagreement_b) == pytest.approx((0, 0), abs=1e-9)
    assert (walk.only_a, walk.only_b) == pytest.approx((0, 0), abs=1e-9)


def test_finer_cells_agree_from_their_side() -> None:
    walk = cross_walk(QUARTERS, two_squares())
    assert walk.disagreement_a == pytest.approx(0, abs=1e-9)
    assert walk.disagreement_b == pytest.approx(0.25, abs=1e-3)


def test_a_shifted_border_disagrees_by_its_strip() -> None:
    shifted = a_layer({"w": box(-1000, 0, 200, 1000), "e": box(200, 0, 1000, 1000)})
    walk = cross_walk(two_squares(), shifted)
    assert walk.disagreement_a == pytest.approx(0.1, abs=1e-3)
    assert main_cells(walk.rows) == {"west": "w", "east": "e"}


def test_area_of_one_system_only_is_told() -> None:
    walk = cross_walk(two_squares(), a_layer({"w": box(-1000, 0, 0, 1000)}))
    assert (walk.only_a, walk.only_b) == pytest.approx((0.5, 0.0), abs=1e-3)


def test_an_empty_layer_shares_nothing() -> None:
    assert overlay(a_layer({}), two_squares()) == ()
    assert cross_walk(two_squares(), a_layer({})).only_a == 1.0


W, E = box(-1000, 0, 0, 1000), box(0, 0, 1000, 1000)
SW, NW = box(-1000, 0, 0, 500), box(-1000, 500, 0, 1000)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param({"w": W, "e": E}, {"w": W, "e": E}, [(Change.KEPT, "e", "e"), (Change.KEPT, "w", "w")], id="kept"),
        pytest.param({"w": W}, {"w2": W}, [(Change.RENAMED, "w", "w2")], id="renamed"),
        pytest.param({"w": W}, {"n": NW, "s": SW}, [(Change.SPLIT, "w", "n s")], id="split"),
        pytest.param({"w": W}, {"n": NW, "w": SW}, [(Change.SPLIT, "w", "n w")], id="split, one keeps the code"),
        pytest.param({"n": NW, "s": SW}, {"w": W}, [(Change.MERGED, "n s", "w")], id="merged"),
        pytest.param(
            {"w": W, "e": E}, {"w": box(-1000, 0, 100, 1000), "e": box(100, 0, 1000, 1000)},
            [(Change.MOVED, "e w", "e w")], id="a border moved",
        ),
        pytest.param(
            {"w": W, "e": E}, {"w": box(-1000, 0, 9, 1000), "e": box(9, 0, 1000, 1000)},
            [(Change.KEPT, "e", "e"), (Change.KEPT, "w", "w")], id="a line redrawn within 1 %",
        ),
        pytest.param({"w": W}, {"w": W, "e": E}, [(Change.ADDED, "", "e"), (Change.KEPT, "w", "w")], id="added"),
        pytest.param({"w": W, "e": E}, {"w": W}, [(Change.DROPPED, "e", ""), (Change.KEPT, "w", "w")], id="dropped"),
        pytest.param({"w": W}, {"w": SW}, [(Change.MOVED, "w", "w")], id="half given away"),
    ],
)  # fmt: skip
def test_what_a_redivision_did(
    old: dict[str, object], new: dict[str, object], changes: list[tuple[str, str, str]]
) -> None:
    found = compare(a_layer(old), a_layer(new)).changes
    assert list(found) == [CellChange(Change(kind), tuple(a.split()), tuple(b.split())) for kind, a, b in changes]


@given(st.floats(-900, 900), st.floats(50, 950), st.integers(0, 1000), st.integers(0, 1000))
def test_every_cell_is_told_once_and_counts_stay(x: float, y: float, west: int, east: int) -> None:
    new = a_layer({"a": box(-1000, 0, x, y), "b": box(x, 0, 1000, y), "c": box(-1000, y, 1000, 1000)})
    result = compare(two_squares(), new)
    assert sorted(code for change in result.changes for code in change.old) == ["east", "west"]
    assert sorted(code for change in result.changes for code in change.new) == ["a", "b", "c"]
    moved = remap({"west": west, "east": east}, result)
    assert sum(moved.values()) == pytest.approx(west + east, rel=1e-9)


def test_counts_move_by_area() -> None:
    result = compare(two_squares(), a_layer({"a": box(-1000, 0, 500, 1000), "b": box(500, 0, 1000, 1000)}))
    assert remap({"west": 10, "east": 40}, result) == pytest.approx({"a": 30, "b": 20}, rel=1e-3)


def test_counts_of_what_is_left_out_are_kept_apart() -> None:
    result = compare(two_squares(), a_layer({"a": box(-1000, 0, 500, 1000)}))
    moved = remap({"west": 10, "east": 40, "unknown": 5}, result)
    assert moved == pytest.approx({"a": 30, "": 25}, rel=1e-3)


def version(name: str, valid_from: int, valid_to: int) -> Layer:
    return a_layer({"w": W}, version=name, valid_from=valid_from, valid_to=valid_to)


@pytest.mark.parametrize(
    ("at", "name"),
    [
        pytest.param(9, None, id="before the first"),
        pytest.param(10, "1", id="its first moment"),
        pytest.param(19, "1", id="its last moment"),
        pytest.param(20, "2", id="the next version's first moment"),
    ],
)
def test_a_case_finds_the_version_it_was_filed_under(at: int, name: str | None) -> None:
    found = version_at([version("1", 10, 20), version("2", 20, 30)], at)
    assert (found.version if found else None) == name


def test_two_versions_in_force_are_refused() -> None:
    with pytest.raises(ValueError, match="all in force at 15"):
        version_at([version("1", 10, 20), version("2", 15, 30)], 15)
