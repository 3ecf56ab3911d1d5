"""What holds for all figures: replays, bounds, sums, directions, thresholds, periods, days, and what lies behind."""

import pytest

from connectors.sinks.chdb import ChdbStore
from pipeline.assessment.bases import BASES
from pipeline.assessment.catalogue import CatalogueFaults
from pipeline.assessment.compiler import Filters, Period, assessable, cases_behind, compile_indicators
from pipeline.events.facts import Fact
from tests.assessment import ward
from tests.assessment.measuring import CATALOGUE, add, everything, fill, measure, pairs, value


def test_what_the_system_does_comes_after_what_it_answers(store: ChdbStore) -> None:
    reassigned = ward.moved("X", "reassign", 2, "A", 24)
    refused = ward.moved("X", "refuse", 2, "A", 24)
    for order in ([refused, reassigned], [reassigned, refused]):
        fill(store, [*ward.case("X", "A", 0, 24), *order])
        assert store.rows("SELECT state FROM wangge.case_status") == [{"state": "dispatched"}]


def test_a_replay_changes_no_figure(store: ChdbStore) -> None:
    fill(store, ward.story())
    once = everything(store)
    add(store, ward.story())
    add(store, list(reversed(ward.story())))
    assert everything(store) == once


def test_rates_lie_between_0_and_1_inside_their_interval(store: ChdbStore) -> None:
    fill(store, ward.story())
    rates = [row for row in measure(store).values() if row["kind"] in ("rate", "share") and row["value"] is not None]
    assert rates
    assert [row for row in rates if not 0 <= row["lo"] <= row["value"] + 1e-12 <= row["hi"] + 2e-12 <= 1 + 3e-12] == []


@pytest.mark.parametrize("by", ["department", "street", "channel", "class", "day"])
def test_parts_add_up_to_the_whole(store: ChdbStore, by: str) -> None:
    fill(store, ward.story())
    whole = measure(store, "none", assessable(CATALOGUE, by))
    parts = measure(store, by)
    for name in {name for _, name in whole}:
        sums = [sum(row[side] for (_, one), row in parts.items() if one == name) for side in ("numerator", "n")]
        assert sums == pytest.approx([whole["all", name]["numerator"], whole["all", name]["n"]]), name


LATE = ward.case("X", "A", 0, 24, *ward.done(50, 51))
PROMPT = ward.case("X", "A", 0, 24, *ward.done(5, 6))
REDONE = ward.case("X", "A", 0, 24, ("sign", 1), ("handle", 2), ("check_fail", 3), *ward.done(4, 5)[1:])
OPEN = ward.case("X", "A", 0, 24, ("sign", 1))
BACK = ward.case("X", "A", 60, 84, *ward.done(62, 63, 61), recurrence_of="A1")


@pytest.mark.parametrize(
    ("extra", "indicator", "change"),
    [
        pytest.param(LATE, "on_time_handling_rate", -1, id="a late case lowers the on-time rate"),
        pytest.param(LATE, "overdue_handled_rate", 1, id="a late case raises the late rate"),
        pytest.param(PROMPT, "on_time_handling_rate", 1, id="a prompt case raises the on-time rate"),
        pytest.param(PROMPT, "closing_rate", 1, id="a closed case raises the closing rate"),
        pytest.param(REDONE, "rework_rate", 1, id="a rework raises the rework rate"),
        pytest.param(REDONE, "one_go_rate", -1, id="a rework lowers the one-go rate"),
        pytest.param(OPEN, "handling_rate", -1, id="a hard case left open lowers the handling rate"),
        pytest.param(OPEN, "on_time_closing_rate", -1, id="a hard case left open lowers the closing rate"),
        pytest.param(OPEN, "overdue_open_rate", 1, id="a hard case left open raises the overdue rate"),
        pytest.param(OPEN, "backlog", 1, id="an open case raises the backlog"),
        pytest.param(BACK, "effective_closing_rate", 0, id="one back and one good: the same"),
        pytest.param(BACK, "one_go_rate", -1, id="a case that came back was not done in one go"),
    ],
)
def test_figures_move_in_their_direction(store: ChdbStore, extra: list[Fact], indicator: str, change: int) -> None:
    fill(store, ward.story())
    before = value(store, "A", indicator)
    add(store, extra)
    after = value(store, "A", indicator)
    if change:
        assert (after > before) == (change > 0), (before, after)
        assert after != before
    else:
        assert (before, after) == (3 / 5, 3 / 6), "A1 no longer counts, X does"


