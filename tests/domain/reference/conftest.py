"""A small, sound reference set in a folder, to which single faults are added."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.domain.reference.load import ReferenceFaults, load_reference

Plant = Callable[..., Path]
"""Makes the small set with tables added and cells changed."""


def faults(folder: Path) -> list[str]:
    """All faults of a set as lines."""
    try:
        load_reference(folder)
    except ReferenceFaults as error:
        return [str(fault) for fault in error.faults]
    return []


SMALL = {
    "categories": [
        "standard,kind,code,name_zh,name_en,major,family,requires_enforcement",
        "S,component,1,井盖,Manhole cover,01,manhole,",
        "S,incident,1,井盖异常,Manhole cover fault,01,manhole,",
        "S,incident,2,占道经营,Trading on the road,02,street,true",
    ],
    "filing_standards": [
        "id,standard,kind,code,group,operator,measure,threshold,unit,condition,closing,limit_value,limit_clock,version",
        "F1,S,component,1,1,>,damage_area,25,cm2,破损,修复,4,work_hour,1",
        "F2,S,incident,1,1,observed,,,,破损,修复,4,work_hour,1",
        "F3,S,incident,2,0,default,,,,占道,清除,2,urgent_hour,1",
    ],
    "sensor_limits": [
        "id,device_kind,metric,unit,aggregate,period_minutes,operator,limit,alarm,clear,severity,opens_standard,"
        "opens_kind,opens_code,standard",
        "L1,tilt,angle,degree,last,1,>,10,DURATION,5,minor,S,component,1,own",
    ],
    "departments": [
        "id,name_zh,name_en,kind,level,has_enforcement_power",
        "grid-centre,中心,Centre,centre,district,",
        "works,养护,Works,utility,district,",
        "police,执法,Police,police,district,true",
    ],
    "duties": [
        "id,standard,kind,code,area,lead,legal_basis,priority,owner_first,unknown_owner",
        "D1,S,component,1,,works,Act 1,10,true,grid-centre",
        "D2,S,incident,family:manhole,,works,Act 1,10,,",
        "D3,S,incident,2,,police,Act 2,10,,",
        "D4,S,incident,2,,police,Act 3,20,,",
    ],
    "posts": ["id,name_zh,name_en,level,units", "acceptor,受理员,Acceptor,district,centre"],
    "grid_systems": [
        "id,name_zh,name_en,department,roles",
        "unit,单元,Unit,grid-centre,city|district|street|responsibility",
    ],
    "grid_kinds": ["id,system,name_zh,name_en,needs_person", "responsibility,unit,责任网格,Responsibility grid,true"],
    "areas": [
        "code,name,parent,tier,level_role,local_level",
        "C,City,,city,city,1",
        "D,District,C,district,district,2",
        "T,Street,D,street,street,3",
        "R,Grid,T,grid,responsibility,4",
    ],
    "persons": ["id,name,department,post,areas", "p1,One,works,acceptor,R"],
    "devices": ["device_id,kind,metrics,area_code", "d1,tilt,angle,R"],
    "stage_limits": ["id,stage,scope,value,clock", "L1,handling,*,4,work_hour"],
    "states": [
        "state,name_zh,name_en,phase,clock,terminal,initial",
        "open,开,Open,a,handling,,true",
        "closed,关,Closed,b,,true,",
    ],
    "reason_codes": ["code,action,name_zh,name_en", "done,close,已办,Done"],
    "lifecycle": ["from_state,action,to_state,roles,reason_required,reasons", "open,close,closed,acceptor,true,done"],
    "class_rules": [
        "id,priority,case_class,word_class,reason,reason_en",
        "E1,1,emergency,fire,火,Fire",
        "G,9,general,,一般,Ordinary",
    ],
    "emergency_words": ["word,word_class,rule_id", "着火,fire,E1"],
    "weights": ["set,indicator,weight,direction", "a,one,0.4,up", "a,two,0.6,down"],
    "calendar": ["day,working,name", "2026-10-01,false,国庆节"],
}

Plant = Callable[..., Path]


def write(folder: Path, tables: dict[str, list[str]]) -> Path:
    """Write tables as CSV files."""
    folder.mkdir(exist_ok=True)
    for name, lines in tables.items():
        (folder / f"{name}.csv").write_text("# test\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Write the small set with lines added to (or, with ``old``/``new``, exchanged in) its tables."""

    def write_set(added: dict[str, list[str]] | None = None, changed: dict[str, tuple[str, str]] | None = None) -> Path:
        tables = {name: list(lines) for name, lines in SMALL.items()}
        for name, lines in (added or {}).items():
            tables.setdefault(name, []).extend(lines)
        for name, (old, new) in (changed or {}).items():
            assert any(old in line for line in tables[name]), old
            tables[name] = [line.replace(old, new) for line in tables[name]]
        return write(tmp_path / "set", tables)

    return write_set
