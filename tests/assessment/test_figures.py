"""Indicators against numbers counted by hand, on a real store."""

import pytest

from connectors.sinks.chdb import ChdbStore
from tests.assessment import ward
from tests.assessment.measuring import CATALOGUE, fill, measure, pairs, value

BY_HAND = {
    "A": {
        "filed_volume": (7, None), "cases_dispatched": (7, None), "filing_rate": (7, 7), "accurate_filing_rate": (7, 7),
        "inspector_found_rate": (6, 7), "border_case_share": (0, 7), "accurate_dispatch_rate": (7, 8),
        "mean_hops": (7, 7), "refusal_rate": (1, 9), "without_limit_share": (1, 7), "handling_rate": (4, 5),
        "on_time_handling_rate": (3, 5), "original_on_time_rate": (2, 5), "overdue_handled_rate": (1, 5),
        "overdue_open_rate": (1, 5), "closing_rate": (4, 5), "on_time_closing_rate": (3, 5),
        "effective_closing_rate": (3, 5), "rework_rate": (1, 5), "extension_rate": (1, 5), "suspension_rate": (0, 7),
        "forced_closing_share": (0, 5), "one_go_rate": (4, 5), "median_handling_hours": (5, 7),
        "p90_handling_hours": (5, 7), "backlog": (2, None), "backlog_overdue": (1, None), "backlog_age": (8.75, 2),
        "response_rate": (1, 2), "solve_rate": (2, 3), "satisfaction_rate": (1, 3), "survey_answer_rate": (3, 3),
        "patrols": (2, None), "patrol_hours": (3, None),
    },
    "B": {
        "filed_volume": (6, None), "cases_dispatched": (6, None), "filing_rate": (5, 5), "accurate_filing_rate": (5, 6),
        "inspector_found_rate": (4, 6), "border_case_share": (1, 6), "accurate_dispatch_rate": (4, 4),
        "mean_hops": (7, 6), "refusal_rate": (0, 6), "without_limit_share": (0, 6), "handling_rate": (2, 3),
        "on_time_handling_rate": (2, 3), "original_on_time_rate": (2, 3), "overdue_handled_rate": (0, 3),
        "overdue_open_rate": (1, 3), "closing_rate": (2, 3), "on_time_closing_rate": (2, 3),
        "effective_closing_rate": (1, 3), "rework_rate": (1, 3), "extension_rate": (0, 3), "suspension_rate": (1, 6),
        "forced_closing_share": (1, 3), "one_go_rate": (1, 2), "median_handling_hours": (2, 6),
        "p90_handling_hours": (2, 6), "backlog": (2, None), "backlog_overdue": (1, None), "backlog_age": (12.5, 2),
        "response_rate": (1, 1), "solve_rate": (0, 0), "satisfaction_rate": (0, 0), "survey_answer_rate": (0, 1),
    },
    "all": {
        "reports": (19, None), "valid_report_rate": (17, 19), "duplicate_rate": (2, 19), "geo_50m_share": (15, 17),
        "no_coordinates_share": (2, 19), "quarantine_rate": (2, 32), "filing_rate": (12, 13),
        "on_time_handling_rate": (5, 8), "filed_volume": (13, None), "refusal_rate": (1, 15),
        "accurate_dispatch_rate": (11, 12),
    },
}  # fmt: skip
REPORTS = {"reports", "valid_report_rate", "duplicate_rate", "geo_50m_share", "no_coordinates_share"}


@pytest.mark.parametrize("department", ["A", "B"])
def test_figures_of_a_department_equal_the_count_by_hand(store: ChdbStore, department: str) -> None:
    fill(store, ward.story())
    found = pairs(measure(store), department)
    assert {name: pair for name, pair in found.items() if name not in REPORTS} == BY_HAND[department]


def test_figures_of_the_whole_ward_equal_the_count_by_hand(store: ChdbStore) -> None:
    fill(store, ward.story())
    found = pairs(measure(store, "none"), "all")
    assert {name: found[name] for name in BY_HAND["all"]} == BY_HAND["all"]


def test_every_indicator_of_the_catalogue_was_counted_by_hand() -> None:
    assert {one.id for one in CATALOGUE.indicators} == {name for counted in BY_HAND.values() for name in counted}


def test_the_median_of_handling_counts_open_cases_as_lasting_at_least_until_now(store: ChdbStore) -> None:
    fill(store, ward.story())
    found = measure(store)
    # A: ended after 6, 10, 20, 30, 40 hours, open for 10 and 200. Still open past 30 h: 6/7 * 5/6 * 3/4 * 2/3 = 0.357
    assert (found["A", "median_handling_hours"]["value"], found["A", "p90_handling_hours"]["value"]) == (30, None)
    assert found["A", "p90_handling_hours"]["lo"] == 200, "more than one in ten last longer than the longest time seen"
    assert (found["B", "median_handling_hours"]["value"], found["B", "median_handling_hours"]["lo"]) == (None, 200)


@pytest.mark.parametrize(
    ("facts", "median"),
    [
        pytest.param([("X", 0, 10), ("Y", 0, 20)], 10, id="half have ended after 10 hours"),
        pytest.param(
            [("X", 0, 10), ("Y", 10, None), ("Z", 0, None)], None, id="one of three ended, one is open as long"
        ),
    ],
)
def test_what_ends_counts_before_what_is_still_open_at_the_same_time(
    store: ChdbStore, facts: list[tuple[str, int, float | None]], median: float | None
) -> None:
    cases = [
        ward.case(name, "A", opened, 99, *([("handle", ended)] if ended else []), state="dispatched")
        for name, opened, ended in facts
    ]
    fill(store, [*(fact for case in cases for fact in case), ward.survey("S", 20)])
    assert value(store, "A", "median_handling_hours") == median


def test_wilson_interval_and_mark_for_small_numbers(store: ChdbStore) -> None:
    fill(store, ward.story())
    row = measure(store)["A", "on_time_handling_rate"]
    # 3 of 5 with z = 1.95996: centre (0.6 + 0.384146) / 1.768292, spread sqrt(0.184390 + 0.147568) / 1.768292 ...
    assert (row["value"], row["n"], row["small"]) == (0.6, 5, True)
    assert (row["lo"], row["hi"]) == (pytest.approx(0.230724, abs=1e-6), pytest.approx(0.882379, abs=1e-6))


def test_an_empty_denominator_has_no_value(store: ChdbStore) -> None:
    fill(store, ward.story())
    row = measure(store)["B", "solve_rate"]
    assert (row["value"], row["lo"], row["hi"], row["n"]) == (None, None, None, 0)
