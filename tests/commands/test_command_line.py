"""Every command explains itself, prints JSON where it prints results, and ends with the right code."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from pipeline.commands import COMMANDS, command_named
from pipeline.runtime.counts import reconciles
from pipeline.runtime.workspace import Workspace
from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written


def leaves() -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for command in map(command_named, COMMANDS):
        if isinstance(command, click.Group):
            found += [((str(command.name), name), one) for name, one in command.commands.items()]
        else:
            found.append(((str(command.name),), command))
    return found


LEAVES = [pytest.param(names, command, id=" ".join(names)) for names, command in leaves()]


@pytest.mark.parametrize(("names", "command"), LEAVES)
def test_the_help_of_every_command_shows_an_example_that_names_it(
    wangge: Wangge, names: tuple[str, ...], command: click.Command
) -> None:
    ended = wangge(*names, "--help")
    assert ended.code == 0
    assert "Example" in ended.out
    assert f"wangge {' '.join(names)}" in ended.out


@pytest.mark.parametrize(("names", "command"), LEAVES)
def test_every_command_can_print_json(names: tuple[str, ...], command: click.Command) -> None:
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("name", ["cases", "quarantine"])
def test_a_group_shows_examples_too(wangge: Wangge, name: str) -> None:
    assert f"wangge {name} list" in wangge(name, "--help").out


def test_all_commands_of_the_product_are_there() -> None:
    wanted = {"run", "simulate", "import", "check", "sql", "cases", "quarantine", "indicators", "replay", "forget"}
    assert wanted <= set(COMMANDS)
    assert {name for names, _ in leaves() if names[0] == "quarantine" for name in names[1:]} == {
        "list", "show", "mend", "replay"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(["nonsense"], 2, "No such command", id="unknown command"),
        pytest.param(["run", "not-there.jsonl", "--store", "S"], 2, "does not exist", id="no such input"),
        pytest.param(["run"], 2, "--store", id="no store"),
        pytest.param(["run", "--store", "S", "--max-refused", "2"], 2, "max-refused", id="share above one"),
        pytest.param(["sql", "--store", "S"], 2, "either a STATEMENT or --dump", id="nothing to do"),
        pytest.param(["cases", "list", "--store", "nowhere"], 3, "is no store", id="no such store"),
        pytest.param(["import", "atlantis", ".", "--out", "D"], 2, "boston311", id="unknown set"),
        pytest.param(["simulate", "--out", "D", "--scale", "0"], 2, "scale", id="scale out of range"),
    ],
)
def test_wrong_arguments_end_with_their_code_and_say_what_is_wrong(
    wangge: Wangge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = wangge(*arguments)
    assert ended.code == code
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_unknown_switches_are_all_named_at_once(wangge: Wangge, tmp_path: Path) -> None:
    ended = wangge("simulate", "--out", tmp_path / "D", "--switch", "moon=1", "--switch", "sun=1")
    assert ended.code == 2
    assert "'moon'" in ended.err
    assert "'sun'" in ended.err
    assert "2 faults; nothing was started" in ended.err
    assert not (tmp_path / "D").exists()


def test_the_switches_are_listed_with_rate_status_and_meaning(wangge: Wangge, tmp_path: Path) -> None:
    rows = wangge("simulate", "--out", tmp_path / "D", "--list-switches", "--json").document
    assert len(rows) > 30
    assert all({"name", "rate", "default", "status", "meaning"} <= set(row) for row in rows)
    assert wangge("simulate", "--out", tmp_path / "D", "--list-switches").out.count("\n") == len(rows) + 1
    assert not (tmp_path / "D").exists()


def test_check_finds_no_fault_in_what_is_shipped_and_in_a_simulated_city(wangge: Wangge, town: Path) -> None:
    assert wangge("check").out == "no faults\n"
    assert wangge("check", "--city", town, "--json").document == {"faults": []}


def faulty(folder: Path) -> Path:
    """An overlay with two faults in two files."""
    folder.mkdir()
    (folder / "city.toml").write_text('name = "x"\ntime_zone = "Mars/Olympus"\ndatum = "WGS84"\n')
    (folder / "departments.csv").write_text("id,name_zh,parent\nparks-2,某局,no-such-parent\n")
    return folder


def test_check_prints_every_fault_of_an_overlay(wangge: Wangge, tmp_path: Path) -> None:
    ended = wangge("check", "--city", faulty(tmp_path / "city"), "--json")
    faults = ended.document["faults"]
    assert ended.code == 2
    assert len(faults) >= 2
    assert all(set(fault) == {"where", "field", "value", "remedy"} and fault["remedy"] for fault in faults)
    assert any("Mars/Olympus" in fault["value"] for fault in faults)


def test_a_run_over_a_faulty_set_starts_nothing_lists_every_fault_and_goes_on_once_it_is_mended(
    wangge: Wangge, tmp_path: Path, town: Path
) -> None:
    inputs, store, city = written(tmp_path / "a.jsonl", [an_order("1")]), tmp_path / "S", faulty(tmp_path / "city")
    known = wangge("check", "--city", city, "--json").document["faults"]
    ended = wangge("run", inputs, "--store", store, "--city", city)
    assert ended.code == 2
    assert all(fault["remedy"] in ended.err for fault in known)
    assert not (store / "tables").exists()
    assert not (store / "kept").exists(), "no personal data is taken before the set is sound"
    mended = wangge("run", inputs, "--store", store, "--city", town, "--no-answers", "--json")
    assert mended.document["counts"]["received"]["total"] == 1


def test_a_mapping_that_is_not_there_takes_no_input(wangge: Wangge, tmp_path: Path) -> None:
    inputs, store = written(tmp_path / "a.jsonl", [an_order("1")]), tmp_path / "S"
    assert wangge("run", inputs, "--store", store, "--mapping", "nope").code == 2
    assert wangge("run", inputs, "--store", store, "--json").document["new_inputs"] == 1


def test_a_store_in_use_is_refused(wangge: Wangge, tmp_path: Path) -> None:
    with Workspace(tmp_path / "S"):
        ended = wangge("run", "--store", tmp_path / "S")
    assert ended.code == 3
    assert "is in use by process" in ended.err


CASES = (
    "dataset,case_id,channel,category_1,category_2,department,owner_queue,opened_at,closed_at,due_at,status,"
    "lat,lon,coord_ok,address,area,text,close_text,dup,dup_parent,satisfaction"
)


def test_imported_cases_run_to_counts_that_add_up(wangge: Wangge, tmp_path: Path) -> None:
    times = "2011-07-01T12:00:00,2011-07-09T12:00:00,2011-07-05T12:00:00,Closed"
    rows = [
        f"set,{number},Self Service,Street Lights,Street Light Outages,PWDx,Q,{times},42.27{number}5,-71.0772,1,"
        f"{number} Example St,ward:3,light is out,done,0,,"
        for number in range(1, 6)
    ]
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "cases.csv").write_text("\n".join([CASES, *rows, ""]))
    imported = wangge("import", "boston311", folder, "--out", tmp_path / "D", "--json")
    assert imported.code == 0, imported.err
    result = wangge("run", tmp_path / "D", "--store", tmp_path / "S", "--json").document
    assert result["counts"]["received"]["total"] == imported.document["records"] == 5
    assert reconciles(result["counts"])
    assert result["counts"]["quarantined"]["total"] == 0
