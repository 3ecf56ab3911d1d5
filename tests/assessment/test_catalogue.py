"""The catalogue: everything wrong with it is told at once, and expressions stay within a small language."""

import re
from datetime import date
from pathlib import Path

import pytest

from pipeline.assessment.bases import BASES
from pipeline.assessment.catalogue import CatalogueFaults, load_catalogue
from pipeline.assessment.compiler import cases_behind, compile_indicators
from pipeline.assessment.expressions import faults_of

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = ROOT / "deploy/reference/assessment/indicators.csv"
HEADER = (
    "id,name_zh,name_en,kind,base,cohort,numerator,denominator,event,direction,unit,min_n,rule,source,confidence,"
    "valid_from,valid_to\n"
)
GOOD = "a,名,name,rate,cases,due_cohort_at,on_time,true,,up,percent,20,due cases,GB/T 30428.4,standard,2000-01-01,\n"
COLUMNS = BASES["cases"].columns


def written(folder: Path, rows: str, header: str = HEADER) -> Path:
    path = folder / "indicators.csv"
    path.write_text(header + rows, encoding="utf-8")
    return path


def test_the_catalogue_of_the_project_is_free_of_faults() -> None:
    assert len(load_catalogue(CATALOGUE).indicators) >= 16


def test_a_faulty_catalogue_lists_all_faults(tmp_path: Path) -> None:
    rows = [
        GOOD.replace("a,名", "Not an id,"),
        GOOD.replace("rate,cases", "ratio,case"),
        GOOD.replace("a,", "b,", 1).replace("on_time,true", "on_tim,(true").replace("due_cohort_at", "department"),
        GOOD.replace("a,", "c,", 1).replace(",20,", ",many,"),
        GOOD.replace("a,", "d,", 1).replace("2000-01-01,", "2000-13-01,1999-01-01"),
        GOOD.replace("a,", "e,", 1).replace("rate", "median"),
        GOOD,
        GOOD,
        "short,line\n",
    ]
    with pytest.raises(CatalogueFaults) as caught:
        load_catalogue(written(tmp_path, "".join(rows)))
    found = {(fault.where.partition(":")[2], fault.field) for fault in caught.value.faults}
    assert found >= {
        ("2", "id"), ("2", "name_zh"), ("3", "kind"), ("3", "base"), ("4", "cohort"), ("4", "numerator"),
        ("4", "denominator"), ("5", "min_n"), ("6", "valid_from"), ("6", "valid_to"), ("7", "event"), ("9", "id"),
        ("10", "line"),
    }  # fmt: skip
    assert all(fault.remedy for fault in caught.value.faults)


def test_a_missing_file_and_a_wrong_header_are_faults(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFaults):
        load_catalogue(tmp_path / "none.csv")
    with pytest.raises(CatalogueFaults, match="the columns are"):
        load_catalogue(written(tmp_path, GOOD, HEADER.replace("min_n", "least")))


@pytest.mark.parametrize(
    "expression",
    [
        "on_time",
        "closed AND NOT (recurred_30d OR reworks > 0)",
        "state NOT IN ('closed', 'merged') AND due_at IS NOT NULL",
        "if(hops > 1, least(hops, 3), -1) * 2.5 + 1",
        "channel IN ('grid-worker') OR hasAny(border_flags, border_flags)",
        "NOT closed = open",
    ],
)
def test_expressions_of_the_language_pass(expression: str) -> None:
    assert faults_of(expression, COLUMNS) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        pytest.param("", "blank", id="blank"),
        pytest.param("on_tme", "no column", id="unknown column"),
        pytest.param("(on_time", "not closed", id="open parenthesis"),
        pytest.param("on_time)", "not opened", id="closed parenthesis"),
        pytest.param("on_time AND", "ends with", id="dangling operator"),
        pytest.param("AND on_time", "value is missing", id="leading operator"),
        pytest.param("on_time closed", "operator is missing", id="two values"),
        pytest.param("hops > > 1", "value is missing", id="two operators"),
        pytest.param("if(hops, 1,)", "value is missing", id="dangling comma"),
        pytest.param("hops, 1", "outside", id="comma outside"),
        pytest.param("sum(hops)", "function 'sum'", id="aggregate"),
        pytest.param("sleep(3)", "function 'sleep'", id="function that is not allowed"),
        pytest.param("(SELECT 1)", "no column", id="subquery"),
        pytest.param("1; DROP TABLE cases", "';'", id="second statement"),
        pytest.param("1 --hops", "'--' is not allowed", id="comment"),
        pytest.param("1 /* hops */", "'/*' is not allowed", id="block comment"),
        pytest.param("state = 'a\\' OR 1'", "not allowed", id="escaped quote"),
        pytest.param("state = {x:String}", "'{'", id="parameter"),
        pytest.param('"state" = 1', "not allowed", id="quoted name"),
        pytest.param("wangge.cases", "not allowed", id="table"),
        pytest.param("1e5x", "not allowed", id="number run into a word"),
    ],
)
def test_everything_else_is_a_fault(expression: str, fault: str) -> None:
    assert re.search(re.escape(fault), "\n".join(faults_of(expression, COLUMNS)))


def test_all_faults_of_an_expression_are_told() -> None:
    assert len(faults_of("(x + sum(y) ;", COLUMNS)) >= 4


def test_versions_of_an_indicator_follow_each_other(tmp_path: Path) -> None:
    older = GOOD.replace("2000-01-01,", "2000-01-01,2026-01-01")
    newer = GOOD.replace("2000-01-01", "2026-01-01").replace(",20,", ",30,")
    catalogue = load_catalogue(written(tmp_path, older + newer))
    assert [one.min_n for one in catalogue.on(date(2025, 12, 31)).indicators] == [20]
    assert [one.min_n for one in catalogue.on(date(2026, 1, 1)).indicators] == [30]


def test_values_reach_a_query_only_as_parameters() -> None:
    catalogue = load_catalogue(CATALOGUE)
    for query in (
        compile_indicators(catalogue, "department", {"street": "Rose Street"}),
        cases_behind(catalogue.by_id["closing_rate"], {"street": "Rose Street"}),
    ):
        assert "Rose" not in query.sql
        assert query.parameters["filter_street_0"] == "Rose Street"


def test_an_indicator_that_cannot_be_narrowed_says_so() -> None:
    catalogue = load_catalogue(CATALOGUE)
    with pytest.raises(CatalogueFaults, match="cannot be narrowed"):
        cases_behind(catalogue.by_id["quarantine_rate"], {"street": "x"})
    with pytest.raises(CatalogueFaults, match="no such indicator"):
        catalogue.only(["nothing"])
