"""Readings to alarms: thresholds, windows, holding, repeating, hysteresis, severities, one alarm for each family."""

import pytest

from pipeline.domain.reference.rows import AlarmType
from tests.stages.sensor_builders import DAY, HOUR, MIDNIGHT, MINUTE, Bench, a_limit, instant


@pytest.mark.parametrize(
    ("operator", "value", "raised"),
    [
        pytest.param(">", 50.0, False, id="on the limit is not over it"),
        pytest.param(">", 50.01, True, id="just over"),
        pytest.param(">=", 50.0, True, id="on the limit, which the operator includes"),
        pytest.param(">=", 49.99, False, id="just below an inclusive limit"),
        pytest.param("<", 50.0, False, id="on a lower limit"),
        pytest.param("<", 49.99, True, id="just below a lower limit"),
        pytest.param("<=", 50.0, True, id="on an inclusive lower limit"),
        pytest.param("==", 50.0, True, id="equal"),
        pytest.param("==", 50.5, False, id="not equal"),
    ],
)
@pytest.mark.parametrize("kind", [a_limit, instant])
def test_a_limit_is_broken_exactly_as_its_operator_says(kind, operator, value, raised) -> None:
    bench = Bench(kind("a", operator=operator, clear=50.0))
    bench.hours(value)
    assert (bench.changes[:1] == ["raised"]) is raised


def test_an_alarm_becomes_a_report_with_place_category_and_value() -> None:
    bench = Bench(a_limit("a", zone="*"))
    bench.hours(96.0)
    (fact,), (report,) = bench.alarms, bench.reports
    assert (fact.value, fact.limit, fact.period_start, fact.period_end) == (96.0, 50.0, MIDNIGHT, MIDNIGHT + HOUR)
    assert (report.channel, report.source_system, report.source_ref) == ("alarm", "wangge-detect", fact.alarm_id)
    assert (report.alarm_id, report.device_id, report.component_code) == (fact.alarm_id, "d1", "C1")
    assert (report.lon, report.lat, report.source_family) == (121.5, 31.2, "public_service")
    assert (report.category_standard, report.category_kind, report.category_code) == (
        "GB/T 47678.5-2026", "incident", "06028",
    )  # fmt: skip
    assert [(e.measure, e.value, e.unit) for e in report.evidence] == [("x", 96.0, "cm")]
    assert report.text == "x 1 h mean 96 cm, limit 50 (GB 1-2026)"
    assert report.flags == ("severity:minor",)


@pytest.mark.parametrize(("action", "told", "reports"), [("alarm", 1, 1), ("warn", 1, 0), ("assess", 0, 0)])
def test_only_a_limit_that_alarms_opens_a_case(action, told, reports) -> None:
    bench = Bench(a_limit("a", action=action))
    bench.hours(96.0)
    assert (len(bench.alarms), len(bench.reports)) == (told, reports)


def test_a_limit_in_another_unit_of_the_same_kind_applies() -> None:
    bench = Bench(a_limit("a", unit="m", limit=0.5, clear=0.4))
    bench.hours(51.0)
    assert [(fact.value, fact.limit, fact.unit) for fact in bench.alarms] == [(0.51, 0.5, "m")]


def test_readings_that_no_limit_can_be_compared_with_are_kept_and_flagged() -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, 99.0, unit="ppm")
    assert (bench.flags, bench.changes) == (["unit_mismatch"], [])


@pytest.mark.parametrize(
    ("samples", "judged"),
    [
        pytest.param(4, False, id="4 of 6 slots are less than 75 %"),
        pytest.param(5, True, id="5 of 6 slots are enough"),
    ],
)
def test_a_period_is_judged_when_readings_cover_enough_of_it(samples, judged) -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, *[96.0] * samples)
    bench.hear(HOUR, 0.0)
    assert (bench.changes == ["raised"]) is judged


def test_many_readings_in_one_part_of_a_period_do_not_cover_it() -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, *[96.0] * 60, step=20_000)
    bench.hear(HOUR, 0.0)
    assert bench.changes == []


def test_a_single_hourly_value_counts_as_its_hour() -> None:
    bench = Bench(a_limit("a"), every_s=3600)
    bench.hear(0, 96.0)
    bench.hear(HOUR, 0.0)
    assert bench.changes == ["raised"]


