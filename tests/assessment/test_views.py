"""The indicators as views of ClickHouse: the same figures as the command line gives, whatever is written twice."""

from typing import Any

import pytest

from connectors.sinks.chdb import ChdbStore
from pipeline.assessment.bases import AREAS
from pipeline.assessment.compiler import LATEST, Period, assessable
from pipeline.assessment.views import LEVELS, views
from tests.assessment import ward
from tests.assessment.measuring import CATALOGUE, HELD, ROOT, add, fill, measure

FILE = ROOT / "schemas/clickhouse/0004_indicators.sql"
FIGURES = ("numerator", "denominator", "value", "lo", "hi", "n", "small")
WEEK = Period(ward.at(0), ward.at(40))


def seen(store: ChdbStore, source: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Figures of a view by unit and indicator."""
    rows = store.rows(f"SELECT * FROM wangge.{source}")
    return {(row["unit"], row["indicator"]): {name: row[name] for name in FIGURES} for row in rows}


def told(store: ChdbStore, level: str, **given: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The same as the compiler gives it for the command line."""
    figures = measure(store, "none" if level == "all" else level, **given)
    return {place: {name: row[name] for name in FIGURES} for place, row in figures.items()}


def test_the_file_is_what_the_catalogue_gives() -> None:
    assert FILE.read_text(encoding="utf-8") == views(CATALOGUE)


def test_views_exist_for_five_levels_of_area_and_departments_with_at_least_twelve_indicators() -> None:
    assert ("all", "department", *AREAS) == LEVELS
    assert {level: len(assessable(CATALOGUE, level).indicators) >= 12 for level in LEVELS if level != "all"} == (
        dict.fromkeys(LEVELS[1:], True)
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_view_has_the_figures_of_the_command_line(store: ChdbStore, level: str) -> None:
    fill(store, ward.story())
    found = seen(store, f"indicators_by_{level}")
    assert found == told(store, level)
    assert len(found) >= 12


def test_a_period_and_an_earlier_view_of_it_have_the_figures_of_the_command_line(store: ChdbStore) -> None:
    fill(store, ward.story())
    for as_of in (ward.at(30), LATEST):
        given = f"level = 'department', period_start = {WEEK.start}, period_end = {WEEK.end}, as_of = {as_of}"
        assert seen(store, f"indicators_of({given})") == told(store, "department", period=WEEK, as_of=as_of)


def test_days_of_everything_are_those_of_the_command_line(store: ChdbStore) -> None:
    fill(store, ward.story())
    rows = store.rows("SELECT * FROM wangge.indicators_by_all_day")
    found = {(row["day"], row["indicator"]): {name: row[name] for name in FIGURES} for row in rows}
    wanted = {place: row for place, row in told(store, "day").items() if place[0]}
    assert {place: row for place, row in found.items() if row["n"] or row["numerator"]} == {
        place: row for place, row in wanted.items() if row["n"] or row["numerator"]
    }


@pytest.mark.parametrize("level", ["department", "street"])
def test_the_days_of_a_unit_add_up_to_its_figures(store: ChdbStore, level: str) -> None:
    fill(store, ward.story())
    whole = store.rows(
        f"SELECT unit, indicator, numerator, denominator FROM wangge.indicators_by_{level}"
        " WHERE indicator IN (SELECT indicator FROM wangge.indicators_by_all_day) ORDER BY ALL"
    )
    summed = store.rows(
        "SELECT unit, indicator, sum(numerator) AS numerator, sumOrNull(denominator) AS denominator"
        f" FROM wangge.indicators_by_{level}_day GROUP BY unit, indicator ORDER BY ALL"
    )
    assert [row for row in summed if row["denominator"] != 0] == [row for row in whole if row["denominator"] != 0]


def test_every_row_written_twice_changes_no_figure(store: ChdbStore) -> None:
    fill(store, ward.story())
    names = ["indicators_by_department", "indicators_by_all_day"]
    query = "SELECT * FROM wangge.{} ORDER BY ALL"
    before = [store.rows(query.format(name)) for name in names]
    add(store, list(HELD))
    assert store.rows("SELECT count() - uniqExact(fact_id) AS twice FROM wangge.cases")[0]["twice"] > 0
    assert [store.rows(query.format(name)) for name in names] == before
