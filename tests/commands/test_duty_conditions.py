"""A city that routes by hour and answers: from a line of its overlay and what a source adds, to the assignment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written

HEAD = "id,standard,kind,code,lead,legal_basis,priority,hours,days,when"
SCOPE = "GB/T 30428.2-2013,incident,0101"


@pytest.fixture
def city(town: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(town, tmp_path / "city"))


def with_lines(city: Path, *lines: str) -> Path:
    (city / "duties.csv").write_text("\n".join((HEAD, *lines)) + "\n", "utf-8")
    return city


def test_reports_are_sent_by_hour_and_answers_and_the_assignment_says_why(
    wangge: Wangge, city: Path, tmp_path: Path
) -> None:
    night = f"N1,{SCOPE},police,Night rule,10,22:00-06:00,,"
    with_lines(city, night, f"A1,{SCOPE},transport,Road rule,5,,,blocks_road=yes")
    late = {"received_at": "2026-03-16T22:00:00+08:00"}
    orders: list[dict[str, Any]] = [
        an_order("noon"),
        an_order("late", lat=31.2031234, **late),
        an_order("road", lat=31.2031234, lon=121.4061234, extra={"blocks_road": "Yes", "phone": "13812345678"}),
        an_order("free", lon=121.4061234, extra={"blocks_road": "no"}),
    ]
    store = tmp_path / "S"
    ended = wangge("run", written(tmp_path / "a.jsonl", orders), "--store", store, "--city", city, "--no-answers")
    assert ended.code == 0, ended.err
    rows = wangge("sql", SENT, "--store", store, "--json").document["data"]
    usual = rows[0]["department"]
    assert [(row["source_ref"], row["department"], row["duty"], row["reason"]) for row in rows[1:]] == [
        ("late", "police", "N1", "duty list; hours 22:00-06:00"),
        ("noon", usual, rows[0]["duty"], "duty list"),
        ("road", "transport", "A1", "duty list; blocks_road=yes"),
    ]
    assert usual not in ("police", "transport")
    assert [row["evidence"] for row in rows] == [[], [], [], ["blocks_road=yes"]]


SENT = """
SELECT r.source_ref AS source_ref, d.department AS department, d.duty AS duty, d.reason AS reason,
       r.evidence AS evidence
FROM assignments d JOIN reports r ON r.case_id = d.case_id ORDER BY source_ref
"""


def test_check_lists_every_fault_of_conditions_at_once(wangge: Wangge, city: Path) -> None:
    with_lines(city, f"N1,{SCOPE},police,Night rule,10,22-6,sunday,", f"A1,{SCOPE},transport,Road rule,5,,,blocks_road")
    ended = wangge("check", "--city", city, "--json")
    assert ended.code == 2
    assert [(fault["where"], fault["field"], fault["value"]) for fault in ended.document["faults"]] == [
        ("duties.csv:2", "hours", "22-6"),
        ("duties.csv:2", "days", "sunday"),
        ("duties.csv:3", "when", "blocks_road"),
    ]
