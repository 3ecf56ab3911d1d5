"""What the views count after a merge and its undoing is what they counted before; the corrections name the pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.sinks.chdb import ChdbStore
from pipeline.learning.corrections import QUERIES
from schemas.catalogue import FOLDER
from tests.builders import case_of, located
from tests.town import Town

DDL = sorted((FOLDER / "clickhouse").glob("*.sql"))
SEEN = "state, open, merged, merged_into, reports, reports_linked, reminders, feedback, department, due_at, filed, hops"


@contextmanager
def a_store(folder: Path) -> Iterator[ChdbStore]:
    """One store at a time: the process has one embedded server."""
    opened = ChdbStore(folder, DDL)
    try:
        yield opened
    finally:
        opened.close()


def _write(store: ChdbStore, facts: list[Any]) -> None:
    by_kind: dict[type[Any], list[Any]] = defaultdict(list)
    for fact in facts:
        by_kind[fact.__class__].append(fact)
    store.write(by_kind)


def _seen(store: ChdbStore, at: str = "2200-01-01 00:00:00") -> dict[str, Any]:
    rows = store.rows(f"SELECT case_id, {SEEN} FROM case_status_at(as_of = '{at}')")
    return {row.pop("case_id"): row for row in rows}


def _story() -> tuple[Town, list[Any], list[str]]:
    """Two cases that were filed at once and merged, and a report that was linked to a third; then all is undone."""
    town = Town()
    west, east = located("w", 0, xy=(-4.0, 0.0)), located("e", 1, xy=(4.0, 0.0))
    first, second = located("1", 2, xy=(-600.0, 0.0)), located("2", 3, xy=(-595.0, 0.0))
    for report in (west, east):
        town.send(report, hold=True)
    town.deliver()
    town.send(first)
    town.send(second)
    return town, [west, east, first, second], [case_of(one) for one in (west, east, first, second)]


def test_views_show_the_cases_as_if_nothing_had_been_merged(tmp_path: Path) -> None:
    town, reports, (west, east, first, second) = _story()
    with a_store(tmp_path / "alone") as store:
        for report in reports:
            by_itself = Town()
            by_itself.send(report)
            _write(store, by_itself.facts)
        alone = _seen(store)
    with a_store(tmp_path / "together") as store:
        _write(store, town.facts)
        merged = _seen(store)
        assert (merged[east]["state"], merged[east]["merged_into"]) == ("merged", west)
        assert int(merged[first]["reports"]) == 2
        town.act(east, "unmerge")
        town.act(first, "unmerge", report="crm|2", minute=61)
        _write(store, town.facts)
        assert _seen(store) == alone
        assert _seen(store, "2026-08-03 01:30:00")[east]["state"] == "merged", "half an hour before, it was merged"
        found = store.rows(QUERIES["duplicates"])
    assert [(row["before"], row["after"], row["by"]) for row in found] == [
        (west, east, "dispatcher@"), (first, second, "dispatcher@"),
    ]  # fmt: skip
