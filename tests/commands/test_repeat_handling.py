"""A place that the same unit handles twice, from the records to the story of a case and to SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written


def documented() -> list[str]:
    """The statements of the page."""
    page = (Path(__file__).parents[2] / "docs" / "decisions.md").read_text(encoding="utf-8")
    block = page.partition("### Repeat handling")[2].split("```sql\n")[1].split("```")[0]
    return [statement for statement in block.split(";\n") if statement]


def an_act(case: str, verb: str, role: str, day: int, minute: int) -> dict[str, Any]:
    """One action on a case of the desk, on a day of March."""
    at = f"2026-03-{day}T14:{minute:02}:00+08:00"
    return {
        "schema": "CaseAction", "source_system": "desk", "source_ref": f"{verb}-{day}", "case_id": case,
        "received_at": at, "at": at, "action": verb, "actor_role": role, "actor_person": role,
    }  # fmt: skip


def test_a_repeat_handling_is_in_the_story_of_both_cases(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    store = tmp_path / "S"

    def run(*records: dict[str, Any]) -> None:
        given = written(tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl", records)
        ended = wangge("run", given, "--store", store, "--city", town, "--no-answers", "--json")
        assert ended.code == 0, ended.err

    def rows(sql: str) -> list[dict[str, Any]]:
        ended = wangge("sql", sql, "--store", store, "--json")
        assert ended.code == 0, ended.err
        found: list[dict[str, Any]] = ended.document["data"]
        return found

    def cases() -> list[str]:
        return [row["case_id"] for row in rows("SELECT case_id FROM cases ORDER BY at")]

    run(an_order("1"))
    (first,) = cases()
    run(
        an_act(first, "handle", "handler", 16, 1), an_act(first, "check_pass", "inspector", 16, 2),
        an_act(first, "close", "acceptor", 16, 3), an_order("2", received_at="2026-03-20T14:03:00+08:00"),
    )  # fmt: skip
    _, second = cases()
    run(an_act(second, "handle", "handler", 21, 4))
    for case in (first, second):
        (row,) = wangge("cases", "show", case, "--store", store, "--json").document["repeat_handling"]
        text = wangge("cases", "show", case, "--store", store).out
        assert (row["case_id"], row["earlier_case"], row["first_case"]) == (second, first, first)
        assert (int(row["number"]), int(row["gap_ms"])) == (2, 4 * 86_400_000)
        assert "Repeat handling" in text
    by_unit, on_the_spot = (rows(sql) for sql in documented())
    assert [(row["first_case"], int(row["times"]), row["shortest_days"]) for row in by_unit] == [(first, 2, 4)]
    assert on_the_spot == []