def test_noise_is_averaged_by_energy() -> None:
    bench = Bench(a_limit("a", aggregate="leq", unit="dB(A)", limit=59.0))
    bench.hear(0, 40.0, 40.0, 40.0, 40.0, 40.0, 67.0, unit="dB(A)")  # plain mean 44.5, energy mean 59.3
    bench.hear(HOUR, 40.0, unit="dB(A)")
    assert [fact.value for fact in bench.alarms] == [pytest.approx(59.26, abs=0.01)]


def test_a_level_on_the_limit_all_hour_is_not_over_it() -> None:
    bench = Bench(a_limit("a", aggregate="leq", unit="dB(A)", limit=55.0))
    bench.hear(0, *[55.0] * 6, unit="dB(A)")
    bench.hear(HOUR, 40.0, unit="dB(A)")
    assert bench.changes == []


@pytest.mark.parametrize(
    ("values", "held"),
    [
        pytest.param((60.0, 60.0, 60.0), False, id="two steps are 20 minutes"),
        pytest.param((60.0, 60.0, 60.0, 60.0), True, id="exactly 30 minutes"),
        pytest.param((60.0, 60.0, 30.0, 60.0, 60.0), False, id="broken in between"),
    ],
)
def test_a_limit_with_a_hold_time_must_be_broken_that_long(values, held) -> None:
    bench = Bench(instant(alarm=AlarmType.DURATION, hold_s=1800))
    bench.hear(0, *values)
    assert (bench.changes == ["raised"]) is held
    assert all(fact.period_start == MIDNIGHT for fact in bench.alarms)


@pytest.mark.parametrize(
    ("hours", "held"), [((60.0, 60.0), False), ((60.0,) * 3, True), ((60.0, 45.0, 60.0, 60.0), False)]
)
def test_averages_over_the_limit_must_follow_each_other_to_hold(hours, held) -> None:
    bench = Bench(a_limit("a", alarm=AlarmType.DURATION, hold_s=3 * 3600))
    bench.hours(*hours)
    assert (bench.changes == ["raised"]) is held


def test_an_hour_without_readings_breaks_a_stretch_of_averages() -> None:
    bench = Bench(a_limit("a", alarm=AlarmType.DURATION, hold_s=3 * 3600))
    bench.hear(0, *[60.0] * 12)
    bench.hear(4 * HOUR, *[60.0] * 12)
    bench.hear(6 * HOUR, 0.0)
    assert bench.changes == []


def test_a_gap_breaks_a_stretch_over_the_limit() -> None:
    bench = Bench(instant(alarm=AlarmType.DURATION, hold_s=3600))
    bench.hear(0, 60.0)
    bench.hear(31 * MINUTE, 60.0)
    bench.hear(61 * MINUTE, 60.0)
    assert bench.changes == []
    bench.hear(91 * MINUTE, 60.0)
    assert bench.changes == ["raised"]


@pytest.mark.parametrize(
    ("hours", "raised"),
    [
        pytest.param((60.0, 30.0, 60.0), False, id="as many as are allowed"),
        pytest.param((60.0, 30.0, 60.0, 30.0, 60.0), True, id="one more"),
        pytest.param((60.0, *[30.0] * 22, 60.0, 60.0), False, id="the first is 24 h old"),
        pytest.param((60.0, *[30.0] * 21, 60.0, 60.0), True, id="all within 24 h"),
    ],
)
def test_some_exceedances_are_allowed(hours, raised) -> None:
    bench = Bench(a_limit("a", alarm=AlarmType.REPEATING, allowed=2, allowed_per_h=24))
    bench.hours(*hours)
    assert ("raised" in bench.changes) is raised


@pytest.mark.parametrize(
    ("hours", "changes"),
    [
        pytest.param((60.0, 50.0), ["raised"], id="on the limit: not over, not clear"),
        pytest.param((60.0, 40.01), ["raised"], id="just above the clear level"),
        pytest.param((60.0, 40.0), ["raised", "cleared"], id="on the clear level"),
        pytest.param((60.0, 45.0, 60.0), ["raised", "updated"], id="between the levels it goes on, and counts"),
        pytest.param((60.0, 30.0, 60.0), ["raised", "cleared", "raised"], id="a new alarm after the end"),
    ],
)
def test_an_alarm_ends_below_its_clear_level_only(hours, changes) -> None:
    bench = Bench(a_limit("a"))
    bench.hours(*hours)
    assert bench.changes == changes
    assert len(bench.reports) == changes.count("raised")


