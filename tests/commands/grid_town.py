"""Small invented areas and the commands of ``wangge grids`` called on them; places are metres about a point."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pipeline.commands import wangge
from pipeline.domain.geo.datum import Datum, from_wgs84
from pipeline.domain.geo.projection import LocalPlane
from pipeline.errors import ConfigFaults

PLANE = LocalPlane(121.5, 31.2)
STREET, WEST, EAST = "310199001", "310199001001", "310199001002"
SEPTEMBER = 1_788_192_000_000
"""2026-09-01T00:00:00+08:00."""
Point = tuple[float, float]
Row = dict[str, Any]


def box(west: float, south: float, east: float, north: float) -> list[Point]:
    """A ring in degrees from metres."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return [PLANE.to_degrees(*corner) for corner in corners]


def feature(rings: Sequence[list[Point]], **properties: Any) -> Row:
    """A feature of one or several rings, each a part of its own."""
    shape = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    return {"type": "Feature", "properties": properties, "geometry": shape}


def geojson(path: Path, features: Sequence[Row], **of_itself: Any) -> Path:
    """A file of features, saying of itself what is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", **of_itself, "features": list(features)}))
    return path


def communities(path: Path, **of_itself: Any) -> Path:
    """Two communities of 300 m by 200 m that meet at x = 0, under one street."""
    found = [
        feature([box(-300, 0, 0, 200)], code=WEST, name="West", parent=STREET, households=400, area_type="urban"),
        feature([box(0, 0, 300, 200)], code=EAST, name="East", parent=STREET, households=450, area_type="urban"),
    ]
    return geojson(path, found, **({"name": "community", "kind": "community"} | of_itself))


def a_city(folder: Path) -> Path:
    """A city with a district, a street and two communities, their layer imported by the command."""
    folder.mkdir()
    (folder / "areas.csv").write_text(
        "# invented\ncode,name,parent,tier,level_role,local_level,system,aliases\n"
        "310000,City,,city,city,1,unit,\n310199,District,310000,district,district,2,unit,\n"
        f"{STREET},Street,310199,street,street,3,unit,\n{WEST},West,{STREET},community,community,4,unit,柳湾小区\n"
    )
    file = communities(folder.parent / "communities.geojson")
    done(grids("import", file, "--out", folder, "--system", "unit", "--kind", "community", "--tier", "community"))
    return folder


def grids(*words: Any) -> Result:
    return CliRunner().invoke(wangge, ["grids", *map(str, words)])


def done(result: Result) -> Result:
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def told(result: Result) -> Row:
    document: Row = json.loads(result.stdout)
    return document


def faults(result: Result) -> list[tuple[str, str]]:
    assert isinstance(result.exception, ConfigFaults), (result.output, result.exception)
    return [(fault.field, fault.remedy) for fault in result.exception.faults]


def areas(city: Path) -> dict[str, dict[str, str]]:
    lines = [line for line in (city / "areas.csv").read_text().splitlines() if not line.startswith("#")]
    return {row["code"]: row for row in csv.DictReader(lines)}


def police(path: Path, datum: Datum = Datum.WGS84) -> Path:
    """One police grid over both communities, with property names of its own, in any datum."""
    ring = [from_wgs84(*point, datum) for point in box(-300, 0, 300, 200)]
    return geojson(path, [feature([ring], DM="J1", MC="First beat", SJ="310199", HS=850)])


POLICE = ("--system", "police", "--kind", "police", "--code-property", "DM", "--name-property", "MC",
          "--parent-property", "SJ", "--households-property", "HS")  # fmt: skip


def again(path: Path) -> Path:
    """The west is cut into two unit grids, then into three others."""
    return geojson(path, [
        feature([box(-300 + 100 * k, 0, -200 + 100 * k, 200)], code=f"{WEST}10{k}", parent=WEST) for k in range(3)
    ])  # fmt: skip


UNIT = ("--system", "unit", "--kind", "unit", "--tier", "grid")


def redivided(city: Path) -> Path:
    """A city whose first unit grids ended on 1 September, with three grids in the west instead."""
    first = geojson(city.parent / "v1.geojson", [
        feature([box(-300, 0, -150, 200)], code=f"{WEST}001", parent=WEST),
        feature([box(-150, 0, 0, 200)], code=f"{WEST}002", parent=WEST),
    ])  # fmt: skip
    done(grids("import", first, "--out", city, *UNIT))
    new = ("--version", "2", "--valid-from", "2026-09-01", "--close-older")
    done(grids("import", again(city.parent / "v2.geojson"), "--out", city, *UNIT, *new))
    return city
