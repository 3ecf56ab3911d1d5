"""What the views count after a merge and its undoing is what they counted before; the corrections name the pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.sinks.chdb import ChdbStore
from pipeline.events.casework import CaseAction
from pipeline.events.facts import CaseMerged, ReportLinked, SurveyAnswered
from pipeline.events.intake import LocatedReport
from pipeline.learning.corrections import QUERIES
from pipeline.stages.track import notice
from schemas.catalogue import FOLDER
from tests.builders import an_action, case_of, located
from tests.small_city import MINUTE, MONDAY
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


def _reports(store: ChdbStore, at: str = "2200-01-01 00:00:00") -> dict[str, dict[str, Any]]:
    return {row["report_id"]: row for row in store.rows(f"SELECT * FROM report_status_at(as_of = '{at}')")}


def _alone(folder: Path, reports: list[LocatedReport], *actions: CaseAction) -> dict[str, dict[str, Any]]:
    """What the views show of reports that never met, and of what was done with their cases."""
    with a_store(folder) as store:
        for report in reports:
            by_itself = Town()
            by_itself.send(report)
            for action in actions:
                if action.case_id == case_of(report):
                    by_itself.send(action)
            _write(store, by_itself.facts)
        return _reports(store)


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


def test_reports_stand_in_the_case_of_their_own_from_the_un_merge_on(tmp_path: Path) -> None:
    town, reports, (_, east, first, second) = _story()
    alone = _alone(tmp_path / "alone", reports)
    with a_store(tmp_path / "together") as store:
        _write(store, town.facts)
        taken, linked = reports[3].report.report_id, _reports(store)
        assert {key for key in linked if linked[key] != alone[key]} == {taken}
        town.act(east, "unmerge")
        town.act(first, "unmerge", report="crm|2", minute=61)
        _write(store, town.facts)
        _write(store, town.facts)
        assert _reports(store) == alone
        assert [row["case_id"] for row in alone.values()].count(second) == 1
        before = _reports(store, "2026-08-03 02:00:59")
        assert (before[taken]["case_id"], before[taken]["fate"], before[taken]["outcome"]) == (
            first,
            "linked",
            "duplicate",
        )
        assert _reports(store, "2026-08-03 02:01:00") == alone
        assert {row["report_id"]: row for row in store.rows("SELECT * FROM report_status")} == alone


@pytest.mark.parametrize(
    ("verbs", "seen"),
    [
        pytest.param((), ("waiting_information", False, True), id="it waits for its place"),
        pytest.param(("decline",), ("waiting_information", False, False), id="it was declined"),
    ],
)
def test_a_report_taken_out_shows_what_became_of_its_own_case(
    tmp_path: Path, verbs: tuple[str, ...], seen: tuple[str, bool, bool]
) -> None:
    town = Town()
    first, second = (located(ref, minute, xy=None, address_key="door") for minute, ref in enumerate("12"))
    for report in (first, second):
        town.send(report)
    assert [fact.report_id for fact in town.said(ReportLinked)] == [second.report.report_id]
    town.act(case_of(first), "unmerge", report="crm|2")
    actions = [an_action(case_of(second), verb, 90) for verb in verbs]
    for action in actions:
        town.send(action)
    alone = _alone(tmp_path / "alone", [first, second], *actions)
    with a_store(tmp_path / "together") as store:
        _write(store, town.facts)
        found = _reports(store)
    assert found == alone
    row = found[second.report.report_id]
    assert (row["case_id"], row["fate"], row["outcome"]) == (case_of(second), "filed", seen[0])
    assert (bool(row["filed"]), bool(row["valid"])) == seen[1:]


ANSWERS = [
    ("the report alone", "", "second", "first", "second"),
    ("the report and the case it was linked to", "first", "second", "first", "second"),
    ("the report and a case it never was part of", "west", "second", "west", "west"),
    ("the case alone", "first", "", "first", "first"),
    ("the report that opened the case", "", "first", "first", "first"),
    ("the case and the report that opened it", "first", "first", "first", "first"),
    ("the report of a merged case", "", "east", "east", "east"),
    ("a merged case and its report", "east", "east", "east", "east"),
    ("the report and the case that its own was merged into", "west", "east", "west", "east"),
    ("the case that went on and its own report", "west", "west", "west", "west"),
    ("the case that went on alone", "west", "", "west", "west"),
]
"""What an answer names: a case, a report; the case it belongs to before the un-merges and after them."""


def _answer(name: str, case: str, report: str) -> SurveyAnswered:
    """A citizen answers ten minutes after the first report."""
    return SurveyAnswered(
        fact_id=name, at=MONDAY + 10 * MINUTE, recorded=1, survey_id=name, case_id=case, report_id=report,
        contacted=True, solved=False, satisfaction="dissatisfied", department="",
    )  # fmt: skip


def _answers(store: ChdbStore, at: str = "2200-01-01 00:00:00") -> dict[str, dict[str, Any]]:
    rows = store.rows(f"SELECT * EXCEPT report_id FROM survey_status_at(as_of = '{at}')")
    return {row.pop("survey_id"): row for row in rows}


def test_an_answer_about_a_report_belongs_to_the_case_of_its_own_from_the_un_merge_on(tmp_path: Path) -> None:
    town, reports, cases = _story()
    case = dict(zip(("west", "east", "first", "second"), cases, strict=True)) | {"": ""}
    report = {name: one.report.report_id for name, one in zip(case, reports, strict=False)} | {"": ""}
    given = [_answer(name, case[names], report[about]) for name, names, about, _, _ in ANSWERS]
    given += [_answer(name, case[name], "") for name in ("west", "east", "first", "second")]
    with a_store(tmp_path / "together") as store:
        town.act(case["east"], "unmerge")
        town.act(case["first"], "unmerge", report="crm|2", minute=61)
        for _ in range(2):
            _write(store, [*town.facts, *given])
        whole, before, between = _answers(store), _answers(store, "2026-08-03 01:59:00"), "2026-08-03 02:00:30"
        partly = _answers(store, between)
        assert {row["survey_id"]: row["case_id"] for row in store.rows("SELECT * FROM survey_status")} == {
            name: row["case_id"] for name, row in whole.items()
        }
    assert len(whole) == len(given)
    for name, _, about, at_first, at_last in ANSWERS:
        assert (before[name]["case_id"], whole[name]["case_id"]) == (case[at_first], case[at_last]), name
        assert whole[name] == whole[at_last], f"{name}: department, place and kind are those of its case"
        assert partly[name]["case_id"] == case[at_last if about in ("east", "west") else at_first], name


def test_an_answer_is_one_row_however_often_its_case_was_merged_and_parted(tmp_path: Path) -> None:
    """The east is merged a second time; a report joins the case of its own that another one got."""
    town, reports, (west, east, first, second) = _story()
    town.act(east, "unmerge")
    town.act(first, "unmerge", report="crm|2", minute=61)
    other, later = located("0", -5, xy=(-8.0, 0.0)), located("3", 70, xy=(-594.0, 0.0))
    book = town.book(other.place.tile)
    book.apply(town.stage._alone(other).changes)
    entry = book.case(case_of(other))
    assert entry is not None
    town.send(notice(entry, east.partition("-")[0], entry.filed_at, 900_000))
    town.act(east, "unmerge", minute=80)
    town.send(later)
    assert [fact.into for fact in town.said(CaseMerged)] == [west, case_of(other)]
    assert [fact.case_id for fact in town.said(ReportLinked)] == [first, second]
    e, joined = reports[1].report.report_id, later.report.report_id
    named = [(west, e, east), (case_of(other), e, east), (second, joined, second), (first, joined, first)]
    with a_store(tmp_path) as store:
        _write(store, town.facts)
        _write(store, [_answer(f"a{number}", case, report) for number, (case, report, _) in enumerate(named)])
        rows = store.rows("SELECT case_id FROM survey_status ORDER BY survey_id")
    assert [row["case_id"] for row in rows] == [case for _, _, case in named]


@pytest.mark.parametrize(
    ("view", "since"), [("report_status_at", "0011"), ("survey_status_at", "0012")], ids=["reports", "answers"]
)
def test_the_columns_are_those_of_before(tmp_path: Path, view: str, since: str) -> None:
    """Other views and the indicators were made over them."""
    described = []
    for name, files in (("before", [path for path in DDL if path.name < since]), ("after", DDL)):
        store = ChdbStore(tmp_path / name, files)
        described.append(store.rows(f"DESCRIBE (SELECT * FROM {view}(as_of = '2200-01-01 00:00:00'))"))
        store.close()
    before, after = ([(row["name"], row["type"]) for row in rows] for rows in described)
    assert after == before
