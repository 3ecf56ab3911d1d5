"""Audit of a layer: each finding at its threshold, and the workload's Gini."""

from dataclasses import replace

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.geo.audit import FindingKind, SizeRule, audit_layer, workload_gini
from pipeline.domain.geo.layers import Layer
from tests.domain.geo.geo_builders import a_layer, at, box, two_squares

HOUSEHOLDS = SizeRule(kind="community", min_households=300, max_households=500)


def test_a_sound_layer_has_no_findings() -> None:
    assert audit_layer(two_squares(), within=a_layer({"all": box(-1000, 0, 1000, 1000)})) == ()


def test_a_hole_between_cells_is_a_gap() -> None:
    layer = a_layer({"a": shapely.difference(box(0, 0, 300, 300), box(100, 100, 200, 200)), "b": box(300, 0, 400, 300)})
    (found,) = audit_layer(layer)
    assert (found.kind, found.codes) == (FindingKind.GAP, ("a",))
    assert found.measure == pytest.approx(10_000, rel=1e-3)


def test_what_the_whole_has_and_the_cells_have_not_is_a_gap() -> None:
    (found,) = audit_layer(two_squares(), within=a_layer({"all": box(-1000, 0, 1050, 1000)}))
    assert (found.kind, found.codes) == (FindingKind.GAP, ("east",))
    assert found.measure == pytest.approx(50_000, rel=1e-3)


def test_cells_beyond_the_whole_are_outside() -> None:
    (found,) = audit_layer(two_squares(), within=a_layer({"all": box(-1000, 0, 900, 1000)}))
    assert (found.kind, found.codes) == (FindingKind.OUTSIDE, ("east",))


@pytest.mark.parametrize(
    ("reach", "kinds"),
    [
        pytest.param(0.0005, [], id="half a square metre is a line drawn twice"),
        pytest.param(0.01, [FindingKind.OVERLAP], id="ten square metres"),
    ],
)
def test_overlaps_above_a_trace_are_found(reach: float, kinds: list[FindingKind]) -> None:
    layer = a_layer({"west": box(-1000, 0, reach, 1000), "east": box(0, 0, 1000, 1000)})
    found = audit_layer(layer)
    assert [one.kind for one in found] == kinds
    assert all(one.codes == ("west", "east") for one in found)


@pytest.mark.parametrize(
    ("other", "parts"),
    [
        pytest.param(box(200, 0, 300, 100), 2, id="apart"),
        pytest.param(box(100, 100, 200, 200), 2, id="touching in a corner"),
        pytest.param(box(100, 0, 200, 100), 0, id="side by side"),
    ],
)
def test_a_cell_in_several_parts_is_found(other: object, parts: int) -> None:
    layer = a_layer({"a": shapely.union_all([box(0, 0, 100, 100), other])})
    assert [one.measure for one in audit_layer(layer) if one.kind is FindingKind.PARTS] == ([parts] if parts else [])


def with_households(count: int | None) -> Layer:
    layer = a_layer({"a": box(0, 0, 100, 100)})
    return replace(layer, cells=(replace(layer.cells[0], households=count),))


@pytest.mark.parametrize(
    ("count", "kinds"),
    [
        pytest.param(299, [FindingKind.FEW_HOUSEHOLDS], id="just below"),
        pytest.param(300, [], id="exactly the least"),
        pytest.param(500, [], id="exactly the most"),
        pytest.param(501, [FindingKind.MANY_HOUSEHOLDS], id="just above"),
        pytest.param(None, [FindingKind.UNKNOWN_HOUSEHOLDS], id="unknown"),
    ],
)
def test_households_are_held_to_the_rule(count: int | None, kinds: list[FindingKind]) -> None:
    assert [found.kind for found in audit_layer(with_households(count), [HOUSEHOLDS])] == kinds


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        pytest.param(SizeRule(kind="community", max_m2=9_000), [FindingKind.OVERSIZE], id="too large"),
        pytest.param(SizeRule(kind="community", min_m2=11_000), [FindingKind.UNDERSIZE], id="too small"),
        pytest.param(SizeRule(kind="police", max_m2=9_000), [], id="a rule for another kind"),
        pytest.param(SizeRule(kind="community", area_type="rural", max_m2=9_000), [], id="for another type of area"),
    ],
)
def test_areas_are_held_to_the_rule_of_their_kind(rule: SizeRule, kinds: list[FindingKind]) -> None:
    assert [found.kind for found in audit_layer(a_layer({"a": box(0, 0, 100, 100)}), [rule])] == kinds


def test_a_finding_has_a_point_inside_its_shape() -> None:
    (found,) = audit_layer(a_layer({"a": box(0, 0, 100, 100)}), [SizeRule(kind="community", max_m2=1)])
    west, south = at(0, 0)
    assert west < found.lon < at(100, 0)[0]
    assert south < found.lat < at(0, 100)[1]


def test_an_empty_layer_has_no_findings() -> None:
    assert audit_layer(a_layer({})) == ()


@pytest.mark.parametrize(
    ("counts", "gini"),
    [
        pytest.param([], 0.0, id="no grid"),
        pytest.param([0, 0], 0.0, id="no work"),
        pytest.param([7, 7, 7], 0.0, id="all alike"),
        pytest.param([0, 0, 0, 8], 0.75, id="one has all"),
        pytest.param([1, 3], 0.25, id="by hand"),
    ],
)
def test_workload_gini(counts: list[float], gini: float) -> None:
    assert workload_gini(counts) == pytest.approx(gini)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_the_gini_lies_between_0_and_1_and_knows_no_order(counts: list[int]) -> None:
    assert -1e-9 <= workload_gini(counts) < 1
    assert workload_gini(counts) == workload_gini(counts[::-1])


def test_negative_work_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        workload_gini([3, -1])
