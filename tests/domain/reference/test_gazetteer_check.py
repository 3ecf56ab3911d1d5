"""The gazetteer of a city: each fault with its place, all at once, and no change where there is none."""

from __future__ import annotations

import pytest

from pipeline.domain.reference.load import _version as version_of
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.tables import table_names
from tests.domain.reference.conftest import Plant, faults

HEAD = "name,aliases,kind,lon,lat,datum,error_m,areas,roads,valid_from,valid_to"
GOOD = [
    "墨桥路霁川街路口,老菜场口,crossing,121.4,31.2,WGS-84,40,T|R,墨桥路|霁川街,,",
    "墨桥路,,road,121.4,31.2,GCJ-02,140,T,,,",
    "墨桥路,,road,121.5,31.2,,140,D,,,",
    "澄湾小区,,estate,121.4,31.2,CGCS2000,60,R,,,2020-01-01",
    "澄湾小区,,estate,121.5,31.2,CGCS2000,60,R,,2020-01-01,",
]
BAD = {
    "an unknown kind": ("甲路,,street,121.4,31.2,,60,R,,,", "crossing, road, estate, public_place"),
    "no kind": ("甲路,,,121.4,31.2,,60,R,,,", "fill in the cell; it is required"),
    "an unknown datum": ("甲路,,road,121.4,31.2,Mars,60,R,,,", "WGS-84, CGCS2000, GCJ-02, BD-09"),
    "a point outside the city": ("甲路,,road,31.2,121.4,,60,R,,,", "outside the bounding box"),
    "a point that is no number": ("甲路,,road,nan,31.2,,60,R,,,", "write a finite number"),
    "an error of nothing": ("甲路,,road,121.4,31.2,,0,R,,,", "give metres above 0, at most 500"),
    "an error below nothing": ("甲路,,road,121.4,31.2,,-5,R,,,", "give metres above 0"),
    "an error that says nothing": ("甲路,,road,121.4,31.2,,900,R,,,", "write a long road by sections"),
    "an unknown area": ("甲路,,road,121.4,31.2,,60,Z,,,", "no such area"),
    "a name given twice in an area": ("墨桥路,,road,121.4,31.2,,60,T,,,", "keep one of a name in an area"),
    "another name given twice": ("老菜场口,,public_place,121.4,31.2,,60,R,,,", "keep one of a name in an area"),
    "a name of one sign": ("路,,road,121.4,31.2,,60,R,,,", "give a name of 2 signs or more"),
    "roads of what is no crossing": ("甲路,,road,121.4,31.2,,60,R,乙路|丙路,,", "only of a crossing"),
    "a crossing of one road": ("甲路口,,crossing,121.4,31.2,,60,R,乙路,,", "name two roads or more"),
    "an empty validity": ("甲路,,road,121.4,31.2,,60,R,,2021-01-01,2020-01-01", "end the validity after it begins"),
}


def test_a_sound_table_has_no_fault(plant: Plant) -> None:
    folder = plant({"gazetteer": [HEAD, *GOOD]})
    assert faults(folder) == []
    rows = load_reference(folder).tables.gazetteer
    assert [row.areas for row in rows[:2]] == [("T", "R"), ("T",)]
    assert rows[2].datum == "WGS84"


@pytest.mark.parametrize("name", BAD)
def test_a_fault_alone_is_told_with_its_line(name: str, plant: Plant) -> None:
    line, expected = BAD[name]
    told = faults(plant({"gazetteer": [HEAD, *GOOD, line]}))
    assert any("gazetteer.csv:8" in one and expected in one for one in told), told


def test_all_faults_are_told_at_once(plant: Plant) -> None:
    told = "\n".join(faults(plant({"gazetteer": [HEAD, *GOOD, *[line for line, _ in BAD.values()]]})))
    assert all(expected in told for _, expected in BAD.values())


def test_a_set_without_a_gazetteer_keeps_its_version(plant: Plant) -> None:
    """What was decided under a set stays known by its version, though the table of the gazetteer is younger."""
    found = load_reference(plant({"gazetteer": [HEAD]}))
    older = {name: getattr(found.tables, name) for name in table_names() if name != "gazetteer"}
    assert version_of(older, found.city, found.calendar) == found.version
    assert load_reference(plant({"gazetteer": [HEAD, *GOOD]})).version != found.version
