"""Importers on tiny invented sets in the layouts of the public ones."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.importers import IMPORTERS, import_set
from connectors.importers.cases import OUTCOMES
from connectors.sources.files import Progress, discover
from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import OWN_PROPERTIES, LayerSpec
from pipeline.domain.reference.load import load_reference
from pipeline.errors import ConfigFaults

BASE = Path(__file__).parents[2] / "deploy" / "reference"
CASES = (
    "dataset,case_id,channel,category_1,category_2,department,owner_queue,opened_at,closed_at,due_at,status,"
    "lat,lon,coord_ok,address,area,text,close_text,dup,dup_parent,satisfaction"
)
PINGSHAN = (
    "REPORT_NUM,EVENT_PROPERTY_NAME,EVENT_TYPE_ID,EVENT_TYPE_NAME,EVENT_SRC_NAME,INTIME_ARCHIVE_NUM,SUB_TYPE_ID,"
    "COMMUNITY_ID,REC_ID,STREET_ID,OVERTIME_ARCHIVE_NUM,OPERATE_NUM,DISPOSE_UNIT_ID,STREET_NAME,CREATE_TIME,"
    "INTIME_TO_ARCHIVE_NUM,SUB_TYPE_NAME,OCCUR_PLACE,COMMUNITY_NAME,DISPOSE_UNIT_NAME,MAIN_TYPE_NAME"
)


def write(path: Path, header: str, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "\n".join([header, *rows, ""]).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def case(
    number: str,
    opened: str = "2011-07-01T12:00:00",
    *,
    channel: str = "Self Service",
    category: str = "Street Lights,Street Light Outages",
    department: str = "PWDx",
    point: str = "42.2715,-71.0772",
    address: str = "1 Example St",
    area: str = "ward:3",
    text: str = "light is out",
) -> str:
    outcome = "2011-07-09T12:00:00,2011-07-05T12:00:00,Closed"
    begin = f"set,{number},{channel},{category},{department},Q,{opened},{outcome}"
    return f"{begin},{point},1,{address},{area},{text},done,0,,"


def pingshan(number: str, **given: str) -> str:
    row = dict.fromkeys(PINGSHAN.split(","), "-") | {
        "REC_ID": number,
        "CREATE_TIME": "2018-03-01 08:00:00",
        "EVENT_PROPERTY_NAME": "投诉",
        "EVENT_TYPE_ID": "6",
        "EVENT_TYPE_NAME": "市政设施",
        "MAIN_TYPE_NAME": "道路",
        "SUB_TYPE_ID": "665",
        "SUB_TYPE_NAME": "道路破损",
        "EVENT_SRC_NAME": "12345",
        "STREET_ID": "9",
        "STREET_NAME": "示例街道",
        "COMMUNITY_ID": "90",
        "COMMUNITY_NAME": "示例社区",
        "DISPOSE_UNIT_ID": "700",
        "DISPOSE_UNIT_NAME": "交通局",
    }
    return ",".join((row | given).values())


def boston(path: Path, *rows: str) -> Path:
    write(path / "cases.csv.gz", CASES, *(rows or (case("1"),)))
    return path


def chicago(path: Path, *rows: str) -> Path:
    row = case("c-1", "2012-05-01T00:00:00", channel="", department="", area="ward:6;ca:69", category="Tree Trim,")
    write(path / "mixed.csv.gz", CASES, *(rows or (row,)))
    return path


def district(path: Path, *rows: str) -> Path:
    write(path / "cases.csv.gz", PINGSHAN, *(rows or (pingshan("1"),)))
    return path


def rivers(path: Path, *rows: str) -> Path:
    header = "id,河流,性质,信息来源,标题,匿名(1)/实名(0),时间,投诉件内容,回复1,转处理次数"
    write(
        path / "orders.csv.gz", header, *(rows or ("1,示例河,投诉,电话,河水发黑,1,2019-08-05 00:00:00,很臭,已处理,3",))
    )
    return path


def messages(path: Path, *rows: str) -> Path:
    header = "label,text,src,id,user,time,title"
    write(path / "labelled.csv.gz", header, *(rows or ("交通运输,堵车,a,5,U1,2011/8/6 19:33:28,",)))
    return path


def air(path: Path, *rows: str) -> Path:
    header = "No,year,month,day,hour,PM2.5,PM10,SO2,NO2,CO,O3,TEMP,station"
    write(path / "Tiantan.csv.gz", header, *(rows or ("1,2013,3,1,0,9,9,3,NA,300,89,-0.5,Tiantan",)))
    return path


def noise(path: Path, *rows: str) -> Path:
    write(
        path / "Raheny9.csv.gz", "\tUnnamed: 0\tdatetime\tlaeq_Raheny9", *(rows or ("0\t0\t2015-01-01 00:00:00\t54.3",))
    )
    return path


SETS = {
    "boston311": boston,
    "chicago311": chicago,
    "pingshan": district,
    "fuzhou": rivers,
    "taidi": messages,
    "beijing-air": air,
    "dublin-noise": noise,
}


def bodies(out: Path) -> list[dict[str, Any]]:
    arrivals = [arrival for source in discover([out], 0) for arrival in source]
    assert [arrival.fault for arrival in arrivals if arrival.fault] == []
    return [dict(arrival.body or {}) for arrival in arrivals]


def imported(name: str, tmp_path: Path, *rows: str) -> list[dict[str, Any]]:
    import_set(name, SETS[name](tmp_path / "set", *rows), tmp_path / "out")
    return bodies(tmp_path / "out")


def overlay(tmp_path: Path, table: str) -> list[dict[str, str]]:
    lines = (tmp_path / "out" / table).read_text("utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_each_set_has_a_sample_here() -> None:
    assert SETS.keys() == IMPORTERS.keys()


@pytest.mark.parametrize("name", SETS)
def test_an_import_gives_readable_records_and_a_faultless_overlay(name: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    summary = import_set(name, SETS[name](tmp_path / "set"), tmp_path / "out", seen.append)
    assert summary.records == len(bodies(tmp_path / "out")) > 0
    assert seen[-1].read == seen[-1].total > 0
    assert load_reference(BASE, tmp_path / "out" / "city").city.name != "national"


@pytest.mark.parametrize("name", SETS)
def test_the_same_set_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    path = SETS[name](tmp_path / "set")
    for out in ("one", "two"):
        import_set(name, path, tmp_path / out)
    files = {file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*") if file.is_file()}
    assert files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("name", SETS)
def test_a_folder_without_the_set_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults):
        import_set(name, tmp_path, tmp_path / "out")


def test_an_unknown_set_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match="boston311"):
        import_set("atlantis", tmp_path, tmp_path / "out")
    write(tmp_path / "cases.csv", "case_id,opened_at", "1,2011-07-01")
    with pytest.raises(ConfigFaults) as caught:
        import_set("boston311", tmp_path, tmp_path / "out")
    assert len(caught.value.faults) == 6


def test_an_import_into_an_old_folder_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    stale = tmp_path / "out" / "city" / "layers" / "old.geojson"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    imported("boston311", tmp_path)
    assert not stale.exists()


# -- cases ----------------------------------------------------------------------------------------------------------


def test_outcomes_are_in_the_truth_and_in_no_record(tmp_path: Path) -> None:
    secrets = {"department": "SECRET-DEPT", "text": "seen"}
    (body,) = imported("boston311", tmp_path, case("1", **secrets))
    assert "SECRET" not in json.dumps(body)
    assert not body.keys() & set(OUTCOMES)
    assert "2011-07-09" not in json.dumps(body)
    (truth,) = overlay(tmp_path, "truth/cases.csv")
    assert (truth["source_ref"], truth["department"]) == ("1", "SECRET-DEPT")
    assert truth["closed_at"] == "2011-07-09T12:00:00-04:00"


def test_records_come_in_order_of_time(tmp_path: Path) -> None:
    rows = [case("b", "2011-07-02T00:00:00"), case("c", "2011-07-01T00:00:00"), case("a", "2011-07-02T00:00:00")]
    assert [body["source_ref"] for body in imported("boston311", tmp_path, *rows)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("opened", "received"),
    [
        pytest.param("2011-07-01T12:00:00", "2011-07-01T16:00:00", id="summer"),
        pytest.param("2011-12-01T12:00:00", "2011-12-01T17:00:00", id="winter"),
        pytest.param("2011-03-13T02:30:00", "2011-03-13T07:30:00", id="jumped over: offset before the jump"),
        pytest.param("2011-11-06T01:30:00", "2011-11-06T05:30:00", id="occurs twice: the first"),
    ],
)
def test_civil_times_become_utc(opened: str, received: str, tmp_path: Path) -> None:
    (body,) = imported("boston311", tmp_path, case("1", opened))
    assert body["received_at"] == utc(received)


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("Constituent Call", "hotline"),
        ("Citizens Connect App", "citizen-app"),
        ("Self Service", "web"),
        ("Employee Generated", "city-employee"),
        ("Pigeon Post", "pigeon-post"),
    ],
)
def test_channels_have_our_names_or_keep_theirs(channel: str, name: str, tmp_path: Path) -> None:
    (body,) = imported("boston311", tmp_path, case("1", channel=channel))
    assert (body["channel"], body["extra"]["source_channel"]) == (name, channel)


@pytest.mark.parametrize(
    ("point", "error"),
    [
        pytest.param("42.2715,-71.0772", 4.0, id="four decimals"),
        pytest.param("42.27,-71.08", 399.3, id="two decimals"),
        pytest.param("42.271512,-71.0772", None, id="six decimals"),
    ],
)
def test_coarse_coordinates_say_how_coarse(point: str, error: float | None, tmp_path: Path) -> None:
    (body,) = imported("boston311", tmp_path, case("1", point=point))
    assert body["error_m"] == error


@pytest.mark.parametrize("point", [",", "nan,inf", "x,y"])
def test_a_case_without_coordinates_keeps_its_area(point: str, tmp_path: Path) -> None:
    (body,) = imported("boston311", tmp_path, case("1", point=point))
    assert (body["lon"], body["lat"], body["area_code"]) == (None, None, "BOS-03")


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        pytest.param(20, "[0.0, 0.0], [-71.05, 42.35]", id="shared by 20 addresses"),
        pytest.param(19, "[0.0, 0.0]", id="shared by 19 addresses"),
    ],
)
def test_a_point_of_many_addresses_is_a_default_point(addresses: int, found: str, tmp_path: Path) -> None:
    rows = [case(str(n), point="42.35,-71.05", address=f"{n} Example St") for n in range(addresses)]
    imported("boston311", tmp_path, *rows, case("x", point="42.3,-71.1"))
    assert f"default_points = [{found}]" in (tmp_path / "out/city/city.toml").read_text()


def test_odd_texts_stay_as_they_are(tmp_path: Path) -> None:
    (body,) = imported("boston311", tmp_path, case("1", text="a\tb\u3000c", address=" -"))
    assert (body["text"], body["address"]) == ("a\tb\u3000c", " -")


def test_a_repeated_number_stays_a_repeated_number(tmp_path: Path) -> None:
    rows = [case(str(n)) for n in range(200)]
    found = imported("boston311", tmp_path, *rows, case("7", text="another"))
    assert [body["source_ref"] for body in found].count("7") == 2


def test_numbers_that_a_set_uses_again_and_again_are_told_apart(tmp_path: Path) -> None:
    found = imported("boston311", tmp_path, case("7"), case("7", text="another"), case("7"))
    assert sorted(body["source_ref"] for body in found) == ["7", "7", "7#2"]


def test_a_case_without_a_time_is_skipped_and_counted(tmp_path: Path) -> None:
    path = boston(tmp_path / "set", case("1", "soon"), case("2"))
    summary = import_set("boston311", path, tmp_path / "out")
    assert (summary.records, summary.skipped) == (1, {"no_time": 1})


def test_duties_follow_the_majority_of_the_department_column(tmp_path: Path) -> None:
    rows = [case("1", department="A"), case("2", department="B"), case("3", department="B")]
    imported("boston311", tmp_path, *rows)
    assert [row["lead"] for row in overlay(tmp_path, "city/duties.csv")] == ["bos-b"]
    assert [row["id"] for row in overlay(tmp_path, "city/departments.csv")] == ["bos-b"]


@pytest.mark.parametrize(
    ("category", "family", "nature"),
    [
        ("Street Lights,Street Light Outages", "lighting", "fault"),
        ("Trees,New Tree Requests", "greening", "service"),
        ("Sanitation,Missed Trash/Recycling/Yard Waste/Bulk Item", "waste", "fault"),
        ("Street Cleaning,Requests for Street Cleaning", "waste", "fault"),
        ("General,Walk-In Service Inquiry", "service", "service"),
        ("Unheard,Of", "service", "service"),
    ],
)
def test_categories_have_a_family_and_a_nature(category: str, family: str, nature: str, tmp_path: Path) -> None:
    (body,) = imported("boston311", tmp_path, case("1", category=category))
    (row,) = overlay(tmp_path, "city/categories.csv")
    assert (row["family"], row["nature"]) == (family, nature)
    (named,) = overlay(tmp_path, "city/source_categories.csv")
    assert (named["text"], named["code"]) == (body["category_text"], row["code"])


@pytest.mark.parametrize("category", ["Signs,New  Sign\tPosted", "signs,New Sign - Posted", "Signs,Signs"])
def test_every_wording_of_a_category_is_known(category: str, tmp_path: Path) -> None:
    rows = [case("1", category=category), case("2", category="Signs,New Sign Posted")]
    texts = {body["category_text"] for body in imported("boston311", tmp_path, *rows)}
    assert texts == {row["text"] for row in overlay(tmp_path, "city/source_categories.csv")}
    codes = {row["code"] for row in overlay(tmp_path, "city/source_categories.csv")}
    assert sorted(codes) == [row["code"] for row in overlay(tmp_path, "city/categories.csv")]


def test_polygons_beside_the_set_become_layers_and_areas(tmp_path: Path) -> None:
    def square(west: float, **properties: object) -> dict[str, Any]:
        ring = [[west, 42.0], [west + 1, 42.0], [west + 1, 43.0], [west, 43.0], [west, 42.0]]
        return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}

    def layer(name: str, *features: dict[str, Any]) -> None:
        text = json.dumps({"type": "FeatureCollection", "features": features})
        write(tmp_path / "polygons" / name, text)

    layer("boston_wards.geojson.gz", square(-72.0, WARD=3), square(-71.0, WARD=4), square(-69.0, WARD=4))
    layer("boston_precincts_4326.geojson.gz", square(-72.0, DISTRICT="03-01"), square(-72.0, DISTRICT=""))
    layer("boston_neighborhoods.geojson", square(-72.0, Name="Example Hill", Neighborhood_ID="9"))
    imported("boston311", tmp_path)
    folder = tmp_path / "out" / "city" / "layers"
    codes = {}
    for path in sorted(folder.iterdir()):
        spec = LayerSpec(name=path.stem, system="unit", kind="unit", version="1", **OWN_PROPERTIES)
        codes[path.stem] = read_layer(path.read_bytes(), spec).codes
    assert codes == {
        "neighbourhood": ("BOS-N9",),
        "street": ("BOS-03", "BOS-04"),
        "unit": ("BOS-03-01",),
        "ward": ("BOS-W03", "BOS-W04"),
    }
    reference = load_reference(BASE, tmp_path / "out" / "city")
    assert reference.area_path("BOS-03-01") == ("BOS", "BOS-03", "BOS-03-01")
    wards = json.loads((folder / "ward.geojson").read_text())
    assert wards["system"] == "ward"
    assert [len(ward["geometry"]["coordinates"]) for ward in wards["features"]] == [1, 2]


# -- Chinese sets ---------------------------------------------------------------------------------------------------


def test_pingshan_places_are_codes_and_names(tmp_path: Path) -> None:
    unknown = {"COMMUNITY_NAME": "-", "COMMUNITY_ID": "-"}
    nowhere = unknown | {"STREET_NAME": "-", "STREET_ID": "-"}
    found = imported("pingshan", tmp_path, pingshan("1"), pingshan("2", **unknown), pingshan("3", **nowhere))
    assert [(body["area_code"], body["place_name"]) for body in found] == [
        ("440310-90", "示例社区"),
        ("440310-9", "示例街道"),
        ("", "-"),
    ]
    reference = load_reference(BASE, tmp_path / "out" / "city")
    assert reference.area_path("440310-90") == ("440300", "440310", "440310-9", "440310-90")
    assert {body["address"] for body in found} == {"-"}


@pytest.mark.parametrize(("word", "appeal"), [("投诉", "complaint"), ("感谢", "praise"), ("-", "unknown")])
def test_pingshan_appeals(word: str, appeal: str, tmp_path: Path) -> None:
    (body,) = imported("pingshan", tmp_path, pingshan("1", EVENT_PROPERTY_NAME=word))
    assert (body["appeal_type"], body["channel"]) == (appeal, "hotline")
    assert body["category_text"] == "市政设施 / 道路 / 道路破损"
    assert "交通局" not in json.dumps(body, ensure_ascii=False)


def test_a_renamed_unit_stays_one_department_with_its_last_name(tmp_path: Path) -> None:
    rows = [pingshan("1"), pingshan("2", DISPOSE_UNIT_NAME="交通运输局", CREATE_TIME="2018-09-01 08:00:00")]
    imported("pingshan", tmp_path, *rows)
    (row,) = overlay(tmp_path, "city/departments.csv")
    assert (row["id"], row["name_zh"]) == ("ps-700", "交通运输局")


def test_pingshan_duties_differ_by_street(tmp_path: Path) -> None:
    there = {"STREET_ID": "8", "STREET_NAME": "另一街道", "DISPOSE_UNIT_ID": "800", "DISPOSE_UNIT_NAME": "执法队"}
    imported("pingshan", tmp_path, pingshan("1"), pingshan("2"), pingshan("3", **there))
    lines = [(row["code"], row["area"], row["lead"]) for row in overlay(tmp_path, "city/duties.csv")]
    assert lines == [("665", "440310-8", "ps-800"), ("665", "", "ps-700")]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        pytest.param("2019-08-05 00:00:00", "2019-08-04T16:00:00", id="year first"),
        pytest.param("05/03/2016", "2016-05-02T16:00:00", id="month first"),
        pytest.param("25/03/2016", "2016-03-24T16:00:00", id="can only be a day"),
    ],
)
def test_two_formats_of_dates_in_one_column(text: str, day: str, tmp_path: Path) -> None:
    (body,) = imported("fuzhou", tmp_path, f"1,无,求助,电话,标题,1,{text},内容,回复,3")
    assert (body["received_at"], body["place_name"], body["appeal_type"]) == (utc(day), "", "help")


@pytest.mark.parametrize(("told", "name"), [("1", ""), ("0.0", ""), ("匿名", ""), ("示例先生", "示例先生")])
def test_a_name_is_kept_only_where_there_is_one(told: str, name: str, tmp_path: Path) -> None:
    (body,) = imported("fuzhou", tmp_path, f"1,示例河,投诉,电话,标题,{told},2019-08-05 00:00:00,内容,回复,3")
    assert (body["reporter_name"], body["place_name"]) == (name, "示例河")
    assert "回复" not in json.dumps(body, ensure_ascii=False)
    assert [row["name"] for row in overlay(tmp_path, "city/areas.csv")] == ["福州市", "示例河"]


def test_messages_without_time_or_number_come_last_under_a_number_of_their_own(tmp_path: Path) -> None:
    rows = (
        "环境保护,臭,a,,,,",
        "交通运输,题目堵车,a,5,U1,2011/8/6 19:33:28,题目",
        "环境保护,臭,a,,,,",
        "商贸旅游,贵,a,,,,",
    )
    found = imported("taidi", tmp_path, *rows)
    assert [body["text"] for body in found] == ["堵车", "臭", "臭", "贵"]
    assert found[0]["source_ref"] == "5"
    assert found[1]["source_ref"] == found[2]["source_ref"] != found[3]["source_ref"]
    assert [body["extra"] for body in found] == [{}, *[{"time": "assigned"}] * 3]
    assert "环境保护" not in json.dumps(found, ensure_ascii=False)
    assert next(row["label"] for row in overlay(tmp_path, "truth/taidi-labelled.csv")) == "交通运输"


# -- sensors --------------------------------------------------------------------------------------------------------


def test_a_day_of_a_station_and_pollutant_is_one_record(tmp_path: Path) -> None:
    rows = [f"{h},2013,3,1,{h},{10 + h},9,3,NA,300,89,1,Tiantan" for h in (0, 1, 3)]
    found = imported("beijing-air", tmp_path, *rows, "9,2013,3,2,0,7,NA,NA,NA,NA,NA,1,Tiantan")
    days = [body for body in found if body["metric"] == "pm25"]
    assert [body["values"] for body in days] == [[10.0, 11.0, 13.0], [7.0]]
    assert days[0]["offsets_ms"] == [0, 3_600_000, 3 * 3_600_000]
    assert days[0]["started_at"] == utc("2013-02-28T16:00:00")
    assert days[0]["received_at"] == utc("2013-02-28T20:00:00")
    assert (days[0]["device_id"], days[0]["unit"]) == ("bj-tiantan", "ug/m3")
    assert "no2" not in {body["metric"] for body in found}
    assert len({body["source_ref"] for body in found}) == len(found)
    (device,) = overlay(tmp_path, "city/devices.csv")
    assert (device["device_id"], device["kind"], device["lon"]) == ("bj-tiantan", "air", "116.407")


def test_an_unknown_station_has_no_place(tmp_path: Path) -> None:
    imported("beijing-air", tmp_path, "1,2013,3,1,0,9,9,3,4,300,89,1,Atlantis")
    (device,) = overlay(tmp_path, "city/devices.csv")
    assert (device["device_id"], device["lon"]) == ("bj-atlantis", "")


def test_hours_of_the_end_of_summer_time_are_both_kept(tmp_path: Path) -> None:
    hours = ["00", "01", "01", "02"]
    rows = [f"{n}\t{n}\t2015-10-25 {hour}:00:00\t5{n}.5" for n, hour in enumerate(hours)]
    (body,) = imported("dublin-noise", tmp_path, *rows)
    assert body["offsets_ms"] == [0, 3_600_000, 2 * 3_600_000, 3 * 3_600_000]
    assert body["started_at"] == utc("2015-10-24T23:00:00")
    assert (body["metric"], body["unit"], body["values"]) == ("leq", "dB(A)", [50.5, 51.5, 52.5, 53.5])
    (device,) = overlay(tmp_path, "city/devices.csv")
    assert (device["device_id"], device["kind"], device["zone"]) == ("dub-raheny9", "noise", "2")


def test_missing_levels_are_left_out(tmp_path: Path) -> None:
    rows = ["0\t0\t2015-01-01 00:00:00\t", "1\t1\t2015-01-01 01:00:00\tNA", "2\t2\t2015-01-01 02:00:00\t60"]
    (body,) = imported("dublin-noise", tmp_path, *rows)
    assert body["values"] == [60.0]