@pytest.mark.parametrize(
    ("finished", "rate"),
    [
        pytest.param(24, 1.0, id="handled exactly at the limit is in time"),
        pytest.param(24 + 1 / 3_600_000, 0.0, id="one millisecond later is late"),
    ],
)
def test_the_limit_itself_is_in_time(store: ChdbStore, finished: float, rate: float) -> None:
    fill(store, ward.case("X", "A", 0, 24, *ward.done(finished, 30)))
    assert value(store, "A", "on_time_handling_rate") == rate


@pytest.mark.parametrize(
    ("days", "kept"),
    [
        pytest.param(30, 0, id="back exactly 30 days after closing"),
        pytest.param(30 + 1 / 86_400_000, 1, id="back a millisecond later"),
    ],
)
def test_a_case_that_comes_back_within_30_days_was_not_closed_for_good(
    store: ChdbStore, days: float, kept: int
) -> None:
    back = ward.case("Y", "B", 12 + days * 24, None, recurrence_of="X")
    fill(store, [*ward.case("X", "A", 0, 24, *ward.done(10, 12)), *back])
    assert value(store, "A", "effective_closing_rate") == kept


def test_a_period_takes_a_case_by_the_earlier_of_its_handling_and_its_limit(store: ChdbStore) -> None:
    fill(store, ward.story())
    until = Period(ward.at(0), ward.at(24))
    # A1 at 10 h and A3 at 20 h were handled before the limit; A2 and A4 count at their limit, 24 h, which is outside
    on_time = CATALOGUE.only(["on_time_handling_rate"])
    assert pairs(measure(store, catalogue=on_time, period=until), "A")["on_time_handling_rate"] == (2, 2)
    after = Period(ward.at(24), None)
    assert pairs(measure(store, catalogue=on_time, period=after), "A")["on_time_handling_rate"] == (1, 3)


def test_as_of_shows_what_was_known_then(store: ChdbStore) -> None:
    fill(store, ward.story())
    found = measure(store, as_of=ward.at(25))
    # A1 and A3 are handled; A2 and A4 overdue and open; A5 was extended and is not due
    assert pairs(found, "A")["on_time_handling_rate"] == (2, 4)
    assert pairs(found, "A")["backlog_overdue"] == (2, None)


def test_a_forced_closing_after_the_limit_stays_among_the_due_cases(store: ChdbStore) -> None:
    fill(store, ward.case("X", "A", 0, 24, ("sign", 1), ("force_close", 30)))
    assert pairs(measure(store, catalogue=CATALOGUE.only(["handling_rate"])), "A")["handling_rate"] == (0, 1)


def test_days_are_civil_days_of_the_time_zone(store: ChdbStore) -> None:
    fill(store, ward.story())
    volume = CATALOGUE.only(["filed_volume"])
    assert [dimension for dimension, _ in measure(store, "day", volume)] == [
        "2026-03-02", "2026-03-05", "2026-03-06", "2026-03-10",
    ]  # fmt: skip
    add(store, ward.case("X", "A", 16, 40))
    assert measure(store, "day", volume)["2026-03-03", "filed_volume"]["value"] == 1, (
        "16:00 UTC is midnight in Shanghai"
    )
    assert ("2026-03-03", "filed_volume") not in measure(store, "day", volume, time_zone="UTC")


def test_filters_are_parameters_and_never_text(store: ChdbStore) -> None:
    fill(store, ward.story())
    nasty = "A' OR 1 = 1 --"
    volume = CATALOGUE.only(["filed_volume"])
    assert measure(store, "none", volume, filters={"department": nasty})["all", "filed_volume"]["value"] == 0
    both = measure(store, "none", volume, filters={"department": ["A", "B"], "channel": "hotline"})
    assert both["all", "filed_volume"]["value"] == 2, "A2 and B6"


