"""Two cases on two sides of a tile's edge that turn out to be one: the story of both tells why they were merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.domain.geo.tiles import tile_of
from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written

EDGE, LAT = 121.41346, 31.2001234
"""An edge of a tile within the town, as a longitude, and the latitude of the orders."""
STEP = 3e-5
"""About three metres."""
CATEGORY = "GB/T 30428.2-2013|incident|0101"
"""Of the orders of the east from the beginning; the one of the west is found to be of it later."""


def an_act(case: str, verb: str, role: str, minute: int, **fields: str) -> dict[str, Any]:
    """One action on a case of the desk."""
    at = f"2026-03-16T13:{minute:02}:00+08:00"
    return {
        "schema": "CaseAction", "source_system": "desk", "source_ref": f"{verb}-{minute}", "case_id": case,
        "received_at": at, "at": at, "action": verb, "actor_role": role, "actor_person": role, **fields,
    }  # fmt: skip


def test_the_story_of_both_cases_tells_why_they_were_merged(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = tmp_path / "S"
    assert tile_of(EDGE - STEP, LAT) != tile_of(EDGE + STEP, LAT)

    def run(*records: dict[str, Any]) -> None:
        given = written(tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl", records)
        ended = wangge("run", given, "--store", store, "--city", town, "--no-answers", "--json")
        assert ended.code == 0, ended.err

    def cases() -> list[str]:
        listed = wangge("sql", "SELECT case_id FROM cases ORDER BY at", "--store", store, "--json").document["data"]
        return [row["case_id"] for row in listed]

    run(
        an_order("west", lon=EDGE - STEP, category_code="0120"),
        an_order("east", lon=EDGE + STEP, received_at="2026-03-16T12:10:00+08:00"),
        an_order("beside", lon=EDGE + 4 * STEP, received_at="2026-03-16T12:20:00+08:00"),
    )
    west, east = cases()
    run(
        an_act(east, "unmerge", "dispatcher", 1, reason_code="not_the_same", report="hotline|beside"),
        an_act(west, "reclassify", "acceptor", 2, reason_code="wrong_category", to_category=CATEGORY),
    )
    beside = next(case for case in cases() if case not in (west, east))
    for case in (east, beside):
        (row,) = wangge("cases", "show", case, "--store", store, "--json").document["taken_apart"]
        assert (row["case_id"], row["from_case"], row["undone"]) == (beside, east, "link")
        text = wangge("cases", "show", case, "--store", store).out.partition("\nTaken apart\n")[2].partition("\n\n")[0]
        assert [word for word in (beside, east, "link", "dispatcher", "not_the_same") if word not in text] == []
    for case in (west, east):
        (row,) = wangge("cases", "show", case, "--store", store, "--json").document["merges"]
        assert (row["case_id"], row["into"], row["how"]) == (east, west, "duplicate")
        assert (row["rule"], row["similarity"], row["candidates"]) == ("D10-filed-twice", 1.0, [beside])
        assert 0.35 <= row["probabilities"][0] < row["score"] <= 1.0
        text = wangge("cases", "show", case, "--store", store).out.partition("\nMerges\n")[2].partition("\n\n")[0]
        shown = ("score", "rule", "D10-filed-twice", "similarity", "candidates", beside, f"{row['score']:.4g}")
        assert [word for word in shown if word not in text] == []
