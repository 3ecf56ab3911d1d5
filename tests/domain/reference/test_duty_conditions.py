"""Conditions of the duty list: sharp at their edges, read strictly, with every fault listed at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from pipeline.domain.readings import CivilTime
from pipeline.domain.reference.conditions import ANSWER, answers_asked, condition_of, misread, moment_of, written
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Duty, ManagedKind
from tests.domain.reference.test_reference_check import faults
from tests.small_city import WASTE, national

Plant = Callable[..., Path]
NIGHT = "22:00-06:00"
ZONE = "Asia/Shanghai"
DOCS = Path(__file__).parents[3] / "docs"


def duty(**fields: Any) -> Duty:
    given: dict[str, Any] = {
        "id": "x", "standard": "S", "kind": ManagedKind.INCIDENT, "code": "2", "lead": "police", "legal_basis": "Act 2",
        "priority": 1,
    }  # fmt: skip
    return Duty(**(given | fields))


def holds(line: Duty, text: str, *told: tuple[str, float, str], zone: str = ZONE) -> bool:
    at = round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    return condition_of(line).holds(moment_of(at, CivilTime(zone), national().calendar), told)


@pytest.mark.parametrize(
    ("hours", "time", "expected"),
    [
        (NIGHT, "21:59:59.999", False),
        (NIGHT, "22:00:00", True),
        (NIGHT, "23:59:59.999", True),
        (NIGHT, "00:00:00", True),
        (NIGHT, "05:59:59.999", True),
        (NIGHT, "06:00:00", False),
        (NIGHT, "12:00:00", False),
        ("08:30-17:00", "08:29:59.999", False),
        ("08:30-17:00", "08:30:00", True),
        ("08:30-17:00", "16:59:59.999", True),
        ("08:30-17:00", "17:00:00", False),
        ("18:00-24:00", "23:59:59.999", True),
        ("18:00-24:00", "00:00:00", False),
        ("18:00-00:00", "23:59:59.999", True),
        ("18:00-00:00", "00:00:00", False),
    ],
)
def test_hours_have_sharp_edges_in_the_time_of_the_city(hours: str, time: str, *, expected: bool) -> None:
    assert holds(duty(hours=hours), f"2026-08-03T{time}") is expected
    assert holds(duty(hours=hours), f"2026-11-01T{time}", zone="America/New_York") is expected


@pytest.mark.parametrize(
    ("moment", "worked"),
    [
        pytest.param("2026-08-07T23:59:59.999", True, id="Friday"),
        pytest.param("2026-08-08T00:00:00", False, id="Saturday"),
        pytest.param("2026-10-10T12:00:00", True, id="a make-up Saturday"),
        pytest.param("2026-09-20T12:00:00", True, id="a make-up Sunday"),
        pytest.param("2026-10-01T00:00:00", False, id="a holiday on a Thursday"),
        pytest.param("2026-09-30T23:59:59.999", True, id="the evening before it"),
        pytest.param("2026-10-08T00:00:00", True, id="the first day after it"),
    ],
)
def test_days_follow_the_calendar_with_its_make_up_days(moment: str, *, worked: bool) -> None:
    assert holds(duty(days="workday"), moment) is worked
    assert holds(duty(days="holiday"), moment) is not worked


def test_after_midnight_the_kind_of_day_is_that_of_the_new_day() -> None:
    line = duty(hours=NIGHT, days="holiday")
    found = [holds(line, text) for text in ("2026-08-07T23:00", "2026-08-08T05:00", "2026-08-09T23:00")]
    assert [*found, holds(line, "2026-08-10T05:00")] == [False, True, True, False]


YES, NO = ("blocks_road=yes", 1.0, ANSWER), ("blocks_road=no", 1.0, ANSWER)


@pytest.mark.parametrize(
    ("when", "told", "expected"),
    [
        pytest.param("blocks_road=yes", (), False, id="not answered"),
        pytest.param("blocks_road=yes", (YES,), True, id="answered so"),
        pytest.param("blocks_road=yes", (NO,), False, id="answered otherwise"),
        pytest.param("blocks_road = YES", (YES,), True, id="written otherwise"),
        pytest.param("blocks_road=yes", (("blocks_road=yes", 1.0, "cm"),), False, id="a measured value of that name"),
        pytest.param("blocks_road=yes|lane=left", (YES,), False, id="one of two"),
        pytest.param("blocks_road=yes|lane=left", (YES, ("lane=left", 1.0, ANSWER)), True, id="both"),
        pytest.param("depth>=15 cm", (("depth", 15.0, "cm"),), True, id="at the value"),
        pytest.param("depth>=15 cm", (("depth", 14.9, "cm"),), False, id="below it"),
        pytest.param("depth>15cm", (("depth", 15.0, "cm"),), False, id="above only"),
        pytest.param("depth>15cm", (("depth", 15.1, "cm"),), True, id="above"),
        pytest.param("depth<15 cm", (("depth", 15.0, "cm"),), False, id="less only"),
        pytest.param("depth<=15 cm", (("depth", 15.0, "cm"),), True, id="at most"),
        pytest.param("depth<=15 cm", (("depth", 15.1, "cm"),), False, id="too much"),
        pytest.param("depth>=15 cm", (("depth", 20.0, "m"),), False, id="another unit"),
        pytest.param("depth>=15 cm", (("width", 20.0, "cm"),), False, id="another measure"),
        pytest.param("lamps_out>2", (("lamps_out", 3.0, ""),), True, id="a count"),
    ],
)
def test_what_a_report_must_say(when: str, told: Any, *, expected: bool) -> None:
    assert holds(duty(when=when), "2026-08-03T09:00", *told) is expected


def test_all_conditions_must_hold() -> None:
    line = duty(hours=NIGHT, days="workday", when="blocks_road=yes")
    assert holds(line, "2026-08-03T22:00", YES)
    assert not holds(line, "2026-08-03T09:00", YES)
    assert not holds(line, "2026-08-08T22:00", YES)
    assert not holds(line, "2026-08-03T22:00", NO)
    assert written(line) == "hours 22:00-06:00, days workday, blocks_road=yes"


def test_only_answers_that_a_line_asks_for_are_asked() -> None:
    lines = [duty(when="blocks_road=Yes|depth>1 m"), duty(when="blocks_road=yes|lane=left"), duty(hours=NIGHT), duty()]
    assert answers_asked(lines) == (("blocks_road", "yes"), ("lane", "left"))


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        *[
            ({"hours": text}, ["hours"])
            for text in ("22-6", "25:00-06:00", "22:60-06:00", "22:00", "night", "24:00-6:00")
        ],
        ({"hours": "22:00-22:00"}, ["hours"]),
        ({"hours": "00:00-24:00"}, ["hours"]),
        ({"days": "weekend"}, ["days"]),
        *[({"when": text}, ["when"]) for text in ("blocks_road", "a==b", "=yes", "a=", "depth>deep", "a b=c", "a!=b")],
        ({"when": "a=b|a=c"}, ["when"]),
        ({"when": "a|b|c=d"}, ["when", "when"]),
        ({"hours": "x", "days": "y", "when": "z"}, ["hours", "days", "when"]),
        ({"hours": NIGHT, "days": "holiday", "when": "a=b|depth>1|depth<3 m"}, []),
    ],
)
def test_what_cannot_be_read_is_told(fields: Any, columns: list[str]) -> None:
    assert [column for column, _, _ in misread(duty(**fields))] == columns


# -- a set with conditions ----------------------------------------------------------------------------------------

HEAD = "id,standard,kind,code,area,lead,legal_basis,priority,owner_first,unknown_owner,hours,days,when"
LINES = (
    "D1,S,component,1,,works,Act 1,10,true,grid-centre,,,",
    "D2,S,incident,family:manhole,,works,Act 1,10,,,,,",
    "D3,S,incident,2,,police,Act 2,10,,,,,",
)


def planted(plant: Plant, *lines: str, base: tuple[str, ...] = LINES) -> Path:
    folder = plant()
    (folder / "duties.csv").write_text("\n".join((HEAD, *base, *lines)) + "\n", encoding="utf-8")
    return folder


def test_blank_columns_are_those_of_a_list_without_them(plant: Plant) -> None:
    blank = load_reference(planted(plant, "D4,S,incident,2,,police,Act 3,20,,,,,"))
    assert blank.version == load_reference(plant()).version
    conditional = load_reference(planted(plant, f"D4,S,incident,2,,police,Act 3,20,,,{NIGHT},,"))
    assert conditional.version != blank.version


def test_conditions_that_are_not_given_leave_no_trace_in_the_version() -> None:
    """A set of before these columns keeps its version, which stands in every decision."""
    assert not {"hours", "days", "when"} & set(msgspec.to_builtins(duty()))


def test_the_example_of_the_page_is_sound(tmp_path: Path) -> None:
    page = (DOCS / "reference.md").read_text("utf-8")
    (tmp_path / "duties.csv").write_text(page.partition("```csv\n")[2].partition("```")[0], "utf-8")
    found = load_reference(DOCS.parent / "deploy" / "reference", tmp_path)
    category = found.category(*WASTE)
    assert category is not None
    assert [line.id for line in found.duty_lines(category)][:4] == ["R1", "H1", "N1", "D0169"]


def test_every_fault_of_conditions_is_listed_with_its_line(plant: Plant) -> None:
    found = faults(
        planted(
            plant,
            "D4,S,incident,2,,police,Act 3,20,,,22-6,weekend,",
            "D5,S,incident,2,,police,Act 3,30,,,,,blocks_road|a=b|a=c",
        )
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["duties.csv:5", "hours = '22-6'"],
        ["duties.csv:5", "days = 'weekend'"],
        ["duties.csv:6", "when = 'blocks_road'"],
        ["duties.csv:6", "when = 'a=c'"],
    ]


@pytest.mark.parametrize(
    ("lines", "dead"),
    [
        pytest.param((f"D4,S,incident,2,,police,Act 2,50,,,{NIGHT},,",), [], id="one without does not stop it"),
        pytest.param(("D4,S,incident,2,,police,Act 2,5,,,,,a=b",), [], id="it does not stop one without"),
        pytest.param(("D4,S,incident,2,,police,Act 2,50,,,,,",), ["D4"], id="after one without, without"),
        pytest.param(
            ("D4,S,incident,2,,police,Act 2,1,,,,,a=b", "D5,S,incident,2,,police,Act 2,2,,,,,a=b|c=d"), ["D5"],
            id="more answers after fewer",
        ),
        pytest.param(
            ("D4,S,incident,2,,police,Act 2,2,,,,,a=b", "D5,S,incident,2,,police,Act 2,1,,,,,a=b|c=d"), [],
            id="more answers before fewer",
        ),
        pytest.param(
            ("D4,S,incident,2,,police,Act 2,1,,,20:00-07:00,,", f"D5,S,incident,2,,police,Act 2,2,,,{NIGHT},holiday,"),
            ["D5"], id="hours within hours",
        ),
        pytest.param(
            (f"D4,S,incident,2,,police,Act 2,1,,,{NIGHT},,", "D5,S,incident,2,,police,Act 2,2,,,20:00-07:00,,"), [],
            id="wider hours after",
        ),
        pytest.param(
            ("D4,S,incident,2,,police,Act 2,1,,,,workday,", "D5,S,incident,2,,police,Act 2,2,,,,holiday,"), [],
            id="other days",
        ),
        pytest.param(
            (f"D4,S,incident,2,,police,Act 2,1,,,{NIGHT},,", "D5,S,incident,2,,police,Act 2,2,,,,,a=b"), [],
            id="another kind of condition",
        ),
    ],
)  # fmt: skip
def test_a_line_that_never_decides_is_dead(plant: Plant, lines: tuple[str, ...], dead: list[str]) -> None:
    found = faults(planted(plant, *lines))
    assert [line.split("'")[1].split()[0] for line in found] == dead, found
    assert all("dead rule" in line for line in found)


def test_two_lines_of_one_scope_need_other_conditions(plant: Plant) -> None:
    same = faults(planted(plant, "D4,S,incident,2,,police,Act 3,10,,,,,"))
    assert any("end the one before the other begins" in line for line in same)
    assert faults(planted(plant, f"D4,S,incident,2,,police,Act 3,10,,,{NIGHT},,")) == []


def test_a_category_needs_a_line_that_always_holds(plant: Plant) -> None:
    (line,) = faults(planted(plant, f"D4,S,incident,2,,police,Act 2,10,,,{NIGHT},,", base=LINES[:2]))
    assert "everywhere and always" in line


def test_who_leads_by_night_needs_the_power_to_enforce_too(plant: Plant) -> None:
    (line,) = faults(planted(plant, f"D4,S,incident,2,,works,Act 2,50,,,{NIGHT},,"))
    assert "needs enforcement power" in line


def test_a_line_with_conditions_does_not_end_the_borrowing_from_kin(plant: Plant) -> None:
    head = "standard,kind,code,name_zh,name_en,major,family,requires_enforcement,successor"
    folder = planted(plant, "D4,O,incident,9,,police,Act 2,50,,,22:00-06:00,,")
    rows = (folder / "categories.csv").read_text("utf-8").splitlines()[2:]
    old = "O,incident,9,旧,Old,02,old,true,S|incident|2"
    (folder / "categories.csv").write_text("\n".join([head, *(f"{row}," for row in rows), old]) + "\n", "utf-8")
    reference = load_reference(folder)
    category = reference.category("O", "incident", "9")
    assert category is not None
    assert [line.id for line in reference.duty_lines(category)] == ["D4", "D3"]
    assert [line.id for line in reference.duties_for(category, (), 0)] == ["D3"]
    assert [line.id for line in reference.duties_for(category, (), 0, ("D4",))] == ["D4", "D3"]
