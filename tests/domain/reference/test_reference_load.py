"""Reading a set: overlays, faults of files, and look-ups."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.domain.reference.load import ReferenceFaults, load_reference

Plant = Callable[..., Path]


def at(text: str) -> int:
    """Milliseconds of a civil time in Shanghai."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


def overlay(folder: Path, **files: str) -> Path:
    """Write an overlay folder."""
    folder.mkdir()
    for name, text in files.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(text, encoding="utf-8")
    return folder


def test_an_overlay_adds_and_replaces_rows_by_key(plant: Plant, tmp_path: Path) -> None:
    city = overlay(
        tmp_path / "city",
        persons_csv="id,name,department,post,areas\np1,Other,police,acceptor,R\np2,Two,works,acceptor,R\n",
    )
    reference = load_reference(plant(), city)
    assert [(row.id, row.name) for row in reference.persons_of("R")] == [("p1", "Other"), ("p2", "Two")]


def test_an_overlay_may_replace_a_whole_table(plant: Plant, tmp_path: Path) -> None:
    city = overlay(
        tmp_path / "city",
        persons_csv="# Replaces: all\nid,name,department,post,areas\np9,Nine,works,acceptor,R\n",
    )
    assert [row.id for row in load_reference(plant(), city).tables.persons] == ["p9"]


def test_a_city_file_overrides_single_settings(plant: Plant, tmp_path: Path) -> None:
    city = overlay(tmp_path / "city", city_toml='name = "Boston"\ntime_zone = "America/New_York"\n')
    reference = load_reference(plant(), city)
    assert (reference.city.name, reference.calendar.zone) == ("Boston", "America/New_York")
    assert reference.city.fallback_department == "grid-centre"


def test_work_hours_come_from_the_clocks_file(plant: Plant, tmp_path: Path) -> None:
    city = overlay(tmp_path / "city", clocks_toml='work_hours = ["09:00-17:00"]\n')
    assert load_reference(plant(), city).calendar.hours == ((540, 1020),)


def test_validity_begins_and_ends_at_civil_midnight(plant: Plant) -> None:
    header = "owner_first,unknown_owner"
    folder = plant(
        {"duties": ["D9,S,incident,2,,police,Act 9,1,,,2026-03-01,2026-04-01"]},
        {"duties": (header, header + ",valid_from,valid_to")},
    )
    text = (folder / "duties.csv").read_text(encoding="utf-8").splitlines()
    padded = [line if line.count(",") == 11 or line.startswith("#") else line + ",," for line in text]
    (folder / "duties.csv").write_text("\n".join(padded) + "\n", encoding="utf-8")
    reference = load_reference(folder)
    category = reference.category("S", "incident", "2")
    assert category is not None
    first = [
        reference.duties_for(category, (), at(day))[0].id
        for day in ("2026-02-28 23:59:59", "2026-03-01 00:00:00", "2026-03-31 23:59:59", "2026-04-01 00:00:00")
    ]
    assert first == ["D3", "D9", "D9", "D3"]


def test_the_narrower_area_leads_where_priorities_tie(plant: Plant) -> None:
    reference = load_reference(plant({"duties": ["D9,S,incident,2,T,police,Act 9,10,,"]}))
    category = reference.category("S", "incident", "2")
    assert category is not None
    assert reference.duties_for(category, ("C", "D", "T"), 0)[0].id == "D9"
    assert reference.duties_for(category, ("C", "D"), 0)[0].id == "D3"