def test_an_incomplete_period_does_not_end_an_alarm() -> None:
    bench = Bench(a_limit("a"))
    bench.hours(60.0)
    bench.hear(HOUR + 10 * MINUTE, 0.0)
    bench.hear(2 * HOUR, 0.0)
    assert bench.changes == ["raised"]


def test_a_flapping_sensor_is_one_alarm_with_a_count_told_at_powers_of_two() -> None:
    bench = Bench(instant())
    bench.hear(0, *[60.0, 10.0] * 9, step=MINUTE)
    assert [(fact.change, fact.exceedances) for fact in bench.alarms] == [
        ("raised", 1), ("updated", 2), ("updated", 4), ("updated", 8),
    ]  # fmt: skip
    assert len({fact.alarm_id for fact in bench.alarms}) == len(bench.reports) == 1
    assert bench.book.alarms["d1|x"].count == 9


def test_two_messages_2_ms_apart_are_one_alarm() -> None:
    bench = Bench(instant())
    bench.hear(0, 60.0)
    bench.hear(2, 60.0)
    assert (bench.changes, len(bench.reports)) == (["raised"], 1)


def test_an_instant_alarm_ends_after_a_quiet_time() -> None:
    bench = Bench(instant())
    bench.hear(0, 60.0, 30.0)
    assert bench.changes == ["raised"]
    bench.hear(20 * MINUTE, 30.0)
    assert bench.changes == ["raised", "cleared"]


def test_a_rising_severity_is_told_once_and_refers_to_the_first_report() -> None:
    bench = Bench(instant("yellow", limit=0.0, clear=0.0), instant("red", limit=25.0, clear=15.0, severity="critical"))
    bench.hear(0, 10.0, 30.0, 31.0)
    assert [(f.change, f.severity, f.limit_id) for f in bench.alarms] == [
        ("raised", "minor", "yellow"), ("updated", "critical", "red"),
    ]  # fmt: skip
    first, second = bench.reports
    assert second.source_ref == f"{first.source_ref}#critical"
    assert second.related_refs == (first.source_ref,)
    assert second.flags == ("severity:critical", "severity_raised")
    assert first.report_id != second.report_id


def test_a_warning_that_becomes_an_alarm_is_reported_then() -> None:
    bench = Bench(instant("warn", limit=0.0, clear=0.0, action="warn"), instant("red", limit=25.0, severity="critical"))
    bench.hear(0, 10.0, 30.0)
    (report,) = bench.reports
    assert (report.source_ref, report.related_refs) == (bench.alarms[0].alarm_id, ())


def test_the_alarm_lasts_until_the_last_limit_is_clear() -> None:
    bench = Bench(instant("low", limit=10.0, clear=5.0), instant("high", limit=50.0, clear=40.0, severity="major"))
    bench.hear(0, 60.0, 30.0, 30.0)
    assert bench.changes == ["raised"]
    bench.hear(HOUR, 1.0, 1.0)
    assert bench.changes == ["raised", "cleared"]


def test_metrics_of_one_family_share_an_alarm_and_others_do_not() -> None:
    bench = Bench(instant("a", metric="pm25"), instant("b", metric="pm10"), instant("c", metric="no2"))
    for metric in ("pm25", "pm10", "no2"):
        bench.hear(0, 60.0, metric=metric)
    assert [(f.metric, f.change) for f in bench.alarms] == [("pm25", "raised"), ("no2", "raised")]
    assert bench.book.alarms["d1|dust"].holders == ("pm25|a", "pm10|b")


def test_devices_do_not_share_alarms() -> None:
    bench = Bench(instant())
    bench.hear(0, 60.0)
    bench.hear(0, 60.0, device_id="d2")
    assert bench.changes == ["raised", "raised"]


def test_the_greatest_running_8_hour_mean_of_a_day_is_judged() -> None:
    bench = Bench(a_limit("o3", aggregate="max8h", period_minutes=1440), every_s=3600)
    bench.hear(0, *[10.0] * 10, *[60.0] * 8, *[10.0] * 7, step=HOUR)
    (fact,) = bench.alarms
    assert (fact.value, fact.period_start, fact.period_end) == (60.0, MIDNIGHT, MIDNIGHT + DAY)
