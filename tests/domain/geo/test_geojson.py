"""Reading layers: what is kept, what is mended, and every fault at once."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.domain.geo.datum import Datum, from_wgs84
from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import OWN_PROPERTIES, LayerFaults, LayerSpec, to_geojson
from pipeline.domain.geo.projection import distance_m
from tests.domain.geo.geo_builders import a_layer, at, box, two_squares

SPEC = LayerSpec(name="wards", system="unit", kind="community", version="3", code_property="code")
SQUARE = [(121.0, 31.0), (121.01, 31.0), (121.01, 31.01), (121.0, 31.01), (121.0, 31.0)]
BOW_TIE = [(121.0, 31.0), (121.01, 31.01), (121.01, 31.0), (121.0, 31.01), (121.0, 31.0)]
# A square whose ring touches itself in a point: wrong by the letter, and no area is in doubt.
TOUCHING = [(0, 0), (4, 0), (4, 4), (2, 0), (0, 4), (0, 0)]


def feature(ring: list[Any], **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {"code": "1"} | properties, "geometry": geometry}


def a_file(*features: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **more}).encode()


def faults_of(data: bytes, spec: LayerSpec = SPEC) -> list[str]:
    with pytest.raises(LayerFaults) as caught:
        read_layer(data, spec)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "pack",
    [
        pytest.param(lambda data: data, id="plain"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="with a byte order mark"),
    ],
)
def test_a_file_becomes_a_layer(pack: Any) -> None:
    spec = replace(SPEC, **OWN_PROPERTIES, valid_from=10, valid_to=20)
    layer = read_layer(
        pack(a_file(feature(SQUARE, name="甲", parent="31", households=400, workers=1, responsible="p7"))), spec
    )
    cell = layer.cells[0]
    assert (cell.code, cell.name, cell.parent, cell.households, cell.workers, cell.responsible) == (
        "1", "甲", "31", 400, 1, "p7",
    )  # fmt: skip
    assert (layer.system, layer.kind, layer.version) == ("unit", "community", "3")
    assert [layer.valid_at(at) for at in (9, 10, 19, 20)] == [False, True, True, False]


def test_what_was_written_is_read_the_same() -> None:
    layer = two_squares()
    again = read_layer(to_geojson(layer), replace(SPEC, **OWN_PROPERTIES))
    assert again.codes == layer.codes
    assert all(a.shape.equals_exact(b.shape, 0.0) for a, b in zip(again.cells, layer.cells, strict=True))
    assert to_geojson(again) == to_geojson(layer)


def test_a_layer_in_gcj02_is_brought_to_wgs84() -> None:
    ring = [from_wgs84(*point, Datum.GCJ02) for point in SQUARE]
    layer = read_layer(a_file(feature(ring)), replace(SPEC, datum=Datum.GCJ02))
    west, south, *_ = layer.bounds
    assert distance_m(west, south, *SQUARE[0]) < 0.1


@pytest.mark.parametrize(
    ("value", "code"), [pytest.param(7, "7", id="whole"), pytest.param(7.0, "7", id="a float"), ("07", "07")]
)
def test_a_code_that_is_a_number_becomes_text(value: object, code: str) -> None:
    assert read_layer(a_file(feature(SQUARE, code=value)), SPEC).codes == (code,)


@pytest.mark.parametrize(
    ("data", "spec", "words"),
    [
        pytest.param(a_file(feature(BOW_TIE)), SPEC, ["geometry", "Self-intersection", "mend"], id="a bow tie"),
        pytest.param(a_file(feature(BOW_TIE)), replace(SPEC, mend=True), ["mend"], id="a bow tie cannot be mended"),
        pytest.param(a_file(feature(SQUARE, code=None)), SPEC, ["needs a code"], id="no code"),
        pytest.param(a_file(feature(SQUARE), feature(SQUARE)), SPEC, ["2 features have this code"], id="twice"),
        pytest.param(a_file(feature([[y, x] for x, y in SQUARE])), SPEC, ["swapped"], id="axes that cannot be"),
        pytest.param(
            a_file(feature([[42.3, -71.0], [42.4, -71.0], [42.4, -71.1], [42.3, -71.0]])),
            replace(SPEC, bounds=(-71.2, 42.2, -70.9, 42.5)), ["swapped"], id="axes that could be, but not here",
        ),
        pytest.param(
            a_file(feature([[350000, 3450000], [351000, 3450000], [351000, 3451000], [350000, 3450000]])),
            SPEC, ["projected metres"], id="metres",
        ),
        pytest.param(
            a_file(feature([[181, 10], [182, 10], [182, 11], [181, 10]])), SPEC, ["outside the world"], id="beyond"
        ),
        pytest.param(
            a_file(feature(SQUARE)), replace(SPEC, bounds=(113.0, 22.0, 114.0, 23.0)), ["city's bounds"], id="far off"
        ),
        pytest.param(
            a_file({"type": "Feature", "properties": {"code": "1"}, "geometry": None}), SPEC, ["none"], id="no shape"
        ),
        pytest.param(
            a_file({"type": "Feature", "properties": {"code": "1"},
                    "geometry": {"type": "Point", "coordinates": [121, 31]}}),
            SPEC, ["Point", "give a Polygon"], id="a point",
        ),
        pytest.param(a_file(), SPEC, ["at least one polygon"], id="nothing in it"),
        pytest.param(
            a_file(feature(SQUARE), crs={"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}),
            SPEC, ["crs", "3857"], id="a projected system by name",
        ),
        pytest.param(b"{", SPEC, ["GeoJSON FeatureCollection"], id="cut off"),
        pytest.param(gzip.compress(a_file(feature(SQUARE)))[:-9], SPEC, ["cut off"], id="cut off and zipped"),
        pytest.param(b'{"type":"Feature","features":[]}', SPEC, ["FeatureCollection"], id="one feature"),
        pytest.param(
            a_file(feature(SQUARE, hh="many")), replace(SPEC, households_property="hh"), ["whole number"], id="a count"
        ),
    ],
)  # fmt: skip
def test_a_fault_says_what_to_mend(data: bytes, spec: LayerSpec, words: list[str]) -> None:
    (fault,) = faults_of(data, spec)
    assert all(word in fault for word in words), fault


def test_all_faults_come_at_once() -> None:
    found = faults_of(
        a_file(
            feature(BOW_TIE, code="a"), feature(SQUARE, code=""), feature(SQUARE, code="b"), feature(SQUARE, code="b")
        )
    )
    assert len(found) == 3


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4490", "urn:ogc:def:crs:EPSG::4326"])
def test_a_geographic_system_by_name_is_no_fault(name: str) -> None:
    assert read_layer(a_file(feature(SQUARE), crs={"properties": {"name": name}}), SPEC).codes == ("1",)


def test_a_ring_that_touches_itself_is_mended_on_request_and_noted() -> None:
    data = a_file(feature([at(x * 10, y * 10) for x, y in TOUCHING]))
    assert "mend" in faults_of(data)[0]
    layer = read_layer(data, replace(SPEC, mend=True))
    assert layer.cells[0].shape.is_valid
    assert "mended" in layer.notes[0]


def test_areas_are_square_metres() -> None:
    layer = a_layer({"a": box(0, 0, 100, 100), "b": box(100, 0, 300, 100)})
    assert layer.areas_m2 == pytest.approx([10_000, 20_000], rel=1e-3)


def test_an_empty_layer_has_no_place() -> None:
    with pytest.raises(ValueError, match="no cells"):
        _ = a_layer({}).bounds