BEHIND = {
    "on_time_handling_rate": ({"A1", "A3", "A5"}, {"A1", "A2", "A3", "A4", "A5"}),
    "overdue_open_rate": ({"A4"}, {"A1", "A2", "A3", "A4", "A5"}),
    "one_go_rate": ({"A1", "A2", "A5", "A8"}, {"A1", "A2", "A3", "A5", "A8"}),
    "backlog": ({"A4", "A7"}, {"A4", "A7"}),
    "refusal_rate": ({"B1"}, {"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "B1"}),
    "solve_rate": ({"A1", "A5"}, {"A1", "A2", "A5"}),
}


@pytest.mark.parametrize("indicator", BEHIND)
def test_the_cases_behind_a_figure_are_exactly_its_cases(store: ChdbStore, indicator: str) -> None:
    fill(store, ward.story())
    query = cases_behind(CATALOGUE.by_id[indicator], {"department": "A"})
    rows = store.rows(query.sql, query.parameters)
    counted = {row["case_id"] for row in rows if row["in_numerator"]}
    assert (counted, {row["case_id"] for row in rows}) == BEHIND[indicator]


def test_every_figure_can_be_traced_to_its_rows(store: ChdbStore) -> None:
    fill(store, ward.story())
    period = Period(ward.at(0), ward.at(120))
    found = measure(store, period=period)
    for (dimension, name), row in ((key, row) for key, row in found.items() if key[0] == "B"):
        query = cases_behind(CATALOGUE.by_id[name], {"department": dimension}, period)
        behind = store.rows(query.sql, query.parameters)
        if row["kind"] in ("rate", "median", "p90"):
            sums = sum(one["in_numerator"] for one in behind), len(behind)
            assert sums == (row["numerator"], row["n"]), (dimension, name)
        else:
            assert sum(one["amount"] for one in behind) == pytest.approx(row["numerator"]), (dimension, name)


def test_the_views_have_exactly_the_columns_that_expressions_may_use(store: ChdbStore) -> None:
    for base in BASES.values():
        described = store.rows(f"DESCRIBE TABLE (SELECT * FROM wangge.{base.view}(as_of = '2100-01-01 00:00:00'))")
        assert {row["name"] for row in described} == base.columns, base.view


def test_a_case_row_tells_its_history(store: ChdbStore) -> None:
    fill(store, ward.story())
    rows = {row["case_id"]: row for row in store.rows("SELECT * FROM wangge.case_status ORDER BY case_id")}
    assert len(rows) == 15
    assert (rows["A1"]["reports"], rows["A1"]["reports_linked"], rows["A1"]["reminders"], rows["A1"]["feedback"]) == (
        3,
        2,
        1,
        1,
    )
    assert (rows["A6"]["merged_into"], rows["A6"]["state"]) == ("A1", "merged")
    assert (rows["A1"]["state"], rows["B1"]["state"], rows["B5"]["state"]) == ("closed", "closed", "not_filed")
    assert (rows["B1"]["first_department"], rows["B1"]["department"], rows["B1"]["hops"]) == ("A", "B", 2)
    assert (rows["B6"]["hops"], rows["B6"]["dispatched_at"]) == (1, "2026-03-04 23:00:00.000")
    assert (rows["A5"]["due_original_at"], rows["A5"]["due_at"]) == (
        "2026-03-03 00:00:00.000",
        "2026-03-04 00:00:00.000",
    )
    assert rows["B4"]["finished_at"] is None, "its handling failed the check"


@pytest.mark.parametrize(
    ("by", "filters"),
    [
        pytest.param("person; DROP TABLE x", {}, id="unknown dimension"),
        pytest.param("department", {"1 = 1": "x"}, id="unknown filter"),
        pytest.param("department", {"day": "2026-03-02"}, id="a day is a period"),
    ],
)
def test_dimensions_come_from_a_closed_list(by: str, filters: Filters) -> None:
    with pytest.raises(CatalogueFaults):
        compile_indicators(CATALOGUE, by, filters)
