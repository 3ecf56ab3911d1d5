"""Civil periods, units and averages."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.readings import CivilTime, base_unit, energy, family_of, largest_8h, leq

MIDNIGHT, MINUTE, HOUR, DAY = 1_780_243_200_000, 60_000, 3_600_000, 86_400_000
SPRING = 1_774_746_000_000
"""2026-03-29T01:00Z: clocks in Dublin go from 01:00 to 02:00."""
AUTUMN = 1_792_890_000_000
"""2026-10-25T01:00Z: clocks in Dublin go back from 02:00 to 01:00."""
ZONES = {name: CivilTime(name) for name in ("Asia/Shanghai", "Europe/Dublin", "America/Chicago", "Asia/Kolkata")}


def test_a_day_begins_at_civil_midnight() -> None:
    civil = ZONES["Asia/Shanghai"]
    assert civil.period(MIDNIGHT, DAY) == civil.period(MIDNIGHT + DAY - 1, DAY) == (MIDNIGHT, MIDNIGHT + DAY)
    assert (civil.minute(MIDNIGHT), civil.minute(MIDNIGHT - 1)) == (0, 1439)


@pytest.mark.parametrize(("change", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_the_day_of_a_clock_change_is_one_civil_day(change: int, hours: int) -> None:
    start, end = ZONES["Europe/Dublin"].period(change + 5 * HOUR, DAY)
    assert end - start == hours * HOUR


@given(
    st.sampled_from(list(ZONES)),
    st.one_of(
        st.integers(946_684_800_000, 2_500_000_000_000),
        st.integers(-3 * DAY, 3 * DAY).map(lambda shift: SPRING + shift),
        st.integers(-3 * DAY, 3 * DAY).map(lambda shift: AUTUMN + shift),
    ),
    st.sampled_from([MINUTE, 10 * MINUTE, 15 * MINUTE, HOUR, 8 * HOUR, 16 * HOUR, DAY, 7 * DAY]),
    st.sampled_from([0, 6 * HOUR, 22 * HOUR]),
)
def test_periods_cover_time_without_gap_or_overlap(zone: str, at: int, length: int, anchor: int) -> None:
    civil = ZONES[zone]
    start, end = civil.period(at, length, anchor)
    assert start <= at < end
    assert civil.period(start, length, anchor) == civil.period(end - 1, length, anchor) == (start, end)


@given(st.integers(946_684_800_000, 2_500_000_000_000), st.integers(0, 1439))
def test_the_next_time_the_clock_shows_a_minute(at: int, minute: int) -> None:
    civil = ZONES["Asia/Shanghai"]
    found = civil.next_minute(at, minute)
    assert at < found <= at + DAY
    assert civil.minute(found) == minute


def test_equal_levels_average_to_themselves() -> None:
    assert all(leq(energy(level) * 7, 7) == level for level in (0.0, 45.0, 55.0, 70.5, 130.0))
    assert leq(energy(60.0) + energy(50.0), 2) == pytest.approx(57.4036, abs=1e-4)
    assert leq(0.0, 1) == 0.0


def test_a_level_beyond_all_sound_does_not_overflow() -> None:
    assert math.isfinite(energy(1e300))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param({}, (0.0, 0), id="nothing"),
        pytest.param(dict.fromkeys(range(24), 7.0), (7.0, 17), id="a full day has 17 runs"),
        pytest.param(dict.fromkeys(range(5), 7.0), (0.0, 0), id="five hours make no run"),
        pytest.param(dict.fromkeys(range(6), 7.0), (7.0, 1), id="six of eight do"),
        pytest.param({h: 60.0 if 10 <= h < 18 else 10.0 for h in range(24)}, (60.0, 17), id="eight high hours"),
    ],
)
def test_the_largest_8_hour_mean(hours: dict[int, float], expected: tuple[float, int]) -> None:
    assert largest_8h(hours.items()) == expected


def test_units_and_families_are_known_by_any_spelling() -> None:
    assert base_unit(" MG/M³ ") == ("ug/m3", 1000.0)
    assert base_unit("℃") == base_unit("Cel") == ("C", 1.0)
    assert base_unit("stone") is None
    assert family_of("PM2.5") == family_of("pm10") == "dust"
    assert family_of("ch4") == "ch4"
