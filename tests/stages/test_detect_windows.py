"""Which limit applies when: day and night to the minute, civil days, versions of a limit."""

import pytest

from tests.stages.sensor_builders import DAY, DAYTIME, HOUR, MIDNIGHT, MINUTE, NIGHT, Bench, a_limit, instant


@pytest.mark.parametrize(
    ("clock", "limit"),
    [
        pytest.param(21 * HOUR + 59 * MINUTE, "day", id="21:59"),
        pytest.param(22 * HOUR, "night", id="22:00 is night"),
        pytest.param(30 * HOUR - MINUTE, "night", id="05:59"),
        pytest.param(30 * HOUR, "day", id="06:00 is day"),
    ],
)
def test_day_and_night_have_their_own_limits(clock, limit) -> None:
    bench = Bench(instant("day", limit=55.0, **DAYTIME), instant("night", limit=45.0, **NIGHT))
    bench.hear(clock, 50.0)
    bench.hear(clock + 1, 60.0)
    assert bench.alarms[0].limit_id == limit
    assert bench.alarms[0].value == (60.0 if limit == "day" else 50.0)


def test_an_average_belongs_to_the_part_of_the_day_in_which_it_begins() -> None:
    bench = Bench(a_limit("day", limit=55.0, **DAYTIME), a_limit("night", limit=45.0, **NIGHT))
    bench.hours(50.0, 50.0, start=21)
    assert [(f.limit_id, f.period_start - MIDNIGHT) for f in bench.alarms] == [("night", 22 * HOUR)]


def test_a_night_average_may_be_one_period_from_22_to_6() -> None:
    bench = Bench(a_limit("night", period_minutes=480, **NIGHT), every_s=3600)
    bench.hear(20 * HOUR, 10.0, 10.0, *[51.0] * 8, 10.0, step=HOUR)
    assert [(f.period_start - MIDNIGHT, f.period_end - MIDNIGHT) for f in bench.alarms] == [(22 * HOUR, 30 * HOUR)]


def test_a_burst_at_night_alarms_at_once_and_the_same_by_day_does_not() -> None:
    bench = Bench(a_limit("burst", aggregate="max", limit=60.0, **NIGHT))
    bench.hear(12 * HOUR, 61.0)
    assert bench.changes == []
    bench.hear(23 * HOUR, 30.0, 61.0)
    assert [(f.change, f.period_start - MIDNIGHT) for f in bench.alarms] == [("raised", 23 * HOUR + 10 * MINUTE)]


def test_limits_change_on_the_day_they_change() -> None:
    turn = MIDNIGHT + DAY
    bench = Bench(a_limit("old", limit=75.0, valid_to=turn), a_limit("new", limit=60.0, valid_from=turn))
    bench.hours(*[70.0] * 2, start=23)
    assert [(f.limit_id, f.period_start) for f in bench.alarms] == [("new", turn)]


def test_a_daily_mean_runs_from_civil_midnight_to_midnight() -> None:
    bench = Bench(a_limit("a", period_minutes=1440), every_s=3600)
    bench.hear(-6 * HOUR, *[500.0] * 6, step=HOUR)  # the evening before: too little of its day
    bench.hear(0, *[50.0] * 23, 51.0, step=HOUR)
    assert bench.changes == []
    bench.hear(DAY, 0.0)
    (fact,) = bench.alarms
    assert (fact.period_start, fact.period_end) == (MIDNIGHT, MIDNIGHT + DAY)
    assert fact.value == pytest.approx(50 + 1 / 24)


def test_an_old_record_that_comes_again_does_not_bring_old_limits_back() -> None:
    turn = MIDNIGHT + DAY
    bench = Bench(a_limit("old", aggregate="leq", valid_to=turn), a_limit("new", valid_from=turn))
    old = bench.readings(DAY - HOUR, 30.0)
    bench.take(bench.detect.step(bench.book, old))
    bench.hear(DAY, 30.0, 30.0)
    bench.take(bench.detect.step(bench.book, old))
    for minute in (20, 30, 40, 50, 60):
        bench.hear(DAY + minute * MINUTE, 30.0)
    assert bench.changes == []