def test_the_version_follows_the_contents_and_nothing_else(plant: Plant) -> None:
    folder = plant()
    before = load_reference(folder).version
    path = folder / "weights.csv"
    path.write_text("# another comment\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_reference(folder).version == before
    path.write_text(path.read_text(encoding="utf-8").replace("up", "down"), encoding="utf-8")
    assert load_reference(folder).version != before


FILES = [
    pytest.param(
        "weights.csv",
        "set,indicator,weight,direction\na,one,much,up\n",
        "weights.csv:2: weight = 'much'",
        id="a word for a number",
    ),
    pytest.param(
        "weights.csv", "set,indicator,weight,direction\na,one,NaN,up\n", "write a finite number", id="not a number"
    ),
    pytest.param(
        "weights.csv",
        "set,indicator,weight,direction\na,,1,up\n",
        "weights.csv:2: indicator = ''",
        id="a required cell is blank",
    ),
    pytest.param("weights.csv", "set,indicator,weight\na,one,1\n", "it is required", id="a required column is missing"),
    pytest.param(
        "weights.csv",
        "set,indicator,weight,direction,colour\na,one,1,up,red\n",
        "no such column",
        id="an unknown column",
    ),
    pytest.param(
        "weights.csv",
        "set,indicator,weight,direction\na,one,1\n",
        "4 columns, this line has 3 cells",
        id="too few cells",
    ),
    pytest.param("wieghts.csv", "set\n", "no such table", id="an unknown file"),
    pytest.param("calendar.csv", "day,working\n2026-02-30,false\n", "day = '2026-02-30'", id="no such day"),
    pytest.param(
        "calendar.csv",
        "day,working\n2026-02-03,no\n",
        "write true (worked) or false (holiday)",
        id="neither worked nor holiday",
    ),
    pytest.param(
        "persons.csv",
        "id,name,department,post,valid_from\np,x,works,acceptor,soon\n",
        "YYYY-MM-DD",
        id="a date in words",
    ),
    pytest.param("city.toml", 'nmae = "x"\n', "nmae", id="an unknown setting"),
    pytest.param("city.toml", 'time_zone = "Moon/Base"\n', "IANA", id="an unknown zone"),
    pytest.param("city.toml", "name = \n", "write valid TOML", id="broken TOML"),
    pytest.param("clocks.toml", 'work_hours = ["18:00-08:00"]\n', "rising intervals", id="hours that go back"),
    pytest.param("clocks.toml", 'work_hours = ["8 to 12"]\n', "rising intervals", id="hours in words"),
    pytest.param("city.toml", 'fallback_department = "nobody"\n', "no such department", id="nobody to fall back on"),
]


@pytest.mark.parametrize(("name", "text", "message"), FILES)
def test_a_faulty_file_is_refused_with_its_place(
    plant: Plant, tmp_path: Path, name: str, text: str, message: str
) -> None:
    city = tmp_path / "city"
    city.mkdir()
    (city / name).write_text(text, encoding="utf-8")
    with pytest.raises(ReferenceFaults) as error:
        load_reference(plant(), city)
    assert message in str(error.value)


def test_bytes_that_are_no_utf8_are_refused(plant: Plant) -> None:
    folder = plant()
    (folder / "weights.csv").write_bytes("set,指标\n".encode("gb18030"))
    with pytest.raises(ReferenceFaults, match="write the file in UTF-8"):
        load_reference(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFaults, match="name a folder that holds reference tables"):
        load_reference(tmp_path / "nowhere")


def test_faults_of_files_and_of_the_set_come_together(plant: Plant) -> None:
    folder = plant({"weights": ["b,one,x,up", "b,two,0.5,sideways"], "departments": ["idle,闲,Idle,bureau,district,"]})
    with pytest.raises(ReferenceFaults) as error:
        load_reference(folder)
    text = str(error.value)
    assert all(word in text for word in ("weight = 'x'", "sideways", "unreachable", "sum to 1"))


def test_names_of_areas_fold_case_and_aliases(plant: Plant) -> None:
    added = {"areas": ["U,Beacon Hill,C,district,district,2,beacon|the hill"]}
    folder = plant(added, {"areas": ("local_level", "local_level,aliases")})
    text = (folder / "areas.csv").read_text(encoding="utf-8").splitlines()
    (folder / "areas.csv").write_text(
        "\n".join(line if line.count(",") == 6 or line.startswith("#") else line + "," for line in text),
        encoding="utf-8",
    )
    reference = load_reference(folder)
    assert [area.code for area in reference.areas_by_name(" BEACON hill ")] == ["U"]
    assert [area.code for area in reference.areas_by_name("The Hill")] == ["U"]
    assert reference.areas_by_name("nowhere") == ()
    assert reference.area_path("U") == ("C", "U")
    assert reference.area_path("nowhere") == ()


def test_transitions_of_any_open_state_end_with_the_case(plant: Plant) -> None:
    folder = plant(
        {"lifecycle": ["*,cancel,closed,acceptor,,"]},
    )
    reference = load_reference(folder)
    assert [move.action for move in reference.transitions("open")] == ["close", "cancel"]
    assert reference.transitions("closed") == ()
    assert reference.transition("open", "cancel") is not None
    assert reference.transition("closed", "cancel") is None
    assert reference.transition("open", "fly") is None
