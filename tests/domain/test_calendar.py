"""Work time: vectors at the edges, and the laws that hold for any start and amount."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.calendar import DAY, HOUR, MINUTE, Calendar, ClockKind, DayRule, Millis

SHANGHAI = ZoneInfo("Asia/Shanghai")


def off(first: str, last: str) -> list[DayRule]:
    """Holidays from the first to the last day."""
    day, end, days = date.fromisoformat(first), date.fromisoformat(last), []
    while day <= end:
        days.append(DayRule(day, False))
        day += timedelta(days=1)
    return days


def worked(*days: str) -> list[DayRule]:
    """Make-up working days."""
    return [DayRule(date.fromisoformat(day), True) for day in days]


CALENDAR = Calendar(
    off("2026-02-15", "2026-02-23")
    + worked("2026-02-14", "2026-02-28")
    + off("2026-10-01", "2026-10-07")
    + worked("2026-09-20", "2026-10-10")
)


def at(text: str) -> Millis:
    """Milliseconds of a civil time in Shanghai."""
    return round(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)


def civil(instant: Millis) -> str:
    """The civil time of an instant, for readable failures."""
    return datetime.fromtimestamp(instant / 1000, SHANGHAI).strftime("%Y-%m-%d %H:%M")


VECTORS = [
    pytest.param("2026-11-20 09:00", 2, "work_hour", "2026-11-20 11:00", id="within a morning"),
    pytest.param("2026-11-20 11:00", 2, "work_hour", "2026-11-20 15:00", id="over the midday break"),
    pytest.param("2026-11-20 14:00", 4, "work_hour", "2026-11-20 18:00", id="ends exactly at 18:00"),
    pytest.param("2026-11-20 08:00", 4, "work_hour", "2026-11-20 12:00", id="ends exactly at 12:00"),
    pytest.param("2026-11-20 14:01", 4, "work_hour", "2026-11-23 08:01", id="a minute later: Monday morning"),
    pytest.param("2026-11-20 17:30", 4, "work_hour", "2026-11-23 11:30", id="over a weekend"),
    pytest.param("2026-11-20 20:00", 1, "work_hour", "2026-11-23 09:00", id="begins after work"),
    pytest.param("2026-11-20 13:00", 1, "work_hour", "2026-11-20 15:00", id="begins in the midday break"),
    pytest.param("2026-11-22 10:00", 1, "work_day", "2026-11-23 18:00", id="begins on a Sunday"),
    pytest.param("2026-11-20 10:00", 1, "work_day", "2026-11-23 10:00", id="a work day is 8 work hours"),
    pytest.param("2026-09-30 17:00", 2, "work_hour", "2026-10-08 09:00", id="over National Day"),
    pytest.param("2026-10-09 17:00", 2, "work_hour", "2026-10-10 09:00", id="a make-up Saturday is worked"),
    pytest.param("2026-10-10 17:00", 2, "work_hour", "2026-10-12 09:00", id="the Sunday after it is not"),
    pytest.param("2026-09-18 17:00", 2, "work_hour", "2026-09-20 09:00", id="a make-up Sunday is worked"),
    pytest.param("2026-02-14 17:00", 2, "work_hour", "2026-02-24 09:00", id="over Spring Festival"),
    pytest.param("2028-02-28 17:00", 2, "work_hour", "2028-02-29 09:00", id="a leap day is worked"),
    pytest.param("2028-02-29 17:00", 2, "work_hour", "2028-03-01 09:00", id="the day after a leap day"),
    pytest.param("2026-10-01 03:00", 2, "urgent_hour", "2026-10-01 05:00", id="urgent hours run on holidays"),
    pytest.param("2026-10-01 03:00", 1, "urgent_day", "2026-10-02 03:00", id="an urgent day is 24 hours"),
    pytest.param("2026-10-01 03:00", 365, "natural_day", "2027-10-01 03:00", id="natural days"),
    pytest.param("2026-11-20 17:50", 15, "work_minute", "2026-11-23 08:05", id="work minutes"),
    pytest.param("2026-11-20 17:50", 15, "urgent_minute", "2026-11-20 18:05", id="urgent minutes"),
    pytest.param("2026-11-20 20:00", 0, "work_hour", "2026-11-20 20:00", id="no limit ends at once"),
]


@pytest.mark.parametrize(("start", "amount", "clock", "due"), VECTORS)
def test_a_limit_ends_when_its_clock_has_run(start: str, amount: int, clock: str, due: str) -> None:
    assert civil(CALENDAR.add(at(start), amount, ClockKind(clock))) == due


def test_a_pause_over_a_weekend_keeps_what_was_left() -> None:
    """4 work hours from Friday 17:00, paused 17:30 to Monday 08:30: 3.5 hours are left, due Monday 12:00."""
    used = CALENDAR.elapsed_ms(at("2026-11-20 17:00"), at("2026-11-20 17:30"), ClockKind.WORK_HOUR)
    left = CALENDAR.length_ms(4, ClockKind.WORK_HOUR) - used
    assert civil(CALENDAR.add_ms(at("2026-11-23 08:30"), left, ClockKind.WORK_HOUR)) == "2026-11-23 12:00"


@pytest.mark.parametrize(
    ("instant", "working"),
    [
        pytest.param("2026-11-20 07:59", False, id="before opening"),
        pytest.param("2026-11-20 08:00", True, id="at opening"),
        pytest.param("2026-11-20 12:00", False, id="the break begins"),
        pytest.param("2026-11-20 14:00", True, id="the break ends"),
        pytest.param("2026-11-20 18:00", False, id="at closing"),
        pytest.param("2026-10-01 10:00", False, id="a holiday"),
        pytest.param("2026-10-10 10:00", True, id="a make-up Saturday"),
    ],
)
def test_work_time_has_sharp_edges(instant: str, working: bool) -> None:
    assert CALENDAR.is_work_time(at(instant)) is working


def test_another_zone_keeps_its_own_hours_over_a_change_of_clocks() -> None:
    boston = Calendar(zone="America/New_York")
    friday = datetime(2026, 3, 6, 22, tzinfo=UTC)  # 17:00 in Boston, summer time begins on Sunday
    due = boston.add(round(friday.timestamp() * 1000), 2, ClockKind.WORK_HOUR)
    assert datetime.fromtimestamp(due / 1000, ZoneInfo("America/New_York")).isoformat() == "2026-03-09T09:00:00-04:00"


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="amount = -1"):
        CALENDAR.add(0, -1, ClockKind.WORK_HOUR)


def test_a_limit_past_the_last_year_is_refused() -> None:
    with pytest.raises(ValueError, match="extend the calendar"):
        CALENDAR.add(at("2059-12-01 08:00"), 400, ClockKind.WORK_DAY)


UNHURRIED = settings(deadline=None)
"""A busy machine fails no law."""

instants = st.integers(at("2025-01-01 00:00") // MINUTE, at("2028-01-01 00:00") // MINUTE).map(lambda m: m * MINUTE)
clocks = st.sampled_from(list(ClockKind))


@UNHURRIED
@given(instants, st.integers(1, 400), clocks)
def test_elapsed_undoes_add(start: Millis, amount: int, clock: ClockKind) -> None:
    due = CALENDAR.add(start, amount, clock)
    assert CALENDAR.elapsed_ms(start, due, clock) == CALENDAR.length_ms(amount, clock)


@UNHURRIED
@given(instants, st.integers(0, 400), clocks)
def test_a_limit_is_used_up_no_earlier_than_due(start: Millis, amount: int, clock: ClockKind) -> None:
    due = CALENDAR.add(start, amount, clock)
    assert due >= start
    if due > start:
        assert CALENDAR.elapsed_ms(start, due - 1, clock) < CALENDAR.length_ms(amount, clock)


@UNHURRIED
@given(instants, st.integers(0, 30 * DAY), st.integers(1, 400), clocks)
def test_a_later_start_is_due_no_earlier(start: Millis, later: int, amount: int, clock: ClockKind) -> None:
    assert CALENDAR.add(start, amount, clock) <= CALENDAR.add(start + later, amount, clock)


@UNHURRIED
@given(instants, st.integers(1, 200), st.integers(1, 200), clocks)
def test_a_longer_limit_is_due_later(start: Millis, amount: int, more: int, clock: ClockKind) -> None:
    assert CALENDAR.add(start, amount, clock) < CALENDAR.add(start, amount + more, clock)


@UNHURRIED
@given(instants, instants, instants, clocks)
def test_elapsed_adds_up_over_any_point_between(one: Millis, two: Millis, three: Millis, clock: ClockKind) -> None:
    whole = CALENDAR.elapsed_ms(one, three, clock)
    assert CALENDAR.elapsed_ms(one, two, clock) + CALENDAR.elapsed_ms(two, three, clock) == whole


@UNHURRIED
@given(instants, st.integers(1, 60))
def test_the_due_time_of_a_work_limit_lies_in_work_time(start: Millis, hours: int) -> None:
    due = CALENDAR.add(start, hours, ClockKind.WORK_HOUR)
    assert CALENDAR.is_work_time(due - 1)


@UNHURRIED
@given(instants)
def test_the_next_work_time_is_work_time(instant: Millis) -> None:
    found = CALENDAR.next_work_time(instant)
    assert CALENDAR.is_work_time(found)
    assert CALENDAR.elapsed_ms(instant, found, ClockKind.WORK_HOUR) == 0


def test_hours_of_a_year_agree_with_counting_days() -> None:
    """The layout and the day rule are two ways to the same hours."""
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    counted = sum(CALENDAR.is_working_day(day) for day in days)
    hours = CALENDAR.elapsed_ms(at("2026-01-01 00:00"), at("2027-01-01 00:00"), ClockKind.WORK_HOUR) / HOUR
    assert hours == counted * 8
